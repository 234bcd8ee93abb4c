"""What all clauses promise: pruning never loses a crystal that would pass; verdicts are sane."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from pydantic import TypeAdapter, ValidationError

from crystalsmith.core.clauses import AnyClause, Clause
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.evidence import Evidence, Prediction, Reference, Status
from crystalsmith.core.request import DesignRequest
from tests.strategies import crystals

PREDICTED = {"band_gap": (1.7, 0.3), "formation_energy": (-2.0, 0.1), "density": (4.0, 0.2)}


def kinds():
    return {kind.model_fields["kind"].default for kind in get_args(get_args(AnyClause)[0])}


def test_every_kind_is_tried_here(every_kind):
    assert {clause.kind for clause in every_kind} == kinds()


def test_pruning_agrees_with_the_verdict(every_kind, textbook_crystal, evidence_of):
    evidence = evidence_of(textbook_crystal, **PREDICTED)
    for clause in every_kind:
        status = clause.check(evidence).status
        allowed = (
            clause.allows_composition(evidence.composition),
            clause.allows_space_group(evidence.space_group),
            clause.allows_template(evidence.template),
        )
        if not all(allowed):
            assert status is Status.FAIL, clause.wish()
        elif clause.kind not in {"property", "electronic_class", "stable", "novel"}:
            assert status is Status.PASS, clause.wish()


@given(crystal=crystals())
@hypothesis_settings(max_examples=60)
def test_pruning_agrees_with_the_verdict_on_any_crystal(every_kind, crystal):
    structure = crystal.structure()
    template = describe(structure).template
    predictions = {
        name: Prediction(mean=mean, std=std, unit="eV", source="test")
        for name, (mean, std) in PREDICTED.items()
    }
    evidence = Evidence(structure, template, template.number, predictions)
    for clause in every_kind:
        status = clause.check(evidence).status
        if status is Status.PASS:
            assert clause.allows_composition(structure.composition), clause.wish()
            assert clause.allows_space_group(template.number), clause.wish()
        if status is not Status.FAIL:
            assert clause.allows_template(template), clause.wish()


def test_verdicts_are_sane(clause, structure_named, evidence_of):
    structure = structure_named("SrTiO3")
    reference = Reference(name="nothing", known_formula=False)
    for evidence in (
        evidence_of(structure),
        evidence_of(structure, reference, **PREDICTED, e_above_hull=(0.05, 0.02)),
    ):
        verdict = clause.check(evidence)
        assert 0.0 <= verdict.likelihood <= 1.0
        assert verdict.reason
        assert "\n" not in verdict.reason
        if verdict.status is Status.NOT_CHECKED:
            assert verdict.likelihood == 0.5
        if verdict.status is Status.PASS:
            assert verdict.likelihood >= 0.4
        if verdict.status is Status.FAIL:
            assert verdict.likelihood <= 0.6


@pytest.mark.parametrize("words", ["", "three perovskites, please"])
def test_round_trip_through_json(clause, words):
    told = clause.model_copy(update={"words": words})
    adapter = TypeAdapter(AnyClause)
    read = adapter.validate_json(adapter.dump_json(told))
    assert read == told
    assert type(read) is type(told)
    assert read.wish() == clause.wish()


def test_wishes_are_one_short_line(clause):
    assert clause.wish()
    assert "\n" not in clause.wish()
    assert len(clause.wish()) < 80


def test_clauses_cannot_be_changed_nor_given_more(clause):
    with pytest.raises(ValidationError):
        clause.words = "other"
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(clause)(**clause.model_dump(), colour="red")


def test_unknown_kinds_are_refused():
    with pytest.raises(ValidationError, match="kind"):
        TypeAdapter(AnyClause).validate_python({"kind": "colour", "name": "red"})


def test_a_clause_must_say_how_it_judges():
    with pytest.raises(TypeError, match="abstract"):
        Clause(kind="nothing")


def test_a_request_with_every_kind_is_the_same_after_json(every_kind):
    asked = DesignRequest(text="everything at once", clauses=every_kind, count=7)
    assert DesignRequest.model_validate_json(asked.model_dump_json()) == asked
