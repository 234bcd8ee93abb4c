"""The whole path on the shipped weights, with a small search."""

from __future__ import annotations

import pytest
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

import crystalsmith
from crystalsmith.core.clauses import PropertyRange
from crystalsmith.core.errors import RequestError
from crystalsmith.core.evidence import Status
from crystalsmith.core.request import DesignRequest

pytestmark = pytest.mark.usefixtures("small_budget")


def test_candidates_satisfy_what_can_be_verified_independently(toolbox):
    result = crystalsmith.design(
        "two lead-free halide double perovskites", toolbox=toolbox, budget="quick"
    )
    assert len(result.candidates) == 2
    for candidate in result.candidates:
        assert candidate.satisfied
        symbols = {element.symbol for element in candidate.structure.composition.elements}
        assert "Pb" not in symbols
        assert symbols & {"F", "Cl", "Br", "I"}
        found = SpacegroupAnalyzer(candidate.structure, symprec=0.01).get_space_group_number()
        assert found == candidate.evidence.space_group


def test_exact_formula_and_space_group_are_both_kept(toolbox):
    result = crystalsmith.design("SrTiO3 in space group 221", toolbox=toolbox)
    assert result.complete
    best = result.candidates[0]
    assert best.formula == "SrTiO3"
    assert best.evidence.space_group == 221
    assert best.structure.lattice.a == pytest.approx(3.94, abs=0.25)  # PBE 3.94 Å


def test_same_request_and_seed_give_the_same_answer(toolbox):
    first, second = (
        crystalsmith.design("binary sulfide semiconductor", 2, seed=3, toolbox=toolbox)
        for _ in range(2)
    )
    assert [c.formula for c in first.candidates] == [c.formula for c in second.candidates]
    assert [c.score for c in first.candidates] == pytest.approx(
        [c.score for c in second.candidates]
    )
    for one, other in zip(first.candidates, second.candidates, strict=True):
        assert one.structure == other.structure


def test_what_falls_short_is_returned_and_says_why(toolbox):
    result = crystalsmith.design("NaCl with a band gap of 30 eV", toolbox=toolbox)
    assert not result.complete
    assert result.candidates
    failed = [item.clause for item in result.candidates[0].failed]
    assert any(isinstance(clause, PropertyRange) for clause in failed)
    assert "eV" in result.candidates[0].failed[0].verdict.reason


def test_a_request_of_clauses_needs_no_words(toolbox):
    request = DesignRequest(text="", clauses=[{"kind": "formula", "formula": "MgO"}])
    result = crystalsmith.design(request, n=1, toolbox=toolbox)
    assert [candidate.formula for candidate in result.candidates] == ["MgO"]


def test_every_clause_has_a_verdict_with_a_reason(toolbox):
    result = crystalsmith.design(
        "a stable cubic oxide, not a known compound, at most 10 atoms", 1, toolbox=toolbox
    )
    candidate = result.candidates[0]
    assert len(candidate.judged) == len(result.request.clauses)
    assert all(item.verdict.reason for item in candidate.judged)
    assert all(item.verdict.status in Status for item in candidate.judged)
    novelty = next(i for i in candidate.judged if i.clause.kind == "novel")
    assert "prototypes" in novelty.verdict.reason  # said together with what it was checked against


def test_provenance_says_how_a_candidate_came_about(toolbox):
    result = crystalsmith.design("a spinel oxide", 1, toolbox=toolbox)
    origin = result.candidates[0].provenance
    assert origin.formula
    assert origin.template
    assert 0 < origin.template_probability <= 1
    assert result.run.counts["structures"] >= 1
    assert result.run.versions["pymatgen"]


def test_a_request_that_nothing_can_score_is_refused_in_a_sentence(toolbox):
    with pytest.raises(RequestError, match="superconduct"):
        crystalsmith.design("a superconductor", toolbox=toolbox)


@pytest.mark.parametrize("count", [0, -1, 1001])
def test_impossible_counts_are_refused(toolbox, count):
    with pytest.raises(RequestError, match="1 to 1000"):
        crystalsmith.design("MgO", count, toolbox=toolbox)


def test_moduli_that_are_asked_for_are_judged(toolbox, small_budget):
    result = crystalsmith.design(
        "NaCl in Fm-3m with a bulk modulus of 20 to 30 GPa", 1, toolbox=toolbox
    )
    (candidate,) = result.candidates
    assert candidate.satisfied
    assert candidate.predictions["bulk_modulus"].unit == "GPa"
    reasons = [item.verdict.reason for item in candidate.judged]
    assert any("GPa (surrogate)" in reason for reason in reasons)
    assert candidate.predictions["shear_modulus"].mean < 30


def test_relaxing_keeps_symmetry_and_says_what_it_did(toolbox):
    seen = []
    result = crystalsmith.design("NaCl in Fm-3m", 1, relax=True, toolbox=toolbox, found=seen.append)
    assert len(seen) == 1  # the unrelaxed result is handed over first
    candidate = result.candidates[0]
    assert candidate.evidence.space_group == 225
    assert candidate.provenance.relaxation["space_group_kept"]
    assert candidate.structure.volume / len(candidate.structure) == pytest.approx(22.6, rel=0.05)
