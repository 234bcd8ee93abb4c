"""Our own small base on a CPU, without what generality costs.

The same network as transformers and PEFT run, to rounding: adapters are added to the weights as
they are read, and what all hypotheses of a question share is read and kept once. That is many times
as fast, and those libraries are not imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from crystalsmith.core.errors import WeightsError
from crystalsmith.models.constraint.language_model import (
    SPACE_GROUP_ADAPTER,
    WYCKOFF_ADAPTER,
    ConstraintLM,
    LanguageModel,
)
from crystalsmith.models.runs import WEIGHTS_FILE, load_config, load_tensors, pick_device, read_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

_TOKENIZER_FILE, _TOKENIZER_CONFIG = "tokenizer.json", "tokenizer_config.json"
_ADAPTER_FILE, _ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"
_TASKS = (SPACE_GROUP_ADAPTER, WYCKOFF_ADAPTER)
_MOST_BYTES = 100_000_000
_SPARE = 128  # tokens that room is made for in advance, once a reading goes on
_ADAPTED = {"q_proj", "k_proj", "v_proj"}
_OTHER_LORAS = ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save")


def load_language_model(
    base: Path | str, adapters: Path, device: str | torch.device = "auto"
) -> LanguageModel:
    """A base (a folder or a hub name) with the adapters in ``adapters/<task>``.

    Raises:
        WeightsError: something is missing or damaged.
    """
    where = pick_device(device) if isinstance(device, str) else device
    if where.type == "cpu" and _is_plain(Path(base), adapters):
        return MergedLM(Path(base), adapters)
    return ConstraintLM.load(base, adapters, where)


def _is_plain(base: Path, adapters: Path) -> bool:
    """Whether the files are there and describe what `MergedLM` can run."""
    try:
        config, words = load_config(base), read_json(base / _TOKENIZER_CONFIG)
        loras = [read_json(adapters / task / _ADAPTER_CONFIG) for task in _TASKS]
        size = (base / WEIGHTS_FILE).stat().st_size
    except (WeightsError, OSError):
        return False
    return (
        size <= _MOST_BYTES
        and config.get("model_type") == "llama"
        and config.get("hidden_act") == "silu"
        and config.get("rope_parameters", {}).get("rope_type") == "default"
        and config.get("num_key_value_heads") == config.get("num_attention_heads")
        and not (config.get("attention_bias") or config.get("mlp_bias"))
        and words.get("tokenizer_class") in ("TokenizersBackend", "PreTrainedTokenizerFast")
        and all(lora.get("peft_type") == "LORA" for lora in loras)
        and all(_ADAPTED.issuperset(lora.get("target_modules", ())) for lora in loras)
        and not any(lora.get(name) for lora in loras for name in _OTHER_LORAS)
    )


@dataclass(frozen=True)
class _Layer:
    """Weights of one layer, those that are applied together in one matrix, norms included.

    Attributes:
        qkv, out: of the attention, the former of each task; rows of queries and keys are ordered so
            that the pairs which the position turns stand side by side.
        gate_up, down: of the multilayer perceptron.
    """

    qkv: dict[str, Tensor]
    out: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass
class MergedReading:
    """Texts being read, and the sequences that continue them.

    Attributes:
        task: whose adapter reads.
        kept: keys and values of all tokens read, ``(layers, 2, texts, room, heads, head width)``.
        filled: tokens of each text and its sequences, ``(texts,)``.
        owners: text of each sequence, ``(rows,)``.
        seen: 0 for the tokens of a sequence, minus infinity for the others, ``(rows, room)``.
        lengths: of each sequence in tokens, ``(rows,)``.
    """

    task: str
    kept: Tensor
    filled: NDArray[np.int64]
    owners: NDArray[np.int64]
    seen: NDArray[np.float32]
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class _Step:
    """New tokens of some sequences.

    Attributes:
        tokens: ``(tokens,)`` in the vocabulary.
        positions: ``(tokens,)`` in their sequences.
        owners: ``(tokens,)`` texts they belong to.
        columns: ``(tokens,)`` where their keys and values are kept.
        texts: each with its tokens and what they see (see `MergedReading.seen`).
        last: ``(continued sequences,)`` the last new token of each.
    """

    tokens: Tensor
    positions: Tensor
    owners: Tensor
    columns: Tensor
    texts: list[tuple[int, slice, Tensor]]
    last: Tensor


class MergedLM:
    """A small Llama with each adapter added to a copy of its attention's weights.

    Args:
        base: folder of the base in Hugging Face layout.
        adapters: has a folder in PEFT's layout for each task.

    Raises:
        WeightsError: files are missing or damaged.
    """

    def __init__(self, base: Path, adapters: Path) -> None:
        config = load_config(base)
        self.threads = torch.get_num_threads()
        self._tokenizer = _load_tokenizer(base / _TOKENIZER_FILE)
        self._spelled: dict[str, tuple[int, ...]] = {}
        try:
            weights = _Weights(base, adapters)
            self._heads = int(config["num_attention_heads"])
            self._epsilon = float(config["rms_norm_eps"])
            self._embedding = weights["model.embed_tokens"]
            tied = config["tie_word_embeddings"]
            head = self._embedding if tied else weights["lm_head"]
            self._head = head * weights["model.norm"]
            layers = range(int(config["num_hidden_layers"]))
            self._layers = [weights.layer(f"model.layers.{i}", self._heads) for i in layers]
            width = self._layers[0].out.shape[1] // self._heads
            theta = float(config["rope_parameters"]["rope_theta"])
            self._turns = theta ** -(torch.arange(0, width, 2) / width)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(
                f"the constraint generator in {adapters} cannot be loaded ({error!r});"
                " reinstall crystalsmith or train it again"
            ) from None

    def tokens_of(self, word: str) -> tuple[int, ...]:
        """Token ids of a word of the grammar as it stands inside a text."""
        if word not in self._spelled:
            ids = self._tokenizer.encode(f" {word}", add_special_tokens=False).ids
            self._spelled[word] = tuple(ids)
        return self._spelled[word]

    def read(self, task: str, texts: Sequence[str]) -> tuple[Tensor, MergedReading]:
        """Read texts with a task's adapter; see `LanguageModel.read`."""
        count = len(texts)
        shape = (len(self._layers), 2, count, 0, self._heads, 2 * len(self._turns))
        reading = MergedReading(
            task,
            kept=torch.empty(shape),
            filled=np.zeros(count, np.int64),
            owners=np.arange(count),
            seen=np.zeros((count, 0), np.float32),
            lengths=np.zeros(count, np.int64),
        )
        runs = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        return self.advance(reading, range(count), runs), reading

    @torch.inference_mode()
    def advance(self, reading: Any, rows: Sequence[int], runs: Sequence[Sequence[int]]) -> Tensor:
        """Continue some of the sequences; see `LanguageModel.advance`."""
        step = _step(reading, np.asarray(rows), runs)
        state = self._embedding[step.tokens]
        angles = (step.positions[:, None] * self._turns)[:, None, None]
        rotation = torch.polar(torch.ones_like(angles), angles)
        for layer, kept in zip(self._layers, reading.kept, strict=True):
            query, key, value = self._project(layer, reading.task, state, rotation)
            kept[0, step.owners, step.columns] = key
            kept[1, step.owners, step.columns] = value
            found = _attend(query, kept, step)
            if layer is self._layers[-1]:  # what came before the last token is not asked for
                state, found = state[step.last], found[step.last]
            state = self._finish(layer, state, found)
        return functional.linear(self._normal(state), self._head).log_softmax(-1)

    def _normal(self, state: Tensor) -> Tensor:
        """States with a mean square of one."""
        lengths = torch.linalg.vector_norm(state, dim=-1, keepdim=True)
        return state * (lengths.square() / state.shape[-1] + self._epsilon).rsqrt()

    def _project(
        self, layer: _Layer, task: str, state: Tensor, rotation: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, ``(tokens, heads, head width)``."""
        parts = functional.linear(self._normal(state), layer.qkv[task])
        parts = parts.view(len(state), 3, self._heads, -1)
        pairs = torch.view_as_complex(parts[:, :2].unflatten(-1, (-1, 2)))
        query, key = torch.view_as_real(pairs * rotation).flatten(-2).unbind(1)
        return query, key, parts[:, 2]

    def _finish(self, layer: _Layer, state: Tensor, found: Tensor) -> Tensor:
        """The layer's output once attention has found something."""
        state = state + functional.linear(found, layer.out)
        gate, up = functional.linear(self._normal(state), layer.gate_up).chunk(2, dim=-1)
        return state + functional.linear(functional.silu(gate) * up, layer.down)


def _step(reading: MergedReading, rows: NDArray[np.int64], runs: Sequence[Sequence[int]]) -> _Step:
    """Let the chosen sequences go on by their runs of tokens; the reading is changed."""
    order = reading.owners[rows].argsort(kind="stable")  # text by text
    reading.owners, reading.lengths = reading.owners[rows[order]], reading.lengths[rows[order]]
    reading.seen = reading.seen[rows[order]]
    sizes = np.array([len(runs[row]) for row in order])
    ends = sizes.cumsum()
    places = np.arange(sizes.sum()) - np.repeat(ends - sizes, sizes)  # within the runs
    parents = np.repeat(np.arange(len(sizes)), sizes)
    owners = reading.owners[parents]
    counts = np.bincount(owners, minlength=len(reading.filled))
    _make_room(reading, counts)
    begins = counts.cumsum() - counts
    columns = (reading.filled - begins)[owners] + np.arange(len(owners))
    reading.filled = reading.filled + counts
    seen = reading.seen[parents]
    room = np.arange(seen.shape[1])
    seen[(room >= (columns - places)[:, None]) & (room <= columns[:, None])] = 0
    table = torch.from_numpy(seen)
    own = [slice(*pair) for pair in zip(begins, begins + counts, strict=True)]
    back, goes_on = order.argsort(), sizes > 0
    reading.seen[goes_on] = seen[ends[goes_on] - 1]
    step = _Step(
        tokens=torch.tensor([token for row in order for token in runs[row]]),
        positions=torch.from_numpy(reading.lengths[parents] + places),
        owners=torch.from_numpy(owners),
        columns=torch.from_numpy(columns),
        texts=[
            (text, own[text], table[own[text], : reading.filled[text]])
            for text in np.flatnonzero(counts).tolist()
        ],
        last=torch.from_numpy((ends - 1)[back][goes_on[back]]),
    )
    reading.owners, reading.seen = reading.owners[back], reading.seen[back]
    reading.lengths = (reading.lengths + sizes)[back]
    return step


def _make_room(reading: MergedReading, counts: NDArray[np.int64]) -> None:
    """Let so many more tokens of each text be kept; those that no sequence has are dropped."""
    texts, room = len(counts), reading.kept.shape[3]
    if (reading.filled + counts).max() <= room:
        return
    alive = np.zeros((texts, room), bool)
    np.logical_or.at(alive, reading.owners, reading.seen == 0)
    reading.filled = alive.sum(1)
    most = int(reading.filled.max())
    order = (~alive).argsort(1, kind="stable")[:, :most]  # what is alive comes first
    more = int((reading.filled + counts).max()) + (_SPARE if room else 0)
    kept = reading.kept.new_empty(*reading.kept.shape[:3], more, *reading.kept.shape[4:])
    places = torch.arange(texts)[:, None], torch.from_numpy(order)
    for new, old in zip(kept.flatten(0, 1), reading.kept.flatten(0, 1), strict=True):
        new[:, :most] = old[places]  # one by one, so that little is held twice
    seen = np.full((len(reading.seen), more), -np.inf, np.float32)
    seen[:, :most] = np.take_along_axis(reading.seen, order[reading.owners], 1)
    reading.kept, reading.seen = kept, seen


def _attend(query: Tensor, kept: Tensor, step: _Step) -> Tensor:
    """What tokens find in their sequences, ``(tokens, heads * head width)``.

    Text by text: they differ so much in tokens that a padded batch of all takes twice as long.
    """
    found = torch.empty_like(query)
    for text, own, seen in step.texts:
        keys, values = kept[:, text : text + 1, : seen.shape[1]].transpose(2, 3)
        asked = query[None, own].transpose(1, 2)
        answer = functional.scaled_dot_product_attention(asked, keys, values, seen)
        found[own] = answer[0].transpose(0, 1)
    return found.flatten(1)


class _Weights:
    """What is read from the files, in full precision."""

    def __init__(self, base: Path, adapters: Path) -> None:
        self._base = load_tensors(base / WEIGHTS_FILE)
        self._added = {task: load_tensors(adapters / task / _ADAPTER_FILE) for task in _TASKS}
        configs = {task: read_json(adapters / task / _ADAPTER_CONFIG) for task in _TASKS}
        self._scales = {task: own["lora_alpha"] / own["r"] for task, own in configs.items()}

    def __getitem__(self, name: str) -> Tensor:
        return self._base[f"{name}.weight"].float()

    def layer(self, name: str, heads: int) -> _Layer:
        """The weights of a layer."""
        gate, up = (self[f"{name}.mlp.{part}_proj"] for part in ("gate", "up"))
        return _Layer(
            qkv={
                task: self._qkv(f"{name}.self_attn", task, heads) * self[f"{name}.input_layernorm"]
                for task in _TASKS
            },
            out=self[f"{name}.self_attn.o_proj"],
            gate_up=torch.cat((gate, up)) * self[f"{name}.post_attention_layernorm"],
            down=self[f"{name}.mlp.down_proj"],
        )

    def _qkv(self, name: str, task: str, heads: int) -> Tensor:
        query, key, value = (self._adapted(f"{name}.{part}_proj", task) for part in "qkv")
        return torch.cat((_side_by_side(query, heads), _side_by_side(key, heads), value))

    def _adapted(self, name: str, task: str) -> Tensor:
        """A matrix with the adapter's part added, where it has one."""
        own, prefix = self._added[task], f"base_model.model.{name}"
        if f"{prefix}.lora_A.weight" not in own:
            return self[name]
        down, up = (own[f"{prefix}.lora_{part}.weight"].float() for part in "AB")
        return self[name] + self._scales[task] * (up @ down)


def _side_by_side(matrix: Tensor, heads: int) -> Tensor:
    """Rows of each head ordered as 0, n/2, 1, n/2 + 1, …: pairs that the position turns."""
    return matrix.view(heads, 2, -1, matrix.shape[1]).transpose(1, 2).reshape(matrix.shape)


def _load_tokenizer(path: Path) -> Any:
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        reason = str(error).strip().split("\n")[0][:200]
        raise WeightsError(
            f"the tokenizer in {path.parent} cannot be loaded ({reason}); reinstall crystalsmith,"
            " or give another base"
        ) from None
