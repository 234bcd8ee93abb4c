import json

import pytest

from crystalsmith.agent.conversation import read_turns
from crystalsmith.core.errors import DataError
from crystalsmith.evals.requests import agree, evaluate_requests, load_cases, phrases_agree


def cases_of(tmp_path, *rows):
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return load_cases(path)


def test_figures_and_failures(tmp_path):
    cases = cases_of(
        tmp_path,
        {"id": "a", "text": "a cubic oxide", "gold": {"crystal_system": "cubic", "stable": True}},
        {"id": "b", "text": "a nitride", "gold": {"anion_class": "nitride"}},
        {"id": "c", "turns": ["oxide", "undo"], "gold": [{"anion_class": "oxide"}, {}]},
    )
    figures, failures = evaluate_requests(cases, read_turns)
    assert figures["all"]["exact"] == pytest.approx(2 / 3)
    assert figures["all"]["precision"] == pytest.approx(3 / 4)  # the oxide of a is no gold
    assert figures["all"]["recall"] == pytest.approx(3 / 4)  # "stable" was not found
    assert figures["dialogues"]["exact"] == 1
    assert figures["all"]["ungrounded"] == 0
    assert [(f["id"], f["wrong"]) for f in failures] == [("a", ["anion_class", "stable"])]


def test_numbers_agree_within_a_percent_and_nothing_else_does():
    assert agree("band_gap", {"target": 2.0}, {"target": 1.9997})
    assert not agree("band_gap", {"target": 2.0}, {"target": 2.1})
    assert not agree("band_gap", {"min": 2.0}, {"target": 2.0})
    assert not agree("stable", 1, True)
    assert not agree("include", ["Li"], ["Li", "O"])


def test_what_cannot_be_scored_is_compared_phrase_by_phrase():
    assert phrases_agree(["cheap"], ["cheap and light"])
    assert phrases_agree(["高离子电导率"], ["离子电导率高"])
    assert not phrases_agree(["cheap"], ["transparent"])
    assert not phrases_agree([], ["cheap"])


@pytest.mark.parametrize("row", ["{", '{"text": "x"}', '{"turns": ["a"], "gold": []}'])
def test_a_bad_line_is_named(tmp_path, row):
    (tmp_path / "x.jsonl").write_text(row)
    with pytest.raises(DataError, match="line 1"):
        load_cases(tmp_path / "x.jsonl")
