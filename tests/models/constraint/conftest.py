"""Tiny language models with random weights: what they say is nonsense, and must be realisable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from crystalsmith.models.constraint.language_model import (
    SPACE_GROUP_ADAPTER,
    WYCKOFF_ADAPTER,
    ConstraintLM,
)
from crystalsmith.models.constraint.tokenizer import build_tokenizer
from crystalsmith.models.constraint.training import ConstraintTraining, base_model
from crystalsmith.prompts.constraint import vocabulary

if TYPE_CHECKING:
    from pathlib import Path

TINY = ConstraintTraining(
    steps=12, adapter_steps=3, batch=4, width=32, layers=1, heads=2, lora_rank=2
)


def spelling_tokenizer() -> PreTrainedTokenizerFast:
    """One token per character, as big models' tokenizers spell out what they do not know."""
    characters = sorted({" ", *"".join(vocabulary())})
    table = {token: i for i, token in enumerate(["<pad>", "<unknown>", "<end>", *characters])}
    tokenizer = Tokenizer(WordLevel(table, unk_token="<unknown>"))  # noqa: S106
    tokenizer.pre_tokenizer = Split(Regex("."), "isolated")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",  # noqa: S106
        unk_token="<unknown>",  # noqa: S106
        eos_token="<end>",  # noqa: S106
        padding_side="left",
    )


def spelling_base(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A base that reads characters."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=512,
        )
    )


def with_random_adapters(base: Any, seed: int = 0) -> Any:
    """Both adapters, their weights random instead of zero."""
    torch.manual_seed(seed)
    config = LoraConfig(
        r=2,
        target_modules=["q_proj", "v_proj"],
        task_type="CAUSAL_LM",
        init_lora_weights=False,
    )
    model = get_peft_model(base, config, adapter_name=SPACE_GROUP_ADAPTER)
    model.add_adapter(WYCKOFF_ADAPTER, config)
    return model


def tiny_base(seed: int = 0) -> Any:
    """Our own architecture, far too small."""
    torch.manual_seed(seed)
    return base_model(TINY)


@pytest.fixture(scope="session")
def tiny_settings() -> ConstraintTraining:
    """Settings of a training run that takes seconds."""
    return TINY


@pytest.fixture(scope="session")
def word_lm() -> ConstraintLM:
    """Our own base: every word is one token."""
    return ConstraintLM(with_random_adapters(tiny_base()), build_tokenizer())


@pytest.fixture(scope="session")
def spelling_lm() -> ConstraintLM:
    """A base that spells every word letter by letter."""
    torch.manual_seed(1)
    tokenizer = spelling_tokenizer()
    return ConstraintLM(with_random_adapters(spelling_base(tokenizer)), tokenizer)


@pytest.fixture(params=["word_lm", "spelling_lm"])
def any_lm(request: pytest.FixtureRequest) -> ConstraintLM:
    """Either of them."""
    model: ConstraintLM = request.getfixturevalue(request.param)
    return model


@pytest.fixture
def weights_folder(tmp_path: Path) -> Path:
    """Base and adapters on disk, as they are shipped."""
    base = tiny_base()
    base.save_pretrained(tmp_path / "base")
    build_tokenizer().save_pretrained(tmp_path / "base")
    with_random_adapters(base).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model": "constraint", "model_weight": 0.25}')
    return tmp_path
