"""Training the constraint generator: a base model from scratch, then one LoRA adapter per task.

The base learns to write the whole answer; the adapters specialise it (CrystalGF, Huang et al. 2024,
arXiv:2411.08464, section B.2): one in choosing the space group, one in assigning Wyckoff letters.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import torch

from crystalsmith.core.errors import WeightsError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.constraint.examples import (
    Sequences,
    Task,
    Telling,
    example,
    tensors,
    usable,
)
from crystalsmith.models.constraint.records import Record, read_records
from crystalsmith.models.constraint.tokenizer import Spelling, build_tokenizer, load_tokenizer
from crystalsmith.models.runs import SAVE_EVERY, Schedule, TrainingRun, pick_device

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor
    from transformers import PreTrainedModel

TRAIN_FILE, VALIDATION_FILE, FORMULAS_FILE = "train.jsonl", "validation.jsonl", "formulas.jsonl"
WEIGHTS = "weights"
SPACE_GROUP_ADAPTER: Final = "space_group"
WYCKOFF_ADAPTER: Final = "wyckoff"
ADAPTERS: tuple[Task, Task] = (SPACE_GROUP_ADAPTER, WYCKOFF_ADAPTER)
_REPORT_EVERY = 60.0  # seconds


@dataclass(frozen=True)
class ConstraintTraining:
    """Settings of a training run.

    Attributes:
        steps: optimiser steps of the base.
        adapter_steps: optimiser steps of each adapter.
        batch: sequences per step.
        learning_rate: highest rate of the base; adapter_rate: of the adapters.
        width, layers, heads: sizes of the base.
        attention_dropout: of attention weights, while training.
        dropout: of what every layer adds, and of the words' embeddings, while training the base.
        prompt_weight: weight of predicting the question itself, which teaches chemistry.
        elements_share: how often only the elements are given.
        formulas_share: share of sequences that are formulas with properties but no structure.
        keep_property: probability that a known property is told.
        keep_context: probability that known crystals are told of.
        keep_neighbour: probability that a template among them is told.
        lora_rank: rank of the adapters.
        model_weight: of the model beside near neighbours, recorded with the weights; the best
            space group at first guess on mp20_val.
        seed: of everything random.
    """

    steps: int = 8_000
    adapter_steps: int = 800
    batch: int = 128
    learning_rate: float = 1e-3
    adapter_rate: float = 3e-4
    width: int = 128
    layers: int = 5
    heads: int = 4
    attention_dropout: float = 0.1
    dropout: float = 0.0
    prompt_weight: float = 0.1
    elements_share: float = 0.2
    formulas_share: float = 0.2
    keep_property: float = 0.5
    keep_context: float = 0.6
    keep_neighbour: float = 0.85
    lora_rank: int = 8
    model_weight: float = 0.5
    seed: int = 0


@dataclass(frozen=True)
class Lesson:
    """What one model is to learn, from what, and how.

    Attributes:
        task: which part of the answer counts.
        crystals: to learn from.
        formulas: with properties but no structure.
        held_out: to check with.
        settings: what is told.
        spelling: of the base's tokenizer.
        schedule: length and rates.
        config: everything that makes this run what it is.
        seed: of the order of crystals and of what is told about them.
        check_batch: held-out crystals looked at side by side; all when not given.
    """

    task: Task
    crystals: list[Record]
    formulas: list[Record]
    held_out: list[Record]
    settings: Telling
    spelling: Spelling
    schedule: Schedule
    config: Mapping[str, Any]
    seed: int = 0
    check_batch: int | None = None


def weighted_loss(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy of the next token, weighted token by token."""
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    targets, weights = batch["input_ids"][:, 1:], batch["weights"][:, 1:]
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1].float().transpose(1, 2), targets, reduction="none"
    )
    return (losses * weights).sum() / weights.sum().clamp_min(1e-6)


def base_model(settings: ConstraintTraining) -> PreTrainedModel:
    """A small causal LM with random weights, Llama's architecture."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = build_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.width,
        intermediate_size=3 * settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        max_position_embeddings=512,
        attention_dropout=settings.attention_dropout,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)


def drop_out(model: PreTrainedModel, share: float) -> None:
    """Zero a share of the activations while training, which Llama's own layers cannot do."""
    layers = [
        layer for block in model.model.layers for layer in (block.self_attn.o_proj, block.mlp)
    ]
    for module in (model.model.embed_tokens, *layers):
        module.register_forward_hook(
            lambda part, _, output: torch.nn.functional.dropout(output, share, part.training)
        )


def continued(start: Path) -> PreTrainedModel:
    """A base that was trained before, with room for words that the grammar has gained since.

    Raises:
        WeightsError: there is none in the folder, or the grammar's words are others.
    """
    from transformers import AutoModelForCausalLM

    tokenizer, own = load_tokenizer(start), build_tokenizer()
    known = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    if known != own.convert_ids_to_tokens(range(len(known))):
        raise WeightsError(f"{start} was trained with another grammar; leave --start away")
    model = AutoModelForCausalLM.from_pretrained(start, dtype=torch.float32)
    model.resize_token_embeddings(len(own))
    return model


