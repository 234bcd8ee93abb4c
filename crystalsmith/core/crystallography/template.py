"""Symmetry templates: everything discrete about a crystal.

A template is a space group with one element and one Wyckoff letter per orbit. It is what the
constraint generator writes and what the structure generator reads.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import gcd
from typing import TYPE_CHECKING, NamedTuple

from pymatgen.core import Composition

from crystalsmith.core.chemistry.elements import electronegativity_of
from crystalsmith.core.crystallography.groups import (
    FREE_LATTICE_PARAMETERS,
    SpaceGroup,
    space_group,
)
from crystalsmith.core.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Orbit(NamedTuple):
    """One set of symmetry-equivalent atoms: an element on a Wyckoff letter."""

    element: str
    letter: str


@lru_cache(maxsize=200)
def electropositive_first(element: str) -> tuple[float, str]:
    """Sort key that writes formulas in the usual order, electropositive elements first.

    Elements without a Pauling electronegativity (some noble gases, actinides) come last.
    """
    return electronegativity_of(element) or 9.0, element


def ordered_amounts(composition: Composition) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Elements, electropositive first, and their amounts per reduced formula unit.

    Unlike pymatgen's reduced formula, an element is one atom: O, not O2.
    """
    content = {el.symbol: round(n) for el, n in composition.element_composition.items()}
    divisor = gcd(*content.values())
    elements = tuple(sorted(content, key=electropositive_first))
    return elements, tuple(content[element] // divisor for element in elements)


@dataclass(frozen=True)
class SymmetryTemplate:
    """A realisable set of occupied Wyckoff positions.

    Attributes:
        number: space group number.
        orbits: sorted, electropositive elements first, letters in order.

    Raises:
        TemplateError: on construction, for an unknown letter, no orbits at all, or a point without
            freedom (a fixed point in space) that is occupied twice.
    """

    number: int
    orbits: tuple[Orbit, ...]

    def __post_init__(self) -> None:
        if not self.orbits:
            raise TemplateError("a symmetry template needs at least one orbit")
        ordered = sorted(
            [orbit if isinstance(orbit, Orbit) else Orbit(*orbit) for orbit in self.orbits],
            key=lambda orbit: (electropositive_first(orbit[0]), orbit[1]),
        )
        object.__setattr__(self, "orbits", tuple(ordered))
        letters, group = [letter for _, letter in ordered], self.group
        for letter in dict.fromkeys(letters):
            if group.position(letter).freedom == 0 and letters.count(letter) > 1:
                raise TemplateError(
                    f"position {letter} of space group {self.number} is a fixed point and can hold"
                    f" one orbit, not {letters.count(letter)}"
                )

    @classmethod
    def from_letters(cls, number: int, letters: Mapping[str, Iterable[str]]) -> SymmetryTemplate:
        """Template from the letters of each element, as in ``{"Na": "a", "Cl": "b"}``."""
        orbits = (Orbit(element, letter) for element, row in letters.items() for letter in row)
        return cls(number, tuple(orbits))

    @property
    def group(self) -> SpaceGroup:
        """The space group with its tables."""
        return space_group(self.number)

    @cached_property
    def composition(self) -> Composition:
        """Content of the conventional cell."""
        amounts: Counter[str] = Counter()
        for orbit in self.orbits:
            amounts[orbit.element] += self.group.position(orbit.letter).multiplicity
        return Composition(amounts)

    @property
    def formula_units(self) -> int:
        """Reduced formula units per conventional cell; atoms in the case of an element."""
        return gcd(*(round(amount) for amount in self.composition.values()))

    @property
    def n_atoms(self) -> int:
        """Atoms per primitive cell."""
        return round(self.composition.num_atoms) // self.group.centring

    @property
    def free_parameters(self) -> int:
        """Lattice parameters (volume included) and coordinates that symmetry leaves open."""
        coordinates = sum(self.group.position(orbit.letter).freedom for orbit in self.orbits)
        return FREE_LATTICE_PARAMETERS[self.group.crystal_family] + coordinates

    @property
    def letters(self) -> dict[str, str]:
        """Letters of each element as one string, as in ``{"Ca": "c", "O": "cd"}``."""
        table: dict[str, str] = {}
        for element, letter in self.orbits:
            table[element] = table.get(element, "") + letter
        return table

    @property
    def pattern(self) -> tuple[int, tuple[str, ...]]:
        """The template with elements forgotten: space group and sorted letter strings.

        Two crystals can exchange their free parameters, element for element, when their canonical
        templates have the same pattern.
        """
        return self.number, tuple(sorted(self.letters.values()))

    def with_elements(self, replacement: Mapping[str, str]) -> SymmetryTemplate:
        """The same positions with other elements."""
        return SymmetryTemplate(
            self.number,
            tuple(
                Orbit(replacement.get(element, element), letter) for element, letter in self.orbits
            ),
        )

    def __str__(self) -> str:
        rows = (
            f"{element} on "
            + ", ".join(f"{self.group.position(letter).multiplicity}{letter}" for letter in letters)
            for element, letters in self.letters.items()
        )
        return f"{self.group.symbol} ({self.number}): {'; '.join(rows)}"
