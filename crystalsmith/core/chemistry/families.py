"""Named structure families: their stoichiometry, structure types and site rules, read from data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from crystalsmith.core.chemistry.formulas import stoichiometry
from crystalsmith.core.crystallography.normaliser import canonical
from crystalsmith.core.crystallography.template import SymmetryTemplate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymatgen.core import Composition


@dataclass(frozen=True)
class StructureType:
    """One prototype of a family: letters of each role in a space group."""

    number: int
    sites: dict[str, str]


@dataclass(frozen=True)
class Family:
    """A structure family.

    Attributes:
        name: lower-case name.
        aliases: other names, lower case, Chinese ones included.
        roles: amount of each role per formula unit, as in ``{"A": 1, "B": 1, "X": 3}``.
        types: structure types that count as members, the ideal one first.
    """

    name: str
    aliases: tuple[str, ...]
    roles: dict[str, int]
    types: tuple[StructureType, ...]

    def allows_composition(self, composition: Composition) -> bool:
        """Whether the family's sites can hold the composition."""
        return stoichiometry(composition) == tuple(sorted(self.roles.values()))

    def has_template(self, template: SymmetryTemplate) -> bool:
        """Whether a template (any setting) is one of the family's structure types."""
        pattern = canonical(template)[0].pattern
        return any(self._pattern(kind) == pattern for kind in self.types)

    def templates(self, elements: Mapping[str, str]) -> list[SymmetryTemplate]:
        """Canonical templates of the family with these elements on the roles."""
        return [
            canonical(
                SymmetryTemplate.from_letters(
                    kind.number, {elements[role]: letters for role, letters in kind.sites.items()}
                )
            )[0]
            for kind in self.types
        ]

    @property
    def space_groups(self) -> frozenset[int]:
        """Space groups of all structure types."""
        return frozenset(kind.number for kind in self.types)

    def _pattern(self, kind: StructureType) -> tuple[int, tuple[str, ...]]:
        placeholders = dict(zip(kind.sites, ("Li", "Be", "B", "C", "N", "O"), strict=False))
        letters = {placeholders[role]: row for role, row in kind.sites.items()}
        return canonical(SymmetryTemplate.from_letters(kind.number, letters))[0].pattern


@lru_cache(maxsize=1)
def _families() -> dict[str, Family]:
    text = resources.files("crystalsmith.core.chemistry").joinpath("families.toml").read_text()
    return {
        name: Family(
            name=name,
            aliases=tuple(row.get("aliases", ())),
            roles=row["roles"],
            types=tuple(StructureType(kind["space_group"], kind["sites"]) for kind in row["types"]),
        )
        for name, row in tomllib.loads(text).items()
    }


def family_names() -> tuple[str, ...]:
    """Names of all families."""
    return tuple(_families())


def family(name: str) -> Family:
    """The family of that name (not an alias)."""
    return _families()[name]
