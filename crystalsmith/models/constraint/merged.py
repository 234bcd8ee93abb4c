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
    """Sequences being read; what several of them begin with is kept once.

    Attributes:
        task: whose adapter reads.
        kept: keys and values of all tokens, ``(layers, 2, room, heads, head width)``.
        filled: how many of them there are.
        paths: tokens of each row as indices into ``kept``, ``(rows, tokens)``.
        hidden: minus infinity where a row is padded, else 0, ``(rows, tokens)``.
        positions: of the last token of each row.
    """

    task: str
    kept: Tensor
    filled: int
    paths: Tensor
    hidden: Tensor
    positions: Tensor


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
            kept.append(torch.stack((key.flatten(0, 1), value.flatten(0, 1))))
            query, key, value = (part.transpose(1, 2) for part in (query, key, value))
            found = functional.scaled_dot_product_attention(query, key, value, seen[:, None])
            state = self._finish(layer, state, found.transpose(1, 2))
        paths = torch.arange(tokens.numel()).view(tokens.shape)
        hidden = torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)
        reading = MergedReading(
            task, torch.stack(kept), tokens.numel(), paths, hidden, positions[:, -1]
        )
        return self._scores(state[:, -1]), reading

    @torch.no_grad()
    def advance(self, reading: Any, rows: Sequence[int], tokens: Sequence[int]) -> Tensor:
        """Continue some of the sequences by one token each; see `ConstraintLM.advance`."""
        new = _step(reading, torch.tensor(rows))
        rotation = self._rotation(reading.positions[:, None])
        state = self._embedding[torch.tensor(tokens)][:, None]
        for layer, kept in zip(self._layers[reading.task], reading.kept, strict=True):
            query, key, value = self._project(layer, state, rotation)
            kept[0, new], kept[1, new] = key[:, 0], value[:, 0]
            found = _attend(reading, kept, query[:, 0])
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


def _step(reading: MergedReading, chosen: Tensor) -> slice:
    """Let the chosen rows go on by one token; where its keys and values are to be filled in."""
    count, room = len(chosen), reading.kept.shape[2]
    new = slice(reading.filled, reading.filled + count)
    if new.stop > room:
        grown = reading.kept.new_empty(
            *reading.kept.shape[:2], 2 * new.stop, *reading.kept.shape[3:]
        )
        grown[:, :, : reading.filled] = reading.kept[:, :, : reading.filled]
        reading.kept = grown
    reading.filled = new.stop
    own = torch.arange(new.start, new.stop)[:, None]
    reading.paths = torch.cat((reading.paths[chosen], own), dim=1)
    shown = reading.hidden.new_zeros(count, 1)
    reading.hidden = torch.cat((reading.hidden[chosen], shown), dim=1)
    reading.positions = reading.positions[chosen] + 1
    return new


def _attend(reading: MergedReading, kept: Tensor, query: Tensor) -> Tensor:
    """What the newest token of each row finds, ``(rows, heads, head width)``."""
    keys, values = (
        part.index_select(0, reading.paths.flatten()).view(*reading.paths.shape, *part.shape[1:])
        for part in kept
    )
    scores = (keys * (query * query.shape[-1] ** -0.5)[:, None]).sum(-1)
    shares = (scores + reading.hidden[..., None]).softmax(1)  # rows, tokens, heads
    return (values * shares[..., None]).sum(1)
