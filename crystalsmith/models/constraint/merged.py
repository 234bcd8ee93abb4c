"""Our own small base on a CPU, without what generality costs.

The same network as transformers and PEFT run, to rounding: adapters are added to the weights, and
what all hypotheses of a question share is read and kept once. That is several times as fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from crystalsmith.models.constraint.language_model import (
    SPACE_GROUP_ADAPTER,
    WYCKOFF_ADAPTER,
    ConstraintLM,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_MOST_PARAMETERS = 50_000_000  # each adapter gets a copy of the weights


def merged(model: ConstraintLM) -> ConstraintLM:
    """The same model, faster where that is possible: a small Llama on a CPU."""
    config = model.model.config
    plain = (
        config.model_type == "llama"
        and model.device.type == "cpu"
        and config.num_key_value_heads == config.num_attention_heads
        and not (config.attention_bias or config.mlp_bias)
        and model.model.num_parameters() <= _MOST_PARAMETERS
    )
    return MergedLM(model) if plain else model


@dataclass(frozen=True)
class _Layer:
    """Weights of one layer, those that are applied together in one matrix."""

    before: Tensor
    qkv: Tensor
    out: Tensor
    between: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass
class MergedReading:
    """Sequences being read: some texts, and tokens that continue them.

    Attributes:
        task: whose adapter reads.
        prompts: keys and values of the texts, ``(layers, 2, texts, heads, length, head width)``.
        hidden: 0 where a text is, minus infinity where it is padded, ``(texts, length)``.
        owners: text that each row continues.
        positions: of the last token of each row.
        paths: continuing tokens of each row as indices into ``steps``, ``(rows, tokens)``.
        steps: keys and values of all continuing tokens, ``(layers, 2, room, heads, head width)``.
        n_steps: how many of them are filled.
    """

    task: str
    prompts: Tensor
    hidden: Tensor
    owners: Tensor
    positions: Tensor
    paths: Tensor
    steps: Tensor
    n_steps: int = 0


@dataclass(frozen=True)
class _Groups:
    """Rows that continue the same text, side by side.

    Attributes:
        rows: ``(texts, most)``, any row where a text has fewer.
        slots: place of every row within its text.
    """

    rows: Tensor
    slots: Tensor


class MergedLM(ConstraintLM):
    """A small Llama with each adapter added to a copy of its weights.

    Args:
        model: what it is made from.
    """

    def __init__(self, model: ConstraintLM) -> None:
        super().__init__(model.model, model.tokenizer)
        base = model.model.get_base_model()
        self._heads = int(base.config.num_attention_heads)
        self._epsilon = float(base.config.rms_norm_eps)
        self._rotary = base.model.rotary_emb
        self._embedding = base.get_input_embeddings().weight.detach()
        self._norm = base.model.norm.weight.detach()
        self._head = base.get_output_embeddings().weight.detach()
        self._layers = {
            task: [_layer(part, task) for part in base.model.layers]
            for task in (SPACE_GROUP_ADAPTER, WYCKOFF_ADAPTER)
        }

    @torch.no_grad()
    def read(self, task: str, texts: Sequence[str]) -> tuple[Tensor, Any]:
        """Read texts with a task's adapter; see `ConstraintLM.read`."""
        inputs = self.tokenizer(list(texts), padding=True, return_tensors="pt")
        tokens, mask = inputs["input_ids"], inputs["attention_mask"].bool()
        positions = (mask.long().cumsum(1) - 1).clamp_min(0)
        length = tokens.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        seen = (causal & mask[:, None, :]) | torch.eye(length, dtype=torch.bool)
        rotation = self._rotation(positions)
        state = self._embedding[tokens]
        kept = []
        for layer in self._layers[task]:
            query, key, value = self._project(layer, state, rotation)
            query, key, value = (part.transpose(1, 2) for part in (query, key, value))
            kept.append(torch.stack((key, value)))
            found = functional.scaled_dot_product_attention(query, key, value, seen[:, None])
            state = self._finish(layer, state, found.transpose(1, 2))
        owners = torch.arange(len(tokens))
        hidden = torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)
        prompts = torch.stack(kept)
        room = prompts.new_empty(*prompts.shape[:2], 0, self._heads, prompts.shape[-1])
        paths = owners.new_empty(len(tokens), 0)
        reading = MergedReading(task, prompts, hidden, owners, positions[:, -1], paths, room)
        return self._scores(state[:, -1]), reading

    @torch.no_grad()
    def advance(self, reading: Any, rows: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Continue some of the sequences by one token each; see `ConstraintLM.advance`."""
        chosen = torch.tensor(rows)
        _step(reading, chosen)
        groups = _grouped(reading.owners, len(reading.hidden))
        rotation = self._rotation(reading.positions[:, None])
        state = self._embedding[torch.tensor(tokens)][:, None]
        new = slice(reading.n_steps - len(chosen), reading.n_steps)
        for index, layer in enumerate(self._layers[reading.task]):
            query, key, value = self._project(layer, state, rotation)
            reading.steps[index, 0, new], reading.steps[index, 1, new] = key[:, 0], value[:, 0]
            found = _attend(reading, index, groups, query[:, 0])
            state = self._finish(layer, state, found[:, None])
        return self._scores(state[:, 0])

    def _rotation(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        cos, sin = self._rotary(self._embedding, positions)
        return cos[:, :, None], sin[:, :, None]

    def _project(
        self, layer: _Layer, state: Tensor, rotation: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, ``(rows, tokens, heads, head width)``."""
        normal = functional.rms_norm(state, state.shape[-1:], layer.before, self._epsilon)
        parts = functional.linear(normal, layer.qkv)
        parts = parts.view(*state.shape[:2], 3, self._heads, -1)
        turned = _turned(parts[:, :, :2], rotation[0][:, :, None], rotation[1][:, :, None])
        return turned[:, :, 0], turned[:, :, 1], parts[:, :, 2]

    def _finish(self, layer: _Layer, state: Tensor, found: Tensor) -> Tensor:
        """The layer's output once attention has found something."""
        state = state + functional.linear(found.reshape(state.shape), layer.out)
        normal = functional.rms_norm(state, state.shape[-1:], layer.between, self._epsilon)
        gate, up = functional.linear(normal, layer.gate_up).chunk(2, dim=-1)
        return state + functional.linear(functional.silu(gate) * up, layer.down)

    def _scores(self, state: Tensor) -> Tensor:
        normal = functional.rms_norm(state, state.shape[-1:], self._norm, self._epsilon)
        return functional.linear(normal, self._head).log_softmax(-1)


def _layer(part: Any, task: str) -> _Layer:
    attention, mlp = part.self_attn, part.mlp
    qkv = [_weight(p, task) for p in (attention.q_proj, attention.k_proj, attention.v_proj)]
    return _Layer(
        before=part.input_layernorm.weight.detach(),
        qkv=torch.cat(qkv),
        out=_weight(attention.o_proj, task),
        between=part.post_attention_layernorm.weight.detach(),
        gate_up=torch.cat([_weight(mlp.gate_proj, task), _weight(mlp.up_proj, task)]),
        down=_weight(mlp.down_proj, task),
    )


def _weight(linear: Any, task: str) -> Tensor:
    """A matrix with the adapter's part added, where it has one."""
    weight: Tensor = linear.weight.detach()
    if task in getattr(linear, "lora_A", ()):
        weight = weight + linear.get_delta_weight(task).detach()
    return weight


def _turned(parts: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding, as transformers lays it out."""
    left, right = parts.chunk(2, dim=-1)
    return parts * cos + torch.cat((-right, left), dim=-1) * sin


def _step(reading: MergedReading, chosen: Tensor) -> None:
    """Let the chosen rows go on by one token, whose keys and values are still to be filled in."""
    count = len(chosen)
    room = reading.steps.shape[2]
    if reading.n_steps + count > room:
        grown = (*reading.steps.shape[:2], 2 * room + count, *reading.steps.shape[3:])
        steps = reading.steps.new_empty(grown)
        steps[:, :, : reading.n_steps] = reading.steps[:, :, : reading.n_steps]
        reading.steps = steps
    own = torch.arange(reading.n_steps, reading.n_steps + count)
    reading.paths = torch.cat((reading.paths[chosen], own[:, None]), dim=1)
    reading.owners = reading.owners[chosen]
    reading.positions = reading.positions[chosen] + 1
    reading.n_steps += count


def _grouped(owners: Tensor, n_texts: int) -> _Groups:
    counts = torch.bincount(owners, minlength=n_texts)
    order = owners.argsort(stable=True)
    first = counts.cumsum(0) - counts
    slots = torch.empty_like(owners)
    slots[order] = torch.arange(len(owners)) - first[owners[order]]
    rows = owners.new_zeros(n_texts, int(counts.max()))
    rows[owners, slots] = torch.arange(len(owners))
    return _Groups(rows, slots)


def _attend(reading: MergedReading, index: int, groups: _Groups, query: Tensor) -> Tensor:
    """What the newest token of every row finds in its text and in what continues it."""
    query = query[groups.rows] * query.shape[-1] ** -0.5  # texts, most, heads, head width
    keys, values = reading.prompts[index]
    paths = reading.paths[groups.rows]
    own_keys, own_values = (
        part.index_select(0, paths.flatten()).view(*paths.shape, *part.shape[1:])
        for part in reading.steps[index]
    )
    told = query.transpose(1, 2) @ keys.transpose(2, 3) + reading.hidden[:, None, None]
    own = (query[:, :, None] * own_keys).sum(-1).permute(0, 3, 1, 2)
    shares = torch.cat((told, own), dim=-1).softmax(-1)  # texts, heads, most, tokens
    length = keys.shape[2]
    found = (shares[..., :length] @ values).transpose(1, 2)
    weights = shares[..., length:].permute(0, 2, 3, 1)[..., None]
    found = found + (weights * own_values).sum(2)
    return found[reading.owners, groups.slots]
