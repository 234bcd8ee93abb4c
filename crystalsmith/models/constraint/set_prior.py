"""What neighbours know about a set of elements: known crystals whose elements are alike.

They may have any ratio: each votes with its own, and with its template. That is as good at the
first guess as the language model; mixed, the two find seven more true ratios of a hundred.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pymatgen.core import Element

from crystalsmith.core.chemistry.exchange import nearest_exchanges
from crystalsmith.core.crystallography.normaliser import canonical
from crystalsmith.core.crystallography.template import ordered_amounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.crystallography.template import SymmetryTemplate

_SAME = 1e-9  # distance between sets that are one


@dataclass(frozen=True)
class SetPriorSettings:
    """How neighbours vote.

    Attributes:
        neighbours: how many vote.
        softness: mean distance of elements at which a vote has fallen to 1/e.
        same_elements: weight of neighbours with the very elements asked for. They are the known
            crystals of the system; benchmarks on crystals to be found want this low.
        reach: distance of the nearest neighbour at which trust in all has fallen to 1/e.
        share: of the votes beside the language model, when neighbours are as near as can be.
    """

    neighbours: int = 20
    softness: float = 0.05
    same_elements: float = 0.2
    reach: float = 0.1
    share: float = 0.5


class SetVotes(NamedTuple):
    """What the neighbours say.

    Attributes:
        ratios: probability of each ratio, in the order of the elements asked.
        templates: probability of each template.
        share: weight of these votes beside the language model, 0 to 1.
    """

    ratios: dict[tuple[int, ...], float]
    templates: dict[SymmetryTemplate, float]
    share: float


@dataclass(frozen=True)
class _Shelf:
    """Known crystals with the same number of elements; columns in the order of formulas."""

    entries: NDArray[np.int64]
    elements: NDArray[np.int64]  # atomic number - 1


class SetPrior:
    """Votes of the known crystals whose elements are nearest.

    Args:
        templates: of the known crystals.
        settings: how they vote.
    """

    def __init__(
        self, templates: Sequence[SymmetryTemplate], settings: SetPriorSettings | None = None
    ) -> None:
        self.settings = settings or SetPriorSettings()
        self._templates = templates
        rows: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
        for index, template in enumerate(templates):
            numbers = [Element(element).Z - 1 for element in template.letters]
            rows[len(numbers)].append((index, numbers))
        self._shelves = {
            size: _Shelf(np.array([i for i, _ in group]), np.array([z for _, z in group]))
            for size, group in rows.items()
        }

    def votes(self, elements: Sequence[str]) -> SetVotes:
        """Votes on ratios and templates; none when no crystal has as many elements."""
        shelf = self._shelves.get(len(elements))
        if shelf is None:
            return SetVotes({}, {}, 0.0)
        size = len(elements)
        wanted = np.array([Element(element).Z - 1 for element in elements])
        distances, orders = nearest_exchanges(
            wanted, shelf.elements, np.full(size, 1 / size), [0] * size
        )
        nearest = np.argsort(distances, kind="stable")[: self.settings.neighbours]
        ratios: dict[tuple[int, ...], float] = defaultdict(float)
        templates: dict[SymmetryTemplate, float] = defaultdict(float)
        for row in nearest:
            template = self._templates[int(shelf.entries[row])]
            known, amounts = ordered_amounts(template.composition)
            vote = self._vote(float(distances[row]), float(distances[nearest[0]]))
            ratios[tuple(amounts[column] for column in orders[row])] += vote
            columns = zip(orders[row], elements, strict=True)
            replacement = {known[column]: element for column, element in columns}
            templates[canonical(template.with_elements(replacement))[0]] += vote
        total = sum(ratios.values())
        trust = math.exp(-float(distances[nearest[0]]) / self.settings.reach)
        return SetVotes(
            {ratio: vote / total for ratio, vote in ratios.items()},
            {template: vote / total for template, vote in templates.items()},
            self.settings.share * trust,
        )

    def _vote(self, distance: float, least: float) -> float:
        same = self.settings.same_elements if distance < _SAME else 1.0
        return same * math.exp(-(distance - least) / self.settings.softness)
