"""Models and known crystals for the agent's tests, loaded once: what a fresh machine has."""

from __future__ import annotations

import pytest

from crystalsmith.agent.budgets import BUDGETS, Budget
from crystalsmith.agent.toolbox import Toolbox

SMALL = Budget(proposals=30, formulas=6, templates=2, drafts=1, finalists=6)


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    return Toolbox.load("none")


@pytest.fixture
def small_budget(monkeypatch: pytest.MonkeyPatch) -> Budget:
    monkeypatch.setitem(BUDGETS, "quick", SMALL)
    return SMALL
