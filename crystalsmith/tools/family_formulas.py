"""Formulas that fill the sites of a structure family."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from pymatgen.core import Element

from crystalsmith.tools.drafts import Draft, formula_of
from crystalsmith.tools.ions import RARE, commonness, familiarity, oxidation_states

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np

    from crystalsmith.core.chemistry.families import Family
    from crystalsmith.core.chemistry.site_rules import Ion
    from crystalsmith.tools.search_space import SearchSpace

_MOST = 20_000  # occupations of one formula that are looked at; of more, a sample
_MOST_UNASKED = 2_000  # the same for a family that was not asked for
_UNASKED = 0.8  # support of such a family's formulas
_NO_SIZE_RULE = 0.8  # support where no rule on sizes says anything
_WRONG_COUNT = 0.3  # support left when the electrons do not add up to a semiconductor
_LEAST = 0.02  # support below which an occupation is dropped


@dataclass(frozen=True)
class Occupations:
    """Elements for every role, at one choice of oxidation states.

    Attributes:
        states: oxidation state of each role, 0 where none is assumed.
        elements: elements that each role may hold.
    """

    states: dict[str, int]
    elements: dict[str, list[str]]

    @property
    def size(self) -> int:
        """Number of ways to choose one element a role."""
        return prod(len(row) for row in self.elements.values())

    def all(self) -> Iterator[dict[str, Ion]]:
        """Every way to choose one element a role."""
        for row in itertools.product(*self.elements.values()):
            yield {
                role: (symbol, self.states[role])
                for role, symbol in zip(self.elements, row, strict=True)
            }

    def some(self, number: int, rng: np.random.Generator) -> Iterator[dict[str, Ion]]:
        """A random sample of ways, with repetitions."""
        for _ in range(number):
            yield {
                role: (row[int(rng.integers(len(row)))], self.states[role])
                for role, row in self.elements.items()
            }


def family_formulas(item: Family, space: SearchSpace, rng: np.random.Generator) -> list[Draft]:
    """Occupations of a family's roles that balance their charges and fit in size.

    Args:
        item: the family.
        space: which elements may be used.
        rng: draws a sample when there are too many occupations.

    Returns:
        Drafts; their support is the fit of the radius rules, the commonness of the oxidation
        states and, weakly, how much is known of the elements at all.
    """
    found: dict[object, Draft] = {}
    for amounts in item.formulas:
        choices = _balanced(item, amounts, space)
        total = sum(choice.size for choice in choices)
        most = _MOST if item in space.families else _MOST_UNASKED
        for choice in choices:
            share = max(1, most * choice.size // max(total, 1))
            for ions in choice.all() if total <= most else choice.some(share, rng):
                draft = _draft(item, amounts, ions, space)
                if draft is not None and draft.support > _support_of(found.get(draft.formula)):
                    found[draft.formula] = draft
    return list(found.values())


def valence_electrons(symbol: str) -> int:
    """Electrons that count for the 8, 18 and 24 electron rules: s and p, and d unless filled."""
    element = Element(symbol)
    return int(element.group if element.group <= 12 else element.group - 10)


def _balanced(item: Family, amounts: Mapping[str, int], space: SearchSpace) -> list[Occupations]:
    """Charge-neutral choices of oxidation states; one of zeros for families that have none."""
    options = [_by_state(item, role, space) for role in amounts]
    found = []
    for states in itertools.product(*options):
        if sum(q * n for q, n in zip(states, amounts.values(), strict=True)) == 0:
            elements = [row[state] for row, state in zip(options, states, strict=True)]
            found.append(
                Occupations(
                    dict(zip(amounts, states, strict=True)),
                    dict(zip(amounts, elements, strict=True)),
                )
            )
    return found


def _by_state(item: Family, role: str, space: SearchSpace) -> dict[int, list[str]]:
    """Elements that may stand on a role, by the oxidation state they would have there."""
    rule = item.sites[role]
    belonging = rule.candidates & space.allowed
    n_anions = sum(other.charge == "anion" for other in item.sites.values())
    if rule.charge == "anion" and n_anions == 1 and space.anions is not None:
        belonging &= space.anions
    if not all(item.sites[other].oxidation for other in item.sites):
        return {0: sorted(belonging)}
    table: dict[int, list[str]] = {}
    for symbol in sorted(belonging):
        for state in rule.oxidation:
            if oxidation_states().get(symbol, {}).get(state, 0.0) >= RARE:
                table.setdefault(state, []).append(symbol)
    return table


def _draft(
    item: Family, amounts: Mapping[str, int], ions: Mapping[str, Ion], space: SearchSpace
) -> Draft | None:
    elements = {role: symbol for role, (symbol, _) in ions.items()}
    present = set(elements.values())
    if not space.required <= present or not item.accepts(elements):
        return None
    if len(present) < len(elements) and not _may_share(item, elements):
        return None
    support = _support(item, amounts, ions, space)
    if support < _LEAST:
        return None
    total: dict[str, int] = {}
    for role, symbol in elements.items():
        total[symbol] = total.get(symbol, 0) + amounts[role]
    origin = f"{item.name} family enumeration"
    return Draft(formula_of(total), origin, support, family=item.name)


def _may_share(item: Family, elements: Mapping[str, str]) -> bool:
    """Whether roles that hold the same element are roles that may."""
    holders: dict[str, set[str]] = {}
    for role, symbol in elements.items():
        holders.setdefault(symbol, set()).add(role)
    return all(len(roles) == 1 or frozenset(roles) in item.shared for roles in holders.values())


def _support(
    item: Family, amounts: Mapping[str, int], ions: Mapping[str, Ion], space: SearchSpace
) -> float:
    support = prod(familiarity(symbol) ** 0.25 for symbol, _ in ions.values())
    support *= prod(commonness(ion) ** 0.5 for ion in ions.values() if ion[1])
    support *= 1.0 if item in space.families else _UNASKED
    support *= 1.0 if item.radii else _NO_SIZE_RULE
    for rule in item.radii:
        if all(role in ions for roles in rule.roles for role in roles):
            support *= rule.fit(ions)
    if item.electrons and space.wants_a_gap:
        count = sum(valence_electrons(ions[role][0]) * n for role, n in amounts.items())
        support *= 1.0 if count in item.electrons else _WRONG_COUNT
    return support


def _support_of(draft: Draft | None) -> float:
    return 0.0 if draft is None else draft.support
