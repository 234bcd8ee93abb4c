"""Where draws go and when a search gives up: dear starts wait, and idle waves are few."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from crystalsmith.agent.budgets import Budget
from crystalsmith.agent.frontier import next_draws
from crystalsmith.agent.interpreter import interpret
from crystalsmith.agent.patience import Patience
from crystalsmith.agent.search import search
from crystalsmith.core.progress import silent
from crystalsmith.models.structure.drafts import NOISE

BUDGET = Budget(proposals=20, formulas=6, templates=2, drafts=4, finalists=6, waves=6)


@pytest.fixture
def tree(toolbox):
    single = replace(BUDGET, waves=1, most_structures=1)
    return search(interpret("a ternary oxide"), toolbox, single, seed=0, progress=silent).tree


def test_starts_from_noise_wait_for_known_geometries(tree):
    nodes = [node for node in tree.kept_templates() if node.template.free_parameters > 1]
    for node in nodes:
        node.planned = 0
    known = {node.template for node in nodes[::2]}
    chosen = next_draws(nodes, len(known), 1, "best-first", lambda t: 2 if t in known else 0)
    assert {node.template for node, _ in chosen} <= known


def test_only_so_many_starts_are_from_noise(tree):
    nodes = list(tree.kept_templates())
    for node in nodes:
        node.planned = 0
    chosen = next_draws(nodes, 100, 4, "best-first", lambda _: 1, noise=3)
    counts = Counter(more for _, more in chosen)
    assert sum(number * (more - 1) for more, number in counts.items()) == 3


def test_a_search_keeps_to_its_starts_from_noise(toolbox):
    budget = replace(BUDGET, noise=2)
    found = search(interpret("a triclinic oxide"), toolbox, budget, seed=0, progress=silent)
    drawn = [node.draft.origin for node in found.tree.structures()]
    assert drawn.count(NOISE) <= 2


def test_waves_that_better_nothing_end_a_search(toolbox):
    request = interpret("a binary oxide")
    eager = search(request, toolbox, replace(BUDGET, wanted=1), seed=0, progress=silent)
    patient = replace(BUDGET, wanted=1, patience=1)
    found = search(request, toolbox, patient, seed=0, progress=silent)
    assert "bettered nothing" in found.tree.stopped
    assert found.tree.counts()["structures"] < eager.tree.counts()["structures"]
    assert found.candidates[0].satisfied


def test_patience_lasts_longer_while_something_fails(toolbox, tree):
    hurried = Patience(replace(BUDGET, wanted=1, patience=1))
    assert [hurried.is_spent(tree) for _ in range(2)] == [False, True]
    missing = Patience(replace(BUDGET, wanted=5, patience=1))  # the tree holds a single crystal
    assert [missing.is_spent(tree) for _ in range(4)] == [False, False, False, True]
    endless = Patience(BUDGET)
    assert not any(endless.is_spent(tree) for _ in range(9))
