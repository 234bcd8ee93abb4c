"""The tokenizer of our own small base: one token for every word of the grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crystalsmith.prompts.constraint import END, vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_PAD, _UNKNOWN, _BEGIN = "<pad>", "<unknown>", "<begin>"


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
