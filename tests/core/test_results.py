"""Results: which candidates satisfy, which clauses failed, and when a run is complete."""

import pytest

from crystalsmith.core.clauses import ElementCount, Novel, SpaceGroupClause, Stable
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.entry import Entry
from crystalsmith.core.evidence import Evidence, Prediction
from crystalsmith.core.request import DesignRequest
from crystalsmith.core.results import Candidate, DesignResult, Judged, Provenance, RunInfo

RUN = RunInfo(seed=0, budget="quick", seconds=1.0, store="nothing", versions={})


@pytest.fixture
def candidate(structure_named):
    def with_clauses(*clauses):
        structure = structure_named("NaCl")
        template = describe(structure).template
        gap = Prediction(mean=5.0, std=0.4, unit="eV", source="surrogate")
        evidence = Evidence(structure, template, template.number, {"band_gap": gap})
        judged = tuple(Judged(clause, clause.check(evidence)) for clause in clauses)
        return Candidate("c01", evidence, judged, -0.5, Provenance("", 1.0, "", 1.0, "noise", 1.0))

    return with_clauses


def result(*candidates):
    return DesignResult(DesignRequest(text="…"), candidates, RUN)


def test_what_a_candidate_tells(candidate):
    found = candidate(ElementCount(maximum=2))
    assert found.formula == "NaCl"
    assert found.template.number == 225
    assert len(found.structure) == 8
    assert str(found.predictions["band_gap"]) == "5.00 ± 0.40 eV"


def test_passed_failed_and_unchecked_are_told_apart(candidate):
    good, bad, open_ = ElementCount(maximum=2), SpaceGroupClause(number=221), Novel()
    found = candidate(good, bad, open_)
    assert [item.clause for item in found.failed] == [bad]
    assert [item.clause for item in found.unchecked] == [open_]
    assert not found.satisfied
    assert candidate(good).satisfied
    assert candidate().satisfied
    assert not candidate(good, Stable()).satisfied


def test_a_run_is_complete_when_all_it_offers_satisfies(candidate):
    good, bad = candidate(ElementCount(maximum=2)), candidate(SpaceGroupClause(number=221))
    assert result(good, good).complete
    assert not result(good, bad).complete
    assert result(good, bad).satisfied == [good]
    assert not result().complete


def test_entries_know_their_formula(structure_named):
    entry = Entry("t-1", "test", describe(structure_named("MgAl2O4")))
    assert entry.formula == "MgAl2O4"
    assert entry.composition.num_atoms == 56
