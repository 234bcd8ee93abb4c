"""Formulas that fill the sites of a structure family."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from pymatgen.core import Element

from crystalsmith.tools.drafts import Draft
from crystalsmith.tools.enumeration import all_choices, anion_ranks, best_of_each, indices
from crystalsmith.tools.ions import RARE, commonness, familiarity, oxidation_states

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.chemistry.families import Family
    from crystalsmith.core.chemistry.site_rules import Ion
    from crystalsmith.tools.enumeration import Indices
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

    @property
    def ions(self) -> dict[str, list[Ion]]:
        """What each role may hold."""
        return {
            role: [(symbol, self.states[role]) for symbol in row]
            for role, row in self.elements.items()
        }

    def all(self) -> Indices:
        """``(N, roles)`` every way to choose one element a role."""
        return all_choices([len(row) for row in self.elements.values()])

    def some(self, number: int, rng: np.random.Generator) -> Indices:
        """``(number, roles)`` a random sample of ways, with repetitions."""
        sizes = [len(row) for row in self.elements.values()]
        return rng.integers(sizes, size=(number, len(sizes)))


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
    found: list[Draft] = []
    for amounts in item.formulas:
        choices = [choice for choice in _balanced(item, amounts, space) if choice.size]
        total = sum(choice.size for choice in choices)
        most = _MOST if item in space.families else _MOST_UNASKED
        parts = []
        for choice in choices:
            share = max(1, most * choice.size // total)
            picks = choice.all() if total <= most else choice.some(share, rng)
            parts.append(_weighed(item, amounts, choice, picks, space))
        if parts:
            elements, support = (np.concatenate(column) for column in zip(*parts, strict=True))
            best = best_of_each(elements, np.array(list(amounts.values())), support, _MOST)
            origin = f"{item.name} family enumeration"
            found += [
                Draft(formula, origin, float(support[row]), family=item.name)
                for formula, row in best
            ]
    return found


@lru_cache(maxsize=128)
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


def _weighed(
    item: Family,
    amounts: Mapping[str, int],
    choice: Occupations,
    picks: Indices,
    space: SearchSpace,
) -> tuple[Indices, NDArray[np.float64]]:
    """``(n, roles)`` elements of the occupations that the family's gates allow, and their support.

    Args:
        item: the family.
        amounts: of each role.
        choice: what each role may hold.
        picks: ``(N, roles)`` which of it.
        space: what was asked for.
    """
    columns = [indices(row) for row in choice.elements.values()]
    elements = np.stack([row[pick] for row, pick in zip(columns, picks.T, strict=True)], axis=1)
    kept = _accepted(item, list(amounts), elements, space)
    elements, picks = elements[kept], picks[kept]
    support = np.full(len(elements), 1.0 if item in space.families else _UNASKED)
    support *= 1.0 if item.radii else _NO_SIZE_RULE
    ions, by_role = choice.ions, dict(zip(choice.elements, picks.T, strict=True))
    for role, pick in by_role.items():
        support *= np.array([_usual(ion) for ion in ions[role]])[pick]
    for rule in item.radii:
        if all(role in ions for roles in rule.roles for role in roles):
            support *= rule.fit(ions, by_role)
    if item.electrons and space.wants_a_gap:
        count = sum(
            np.array([valence_electrons(symbol) for symbol, _ in ions[role]])[by_role[role]] * n
            for role, n in amounts.items()
        )
        support *= np.where(np.isin(count, item.electrons), 1.0, _WRONG_COUNT)
    enough = support >= _LEAST
    return elements[enough], support[enough]


def _accepted(
    item: Family, roles: Sequence[str], elements: Indices, space: SearchSpace
) -> NDArray[np.bool_]:
    """``(N,)`` whether anions outrank cations, all that must occur does, and roles may share."""
    kept = np.ones(len(elements), dtype=bool)
    for needed in indices(sorted(space.required)):
        kept &= (elements == needed).any(axis=1)
    charges = [item.sites[role].charge for role in roles]
    ranks = anion_ranks()[elements]
    anions = [place for place, charge in enumerate(charges) if charge == "anion"]
    cations = [place for place, charge in enumerate(charges) if charge == "cation"]
    if anions and cations:
        kept &= ranks[:, cations].max(axis=1) < ranks[:, anions].min(axis=1)
    ordered = np.sort(elements, axis=1)
    shared = kept & (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    for row in np.flatnonzero(shared):
        kept[row] = _may_share(item, dict(zip(roles, elements[row].tolist(), strict=True)))
    return kept


def _may_share(item: Family, elements: Mapping[str, int]) -> bool:
    """Whether roles that hold the same element are roles that may."""
    holders: dict[int, set[str]] = {}
    for role, element in elements.items():
        holders.setdefault(element, set()).add(role)
    return all(len(roles) == 1 or frozenset(roles) in item.shared for roles in holders.values())


@lru_cache(maxsize=1024)
def _usual(ion: Ion) -> float:
    """How usual an ion is, and, weakly, how much is known of its element at all."""
    return familiarity(ion[0]) ** 0.25 * (commonness(ion) ** 0.5 if ion[1] else 1.0)
