"""The search tree: nothing is forgotten, every cut has a reason, limits hold, answers differ."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import crystalsmith
from crystalsmith.agent.budgets import BUDGETS, Budget, order_named
from crystalsmith.agent.frontier import next_draws
from crystalsmith.agent.interpreter import interpret
from crystalsmith.agent.ranking import ranked, suspicion, too_high
from crystalsmith.agent.report.records import result_record
from crystalsmith.agent.search import search
from crystalsmith.core.errors import RequestError
from crystalsmith.core.evidence import Prediction
from crystalsmith.core.progress import silent

BUDGET = Budget(proposals=20, formulas=6, templates=2, drafts=2, finalists=6, waves=2)


@pytest.fixture(scope="module")
def found(toolbox):
    return search(interpret("a ternary oxide"), toolbox, BUDGET, seed=0, progress=silent)


def test_every_cut_has_a_reason_and_every_structure_is_in_the_tree(found):
    tree = found.tree.record({})
    assert tree["stopped"]
    assert len(tree["formulas"]) == 20
    opened = [row for row in tree["formulas"] if "templates" in row]
    assert len(opened) == 6
    assert all(row["cut"] for row in tree["formulas"] if row not in opened)
    templates = [t for row in opened for t in row["templates"]]
    structures = [s for t in templates for s in t.get("structures", ())]
    assert all(t["cut"] or t["structures"] for t in templates)
    assert sorted(s["number"] for s in structures) == list(range(1, len(structures) + 1))
    assert all(s["cut"] or s["candidate"] for s in structures)
    assert len(structures) <= BUDGET.structures
    assert found.tree.counts()["structures"] == len(structures)
    json.dumps(tree)


def test_what_clauses_rule_out_is_counted_with_the_clause(toolbox):
    request = interpret("a ternary oxide that is cubic, with at most 6 atoms, without Pb")
    tree = search(request, toolbox, BUDGET, seed=0, progress=silent).tree
    for node in tree.kept_templates():
        assert node.template.group.crystal_system == "cubic"
        assert node.template.n_atoms <= 6
    known = search(interpret("a new spinel"), toolbox, BUDGET, seed=0, progress=silent).tree
    assert known.pruned["a known formula"] > 0


def test_candidates_are_found_again_in_the_tree(toolbox, small_budget):
    result = crystalsmith.design("a binary oxide", 2, toolbox=toolbox)
    record = result_record(result)
    shown = {
        s["candidate"]: s["number"]
        for f in record["tree"]["formulas"]
        for t in f.get("templates", ())
        for s in t.get("structures", ())
        if s["candidate"]
    }
    numbers = {c["id"]: c["provenance"]["number_in_tree"] for c in record["candidates"]}
    assert shown == numbers
    assert record["tree"]["order"] == "best-first"


@pytest.mark.parametrize("order", ["best-first", "breadth-first"])
def test_structures_and_formulas_are_bounded_in_any_order(toolbox, order):
    budget = replace(BUDGET, order=order, most_structures=7)
    tree = search(interpret("a ternary oxide"), toolbox, budget, seed=0, progress=silent).tree
    assert tree.counts()["structures"] == 7
    per_formula = [node.drawn for node in tree.formulas if node.drawn]
    if order == "breadth-first":  # every followed formula before any gets a second
        assert sorted(per_formula) == [1, 1, 1, 1, 1, 2]


def test_no_seconds_means_nothing_is_drawn_and_the_tree_says_so(toolbox, small_budget):
    with pytest.raises(RequestError, match="no crystal could be built"):
        crystalsmith.design("a binary oxide", seconds=1e-6, toolbox=toolbox)
    budget = replace(BUDGET, seconds=1e-6)
    tree = search(interpret("a binary oxide"), toolbox, budget, seed=0, progress=silent).tree
    assert "seconds were used up" in tree.stopped
    assert {node.cut for node in tree.formulas[:6]} == {"not reached within the budget"}


def test_enough_ends_the_search(toolbox):
    budget = replace(BUDGET, enough=1)
    tree = search(interpret("a binary oxide"), toolbox, budget, seed=0, progress=silent).tree
    assert tree.stopped == "1 formulas satisfy everything"


def test_what_is_doubtful_is_not_enough(toolbox):
    request = interpret("an oxide with a band gap between 2.0 and 2.1 eV")
    certain = replace(BUDGET, enough=1, sure=0.9)  # no gap is known that well
    tree = search(request, toolbox, certain, seed=0, progress=silent).tree
    assert "satisfy everything" not in tree.stopped
    likely = [
        node.candidate.likelihood
        for node in tree.structures()
        if node.candidate is not None and not node.candidate.failed
    ]
    assert all(0 < value < 0.9 for value in likely)


def test_a_quick_design_ends_once_it_has_plenty(toolbox):
    result = crystalsmith.design("a ternary oxide", 2, toolbox=toolbox)
    assert result.complete
    assert result.tree["stopped"] == "4 formulas satisfy everything"
    assert result.run.counts["structures"] < BUDGETS["quick"].structures / 2


def test_one_formula_does_not_crowd_out_the_others(found):
    ordered = ranked(found.candidates)
    good = [c for c in ordered if not c.failed and not c.unchecked]
    formulas = [candidate.formula for candidate in good]
    assert len(set(formulas[: len(set(formulas))])) == len(set(formulas))


def test_the_guard_does_not_believe_impossible_energies(found):
    evidence = found.candidates[0].evidence
    assert suspicion(evidence) is None

    def told(energy: float, std: float, above: float) -> str | None:
        def value(mean: float, spread: float) -> Prediction:
            return Prediction(mean=mean, std=spread, unit="eV/atom", source="test")

        known = {"formation_energy": value(energy, std), "e_above_hull": value(above, 0.03)}
        return suspicion(replace(evidence, predictions=evidence.predictions | known))

    assert told(-2.0, 0.03, 0.0) is None
    assert "outside the trained range" in (told(-7.0, 0.03, 0.0) or "")
    assert "disagrees" in (told(-2.0, 0.4, 0.0) or "")
    assert "below the learned hull" in (told(-2.0, 0.03, -0.5) or "")
    assert too_high(evidence) is None


def test_draws_go_where_more_is_promised(found):
    nodes = list(found.tree.kept_templates())
    chosen = next_draws(nodes, 3, 2, "best-first")
    assert 0 < sum(more for _, more in chosen) <= 3
    with pytest.raises(RequestError, match="best-first or breadth-first"):
        order_named("depth-first")


def test_the_same_seed_grows_the_same_tree(toolbox, found):
    again = search(interpret("a ternary oxide"), toolbox, BUDGET, seed=0, progress=silent)
    assert again.tree.record({}) == found.tree.record({})
