"""What may sit on the sites of a structure family: elements, charges, sizes.

Two kinds of rule are kept apart. *Gates* say what belongs to a family at all: the elements of a
role, and that anions stand above cations in `anion_rank`. *Evidence* says what is likely: usual
oxidation states and ratios of radii. Known crystals break the second kind often enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from pymatgen.core import Element

from crystalsmith.core.chemistry.elements import (
    ALL_ELEMENTS,
    ELEMENT_GROUPS,
    electronegativity_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

Ion = tuple[str, int]
"""An element with its oxidation state, 0 when none is assumed."""

_NONMETALS = frozenset({"H", "C", "N", "O", "F", "P", "S", "Cl", "Se", "Br", "Te", "I"})
_HALF_METALS = frozenset({"B", "Si", "Ge", "As", "Sb", "Bi", "Sn", "Pb"})


@lru_cache(maxsize=len(ALL_ELEMENTS))
def anion_rank(symbol: str) -> tuple[int, float]:
    """Sort key: the higher, the more likely the element is the anion of a compound.

    Nonmetals come above the metals' neighbours and these above metals; inside a class Pauling's
    electronegativity decides. Electronegativity alone would call PtTe2 a platinide.
    """
    tier = 2 if symbol in _NONMETALS else 1 if symbol in _HALF_METALS else 0
    return tier, electronegativity_of(symbol)


def elements_named(names: Iterable[str]) -> frozenset[str]:
    """Elements of a list of symbols and group names such as ``metal``.

    Raises:
        KeyError: a name is neither.
    """
    found: set[str] = set()
    for name in names:
        found |= {name} if name in ALL_ELEMENTS else ELEMENT_GROUPS[name]
    return frozenset(found)


Charge = Literal["anion", "cation", ""]


@dataclass(frozen=True)
class SiteRule:
    """What one role of a family may hold.

    Attributes:
        amount: atoms per formula unit.
        charge: whether it holds the anions, the cations, or either.
        elements: elements that belong there (gate).
        oxidation: usual oxidation states (evidence).
        typical: usual elements (evidence).
    """

    amount: int
    charge: Charge = ""
    elements: frozenset[str] = frozenset(ALL_ELEMENTS)
    oxidation: tuple[int, ...] = ()
    typical: frozenset[str] = field(default_factory=frozenset)

    @property
    def candidates(self) -> frozenset[str]:
        """Elements to propose: the typical ones, or all that belong there."""
        return (self.typical & self.elements) or self.elements


@dataclass(frozen=True)
class RadiusRule:
    """A rule on the sizes of the atoms of a family.

    Attributes:
        rule: ``goldschmidt`` is the tolerance factor (rA + rX) / √2 (rB + rX) with Shannon radii
            for 12, 6 and 6 neighbours, averaged over the roles of each; ``ratio`` is that of two
            roles' Shannon radii; ``metallic ratio`` that of two roles' metallic radii.
        roles: roles of numerator and denominator (A, B and X for Goldschmidt's).
        coordination: neighbours of numerator and denominator for ``ratio``.
        low: lowest usual value.
        high: highest usual value.
    """

    rule: Literal["goldschmidt", "ratio", "metallic ratio"]
    roles: tuple[tuple[str, ...], ...]
    coordination: tuple[int, int]
    low: float
    high: float

    def fit(
        self, ions: Mapping[str, Sequence[Ion]], picks: Mapping[str, NDArray[np.int64]]
    ) -> NDArray[np.float64]:
        """How well occupants obey: 1 around the middle, 0.6 at the bounds, then soon 0.

        Unknown radii give 0.5.

        Args:
            ions: what each role may hold.
            picks: ``(N,)`` which of them each role does hold, for many occupations.
        """
        neighbours = {"goldschmidt": (12, 6, 6), "ratio": self.coordination}.get(self.rule, (0, 0))
        radii = [
            np.mean([_radii(ions[role], coordination)[picks[role]] for role in roles], axis=0)
            for roles, coordination in zip(self.roles, neighbours, strict=True)
        ]
        if self.rule == "goldschmidt":
            a, b, x = radii
            value = (a + x) / (2**0.5 * (b + x))
        else:
            value = radii[0] / radii[1]
        off_centre = np.abs(2 * value - self.low - self.high) / (self.high - self.low)
        credit = np.interp(off_centre, (0.6, 1.0, 1.5), (1.0, 0.6, 0.0))
        return np.where(np.isnan(value), 0.5, credit)


def _radii(ions: Sequence[Ion], coordination: int) -> NDArray[np.float64]:
    """Shannon radii in Å with so many neighbours, metallic ones with none; NaN where unknown."""
    known = [
        shannon_radius(*ion, coordination) if coordination else metallic_radius(ion[0])
        for ion in ions
    ]
    return np.array([radius or np.nan for radius in known], dtype=float)


@lru_cache(maxsize=4096)
def shannon_radius(symbol: str, oxidation: int, coordination: int) -> float | None:
    """Shannon's ionic radius in Å for the nearest tabulated number of neighbours.

    Source: SMACT's table of Shannon (1976); ions that are not in it come from its extension by
    machine learning (Baloch et al. 2021). An oxidation state that is in neither gives None.
    """
    from smact.data_loader import lookup_element_shannon_radius_data_extendedML as table

    rows = [row for row in table(symbol, copy=False) or () if row["charge"] == oxidation]
    # the extension overshoots for 12 neighbours of small ions: it only stands in for what is absent
    measured = [row for row in rows if row["comment"] == "Shannon"] or rows
    if not measured:
        return None
    gaps = [abs(int(row["coordination"]) - coordination) for row in measured]
    nearest = [row for row, gap in zip(measured, gaps, strict=True) if gap == min(gaps)]
    return float(sum(row["ionic_radius"] for row in nearest) / len(nearest))  # mean of spin states


@lru_cache(maxsize=len(ALL_ELEMENTS))
def metallic_radius(symbol: str) -> float | None:
    """Radius in the elemental metal in Å, or the atomic radius where there is no metal."""
    import warnings

    element = Element(symbol)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        radius = element.metallic_radius or element.atomic_radius
    return float(radius) if radius else None
