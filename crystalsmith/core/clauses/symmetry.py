"""Clauses about the crystal's symmetry."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from crystalsmith.core.clauses.base import CrystalSystem, SymmetryClause
from crystalsmith.core.crystallography.groups import crystal_system
from crystalsmith.core.crystallography.point_groups import point_group, point_group_from_symbol
from crystalsmith.core.crystallography.symbols import symbol_from_number


class SpaceGroupClause(SymmetryClause):
    """The crystal has exactly this space group."""

    kind: Literal["space_group"] = "space_group"
    number: int = Field(ge=1, le=230)

    def wish(self) -> str:
        """In words."""
        return f"space group {symbol_from_number(self.number)} ({self.number})"

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
        return (point_group(number) in _CENTROSYMMETRIC) == self.value


class PointGroupClause(SymmetryClause):
    """The crystal belongs to this point group (crystal class)."""

    kind: Literal["point_group"] = "point_group"
    symbol: str

    @field_validator("symbol")
    @classmethod
    def _known(cls, symbol: str) -> str:
        found = point_group_from_symbol(symbol)
        if found is None:
            raise ValueError(f"{symbol!r} is not one of the 32 point groups such as mm2 or m-3m")
        return found

    def wish(self) -> str:
        """In words."""
        return f"point group {self.symbol}"

    def allows_space_group(self, number: int) -> bool:
        """Whether the space group belongs to the point group."""
        return point_group(number) == self.symbol


class Polar(SymmetryClause):
    """The point group lets (or forbids) a spontaneous polarisation: it is one of the ten polar."""

    kind: Literal["polar"] = "polar"
    value: bool

    def wish(self) -> str:
        """In words."""
        return "polar" if self.value else "non-polar"

    def allows_space_group(self, number: int) -> bool:
        """Whether the group is polar, as asked."""
        return (point_group(number) in _POLAR) == self.value


class Chiral(SymmetryClause):
    """The crystal differs (or does not) from its mirror image: its group has rotations alone."""

    kind: Literal["chiral"] = "chiral"
    value: bool

    def wish(self) -> str:
        """In words."""
        return "chiral" if self.value else "achiral"

    def allows_space_group(self, number: int) -> bool:
        """Whether the group has rotations and screws alone, as asked."""
        return (point_group(number) in _ROTATIONS_ALONE) == self.value


_CENTROSYMMETRIC = frozenset(
    ("-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m", "6/m", "6/mmm", "m-3", "m-3m")
)
_POLAR = frozenset(("1", "2", "m", "mm2", "3", "3m", "4", "4mm", "6", "6mm"))
_ROTATIONS_ALONE = frozenset(("1", "2", "222", "3", "32", "4", "422", "6", "622", "23", "432"))
