"""Ratios for a set of elements: CrystalGF's second input pattern.

The language model writes the formula of an element set word by word, every element once and only
reduced ratios.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.models.constraint.beam import Start, beam_search
from crystalsmith.models.constraint.language_model import SPACE_GROUP_ADAPTER, LanguageModel
from crystalsmith.prompts.constraint import GROUP, Question, amount_word, join

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_RATIO_AMOUNT = 24  # of one element; 998 of 1,000 known formulas have no more

Amounts = tuple[int, ...]


class RankedRatio(NamedTuple):
    """A ratio with its probability.

    Attributes:
        amounts: of each element in the order asked, reduced.
        probability: of being the crystal's ratio, among all that were ranked.
    """

    amounts: Amounts
    probability: float


@dataclass(frozen=True)
class _RatioWriter:
    """A formula that is being written for an element set."""

    elements: tuple[str, ...]
    amounts: Amounts = ()
    named: bool = False  # the element at hand is written, its amount is not
    ended: bool = False

    @cached_property
    def words(self) -> list[str]:
        """Words that may come next."""
        if self.ended:
            return []
        place = len(self.amounts)
        if place == len(self.elements):
            return [GROUP]
        if not self.named:
            return [self.elements[place]]
        amounts = range(1, MAX_RATIO_AMOUNT + 1)
        if place + 1 < len(self.elements):
            return [amount_word(n) for n in amounts]
        return [amount_word(n) for n in amounts if math.gcd(*self.amounts, n) == 1]

    def after(self, word: str) -> _RatioWriter:
        """The writer once a word is written."""
        if word == GROUP:
            return replace(self, ended=True)
        if not self.named:
            return replace(self, named=True)
        return replace(self, amounts=(*self.amounts, int(word[1:])), named=False)


def decode_ratios(
    model: LanguageModel, questions: Sequence[Question], *, width: int
) -> list[list[RankedRatio]]:
    """The most probable ratios of each question, best first.

    Args:
        model: base and adapters; the one for space groups has learned ratios too.
        questions: without amounts.
        width: beams per question and answers at most.
    """
    if not questions:
        return []
    scores, reading = model.read(SPACE_GROUP_ADAPTER, [join(q.words()) for q in questions])
    starts = [[Start(_RatioWriter(question.elements), 0.0)] for question in questions]
    answers = beam_search(model, starts, scores, reading, width)
    return [
        [RankedRatio(writer.amounts, math.exp(score)) for writer, score in found]
        for found in answers
    ]


def ranked(table: dict[Amounts, float]) -> list[RankedRatio]:
    """Ratios with probabilities that add up to one, most probable first."""
    total = sum(table.values()) or 1.0
    order = sorted(table.items(), key=lambda item: (-item[1], item[0]))
    return [RankedRatio(ratio, value / total) for ratio, value in order]
