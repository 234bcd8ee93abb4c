"""Judging ranked templates: words in common with the truth, and whether probabilities hold."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.crystallography.template import ordered_amounts
from crystalsmith.prompts.constraint import GROUP, answer_words, formula_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.models.constraint.generator import RankedTemplate

_BINS = 10


def groups_in_order(ranked: Sequence[RankedTemplate]) -> list[int]:
    """Space groups by the summed probability of their templates, most probable first."""
    table: dict[int, float] = defaultdict(float)
    for item in ranked:
        table[item.template.number] += item.probability
    return sorted(table, key=lambda number: -table[number])


def answer_text(template: SymmetryTemplate, *, with_ratio: bool = False) -> list[str]:
    """What a constraint generator says when it proposes the template, word by word."""
    elements, amounts = ordered_amounts(template.composition)
    letters = [template.letters[element] for element in elements]
    words = answer_words(template.number, template.formula_units, elements, letters)
    return [*formula_words(elements, amounts), GROUP, *words] if with_ratio else words


def rouge(guess: Sequence[str], truth: Sequence[str]) -> dict[str, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L of two word lists, F1 in percent (Lin 2004)."""
    figures = {}
    for size in (1, 2):
        own, right = _runs(guess, size), _runs(truth, size)
        figures[f"rouge_{size}"] = _f1((own & right).total(), own.total(), right.total())
    common = _longest_common(guess, truth)
    return figures | {"rouge_l": _f1(common, len(guess), len(truth))}


def _runs(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def _f1(common: int, guessed: int, right: int) -> float:
    return 200 * common / (guessed + right) if guessed + right else 0.0


def _longest_common(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest sequence of words that both have in the same order."""
    row = [0] * (len(right) + 1)
    for word in left:
        diagonal = 0
        for place, other in enumerate(right, start=1):
            longer = diagonal + 1 if word == other else max(row[place], row[place - 1])
            diagonal, row[place] = row[place], longer
    return row[-1]


def calibration_error(probabilities: Sequence[float], hits: Sequence[float]) -> float:
    """Expected calibration error in percent: how far probabilities are from what came true.

    Ten bins of equal width, each weighted with the answers in it (Guo et al. 2017).

    Args:
        probabilities: of the first guesses, 0 to 1.
        hits: 1 where the guess was right, else 0.
    """
    if not probabilities:
        return float("nan")
    given, came = np.array(probabilities), np.array(hits)
    bins = np.minimum((given * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(given[bins == i].mean() - came[bins == i].mean()) * (bins == i).mean()
        for i in np.unique(bins)
    ]
    return 100 * float(sum(gaps))
