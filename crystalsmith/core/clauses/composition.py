"""Clauses about what the crystal is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import field_validator, model_validator

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, ELEMENT_GROUPS
from crystalsmith.core.chemistry.formulas import (
    ANION_CLASSES,
    has_anion_class,
    parse_formula,
    parse_ratio,
    stoichiometry,
)
from crystalsmith.core.clauses.base import Clause, CompositionClause, verdict
from crystalsmith.core.crystallography.crystal import SYMMETRY_PRECISION, symmetry_dataset
from crystalsmith.core.crystallography.template import ordered_amounts

if TYPE_CHECKING:
    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.evidence import Evidence, Verdict


def _symbols(composition: Composition) -> set[str]:
    return {element.symbol for element in composition.elements}


class _ElementsClause(CompositionClause):
    elements: tuple[str, ...]

    @field_validator("elements")
    @classmethod
    def _known_and_sorted(cls, elements: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(elements) - set(ALL_ELEMENTS))
        if unknown or not elements:
            raise ValueError(f"not chemical elements: {', '.join(unknown) or 'none given'}")
        return tuple(sorted(set(elements)))


class _GroupsClause(CompositionClause):
    groups: tuple[str, ...]

    @field_validator("groups")
    @classmethod
    def _known_and_sorted(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(groups) - set(ELEMENT_GROUPS))
        if unknown or not groups:
            raise ValueError(f"not element groups: {', '.join(unknown) or 'none given'}")
        return tuple(sorted(set(groups)))


class IncludeElements(_ElementsClause):
    """All of these elements are present."""

    kind: Literal["include"] = "include"

    def wish(self) -> str:
        """In words."""
        return f"contains {', '.join(self.elements)}"

    def allows_composition(self, composition: Composition) -> bool:
        """Whether every element is there."""
        return set(self.elements) <= _symbols(composition)


class ExcludeElements(_ElementsClause):
    """None of these elements is present."""

    kind: Literal["exclude"] = "exclude"

    def wish(self) -> str:
        """In words."""
        return f"no {', '.join(self.elements)}"

    def allows_composition(self, composition: Composition) -> bool:
        """Whether none of them is there."""
        return not set(self.elements) & _symbols(composition)


class OnlyElements(_ElementsClause):
    """No element outside this set is present."""

    kind: Literal["only"] = "only"

    def wish(self) -> str:
        """In words."""
        return f"only {', '.join(self.elements)}"

    def allows_composition(self, composition: Composition) -> bool:
        """Whether the composition stays inside the set."""
        return _symbols(composition) <= set(self.elements)


class IncludeGroups(_GroupsClause):
    """At least one element of each of these groups is present."""

    kind: Literal["include_groups"] = "include_groups"

    def wish(self) -> str:
        """In words."""
        return f"contains {', '.join(with_article(group) for group in self.groups)}"

    def allows_composition(self, composition: Composition) -> bool:
        """Whether every group is represented."""
        return all(ELEMENT_GROUPS[group] & _symbols(composition) for group in self.groups)


class ExcludeGroups(_GroupsClause):
    """No element of these groups is present."""

    kind: Literal["exclude_groups"] = "exclude_groups"

    def wish(self) -> str:
        """In words."""
        return f"no {', no '.join(self.groups)}"

    def allows_composition(self, composition: Composition) -> bool:
        """Whether no group is represented."""
        return not any(ELEMENT_GROUPS[group] & _symbols(composition) for group in self.groups)


class ExactFormula(CompositionClause):
    """The reduced formula is exactly this one (kept in pymatgen's reduced form)."""

    kind: Literal["formula"] = "formula"
    formula: str

    @field_validator("formula")
    @classmethod
    def _reduced(cls, formula: str) -> str:
        return str(parse_formula(formula).reduced_formula)

    def wish(self) -> str:
        """In words."""
        return f"formula {self.formula}"

    def allows_composition(self, composition: Composition) -> bool:
        """Whether the reduced formulas agree."""
        return bool(composition.reduced_formula == self.formula)


class Ratio(CompositionClause):
    """Element amounts are in this ratio, whichever element takes which place (ABX3, 1:1:2)."""

    kind: Literal["ratio"] = "ratio"
    ratio: str

    @field_validator("ratio")
    @classmethod
    def _readable(cls, ratio: str) -> str:
        if parse_ratio(ratio) is None:
            raise ValueError(f"{ratio!r} is not a ratio such as ABX3 or 1:1:2")
        return ratio

    @property
    def amounts(self) -> tuple[int, ...]:
        """Reduced amounts in ascending order."""
        return parse_ratio(self.ratio) or ()

    def wish(self) -> str:
        """In words."""
        return f"stoichiometry {self.ratio}"

    def allows_composition(self, composition: Composition) -> bool:
        """Whether the sorted reduced amounts agree."""
        return stoichiometry(composition) == self.amounts


class ElementCount(CompositionClause):
    """The number of different elements (ternary: exactly 3)."""

    kind: Literal["n_elements"] = "n_elements"
    minimum: int | None = None
    maximum: int | None = None

    @model_validator(mode="after")
    def _bounded(self) -> ElementCount:
        _check_bounds(self.minimum, self.maximum)
        return self

    def wish(self) -> str:
        """In words."""
        noun = "element" if self.maximum == 1 else "elements"
        return f"{bounds_in_words(self.minimum, self.maximum)} {noun}"

    def allows_composition(self, composition: Composition) -> bool:
        """Whether the number of elements lies within the bounds."""
        return within(len(composition), self.minimum, self.maximum)


class AnionClass(CompositionClause):
    """The compound is an oxide, a halide, an intermetallic and so on."""

    kind: Literal["anion_class"] = "anion_class"
    name: str

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in ANION_CLASSES:
            raise ValueError(f"{name!r} is not one of {', '.join(ANION_CLASSES)}")
        return name

    def wish(self) -> str:
        """In words."""
        return with_article(self.name)

    def allows_composition(self, composition: Composition) -> bool:
        """Whether the most electronegative element belongs to the class."""
        return has_anion_class(composition, self.name)


class AtomCount(Clause):
    """The number of atoms in the primitive cell."""

    kind: Literal["n_atoms"] = "n_atoms"
    minimum: int | None = None
    maximum: int | None = None

    @model_validator(mode="after")
    def _bounded(self) -> AtomCount:
        _check_bounds(self.minimum, self.maximum)
        return self

    def wish(self) -> str:
        """In words."""
        return f"{bounds_in_words(self.minimum, self.maximum)} atoms in the primitive cell"

    def allows_composition(self, composition: Composition) -> bool:
        """False when one formula unit alone has too many atoms."""
        smallest = sum(ordered_amounts(composition)[1])
        return self.maximum is None or smallest <= self.maximum

    def allows_atom_count(self, count: int) -> bool:
        """Whether the count lies within the bounds."""
        return within(count, self.minimum, self.maximum)

    def allows_template(self, template: SymmetryTemplate) -> bool:
        """Whether the template's primitive cell has the right size."""
        return self.allows_atom_count(template.n_atoms)

    def check(self, evidence: Evidence) -> Verdict:
        """Judge by the primitive cell of the finished crystal."""
        found = symmetry_dataset(evidence.structure, SYMMETRY_PRECISION)
        count = len(evidence.structure if found is None else set(found.mapping_to_primitive))
        return verdict(within(count, self.minimum, self.maximum), f"{count} atoms")


def with_article(noun: str) -> str:
    """A noun with its indefinite article: an oxide, a halide."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _check_bounds(minimum: int | None, maximum: int | None) -> None:
    if minimum is None and maximum is None:
        raise ValueError("give a minimum, a maximum, or both")
    if (minimum or 0) > (maximum if maximum is not None else minimum or 0):
        raise ValueError(f"the minimum {minimum} is above the maximum {maximum}")


def within(count: int, minimum: int | None, maximum: int | None) -> bool:
    """Whether a count lies within bounds, of which None means unbounded."""
    return (minimum is None or count >= minimum) and (maximum is None or count <= maximum)


def bounds_in_words(minimum: int | None, maximum: int | None) -> str:
    """Bounds as people say them: 3, at least 3, at most 5, 3 to 5."""
    if minimum == maximum:
        return f"{minimum}"
    if maximum is None:
        return f"at least {minimum}"
    if minimum is None:
        return f"at most {maximum}"
    return f"{minimum} to {maximum}"
