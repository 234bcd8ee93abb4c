"""Named structure families: their stoichiometry, structure types and site rules, read from data.

A crystal belongs to a family when its symmetry template is one of the family's structure types,
in any setting, *and* every role holds what may stand there: SrTiO3 and the antiperovskite Ca3SnO
occupy the same positions of the same space group and differ in where the anion is.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import resources
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from crystalsmith.core.chemistry.site_rules import (
    RadiusRule,
    SiteRule,
    anion_rank,
    elements_named,
)
from crystalsmith.core.crystallography.normaliser import canonical, normaliser_operations
from crystalsmith.core.crystallography.template import SymmetryTemplate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pymatgen.core import Composition

Assignment = dict[str, str]
"""Which element stands on each role."""


@dataclass(frozen=True)
class StructureType:
    """One prototype of a family: letters of each role in a space group.

    Attributes:
        number: space group number.
        sites: Wyckoff letters of each role, in pyxtal's default setting.
        amounts: atoms of each role per formula unit.
    """

    number: int
    sites: dict[str, str]
    amounts: dict[str, int]

    @cached_property
    def settings(self) -> tuple[dict[str, str], ...]:
        """Sorted letters of each role in every equivalent description."""
        found: list[dict[str, str]] = []
        for operation in normaliser_operations(self.number):
            letters = {
                role: _sorted(operation.letters[letter] for letter in row)
                for role, row in self.sites.items()
            }
            if letters not in found:
                found.append(letters)
        return tuple(found)

    @cached_property
    def occupied(self) -> frozenset[str]:
        """All letters that are occupied, whatever by, in every equivalent description."""
        return frozenset(_sorted("".join(setting.values())) for setting in self.settings)


@dataclass(frozen=True)
class Family:
    """A structure family.

    Attributes:
        name: lower-case name.
        aliases: other names, lower case, Chinese ones included.
        sites: rule of each role.
        types: structure types that count as members, the ideal one first.
        shared: roles that one element may fill together.
        radii: rules on the sizes of the atoms.
        electrons: valence electrons per formula unit of the family's semiconductors, if known.
        mixed: its sites are often shared, so that members have other formulas than these.
    """

    name: str
    aliases: tuple[str, ...]
    sites: dict[str, SiteRule]
    types: tuple[StructureType, ...]
    shared: tuple[frozenset[str], ...] = ()
    radii: tuple[RadiusRule, ...] = ()
    electrons: tuple[int, ...] = field(default=())
    mixed: bool = False

    @property
    def roles(self) -> dict[str, int]:
        """Amount of each role per formula unit, as in ``{"A": 1, "B": 1, "X": 3}``."""
        return {role: rule.amount for role, rule in self.sites.items()}

    @property
    def space_groups(self) -> frozenset[int]:
        """Space groups of all structure types."""
        return frozenset(kind.number for kind in self.types)

    @property
    def formulas(self) -> tuple[dict[str, int], ...]:
        """Amounts of each role in every formula the family has, the usual one first."""
        found: list[dict[str, int]] = []
        for kind in self.types:
            if kind.amounts not in found:
                found.append(kind.amounts)
        return tuple(found)

    def allows_composition(self, composition: Composition) -> bool:
        """Whether the family's sites can hold the composition."""
        return bool(self.composition_assignments(composition))

    def composition_assignments(self, composition: Composition) -> list[Assignment]:
        """Every way of placing the elements of a composition on the roles."""
        reduced = composition.reduced_composition
        amounts = {element.symbol: round(amount) for element, amount in reduced.items()}
        found = []
        for formula in self.formulas:
            factor, rest = divmod(sum(formula.values()), sum(amounts.values()))
            if not rest:
                present = {element: "x" * n * factor for element, n in amounts.items()}
                found += self._placements(present, {role: "x" * n for role, n in formula.items()})
        return _distinct(found)

    def has_template(self, template: SymmetryTemplate) -> bool:
        """Whether a template, in any setting, is one of the family's structure types."""
        return bool(self.assignments(template))

    def assignments(self, template: SymmetryTemplate) -> list[Assignment]:
        """Every way of reading a template as one of the family's structure types.

        Several ways exist when roles are equivalent, as B and B' of a double perovskite.
        """
        present = {element: _sorted(row) for element, row in template.letters.items()}
        occupied = _sorted("".join(present.values()))
        found: list[Assignment] = []
        for kind in self.types:
            if kind.number == template.number and occupied in kind.occupied:
                for setting in kind.settings:
                    found += self._placements(present, setting)
        return _distinct(found)

    def templates(self, elements: Mapping[str, str]) -> list[SymmetryTemplate]:
        """Canonical templates of the family with these elements on the roles, the ideal one first.

        Args:
            elements: element of each role. Types that have other roles are left out; types with
                the same roles in other amounts (Sr2TiO4 and Sr3Ti2O7) are all given.
        """
        found = []
        for kind in self.types:
            if set(kind.sites) == set(elements):
                rows: dict[str, str] = {}
                for role, letters in kind.sites.items():
                    rows[elements[role]] = rows.get(elements[role], "") + letters
                found.append(canonical(SymmetryTemplate.from_letters(kind.number, rows))[0])
        return list(dict.fromkeys(found))

    def templates_for(self, composition: Composition) -> list[SymmetryTemplate]:
        """Canonical templates of the family that have this composition, the ideal ones first."""
        readings = [self.templates(a) for a in self.composition_assignments(composition)]
        in_turn = [template for row in zip_longest(*readings) for template in row if template]
        formula = composition.reduced_formula
        return [t for t in dict.fromkeys(in_turn) if t.composition.reduced_formula == formula]

    def _placements(self, present: dict[str, str], needed: dict[str, str]) -> list[Assignment]:
        """Ways of giving every role what it needs.

        Args:
            present: what there is of each element, as a sorted string (its Wyckoff letters, or
                one character an atom).
            needed: the same for each role.
        """
        return [a for a in _covers(present, needed, self.shared) if self.accepts(a)]

    def accepts(self, assignment: Assignment) -> bool:
        """Whether every role holds what belongs there (the family's gates)."""
        if any(element not in self.sites[role].elements for role, element in assignment.items()):
            return False
        anions = [e for role, e in assignment.items() if self.sites[role].charge == "anion"]
        cations = [e for role, e in assignment.items() if self.sites[role].charge == "cation"]
        return not (anions and cations) or (
            max(map(anion_rank, cations)) < min(map(anion_rank, anions))
        )


