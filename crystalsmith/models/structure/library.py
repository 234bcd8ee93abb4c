"""Known geometries for a template: the crystals whose free parameters it can borrow.

Copying the nearest known crystal with the same template, elements swapped and volume rescaled,
equals the published models without any learning; the flow starts from there where such a crystal
exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pymatgen.core import Element

from crystalsmith.core.chemistry.exchange import nearest_exchanges
from crystalsmith.core.crystallography.crystal import recanonicalised
from crystalsmith.core.crystallography.normaliser import slot_orders
from crystalsmith.models.structure.lattice import VOLUME, coefficients

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry


class BorrowedGeometry(NamedTuple):
    """A known crystal with its elements replaced by those of the template.

    Attributes:
        crystal: the geometry on the template asked for; the volume is still the known crystal's.
        original: the crystal as known.
        id: of the known crystal's entry.
        distance: mean `element_distance` of the replacements, weighted by atoms.
    """

    crystal: SymmetricCrystal
    original: SymmetricCrystal
    id: str
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
            slots = [Element(symbol).Z - 1 for symbol in slot_elements(template)]
            rows.setdefault(template.pattern, []).append((index, slots))
        self._shelves = {
            pattern: _Shelf(
                np.array([index for index, _ in group]), np.array([slots for _, slots in group])
            )
            for pattern, group in rows.items()
        }

    @cached_property
    def _formulas(self) -> NDArray[np.object_]:
        """Reduced formulas; only training asks for them, and a whole database takes seconds."""
        return np.array([entry.formula for entry in self.entries], dtype=object)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, template: SymmetryTemplate) -> bool:
        return template.pattern in self._shelves

    def size_of(self, template: SymmetryTemplate) -> int:
        """How many of its crystals have the pattern of a canonical template."""
        shelf = self._shelves.get(template.pattern)
        return 0 if shelf is None else len(shelf.entries)

    @property
    def patterns(self) -> list[tuple[int, tuple[str, ...]]]:
        """Patterns of its crystals."""
        return list(self._shelves)

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
        symbols = slot_elements(template)
        amounts = np.array([template.composition[symbol] for symbol in symbols])
        wanted = np.array([Element(symbol).Z - 1 for symbol in symbols])
        letters = [template.letters[symbol] for symbol in symbols]
        distances, orders = nearest_exchanges(
            wanted,
            shelf.elements,
            amounts / amounts.sum(),
            letters,
            slot_orders(template.pattern),
        )
        if exclude_formula is not None:
            distances[self._formulas[shelf.entries] == exclude_formula] = np.inf
        nearest = np.argsort(distances, kind="stable")[:count]
        return [
            self._borrow(int(shelf.entries[row]), symbols, orders[row], float(distances[row]))
            for row in nearest
            if np.isfinite(distances[row])
        ]

    def _borrow(
        self, entry: int, symbols: list[str], order: tuple[int, ...], distance: float
    ) -> BorrowedGeometry:
        original = self.entries[entry].crystal
        known = slot_elements(original.template)
        replacement = {known[order[slot]]: symbol for slot, symbol in enumerate(symbols)}
        known_id = self.entries[entry].id
        crystal = recanonicalised(original.with_elements(replacement))
        return BorrowedGeometry(crystal, original, known_id, distance)


def expected_volume(template: SymmetryTemplate, volumes: NDArray[np.floating]) -> float:
    """Å³ per atom that the elements' volumes add up to."""
    shares = template.composition.fractional_composition.items()
    return float(sum(volumes[element.Z] * share for element, share in shares))


def borrowed_coefficients(
    borrowed: BorrowedGeometry, volumes: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Lattice coefficients of a borrowed geometry, its volume rescaled to the new elements."""
    values = coefficients(borrowed.crystal.lattice)
    new = expected_volume(borrowed.crystal.template, volumes)
    old = expected_volume(borrowed.original.template, volumes)
    values[VOLUME] += np.log(new / old) / 3
    return values


def slot_elements(template: SymmetryTemplate) -> list[str]:
    """Elements in the order of the pattern's letter strings."""
    return [
        symbol for _, symbol in sorted((row, symbol) for symbol, row in template.letters.items())
    ]
