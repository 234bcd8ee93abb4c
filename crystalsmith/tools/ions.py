"""Oxidation states: which are usual, and how a composition may balance its charges."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, ELEMENT_GROUPS
from crystalsmith.core.chemistry.site_rules import anion_rank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymatgen.core import Composition

    from crystalsmith.core.chemistry.site_rules import Ion

_LEAST_REPORTS = 3
_LEAST_SHARE = 1e-3
_LEAST_OF_MANY = 0.02  # the same where many elements make many combinations
RARE = 0.05  # commonness below which a state is not proposed
_MIXED_VALENCE = 0.4  # evidence left when one element needs two states (Fe3O4)
_UNBALANCED = 0.12  # evidence left when nothing adds up: SMACT fails one real crystal in six
_ALLOY = 0.7  # metals alone need no balance


@lru_cache(maxsize=1)
def _reports() -> dict[str, dict[int, int]]:
    """How often each oxidation state of each element is reported in the ICSD (2024, SMACT)."""
    from smact.utils.oxidation import ICSD24OxStatesFilter

    table = ICSD24OxStatesFilter().ox_states_df
    table = table[(table["results_count"] >= _LEAST_REPORTS) & (table["oxidation_state"] != 0)]
    counts: dict[str, dict[int, int]] = {}
    for row in table.itertuples():
        counts.setdefault(str(row.element), {})[int(row.oxidation_state)] = int(row.results_count)
    return counts


@lru_cache(maxsize=1)
def oxidation_states() -> dict[str, dict[int, float]]:
    """Commonness of every element's states: 1 for the usual cation and for the usual anion.

    Counts of the ICSD relative to the element's most frequent state of the same sign, and for
    negative states of metals to the most frequent of all; states below 0.1 % are left out.
    """
    states: dict[str, dict[int, float]] = {}
    for symbol, counts in _reports().items():
        is_metal = anion_rank(symbol)[0] == 0
        cations = {state: count for state, count in counts.items() if state > 0}
        anions = {state: count for state, count in counts.items() if state < 0}
        anion_top = max((counts if is_metal else anions).values(), default=1)
        shares = {q: n / max(cations.values()) for q, n in cations.items()}
        shares |= {q: n / anion_top for q, n in anions.items()}
        states[symbol] = {q: share for q, share in shares.items() if share >= _LEAST_SHARE}
    return states


def commonness(ion: Ion) -> float:
    """How usual an oxidation state is for an element, 1 at best, 0 unknown."""
    symbol, state = ion
    return oxidation_states().get(symbol, {}).get(state, 0.0)


def familiarity(symbol: str) -> float:
    """How much is known of an element's compounds, 0 to 1: reports in the ICSD over that plus 500.

    Oxygen has 1.0, strontium 0.96, gold 0.6, astatine 0.
    """
    total = sum(_reports().get(symbol, {}).values())
    return total / (total + 500)


class ChargeBalance(NamedTuple):
    """How a composition balances its charges.

    Attributes:
        evidence: 1 when common states add up to zero, less for rare or mixed ones.
        states: oxidation state per element; empty where none could be assigned.
    """

    evidence: float
    states: dict[str, int]


def charge_balance(composition: Composition) -> ChargeBalance:
    """The most usual oxidation states that add up to zero, as evidence that a compound exists.

    The element that attracts electrons most is an anion, no cation outranks an anion, and every
    element has one state; failing that, one element may mix two neighbouring states. Compounds of
    metals and metalloids alone need no balance.
    """
    reduced = composition.reduced_composition
    return balanced({element.symbol: round(n) for element, n in reduced.items()})


def balanced(amounts: Mapping[str, int]) -> ChargeBalance:
    """`charge_balance` of reduced amounts by element."""
    symbols = sorted(amounts, key=anion_rank)
    best = _single_valence(symbols, amounts)
    if best.evidence == 0 and len(symbols) < 6:  # of more elements something always adds up
        best = _mixed_valence(symbols, amounts)
    metallic = ELEMENT_GROUPS["metal"] | ELEMENT_GROUPS["metalloid"]
    if all(symbol in metallic for symbol in symbols) and best.evidence < _ALLOY:
        return ChargeBalance(_ALLOY, best.states)
    return best if best.evidence else ChargeBalance(_UNBALANCED, {})


def _single_valence(symbols: list[str], amounts: Mapping[str, int]) -> ChargeBalance:
    best = ChargeBalance(0.0, {})
    table = oxidation_states()
    least = 0.0 if len(symbols) < 4 else _LEAST_OF_MANY if len(symbols) < 6 else RARE * 4
    options = [[row for row in table.get(s, {}).items() if row[1] >= least] for s in symbols]
    options[-1] = [row for row in options[-1] if row[0] < 0]
    for chosen in itertools.product(*options):
        charges = [state for state, _ in chosen]
        if sum(q * amounts[s] for q, s in zip(charges, symbols, strict=True)) != 0:
            continue
        if charges != sorted(charges, key=lambda q: q < 0):  # a cation outranks an anion
            continue
        # every state counts, whatever its share of the atoms
        evidence = _product([share for _, share in chosen])
        if evidence > best.evidence:
            best = ChargeBalance(evidence, dict(zip(symbols, charges, strict=True)))
    return best


def _mixed_valence(symbols: list[str], amounts: Mapping[str, int]) -> ChargeBalance:
    """One element's average state lies between two of its usual ones."""
    table = oxidation_states()
    usual = {s: {q: c for q, c in table.get(s, {}).items() if c >= RARE} for s in symbols}
    best = ChargeBalance(0.0, {})
    for mixed in symbols[:-1]:
        others = [symbol for symbol in symbols if symbol != mixed]
        options = [[q for q in usual[s] if (s != symbols[-1] or q < 0)] for s in others]
        span = [q for q in usual[mixed] if q > 0]
        if len(span) < 2:
            continue
        for charges in itertools.product(*options):
            rest = sum(q * amounts[s] for q, s in zip(charges, others, strict=True))
            mean = -rest / amounts[mixed]
            if min(span) < mean < max(span):
                states = dict(zip(others, charges, strict=True))
                evidence = _MIXED_VALENCE * _product([usual[s][q] for s, q in states.items()])
                if evidence > best.evidence:
                    best = ChargeBalance(evidence, states | {mixed: round(mean)})
    return best


def _product(shares: list[float]) -> float:
    result = 1.0
    for share in shares:
        result *= share
    return result


@lru_cache(maxsize=1)
def usual_ions() -> tuple[Ion, ...]:
    """Every element in every state that is worth proposing."""
    return tuple(
        (symbol, state)
        for symbol in ALL_ELEMENTS
        for state, share in sorted(oxidation_states().get(symbol, {}).items())
        if share >= RARE
    )
