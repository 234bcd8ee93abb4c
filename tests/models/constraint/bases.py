"""Bases that others could have made: real architectures, tiny, in their own tokenizer classes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import (
    GlmConfig,
    GlmForCausalLM,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaTokenizer,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Tokenizer,
)

from crystalsmith.prompts.constraint import vocabulary

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = " ".join(word for word in vocabulary() if not word.isalpha() or len(word) > 2)
_SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 512,
}


def _pairs(pre_tokenizer: Any, alphabet: list[str], first: list[str]) -> dict[str, Any]:
    """A small byte-pair vocabulary that spells most words of the grammar in pieces."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    trainer = BpeTrainer(
        vocab_size=len(alphabet) + len(first) + 60,
        initial_alphabet=alphabet,
        special_tokens=first,
        show_progress=False,
    )
    tokenizer.train_from_iterator([_WORDS], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return {"vocab": model["vocab"], "merges": [tuple(pair) for pair in model["merges"]]}


def _byte_pairs(first: list[str]) -> dict[str, Any]:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return _pairs(pre_tokenizers.ByteLevel(add_prefix_space=False), alphabet, first)


def _llama_tokenizer() -> LlamaTokenizer:
    alphabet = sorted({"▁", *"".join(vocabulary())})
    pairs = _pairs(pre_tokenizers.Metaspace(), alphabet, ["<unk>", "<s>", "</s>"])
    return LlamaTokenizer(**pairs, add_bos_token=True)


def _begun_tokenizer(begin: list[str], end: str) -> PreTrainedTokenizerFast:
    """A byte-pair tokenizer that begins every text with special tokens, as GLM's does."""
    pairs = _byte_pairs([*begin, end])
    inner = Tokenizer(BPE(**pairs))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.post_processor = TemplateProcessing(
        single=" ".join([*begin, "$A"]), special_tokens=[(t, pairs["vocab"][t]) for t in begin]
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=end, pad_token=end)


def _made(name: str) -> tuple[Any, Any]:
    if name == "qwen2":
        tokenizer: Any = Qwen2Tokenizer(**_byte_pairs(["<|endoftext|>"]))
        config = Qwen2Config(vocab_size=len(tokenizer), num_key_value_heads=1, **_SIZES)
        return Qwen2ForCausalLM(config), tokenizer
    if name == "llama":
        tokenizer = _llama_tokenizer()
        config = LlamaConfig(vocab_size=len(tokenizer) + 5, num_key_value_heads=1, **_SIZES)
        return LlamaForCausalLM(config), tokenizer
    if name == "glm":
        tokenizer = _begun_tokenizer(["[gMASK]", "<sop>"], "<|endoftext|>")
        config = GlmConfig(
            vocab_size=len(tokenizer),
            num_key_value_heads=1,
            head_dim=16,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            **_SIZES,
        )
        return GlmForCausalLM(config), tokenizer
    tokenizer = _begun_tokenizer([], "<|endoftext|>")
    config = GPTNeoXConfig(vocab_size=len(tokenizer), **_SIZES)  # one layer for all three
    return GPTNeoXForCausalLM(config), tokenizer


BASES = ("qwen2", "llama", "glm", "gpt_neox")


def save_base(name: str, folder: Path) -> Path:
    """A base in Hugging Face layout, its weights random."""
    torch.manual_seed(0)
    model, tokenizer = _made(name)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
