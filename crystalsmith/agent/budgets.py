"""How much a search may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crystalsmith.core.errors import RequestError

BudgetName = Literal["quick", "standard", "thorough"]


@dataclass(frozen=True)
class Budget:
    """Width of the search tree (GenMS's H, K and L).

    Attributes:
        proposals: formulas that are thought of.
        formulas: formulas that are followed.
        templates: symmetry templates per formula.
        drafts: structures per template.
        finalists: candidates that are relaxed and compared with known crystals, at least.
    """

    proposals: int
    formulas: int
    templates: int
    drafts: int
    finalists: int


BUDGETS: dict[BudgetName, Budget] = {
    "quick": Budget(proposals=120, formulas=24, templates=3, drafts=2, finalists=20),
    "standard": Budget(proposals=300, formulas=60, templates=5, drafts=4, finalists=40),
    "thorough": Budget(proposals=800, formulas=200, templates=8, drafts=6, finalists=80),
}


def budget_named(name: str) -> BudgetName:
    """The name, checked.

    Raises:
        RequestError: there is no such budget.
    """
    for known in BUDGETS:
        if name == known:
            return known
    raise RequestError(f"there is no budget {name!r}; take one of {', '.join(BUDGETS)}")
