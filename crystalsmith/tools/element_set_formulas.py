"""Formulas by the constraint generator: the ratios that its language model writes for elements."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from crystalsmith.core.chemistry.elements import ELEMENT_GROUPS
from crystalsmith.models.constraint.element_sets import MAX_ELEMENTS, ratios_of_sets
from crystalsmith.tools.drafts import Draft, formula_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crystalsmith.models.constraint.generator import ConstraintGenerator
    from crystalsmith.tools.search_space import SearchSpace

_MOST_SETS = 16  # sets of elements that are asked about, a few hundredths of a second each
_RATIOS = 4  # ratios kept of each set
_LEAST = 0.05  # probability below which a ratio is not worth a formula
_OPEN = 0.7  # support of a likely ratio of elements that the request names
_NOBLE = ELEMENT_GROUPS["noble gas"]


def element_set_formulas(
    drafts: Sequence[Draft], space: SearchSpace, constraints: ConstraintGenerator
) -> list[Draft]:
    """Formulas in the most probable ratios of the sets of elements in question.

    Sets are those that the request itself names, when they are few (``Li-Fe-O``), then those of the
    best drafts. Families and ratios that were asked for say themselves what the ratio is.

    Args:
        drafts: formulas thought of so far, the most plausible first.
        space: what the request leaves open.
        constraints: language model, neighbours, or both.
    """
    if space.families or space.ratio is not None:
        return []
    supports = _named_sets(space)
    for elements, support in _sets_of(drafts).items():
        if len(supports) < _MOST_SETS:
            supports.setdefault(elements, support)
    if not supports:
        return []
    sets = list(supports)
    found = []
    for elements, ratios in zip(sets, ratios_of_sets(constraints, sets), strict=True):
        best = max((ratio.probability for ratio in ratios), default=1.0)
        for ratio in ratios[:_RATIOS]:
            if ratio.probability < _LEAST:
                continue
            words = f"constraint generator, ratio of {'-'.join(elements)}"
            found.append(
                Draft(
                    formula_of(dict(zip(elements, ratio.amounts, strict=True))),
                    f"{words}, probability {ratio.probability:.2f}",
                    supports[elements] * (ratio.probability / best) ** 0.5,
                )
            )
    return found


def _named_sets(space: SearchSpace) -> dict[tuple[str, ...], float]:
    """The sets that the request leaves, when there are few of them."""
    found: dict[tuple[str, ...], float] = {}
    for elements in _combinations(space):
        found[elements] = _OPEN
        if len(found) > _MOST_SETS:
            return {}
    return found


def _combinations(space: SearchSpace) -> Iterator[tuple[str, ...]]:
    free = sorted(space.allowed - space.required)
    if len(space.allowed) > MAX_ELEMENTS:
        free = []  # the periodic table is open; the drafts know better where to look
    for count in space.counts:
        if count < max(2, len(space.required)):
            continue
        for others in itertools.combinations(free, count - len(space.required)):
            elements = {*space.required, *others}
            if all(group & elements for group in space.one_of) and not elements & _NOBLE:
                yield _ordered(elements)


def _sets_of(drafts: Sequence[Draft]) -> dict[tuple[str, ...], float]:
    """The sets of the best drafts, with the support of the best of each."""
    found: dict[tuple[str, ...], float] = {}
    for draft in drafts:
        symbols = {symbol for symbol, _ in draft.formula}
        if 1 < len(symbols) <= MAX_ELEMENTS:
            found.setdefault(_ordered(symbols), draft.support)
        if len(found) == _MOST_SETS:
            break
    return found


def _ordered(elements: set[str]) -> tuple[str, ...]:
    from crystalsmith.core.crystallography.template import electropositive_first

    return tuple(sorted(elements, key=electropositive_first))
