"""A finished design for the report's tests, made once."""

from __future__ import annotations

import pytest

import crystalsmith
from crystalsmith.agent.budgets import BUDGETS, Budget


@pytest.fixture(scope="session")
def result(toolbox):
    usual = BUDGETS["quick"]
    BUDGETS["quick"] = Budget(proposals=30, formulas=6, templates=2, drafts=1, finalists=6)
    try:
        return crystalsmith.design("two rock salt nitrides, semiconductor", toolbox=toolbox)
    finally:
        BUDGETS["quick"] = usual
