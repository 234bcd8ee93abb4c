"""Charge balance by SMACT's rule, from SMACT's tables but without what importing SMACT loads.

Whether a word such as "batio3" can be a formula is asked while a request is read, in milliseconds;
``import smact`` brings pandas and takes most of a second.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from crystalsmith.core.chemistry.elements import ELEMENT_GROUPS
from crystalsmith.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pymatgen.core import Composition

_FEWEST_REPORTS = 3
_MOST_ELEMENTS_WITH_MIXED_VALENCE = 4
# As in smact.screening (4.0.0): the tests compare them.
METALS = (ELEMENT_GROUPS["metal"] - {"Pm", "Lr"}) | {"Ge", "Sb", "Po"}
MIXED_VALENCE = frozenset(
    {"Ag", "Au", "Bi", "Ce", "Co", "Cr", "Cu", "Eu", "Fe", "Mn", "Mo", "Nb", "Ni", "Os", "Pd",
     "Re", "Ru", "Sb", "Sn", "Ti", "U", "V", "W", "Yb"}
)  # fmt: skip


def is_charge_balanced(composition: Composition) -> bool:
    """Whether common oxidation states add up to zero; alloys count as balanced.

    SMACT's rule and oxidation states (ICSD, mixed valence in formulas of up to four elements), but
    on the sums that can be reached instead of every combination, whose number has no bound.
    Evidence, never a gate: it rejects 2.6 % of the known crystals in the MP-20 test file.
    """
    reduced = composition.reduced_composition
    amounts = {element.symbol: round(amount) for element, amount in reduced.items()}
    if len(amounts) == 1 or all(symbol in METALS for symbol in amounts):
        return True
    may_mix = len(amounts) <= _MOST_ELEMENTS_WITH_MIXED_VALENCE
    totals = {0}
    for symbol, amount in amounts.items():
        states = oxidation_states().get(symbol, ())
        mixed = may_mix and symbol in MIXED_VALENCE
        charges = _sums(states, amount) if mixed else {state * amount for state in states}
        totals = {total + charge for total in totals for charge in charges}
    return 0 in totals


def _sums(states: Iterable[int], amount: int) -> set[int]:
    """Total charges that so many atoms can have, each in a state of its own."""
    totals = {0}
    for _ in range(amount):
        totals = {total + state for total in totals for state in states}
    return totals


@lru_cache(maxsize=1)
def oxidation_states() -> dict[str, tuple[int, ...]]:
    """The states of every element that the ICSD (2024) reports at least three times.

    Raises:
        DataError: the installed SMACT has no such table.
    """
    found = find_spec("smact")
    if found is None or found.origin is None:
        raise DataError("SMACT is not installed; reinstall crystalsmith")
    path = Path(found.origin).parent / "data" / "oxidation_states_icsd24_counts.json"
    states: dict[str, tuple[int, ...]] = {}
    try:
        for row in json.loads(path.read_text(encoding="utf-8")):
            if row["oxidation_state"] and row["results_count"] >= _FEWEST_REPORTS:
                earlier = states.get(row["element"], ())
                states[row["element"]] = (*earlier, int(row["oxidation_state"]))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"SMACT's oxidation states cannot be read ({error})") from None
    return states
