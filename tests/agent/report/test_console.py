from __future__ import annotations

from dataclasses import replace
from io import StringIO

from rich.console import Console

from crystalsmith.agent.report.console import (
    show_request,
    show_result,
    shown_properties,
    verdict_sentence,
)
from crystalsmith.core.clauses.properties import PropertyRange
from crystalsmith.core.evidence import Status
from crystalsmith.core.request import DesignRequest


def _shown(show, item) -> str:
    text = StringIO()
    show(item, Console(file=text, width=80))
    return text.getvalue()


def test_the_table_names_every_candidate_and_clause(result):
    text = _shown(show_result, result)
    for candidate in result.candidates:
        assert candidate.formula in text
        for item in candidate.judged:
            assert item.clause.wish().split(" ")[0] in text
    assert "…" not in text.split("Known crystals")[0]  # nothing is cut off at 80 columns


def test_the_overview_shows_the_properties_asked_for_first():
    def shown(*names: str) -> list[str]:
        clauses = tuple(PropertyRange(name=name, minimum=1.0) for name in names)
        return [item.name for item in shown_properties(DesignRequest(text="", clauses=clauses))]

    assert shown() == ["band_gap", "formation_energy", "e_above_hull"]
    assert shown("bulk_modulus") == ["band_gap", "e_above_hull", "bulk_modulus"]
    assert shown("density", "shear_modulus") == ["e_above_hull", "density", "shear_modulus"]


def test_the_reading_shows_the_words_each_clause_came_from(result):
    text = _shown(show_request, result.request)
    assert "rock salt" in text
    assert "nitrides" in text


def test_markup_in_a_request_is_shown_and_not_obeyed(result):
    hostile = result.request.model_copy(update={"not_understood": ("[red]boo[/red]",)})
    assert "[red]boo[/red]" in _shown(show_request, hostile)


def test_the_closing_sentence_counts_and_names_what_fails(result):
    assert "satisf" in verdict_sentence(result)
    candidate = result.candidates[0]
    failing = replace(
        candidate,
        judged=tuple(
            replace(item, verdict=item.verdict.model_copy(update={"status": Status.FAIL}))
            for item in candidate.judged
        ),
    )
    sentence = verdict_sentence(replace(result, candidates=(failing,)))
    assert "0 of 1" in sentence
    assert failing.judged[0].clause.wish() in sentence
