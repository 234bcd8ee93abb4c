"""The known crystals formula by formula, and which templates formulas have beside each other."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pymatgen.core import Element

from crystalsmith.core.chemistry.elements import element_distances
from crystalsmith.core.crystallography.normaliser import canonical
from crystalsmith.core.crystallography.pseudosymmetry import nearly_had
from crystalsmith.core.crystallography.template import (
    SymmetryTemplate,
    electropositive_first,
    ordered_amounts,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.entry import Entry

_Formula = tuple[tuple[str, ...], tuple[int, ...]]
_Pattern = tuple[int, tuple[str, ...]]


class Beside(NamedTuple):
    """Formulas that have a template beside that of a known crystal.

    Attributes:
        distances: ``(n,)`` how unlike their elements are to the crystal's (`element_distances`).
        energies: ``(n,)`` eV/atom of the template above what it is beside, NaN where unknown.
        total: of all pairs with the crystal's pattern, whatever is beside it.
    """

    distances: NDArray[np.float64]
    energies: NDArray[np.float64]
    total: int


class _Pairs(NamedTuple):
    """Formulas that have one pattern beside another; columns are the slots of the first.

    Attributes:
        formulas: ``(n,)`` their numbers.
        elements: ``(n, slots)`` atomic numbers less one.
        energies: ``(n,)`` see `Beside`.
    """

    formulas: NDArray[np.int64]
    elements: NDArray[np.int64]
    energies: NDArray[np.float64]


class KnownPolymorphs:
    """Known crystals by formula, sorted once somebody asks.

    Args:
        entries: known crystals.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._nearly: dict[int, dict[SymmetryTemplate, float]] = {}

    @cached_property
    def _of(self) -> dict[_Formula, list[Entry]]:
        formulas: dict[_Formula, list[Entry]] = defaultdict(list)
        for entry in self._entries:
            formulas[ordered_amounts(entry.composition)].append(entry)
        return dict(formulas)

    @cached_property
    def _numbers(self) -> dict[_Formula, int]:
        return {formula: number for number, formula in enumerate(self._of)}

    def of(self, composition: Composition) -> list[Entry]:
        """The known crystals of a formula, any multiple of it."""
        return self._of.get(ordered_amounts(composition), [])

    def nearly_had_by(self, entry: Entry) -> dict[SymmetryTemplate, float]:
        """Templates of higher symmetry that a known crystal nearly has (remembered)."""
        if id(entry) not in self._nearly:
            self._nearly[id(entry)] = nearly_had(entry.crystal)
        return self._nearly[id(entry)]

    def beside(self, crystal: SymmetricCrystal) -> dict[SymmetryTemplate, Beside]:
        """What other formulas have beside the crystal's pattern, with the crystal's elements."""
        template = crystal.template
        own = self._numbers.get(ordered_amounts(template.composition), -1)
        symbols = _slots(template)
        wanted = _indices(symbols)
        amounts = np.array([template.composition[symbol] for symbol in symbols])
        table = self._pairs.get(template.pattern, {})
        total = sum(int((pairs.formulas != own).sum()) for pairs in table.values())
        found: dict[SymmetryTemplate, Beside] = {}
        for (number, letters), pairs in table.items():
            others = pairs.formulas != own
            if not others.any():
                continue
            named = SymmetryTemplate.from_letters(number, dict(zip(symbols, letters, strict=True)))
            gaps = element_distances()[wanted, pairs.elements[others]] @ (amounts / amounts.sum())
            one = Beside(gaps, pairs.energies[others], total)
            key = canonical(named)[0]
            found[key] = _joined(found[key], one) if key in found else one
        return found

    @cached_property
    def _pairs(self) -> dict[_Pattern, dict[tuple[int, tuple[str, ...]], _Pairs]]:
        """By a pattern: space group and letters, slot by slot, of what formulas have beside it."""
        rows: dict[_Pattern, dict[tuple[int, tuple[str, ...]], list[tuple[int, list[int], float]]]]
        rows = defaultdict(lambda: defaultdict(list))
        for number, entries in enumerate(self._of.values()):
            if len(entries) == 1:
                continue
            for first in entries:
                symbols = _slots(first.crystal.template)
                elements = _indices(symbols)
                for second in _different(entries, first.crystal.template):
                    template = second.crystal.template
                    key = template.number, tuple(template.letters[symbol] for symbol in symbols)
                    gap = _energy(second) - _energy(first)
                    rows[first.crystal.template.pattern][key].append((number, elements, gap))
        return {
            pattern: {key: _Pairs(*map(np.array, zip(*own, strict=True))) for key, own in t.items()}
            for pattern, t in rows.items()
        }


def _slots(template: SymmetryTemplate) -> list[str]:
    """Elements in the order of their letters; those with equal letters electropositive first."""
    letters = template.letters
    return sorted(letters, key=lambda symbol: (letters[symbol], electropositive_first(symbol)))


def _indices(symbols: Sequence[str]) -> list[int]:
    return [Element(symbol).Z - 1 for symbol in symbols]


def _different(entries: Sequence[Entry], template: SymmetryTemplate) -> list[Entry]:
    """One crystal of each other template."""
    found = {entry.crystal.template: entry for entry in entries}
    return [entry for own, entry in found.items() if own != template]


def _energy(entry: Entry) -> float:
    return np.nan if entry.formation_energy is None else entry.formation_energy


def _joined(first: Beside, second: Beside) -> Beside:
    return Beside(
        np.concatenate((first.distances, second.distances)),
        np.concatenate((first.energies, second.energies)),
        first.total,
    )
