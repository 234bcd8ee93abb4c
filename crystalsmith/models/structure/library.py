"""Known geometries for a template: the crystals whose free parameters it can borrow.

Copying the nearest known crystal with the same template, elements swapped and volume rescaled,
equals the published models without any learning; the flow starts from there where such a crystal
exists.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pymatgen.core import Element

from crystalsmith.core.chemistry.elements import element_distances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry

_MAX_PERMUTATIONS = 24


class BorrowedGeometry(NamedTuple):
    """A known crystal with its elements replaced by those of the template.

    Attributes:
        crystal: the geometry on the template asked for; the volume is still the known crystal's.
        original: the crystal as known.
        entry: index of the known crystal among those the library was built from.
        distance: mean `element_distance` of the replacements, weighted by atoms.
    """

    crystal: SymmetricCrystal
    original: SymmetricCrystal
    entry: int
    distance: float


@dataclass(frozen=True)
class _Shelf:
    """All crystals of one pattern; columns follow the sorted letter strings."""

    entries: NDArray[np.int64]
    elements: NDArray[np.int64]  # (crystals, slots) atomic number - 1


class TemplateLibrary:
    """Crystals by pattern, searchable for the chemically nearest ones."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = list(entries)
        rows: dict[tuple[int, tuple[str, ...]], list[tuple[int, list[int]]]] = {}
        for index, entry in enumerate(self.entries):
            template = entry.crystal.template
            slots = [Element(symbol).Z - 1 for symbol in _slots(template)]
            rows.setdefault(template.pattern, []).append((index, slots))
        self._shelves = {
            pattern: _Shelf(
                np.array([index for index, _ in group]), np.array([slots for _, slots in group])
            )
            for pattern, group in rows.items()
        }
        self._formulas = np.array([entry.formula for entry in self.entries], dtype=object)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, template: SymmetryTemplate) -> bool:
        return template.pattern in self._shelves

    def nearest(
        self, template: SymmetryTemplate, count: int = 1, *, exclude_formula: str | None = None
    ) -> list[BorrowedGeometry]:
        """The chemically nearest known crystals of a canonical template's pattern, nearest first.

        Args:
            template: canonical template.
            count: how many at most.
            exclude_formula: leave out entries of this reduced formula (for training).
        """
        shelf = self._shelves.get(template.pattern)
        if shelf is None:
            return []
        symbols = _slots(template)
        distances, permutations = self._distances(template, symbols, shelf)
        if exclude_formula is not None:
            distances[self._formulas[shelf.entries] == exclude_formula] = np.inf
        order = np.argsort(distances, kind="stable")[:count]
        return [
            self._borrow(int(shelf.entries[row]), symbols, permutations[row], float(distances[row]))
            for row in order
            if np.isfinite(distances[row])
        ]

    def _distances(
        self, template: SymmetryTemplate, symbols: list[str], shelf: _Shelf
    ) -> tuple[NDArray[np.float64], list[tuple[int, ...]]]:
        """Distance to every crystal of the shelf under the best assignment of elements."""
        table = element_distances()
        amounts = np.array([template.composition[symbol] for symbol in symbols])
        weights = amounts / amounts.sum()
        wanted = np.array([Element(symbol).Z - 1 for symbol in symbols])
        best = np.full(len(shelf.entries), np.inf)
        chosen: list[tuple[int, ...]] = [()] * len(shelf.entries)
        for permutation in _interchangeable(template, symbols):
            gaps = table[wanted[None, :], shelf.elements[:, list(permutation)]] @ weights
            for row in np.flatnonzero(gaps < best):
                chosen[row] = permutation
            best = np.minimum(best, gaps)
        return best, chosen

    def _borrow(
        self, entry: int, symbols: list[str], permutation: tuple[int, ...], distance: float
    ) -> BorrowedGeometry:
        original = self.entries[entry].crystal
        known = _slots(original.template)
        replacement = {known[permutation[slot]]: symbol for slot, symbol in enumerate(symbols)}
        return BorrowedGeometry(original.with_elements(replacement), original, entry, distance)


def _slots(template: SymmetryTemplate) -> list[str]:
    """Elements in the order of the pattern's letter strings."""
    return [
        symbol for _, symbol in sorted((row, symbol) for symbol, row in template.letters.items())
    ]


def _interchangeable(template: SymmetryTemplate, symbols: list[str]) -> list[tuple[int, ...]]:
    """Slot permutations that only exchange slots with the same letters."""
    letters = [template.letters[symbol] for symbol in symbols]
    groups = [
        list(group) for _, group in itertools.groupby(range(len(letters)), key=letters.__getitem__)
    ]
    combinations = itertools.product(*(itertools.permutations(group) for group in groups))
    return [
        tuple(itertools.chain.from_iterable(choice))
        for choice in itertools.islice(combinations, _MAX_PERMUTATIONS)
    ]
