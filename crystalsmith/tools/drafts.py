"""Formulas that came to mind, before they are judged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING

from pymatgen.core import Composition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crystalsmith.core.entry import Entry

Formula = tuple[tuple[str, int], ...]
"""Reduced amounts by element, sorted: a hashable composition, cheap to make by the thousand."""


def formula_of(amounts: Mapping[str, int]) -> Formula:
    """The reduced formula of some amounts."""
    divisor = gcd(*amounts.values())
    return tuple(sorted((element, amount // divisor) for element, amount in amounts.items()))


@lru_cache(maxsize=20_000)
def composition_of(formula: Formula) -> Composition:
    """The formula as pymatgen knows it; kept, since several steps judge the same formulas."""
    return Composition(dict(formula))


@dataclass(frozen=True)
class Draft:
    """A formula with the reason it was thought of.

    Attributes:
        formula: reduced amounts.
        origin: the reason in words.
        support: how well the reason speaks for the formula, 0 to 1.
        parent: the known crystal it derives from, if any.
        family: the structure family it was made for, if any.
        is_parent: it is the known crystal itself.
    """

    formula: Formula
    origin: str
    support: float
    parent: Entry | None = None
    family: str | None = None
    is_parent: bool = False
