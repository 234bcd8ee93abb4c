"""Training the constraint generator: a base model from scratch, then one LoRA adapter per task.

The base learns to write the whole answer; the adapters specialise it (CrystalGF, Huang et al. 2024,
arXiv:2411.08464, section B.2): one in choosing the space group, one in assigning Wyckoff letters.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import torch

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.constraint.records import Record, read_records
from crystalsmith.models.constraint.tokenizer import build_tokenizer
from crystalsmith.models.runs import SAVE_EVERY, Schedule, TrainingRun, pick_device
from crystalsmith.prompts.constraint import (
    END,
    ENERGY,
    GAP,
    GROUP,
    MAX_AMOUNT,
    MAX_UNITS,
    Question,
    answer_words,
    formula_words,
    number_word,
    stability_word,
)

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from transformers import PreTrainedModel

TRAIN_FILE, VALIDATION_FILE, FORMULAS_FILE = "train.jsonl", "validation.jsonl", "formulas.jsonl"
WEIGHTS = "weights"
SPACE_GROUP_ADAPTER: Final = "space_group"
WYCKOFF_ADAPTER: Final = "wyckoff"
_REPORT_EVERY = 60.0  # seconds
_MAX_LETTERS = 60  # orbits; the few longer answers would set the size of whole batches
_POOL = 16  # batches sorted by length together

Task = Literal["base", "space_group", "wyckoff"]


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
    lora_rank: int = 8
    model_weight: float = 0.5
    seed: int = 0


@dataclass
class Example:
    """One sequence: words and the weight of predicting each of them."""

    words: list[str]
    weights: list[float]


def usable(record: Record) -> bool:
    """Whether the grammar has words for the record."""
    letters = sum(len(row) for row in record.letters)
    return (
        max(record.amounts) <= MAX_AMOUNT and record.units <= MAX_UNITS and letters <= _MAX_LETTERS
    )


def example(
    record: Record, settings: ConstraintTraining, rng: random.Random, task: Task = "base"
) -> Example:
    """A training sequence with a random choice of what is told about the crystal."""
    question = _question(record, settings, rng, task)
    words = question.words()
    if record.group is None:
        return _formula_example(record, settings)
    answer = answer_words(record.group, record.units, record.elements, record.letters)
    if question.amounts is None:
        answer = [*formula_words(record.elements, record.amounts), GROUP, *answer]
    first = answer.index(GROUP) + 1 if question.amounts is None else 0
    weights = [1.0] * len(answer)
    if task == "space_group":
        weights = [1.0 if i <= first else 0.0 for i in range(len(answer))]
    elif task == "wyckoff":
        weights = [1.0 if i > first + 1 else 0.0 for i in range(len(answer))]
    told = settings.prompt_weight if task == "base" else 0.0
    return Example([*words, *answer], [told] * len(words) + weights)


def _question(
    record: Record, settings: ConstraintTraining, rng: random.Random, task: Task
) -> Question:
    def told(value: float | None) -> float | None:
        return value if rng.random() < settings.keep_property else None

    hull = told(record.e_above_hull)
    only_elements = rng.random() < settings.elements_share and task != "wyckoff"
    return Question(
        elements=record.elements,
        amounts=None if only_elements else record.amounts,
        source=record.source,
        stability=None if hull is None else stability_word(hull),
        band_gap=told(record.band_gap),
        formation_energy=told(record.formation_energy),
    )


def _formula_example(record: Record, settings: ConstraintTraining) -> Example:
    words = Question(record.elements, record.amounts, record.source).words()[:-1]
    values = []
    if record.band_gap is not None:
        values += [GAP, number_word(record.band_gap)]
    if record.formation_energy is not None:
        values += [ENERGY, number_word(record.formation_energy)]
    weights = [settings.prompt_weight] * len(words) + [0.5] * len(values)
    return Example([*words, *values, END], [*weights, 0.0])


class Sequences:
    """Random batches of examples as padded tensors."""

    def __init__(
        self,
        records: list[Record],
        formulas: list[Record],
        settings: ConstraintTraining,
        seed: int,
    ) -> None:
        self.records = [record for record in records if usable(record)]
        self.formulas = [record for record in formulas if usable(record)]
        self.settings = settings
        self.rng = random.Random(seed)
        self.ids = build_tokenizer().get_vocab()
        self._order: list[int] = []
        self._ready: list[list[Example]] = []

    def batch(self, task: Task, device: torch.device) -> dict[str, Tensor]:
        """The next batch; every record comes once before any comes again.

        Sequences of a batch are about equally long, so that little of it is padding.
        """
        if not self._ready:
            size = self.settings.batch
            pool = [self._next(task) for _ in range(_POOL * size)]
            pool.sort(key=lambda item: len(item.words))
            self._ready = [pool[i : i + size] for i in range(0, len(pool), size)]
            self.rng.shuffle(self._ready)
        return tensors(self._ready.pop(), self.ids, device)

    def _next(self, task: Task) -> Example:
        if task == "base" and self.formulas and self.rng.random() < self.settings.formulas_share:
            return example(self.rng.choice(self.formulas), self.settings, self.rng, task)
        if not self._order:
            self._order = list(range(len(self.records)))
            self.rng.shuffle(self._order)
        return example(self.records[self._order.pop()], self.settings, self.rng, task)


def tensors(
    examples: list[Example], ids: dict[str, int], device: torch.device
) -> dict[str, Tensor]:
    """Token ids (padded on the right), attention mask and weights of predicting each token."""
    begin, pad = ids["<begin>"], ids["<pad>"]
    longest = max(len(item.words) for item in examples) + 1
    tokens = torch.full((len(examples), longest), pad)
    weights = torch.zeros(len(examples), longest)
    for row, item in enumerate(examples):
        count = len(item.words)
        tokens[row, : count + 1] = torch.tensor([begin, *(ids[word] for word in item.words)])
        weights[row, 1 : count + 1] = torch.tensor(item.weights)
    mask = torch.arange(longest)[None] <= torch.tensor([len(e.words) for e in examples])[:, None]
    moved = {"input_ids": tokens, "attention_mask": mask.long(), "weights": weights}
    return {name: value.to(device, non_blocking=True) for name, value in moved.items()}


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


def train_base(
    records_folder: Path,
    folder: Path,
    settings: ConstraintTraining,
    *,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> bool:
    """Train, or go on training, the base; averaged weights end up in ``folder/weights/base``.

    Returns:
        Whether the training is finished; the time may have run out before.
    """
    torch.manual_seed(settings.seed)
    model = base_model(settings)
    drop_out(model, settings.dropout)
    run = folder / "base"
    finished = _optimise(model, "base", records_folder, run, settings, device, seconds, progress)
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

    tasks: tuple[Task, Task] = (SPACE_GROUP_ADAPTER, WYCKOFF_ADAPTER)
    for task in tasks:
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
        run = folder / task
        _optimise(model, task, records_folder, run, own, device, math.inf, progress)
        model.to(torch.float16).save_pretrained(folder / WEIGHTS / task)
        (folder / WEIGHTS / task / "README.md").unlink(missing_ok=True)  # an empty form of PEFT's


def _optimise(
    model: Any,
    task: Task,
    records_folder: Path,
    folder: Path,
    settings: ConstraintTraining,
    device: str,
    seconds: float,
    progress: Progress,
) -> bool:
    where = pick_device(device)
    model.to(where).train()
    records = read_records(records_folder / TRAIN_FILE)
    formulas_file = records_folder / FORMULAS_FILE
    formulas = read_records(formulas_file) if formulas_file.exists() else []
    held_out = _validation_batch(records_folder, settings, task, where)
    config = {"model": f"constraint-{task}", "training": asdict(settings)}
    schedule = Schedule(settings.steps, settings.learning_rate, warmup=200, weight_decay=0.1)
    run = TrainingRun(folder, model, schedule, config)
    sequences = Sequences(records, formulas, settings, settings.seed + 7919 * run.step)
    started = saved = reported = time.monotonic()
    losses: list[Tensor] = []
    while not run.finished and time.monotonic() - started < seconds:
        with torch.autocast(where.type, torch.bfloat16):
            loss = weighted_loss(model, sequences.batch(task, where))
        run.update(loss)
        losses.append(loss.detach())
        if time.monotonic() - reported > _REPORT_EVERY or run.finished:
            progress(f"training {task}", run.step, settings.steps)
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


def _validation_batch(
    records_folder: Path, settings: ConstraintTraining, task: Task, device: torch.device
) -> dict[str, Tensor]:
    """All validation crystals with formula and formation energy told, only the answer counted."""
    told = replace(settings, elements_share=0.0, keep_property=1.0, prompt_weight=0.0)
    records = [r for r in read_records(records_folder / VALIDATION_FILE) if usable(r)]
    rng = random.Random(0)
    items = [
        example(replace(r, band_gap=None, e_above_hull=None), told, rng, task) for r in records
    ]
    return tensors(items, build_tokenizer().get_vocab(), device)


@torch.no_grad()
def _score(model: Any, batch: dict[str, Tensor]) -> float:
    model.eval()
    loss = float(weighted_loss(model, batch))
    model.train()
    return loss
