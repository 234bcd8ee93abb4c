"""Whether further waves of a search still better what would be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crystalsmith.agent.ranking import ranked

if TYPE_CHECKING:
    from crystalsmith.agent.budgets import Budget
    from crystalsmith.agent.tree import SearchTree

_BETTER = 0.25  # natural logarithm of the scores of all that would be shown, together
_FAILED = 100.0  # what a clause that fails costs
_NOTHING = -1000.0  # in the place of a candidate that is missing
_UNSATISFIED = 3  # times the patience while something that would be shown still fails


class Patience:
    """Counts the waves after which the best candidates are the same, or hardly better.

    Args:
        budget: how many candidates are wanted, and how many such waves are borne.
    """

    def __init__(self, budget: Budget) -> None:
        self._wanted, self._waves = budget.wanted, budget.patience
        self._best = float("-inf")
        self._idle = 0

    def is_spent(self, tree: SearchTree) -> bool:
        """Look at the tree after a wave; True when so many waves brought nothing."""
        if self._waves is None:
            return False
        standing = [n.candidate for n in tree.structures() if n.candidate and n.cut is None]
        shown = ranked(standing)[: self._wanted]
        value = sum(one.score - _FAILED * len(one.failed) for one in shown)
        value += _NOTHING * (self._wanted - len(shown))
        self._idle = 0 if value > self._best + _BETTER else self._idle + 1
        self._best = max(self._best, value)
        complete = len(shown) == self._wanted and not any(one.failed for one in shown)
        return self._idle >= self._waves * (1 if complete else _UNSATISFIED)
