"""How tokenizers write the grammar, and that of our own small base: one token for every word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crystalsmith.core.errors import WeightsError
from crystalsmith.prompts.constraint import END, vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

_PAD, _UNKNOWN, _BEGIN = "<pad>", "<unknown>", "<begin>"


class Spelling:
    """The tokens of the grammar's words in the tokenizer of any base.

    Args:
        tokenizer: in Hugging Face layout.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._inside: dict[str, tuple[int, ...]] = {}
        self._first: dict[str, tuple[int, ...]] = {}

    @property
    def pad(self) -> int:
        """Token that fills batches; it is masked, so that any will do."""
        own = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        return next(token for token in own if token is not None)

    def inside(self, word: str) -> tuple[int, ...]:
        """Token ids of a word as it stands inside a text."""
        if word not in self._inside:
            ids = self.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
            self._inside[word] = tuple(ids)
        return self._inside[word]

    def first(self, word: str) -> tuple[int, ...]:
        """Token ids of a word that begins a text, with what the tokenizer puts before it."""
        if word not in self._first:
            self._first[word] = tuple(self.tokenizer(word)["input_ids"])
        return self._first[word]


def load_tokenizer(base: Path | str) -> Any:
    """The tokenizer of a base (a folder or a hub name), padding on the left for generation.

    Raises:
        WeightsError: it is missing or damaged.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
    except Exception as error:  # each library has exceptions of its own for damaged files
        reason = str(error).strip().split("\n")[0][:200]
        raise WeightsError(
            f"the tokenizer in {base} cannot be loaded ({reason}); reinstall crystalsmith, or give"
            " another base"
        ) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer in Hugging Face layout, padding on the left for generation."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    words = [_PAD, _UNKNOWN, _BEGIN, *vocabulary()]
    table = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(WordLevel(table, unk_token=_UNKNOWN))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(
        single=f"{_BEGIN} $A", special_tokens=[(_BEGIN, table[_BEGIN])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=_PAD,
        unk_token=_UNKNOWN,
        bos_token=_BEGIN,
        eos_token=END,
        padding_side="left",
    )
