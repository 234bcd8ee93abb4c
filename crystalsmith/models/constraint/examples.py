"""What the constraint generator's language model is shown while training."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

import torch

from crystalsmith.prompts.constraint import (
    END,
    ENERGY,
    GAP,
    GROUP,
    MAX_AMOUNT,
    MAX_UNITS,
    Near,
    Question,
    answer_words,
    formula_words,
    number_word,
    stability_word,
)

if TYPE_CHECKING:
    from torch import Tensor

    from crystalsmith.models.constraint.records import Record
    from crystalsmith.models.constraint.tokenizer import Spelling

_MAX_LETTERS = 60  # orbits; the few longer answers would set the size of whole batches
_POOL = 16  # batches sorted by length together

Task = Literal["base", "space_group", "wyckoff"]


class Telling(Protocol):
    """What a training run decides about its examples; see `ConstraintTraining`."""

    @property
    def batch(self) -> int:
        """Sequences per step."""

    @property
    def prompt_weight(self) -> float:
        """Weight of predicting the question itself."""

    @property
    def elements_share(self) -> float:
        """How often only the elements are given."""

    @property
    def formulas_share(self) -> float:
        """Share of sequences that are formulas without structure."""

    @property
    def keep_property(self) -> float:
        """Probability that a known property is told."""

    @property
    def keep_context(self) -> float:
        """Probability that known crystals are told of."""

    @property
    def keep_neighbour(self) -> float:
        """Probability that a template among them is told."""


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


def example(record: Record, settings: Telling, rng: random.Random, task: Task = "base") -> Example:
    """A training sequence with a random choice of what is told about the crystal.

    Where only a teacher says what a formula's structure is, one of its templates is drawn.
    """
    if record.group is None and record.taught:
        record = _drawn(record, rng)
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
    context = len(question.context_words())  # before the last word; given, never to be written
    asked = [told] * (len(words) - 1 - context) + [0.0] * context + [told]
    return Example([*words, *answer], asked + weights)


def _question(record: Record, settings: Telling, rng: random.Random, task: Task) -> Question:
    def told(value: float | None) -> float | None:
        return value if rng.random() < settings.keep_property else None

    hull = told(record.e_above_hull)
    only_elements = rng.random() < settings.elements_share and task != "wyckoff"
    near = () if only_elements else _context(record, settings, rng)
    return Question(
        elements=record.elements,
        amounts=None if only_elements else record.amounts,
        source=record.source,
        stability=None if hull is None else stability_word(hull),
        band_gap=told(record.band_gap),
        formation_energy=told(record.formation_energy),
        height=told(record.height),
        distance=record.distance if near else None,
        near=near,
    )


def _drawn(record: Record, rng: random.Random) -> Record:
    """The record as if it had one of the templates that it is taught to have."""
    shares = [known.share for known in record.taught]
    (known,) = rng.choices(record.taught, shares)
    return replace(record, group=known.group, units=known.units, letters=known.letters)


def _context(record: Record, settings: Telling, rng: random.Random) -> tuple[Near, ...]:
    """What known crystals say: often nothing, and seldom all, as with a small store."""
    if rng.random() >= settings.keep_context:
        return ()
    return tuple(known for known in record.near if rng.random() < settings.keep_neighbour)


def _formula_example(record: Record, settings: Telling) -> Example:
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
        settings: Telling,
        spelling: Spelling,
        seed: int,
    ) -> None:
        self.records = [record for record in records if usable(record)]
        self.formulas = [record for record in formulas if usable(record)]
        self.settings, self.spelling = settings, spelling
        self.rng = random.Random(seed)
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
        return tensors(self._ready.pop(), self.spelling, device)

    def _next(self, task: Task) -> Example:
        if self.formulas and self.rng.random() < self.settings.formulas_share:
            record = self.rng.choice(self.formulas)
            if task == "base" or record.taught:
                return example(record, self.settings, self.rng, task)
        if not self._order:
            self._order = list(range(len(self.records)))
            self.rng.shuffle(self._order)
        return example(self.records[self._order.pop()], self.settings, self.rng, task)


def tensors(examples: list[Example], spelling: Spelling, device: torch.device) -> dict[str, Tensor]:
    """Token ids (padded on the right), attention mask and weights of predicting each token."""
    rows = [_spelled(item, spelling) for item in examples]
    longest = max(len(ids) for ids, _ in rows)
    tokens = torch.full((len(rows), longest), spelling.pad)
    weights = torch.zeros(len(rows), longest)
    for row, (ids, values) in enumerate(rows):
        tokens[row, : len(ids)] = torch.tensor(ids)
        weights[row, : len(ids)] = torch.tensor(values)
    mask = torch.arange(longest)[None] < torch.tensor([len(ids) for ids, _ in rows])[:, None]
    moved = {"input_ids": tokens, "attention_mask": mask.long(), "weights": weights}
    return {name: value.to(device, non_blocking=True) for name, value in moved.items()}


def _spelled(item: Example, spelling: Spelling) -> tuple[list[int], list[float]]:
    """Token ids and the weight of predicting each.

    What follows a word of many tokens counts as much as the word, whose end it tells: G2 or G22.
    """
    ids = list(spelling.first(item.words[0]))
    weights = [item.weights[0]] * len(ids)
    before = 0.0
    for word, weight in zip(item.words[1:], item.weights[1:], strict=True):
        tokens = spelling.inside(word)
        ids += tokens
        weights += [max(weight, before), *[weight] * (len(tokens) - 1)]
        before = weight if len(tokens) > 1 else 0.0
    return ids, weights
