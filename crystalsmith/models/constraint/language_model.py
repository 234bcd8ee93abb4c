"""Any Hugging Face causal LM with its two LoRA adapters, scored one token at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from crystalsmith.core.errors import WeightsError
from crystalsmith.models.constraint.tokenizer import Spelling, load_tokenizer
from crystalsmith.models.runs import pick_device

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

SPACE_GROUP_ADAPTER = "space_group"
WYCKOFF_ADAPTER = "wyckoff"


class LanguageModel(Protocol):
    """What decoding needs of a language model, wherever it runs.

    Attributes:
        threads: how many may ask it at the same time.
    """

    threads: int

    def tokens_of(self, word: str) -> tuple[int, ...]:
        """Token ids of a word of the grammar as it stands inside a text."""

    def read(self, task: str, texts: Sequence[str]) -> tuple[Tensor, Any]:
        """Read texts with a task's adapter.

        Returns:
            ``(texts, vocabulary)`` log-probabilities of the next token, and the reading to go on
            from.
        """

    def advance(self, reading: Any, rows: Sequence[int], runs: Sequence[Sequence[int]]) -> Tensor:
        """Continue some of the sequences; the reading is changed in place.

        Args:
            reading: what has been read.
            rows: sequence that each new one continues; a sequence may be continued many times.
            runs: tokens that each new sequence appends; none when it only waits.

        Returns:
            ``(sequences that do not wait, vocabulary)`` log-probabilities of the next token.
        """


@dataclass
class Reading:
    """Sequences being read: the model's memory of them and where each one stands."""

    cache: Any
    mask: Tensor
    positions: Tensor


class ConstraintLM:
    """A base model with one adapter per task.

    Args:
        model: a PEFT model with the adapters ``space_group`` and ``wyckoff``.
        tokenizer: of the base; pads on the left.
    """

    threads = 1  # an adapter is chosen for all of them

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.device = next(model.parameters()).device
        self._spelling = Spelling(tokenizer)

    @classmethod
    def load(
        cls, base: Path | str, adapters: Path, device: str | torch.device = "auto"
    ) -> ConstraintLM:
        """Load a base (a folder or a hub name) and the adapters in ``adapters/<task>``.

        Raises:
            WeightsError: something is missing or damaged.
        """
        from peft import PeftModel
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging

        logging.disable_progress_bar()
        where = pick_device(device) if isinstance(device, str) else device
        dtype = torch.bfloat16 if where.type == "cuda" else torch.float32
        tokenizer = load_tokenizer(base)
        try:
            model = AutoModelForCausalLM.from_pretrained(base, dtype=dtype)
            first = adapters / SPACE_GROUP_ADAPTER
            model = PeftModel.from_pretrained(model, first, adapter_name=SPACE_GROUP_ADAPTER)
            model.load_adapter(adapters / WYCKOFF_ADAPTER, adapter_name=WYCKOFF_ADAPTER)
        except Exception as error:  # each library has exceptions of its own for damaged files
            reason = str(error).strip().split("\n")[0][:200]
            raise WeightsError(
                f"the constraint generator in {adapters} cannot be loaded ({reason});"
                " reinstall crystalsmith or train it again"
            ) from None
        return cls(model.to(where), tokenizer)

    def tokens_of(self, word: str) -> tuple[int, ...]:
        """Token ids of a word of the grammar as it stands inside a text."""
        return self._spelling.inside(word)

    @torch.no_grad()
    def read(self, task: str, texts: Sequence[str]) -> tuple[Tensor, Reading]:
        """Read texts with a task's adapter; see `LanguageModel.read`."""
        self.model.set_adapter(task)
        inputs = self.tokenizer(list(texts), padding=True, return_tensors="pt").to(self.device)
        mask = inputs["attention_mask"]
        positions = (mask.cumsum(1) - 1).clamp_min(0)
        output = self.model(
            input_ids=inputs["input_ids"],
            attention_mask=mask,
            position_ids=positions,
            use_cache=True,
            logits_to_keep=1,
        )
        reading = Reading(output.past_key_values, mask, positions[:, -1])
        return output.logits[:, -1].float().log_softmax(-1), reading

    @torch.no_grad()
    def advance(
        self, reading: Reading, rows: Sequence[int], runs: Sequence[Sequence[int]]
    ) -> Tensor:
        """Continue some of the sequences; see `LanguageModel.advance`.

        Shorter runs are padded on the left, so that the last token always comes last.
        """
        index = torch.tensor(rows, device=self.device)
        reading.cache.batch_select_indices(index)
        longest, pad = max(map(len, runs)), self._spelling.pad
        padded = [[pad] * (longest - len(run)) + list(run) for run in runs]
        told = [[0] * (longest - len(run)) + [1] * len(run) for run in runs]
        new = torch.tensor(told, device=self.device)
        positions = reading.positions[index, None] + new.cumsum(1)
        reading.mask = torch.cat([reading.mask[index], new], dim=1)
        reading.positions = positions[:, -1]
        output = self.model(
            input_ids=torch.tensor(padded, device=self.device),
            attention_mask=reading.mask,
            position_ids=positions,
            past_key_values=reading.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[new[:, -1].bool(), -1].float().log_softmax(-1)
