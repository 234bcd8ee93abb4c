"""Clauses about the crystal's symmetry."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from pydantic import Field

from crystalsmith.core.clauses.base import CrystalSystem, SymmetryClause
from crystalsmith.core.crystallography.groups import crystal_system, space_group


class SpaceGroupClause(SymmetryClause):
    """The crystal has exactly this space group."""

    kind: Literal["space_group"] = "space_group"
    number: int = Field(ge=1, le=230)

    def wish(self) -> str:
        """In words."""
        return f"space group {space_group(self.number).symbol} ({self.number})"

    def allows_space_group(self, number: int) -> bool:
        """Whether the numbers agree."""
        return number == self.number


class CrystalSystemClause(SymmetryClause):
    """The crystal belongs to this crystal system."""

    kind: Literal["crystal_system"] = "crystal_system"
    name: CrystalSystem

    def wish(self) -> str:
        """In words."""
        return self.name

    def allows_space_group(self, number: int) -> bool:
        """Whether the space group belongs to the system."""
        return crystal_system(number) == self.name


class Centrosymmetric(SymmetryClause):
    """The space group has (or lacks) an inversion centre."""

    kind: Literal["centrosymmetric"] = "centrosymmetric"
    value: bool

    def wish(self) -> str:
        """In words."""
        return "centrosymmetric" if self.value else "non-centrosymmetric"

    def allows_space_group(self, number: int) -> bool:
        """Whether the group contains the inversion, as asked."""
        return (number in _centrosymmetric_groups()) == self.value


@lru_cache(maxsize=1)
def _centrosymmetric_groups() -> frozenset[int]:
    import spglib

    laue = {"-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m"}
    types = (spglib.get_spacegroup_type(hall) for hall in range(1, 531))
    return frozenset(int(kind.number) for kind in types if kind.pointgroup_international in laue)
