"""How much a search may look at, and in what order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from crystalsmith.core.errors import RequestError

BudgetName = Literal["quick", "standard", "thorough"]
Order = Literal["best-first", "breadth-first"]


@dataclass(frozen=True)
class Budget:
    """Width of the search tree (GenMS's H, K and L), and when to stop.

    Attributes:
        proposals: formulas that are thought of.
        formulas: formulas that are followed.
        templates: symmetry templates per formula.
        drafts: structures per template on average; promising templates get more, others fewer.
        finalists: candidates that are relaxed and compared with known crystals, at least.
        waves: how often the search looks at what it found before it goes on.
        noise: structures in all that may start from noise, which takes ten times as long as from a
            known geometry; any number when not given. Breadth first has no such limit.
        most_structures: structures in all; formulas × templates × drafts when not given.
        seconds: no new wave is begun after so long; no limit when not given. With a limit, the
            same seed may give different answers on machines of different speed.
        enough: no new wave is begun once so many different formulas have a crystal that satisfies
            everything; never enough when not given.
        plenty: the same as a multiple of the candidates that are wanted; `design` makes it
            ``enough``.
        sure: how likely such a crystal must satisfy everything, 0 to 1.
        patience: no new wave is begun after so many that bettered nothing of what would be shown;
            three times as many while some of that still fails; endless when not given.
        wanted: how many candidates would be shown.
        order: ``best-first`` follows what looks best so far; ``breadth-first`` gives every formula
            its first template before any gets its second.
    """

    proposals: int
    formulas: int
    templates: int
    drafts: int
    finalists: int
    waves: int = 3
    noise: int | None = None
    most_structures: int | None = None
    seconds: float | None = None
    enough: int | None = None
    plenty: float | None = None
    sure: float = 0.0
    patience: int | None = None
    wanted: int = 5
    order: Order = "best-first"

    @property
    def structures(self) -> int:
        """Structures in all."""
        return self.most_structures or self.formulas * self.templates * self.drafts


BUDGETS: dict[BudgetName, Budget] = {
    "quick": Budget(
        proposals=120, formulas=24, templates=3, drafts=2, finalists=12, waves=6, noise=48,
        plenty=1.6, patience=2,
    ),
    "standard": Budget(
        proposals=300, formulas=60, templates=5, drafts=4, finalists=40, waves=16, noise=200,
        plenty=3, sure=0.8, patience=3,
    ),
    "thorough": Budget(proposals=800, formulas=200, templates=8, drafts=6, finalists=80, waves=8),
}  # fmt: skip


def budget_named(name: str) -> BudgetName:
    """The name, checked.

    Raises:
        RequestError: there is no such budget.
    """
    for known in BUDGETS:
        if name == known:
            return known
    raise RequestError(f"there is no budget {name!r}; take one of {', '.join(BUDGETS)}")


def order_named(name: str) -> Order:
    """The order of a search, checked.

    Raises:
        RequestError: there is no such order.
    """
    if name in get_args(Order):
        return cast("Order", name)
    raise RequestError(f"there is no search order {name!r}; take {' or '.join(get_args(Order))}")