def _distinct(assignments: list[Assignment]) -> list[Assignment]:
    return [a for i, a in enumerate(assignments) if a not in assignments[:i]]


def _sorted(letters: Iterable[str]) -> str:
    return "".join(sorted(letters))


def _covers(
    present: dict[str, str], needed: dict[str, str], shared: tuple[frozenset[str], ...]
) -> Iterator[Assignment]:
    """Ways of handing roles to elements so that each gets exactly what is present of it."""
    if not present:
        if not needed:
            yield {}
        return
    element, amount = next(iter(present.items()))
    others = {other: row for other, row in present.items() if other != element}
    groups = [[role] for role in needed]
    groups += [sorted(group) for group in shared if group <= set(needed)]
    for group in groups:
        if _sorted("".join(needed[role] for role in group)) == amount:
            rest = {role: row for role, row in needed.items() if role not in group}
            for cover in _covers(others, rest, shared):
                yield dict.fromkeys(group, element) | cover


@lru_cache(maxsize=1)
def _families() -> dict[str, Family]:
    text = resources.files("crystalsmith.core.chemistry").joinpath("families.toml").read_text()
    rows = tomllib.loads(text)
    return {name: _family_from(name, row, rows) for name, row in rows.items()}


def _family_from(name: str, row: dict[str, Any], rows: dict[str, Any]) -> Family:
    sites = {role: _site_rule(spec) for role, spec in row["roles"].items()}
    own = row["types"] if isinstance(row["types"], list) else rows[row["types"]]["types"]
    usual = {role: rule.amount for role, rule in sites.items()}
    return Family(
        name=name,
        aliases=tuple(row.get("aliases", ())),
        sites=sites,
        types=tuple(
            StructureType(kind["space_group"], kind["sites"], kind.get("amounts", usual))
            for kind in own
        ),
        shared=tuple(frozenset(roles) for roles in row.get("shared", ())),
        radii=tuple(_radius_rule(spec) for spec in row.get("radii", ())),
        electrons=tuple(row.get("electrons", ())),
        mixed=bool(row.get("mixed", False)),
    )


def _site_rule(spec: dict[str, Any]) -> SiteRule:
    everything = SiteRule(1).elements
    belonging = elements_named(spec["elements"]) if "elements" in spec else everything
    return SiteRule(
        amount=spec["amount"],
        charge=spec.get("charge", ""),
        elements=belonging - elements_named(spec.get("without", ())),
        oxidation=tuple(spec.get("oxidation", ())),
        typical=elements_named(spec.get("typical", ())),
    )


def _radius_rule(spec: dict[str, Any]) -> RadiusRule:
    goldschmidt = spec["rule"] == "goldschmidt"
    roles = (spec["A"], spec["B"], spec["X"]) if goldschmidt else ([spec["of"]], [spec["to"]])
    low, high = spec["range"]
    first, second = spec.get("coordination", (0, 0))
    return RadiusRule(spec["rule"], tuple(tuple(row) for row in roles), (first, second), low, high)


@lru_cache(maxsize=1)
def family_aliases() -> dict[str, str]:
    """Family name of every way of writing it, lower case, the names themselves included.

    Plurals and spellings with a hyphen, a space or neither are added to what the data lists, so
    that ``half heuslers`` is found.
    """
    table: dict[str, str] = {name: name for name in _families()}
    for name, item in _families().items():
        for alias in item.aliases:
            table.setdefault(alias.lower(), name)
    for alias, name in list(table.items()):
        for spelling in _spellings(alias):
            table.setdefault(spelling, name)
    return table


def _spellings(alias: str) -> Iterator[str]:
    if not alias.isascii():
        return
    stem = alias.removesuffix("-type")
    types = [] if stem == alias else [f"{stem}{end}" for end in ("-type", " type", " structure")]
    for text in [alias, alias.replace("-", " "), alias.replace(" ", "-"), *types]:
        yield text
        if text[-1].isalpha() and not text.endswith(("s", "type", "structure", "lattice")):
            yield text + "s"


def family_names() -> tuple[str, ...]:
    """Names of all families."""
    return tuple(_families())


def family(name: str) -> Family:
    """The family of that name (not an alias; see `family_aliases`)."""
    return _families()[name]


def families_of(template: SymmetryTemplate) -> tuple[str, ...]:
    """Names of all families that a template belongs to."""
    occupied = _sorted(letter for _, letter in template.orbits)
    candidates = _occupations(template.number).get(occupied, ())
    return tuple(name for name in candidates if family(name).has_template(template))


@lru_cache(maxsize=230)
def _occupations(number: int) -> dict[str, tuple[str, ...]]:
    """Families by the letters that are occupied at all, in any setting of a space group.

    Most crystals occupy other letters than any family does; this spares them the closer look.
    """
    table: dict[str, dict[str, None]] = {}
    for name, item in _families().items():
        for kind in item.types:
            if kind.number == number:
                for occupied in kind.occupied:
                    table.setdefault(occupied, {})[name] = None
    return {letters: tuple(names) for letters, names in table.items()}
