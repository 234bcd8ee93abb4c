"""The compliance benchmark: its requests, its verdicts, its counting."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from pymatgen.core import Lattice, Structure

import crystalsmith
from crystalsmith.agent.budgets import BUDGETS, Budget
from crystalsmith.agent.report.files import write_results
from crystalsmith.agent.toolbox import Toolbox
from crystalsmith.cli import main
from crystalsmith.core.clauses import (
    ExcludeElements,
    IncludeElements,
    PropertyRange,
    SpaceGroupClause,
)
from crystalsmith.core.errors import DataError
from crystalsmith.core.request import DesignRequest
from crystalsmith.evals.compliance import (
    BUNDLED,
    GROUPS,
    Asked,
    failures,
    judge_results,
    kind_of,
    load_asked,
    summarise,
)
from crystalsmith.evals.compliance_prompts import build_prompts
from crystalsmith.evals.compliance_run import drawn
from crystalsmith.evals.gold import clauses_of
from crystalsmith.models.surrogates.surrogates import Surrogates


@pytest.fixture(scope="module")
def bundled():
    return load_asked(BUNDLED)


@pytest.fixture(scope="module")
def toolbox():
    return replace(Toolbox.load("none"), surrogates=Surrogates.load_judge())


@pytest.fixture(scope="module")
def returned(tmp_path_factory):
    """What a small design returns for rock salt nitrides."""
    folder = tmp_path_factory.mktemp("returned")
    usual = BUDGETS["quick"]
    BUDGETS["quick"] = Budget(proposals=30, formulas=6, templates=1, drafts=1, finalists=6)
    try:
        write_results(crystalsmith.design("two rock salt nitrides", store="none"), folder)
    finally:
        BUDGETS["quick"] = usual
    return folder


def test_the_bundled_file_is_what_the_generator_writes():
    lines = BUNDLED.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [prompt.row() for prompt in build_prompts()]


def test_the_bundled_set_has_every_kind_alone_and_together_in_two_languages(bundled):
    assert len(bundled) >= 500
    assert {len(item.clauses) for item in bundled} == {1, 2, 3, 4, 5}
    languages = Counter(item.language for item in bundled)
    assert languages["zh"] >= 150
    kinds = Counter(kind_of(clause) for item in bundled for clause in item.clauses)
    listed = {kind for kinds in GROUPS.values() for kind in kinds} - {"property"}
    assert listed <= kinds.keys()
    assert min(kinds.values()) >= 20
    alone = {kind_of(item.clauses[0]) for item in bundled if len(item.clauses) == 1}
    assert alone == kinds.keys()


def test_no_bundled_request_contradicts_itself(bundled):
    for item in bundled:
        request = DesignRequest(text="", clauses=item.clauses)
        assert not request.contradictions(), item.turns
        assert not request.unbuildable(), item.turns


def test_the_development_set_is_read_as_gold_and_refusals_are_left_out():
    path = BUNDLED.with_name("requests_development.jsonl")
    asked = load_asked(path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    refused = {r["id"] for r in rows if "gold" in r and "off_topic" in r["gold"]}
    assert len(asked) > 800
    assert not refused & {item.id for item in asked}


def test_gold_readings_become_clauses():
    gold = {
        "include": ["Ti", "O"],
        "band_gap": {"target": 2.0, "tolerance": 0.1},
        "semiconductor": True,
        "stable": True,
        "novel": True,
        "count": 3,
        "unsupported": ["cheap"],
    }
    clauses = clauses_of(gold)
    assert [clause.kind for clause in clauses] == [
        "include", "novel", "property", "electronic_class", "stable",
    ]  # fmt: skip
    assert clauses[2].accepted == (1.9, 2.1)
    assert clauses[3].beside_figure


@pytest.mark.parametrize(
    "line", ["{", '{"text": "x"}', '{"text": "x", "clauses": [{"kind": "none"}]}', "[]"]
)
def test_a_file_that_is_not_in_the_format_says_which_line(tmp_path, line):
    path = tmp_path / "p.jsonl"
    path.write_text('{"text": "x", "gold": {"include": ["O"]}}\n' + line, encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        load_asked(path)


def test_a_limit_draws_the_same_requests(bundled):
    assert drawn(bundled, 7, 3) == drawn(bundled, 7, 3)
    assert len(drawn(bundled, 7, 3)) == 7
    assert drawn(bundled, None, 3) == list(bundled)


def test_clauses_are_judged_on_the_first_crystal_and_loosely_on_all(returned, toolbox, tmp_path):
    record = json.loads((returned / "results.json").read_text(encoding="utf-8"))
    first, second = (
        {site["species"][0]["element"] for site in item["structure"]["sites"]}
        for item in record["candidates"]
    )
    only_second = sorted(second - first)[:1]
    assert only_second
    nitride = IncludeElements(elements=("N",))
    asked = [
        Asked("kept", ("x",), (nitride, SpaceGroupClause(number=225))),
        Asked("second", ("x",), (nitride, IncludeElements(elements=tuple(only_second)))),
        Asked("broken", ("x",), (ExcludeElements(elements=("N",)), SpaceGroupClause(number=225))),
        Asked("nothing", ("x",), (nitride,)),
    ]
    folders = [returned, returned, returned, tmp_path]
    kept, other, broken, nothing = judged = judge_results(asked, folders, toolbox)
    assert kept.strict == kept.loose == [True, True]
    assert (other.strict, other.loose, other.all_loose) == ([True, False], [True, True], True)
    assert (broken.strict, broken.all_loose) == ([False, True], False)
    assert (nothing.returned, nothing.strict) == (0, [False])
    figures = summarise(judged)
    assert figures["all"]["request strict"] == 25
    assert figures["all"]["request loose"] == 50
    assert figures["all"]["clause strict"] == pytest.approx(100 * 4 / 7)
    assert figures["by_group"]["symmetry"] == {
        "clauses": 2, "strict": 100, "loose": 100, "strict, own predictions": 100,
    }  # fmt: skip
    assert [row["id"] for row in failures(judged)] == ["second", "broken", "nothing"]


def test_properties_are_judged_by_other_networks_than_the_searchs(returned, toolbox):
    record = json.loads((returned / "results.json").read_text(encoding="utf-8"))
    said = record["candidates"][0]["predictions"]["formation_energy"]["mean"]
    close = PropertyRange(name="formation_energy", target=said, tolerance=1e-6)
    (judgement,) = judge_results([Asked("x", ("x",), (close,))], [returned], toolbox)
    assert judgement.own == [True]
    assert judgement.strict == [False]


def test_symmetry_that_shows_at_a_loose_tolerance_alone_counts_loosely(returned, toolbox, tmp_path):
    record = json.loads((returned / "results.json").read_text(encoding="utf-8"))
    cell = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.2), ["Ti", "N"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    cell.translate_sites([0], [0.007, 0, 0])  # 0.03 Å
    item = record["candidates"][0] | {"structure": cell.as_dict()}
    (tmp_path / "results.json").write_text(json.dumps(record | {"candidates": [item]}))
    asked = [Asked("x", ("x",), (SpaceGroupClause(number=225),))]
    (judgement,) = judge_results(asked, [tmp_path], toolbox)
    assert judgement.strict == [False]
    assert judgement.loose == [True]


def test_the_command_designs_judges_and_goes_on(tmp_path, capsys):
    prompts = tmp_path / "p.jsonl"
    clause = {"kind": "formula", "formula": "MgO"}
    rows = [
        {"id": "a", "text": "crystals of MgO", "clauses": [clause]},
        {"id": "b", "text": "crystals of CaO", "clauses": [clause]},
    ]
    prompts.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    command = ["eval", "compliance", "--prompts", str(prompts), "--budget", "quick", "--store"]
    command += ["none", "--out", str(tmp_path / "out"), "--json", str(tmp_path / "f.json")]
    for _ in range(2):  # the second time there is nothing to design
        with pytest.raises(SystemExit) as end:
            main(command)
        assert not end.value.code
    figures = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert figures["all"]["request strict"] == 50
    assert "MatterGen" in capsys.readouterr().out