def train_base(
    records_folder: Path,
    folder: Path,
    settings: ConstraintTraining,
    *,
    start: Path | None = None,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> bool:
    """Train, or go on training, the base; averaged weights end up in ``folder/weights/base``.

    Args:
        records_folder: what to learn from.
        folder: of the run.
        settings: of the run.
        start: an earlier base to begin with instead of random weights.
        device: torch device.
        seconds: stop after this time even if steps remain.
        progress: told about every report.

    Returns:
        Whether the training is finished; the time may have run out before.
    """
    torch.manual_seed(settings.seed)
    model = continued(start) if start else base_model(settings)
    drop_out(model, settings.dropout)
    lesson = _own_lesson("base", records_folder, settings)
    finished = learn(
        model, lesson, folder / "base", device=device, seconds=seconds, progress=progress
    )
    build_tokenizer().save_pretrained(folder / WEIGHTS / "base")
    model.to(torch.float16).save_pretrained(folder / WEIGHTS / "base")
    return finished


def train_adapters(
    records_folder: Path,
    folder: Path,
    settings: ConstraintTraining,
    *,
    device: str = "auto",
    progress: Progress = silent,
) -> None:
    """Train both LoRA adapters on the base; saved in PEFT's format in ``folder/weights``."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    for task in ADAPTERS:
        torch.manual_seed(settings.seed + 1)
        where = folder / WEIGHTS / "base"
        base = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32)
        lora = LoraConfig(
            r=settings.lora_rank,
            lora_alpha=2 * settings.lora_rank,
            lora_dropout=0.05,
            target_modules=["q_proj", "k_proj", "v_proj"],
            task_type="CAUSAL_LM",
        )
        model = get_peft_model(base, lora)
        own = replace(settings, steps=settings.adapter_steps, learning_rate=settings.adapter_rate)
        lesson = _own_lesson(task, records_folder, own)
        learn(model, lesson, folder / task, device=device, progress=progress)
        model.peft_config["default"].base_model_name_or_path = None  # it is shipped beside
        save_adapter(model.to(torch.float16), folder / WEIGHTS / task)


def save_adapter(model: Any, folder: Path) -> None:
    """Write an adapter in PEFT's format."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # an empty form of PEFT's


def _own_lesson(task: Task, records_folder: Path, settings: ConstraintTraining) -> Lesson:
    formulas_file = records_folder / FORMULAS_FILE
    return Lesson(
        task=task,
        crystals=read_records(records_folder / TRAIN_FILE),
        formulas=read_records(formulas_file) if formulas_file.exists() else [],
        held_out=read_records(records_folder / VALIDATION_FILE),
        settings=settings,
        spelling=Spelling(build_tokenizer()),
        schedule=Schedule(settings.steps, settings.learning_rate, warmup=200, weight_decay=0.1),
        config={"model": f"constraint-{task}", "training": asdict(settings)},
        seed=settings.seed,
    )


def learn(
    model: Any,
    lesson: Lesson,
    folder: Path,
    *,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> bool:
    """Train, or go on training, a model; it ends with the averaged weights, on the CPU.

    Returns:
        Whether the lesson is finished; the time may have run out before.
    """
    where = pick_device(device)
    model.to(where).train()
    held_out = _held_out_batches(lesson, where)
    run = TrainingRun(folder, model, lesson.schedule, lesson.config)
    seed = lesson.seed + 7919 * run.step
    sequences = Sequences(lesson.crystals, lesson.formulas, lesson.settings, lesson.spelling, seed)
    started = saved = reported = time.monotonic()
    losses: list[Tensor] = []
    while not run.finished and time.monotonic() - started < seconds:
        with torch.autocast(where.type, torch.bfloat16):
            loss = weighted_loss(model, sequences.batch(lesson.task, where))
        run.update(loss)
        losses.append(loss.detach())
        if time.monotonic() - reported > _REPORT_EVERY or run.finished:
            progress(f"training {lesson.task}", run.step, lesson.schedule.steps)
            run.log(loss=float(torch.stack(losses).mean()), validation=_score(model, held_out))
            losses.clear()
            reported = time.monotonic()
        if time.monotonic() - saved > SAVE_EVERY:
            run.save()
            saved = time.monotonic()
    run.save()
    run.load_average()
    run.log(validation=_score(model, held_out))
    model.to("cpu")
    return run.finished


@dataclass(frozen=True)
class _FormulaAndEnergy:
    """All that the held-out crystals tell about themselves, only the answer counted."""

    batch: int = 1
    prompt_weight: float = 0.0
    elements_share: float = 0.0
    formulas_share: float = 0.0
    keep_property: float = 1.0
    keep_context: float = 1.0
    keep_neighbour: float = 1.0


def _held_out_batches(lesson: Lesson, device: torch.device) -> list[dict[str, Tensor]]:
    """Validation crystals with formula and formation energy told."""
    rng = random.Random(0)
    items = [
        example(
            replace(record, band_gap=None, e_above_hull=None),
            _FormulaAndEnergy(),
            rng,
            lesson.task,
        )
        for record in lesson.held_out
        if usable(record)
    ]
    size = lesson.check_batch or len(items)
    return [
        tensors(items[begin : begin + size], lesson.spelling, device)
        for begin in range(0, len(items), size)
    ]


@torch.no_grad()
def _score(model: Any, batches: list[dict[str, Tensor]]) -> float:
    model.eval()
    losses = [float(weighted_loss(model, batch)) for batch in batches]
    model.train()
    return sum(losses) / len(losses)
