"""GenMS's tables as commands: what they write, on a few structures."""

from __future__ import annotations

import json

import pytest

from crystalsmith.cli import main


def figures_of(arguments, path):
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--store", "none", "--json", str(path)])
    assert stop.value.code == 0
    return json.loads(path.read_text())


def test_families_have_the_promised_keys(tmp_path):
    figures = figures_of(
        ["eval", "families", "--family", "spinel", "--family", "rutile", "--limit", "4"],
        tmp_path / "families.json",
    )
    assert figures["families"] == 2
    for name in ("all", "spinel", "rutile"):
        assert {"member", "valid_geometry", "smact_valid", "novel"} <= figures[name].keys()
    assert figures["all"]["structures"] == sum(
        figures[n]["structures"] for n in ("spinel", "rutile")
    )
    assert figures["all"]["member"] == 100
    assert figures["all"]["valid_geometry"] == 100
    assert figures["all"]["novel"] == 100


def test_an_unknown_family_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["eval", "families", "--family", "nonsense"])
    assert stop.value.code == 2
    assert "no family nonsense" in capsys.readouterr().err


def test_control_counts_what_was_asked_for(tmp_path):
    figures = figures_of(
        ["eval", "control", "--limit", "1", "--candidates", "2"], tmp_path / "control.json"
    )
    for kind in ("element", "metal", "new"):
        assert figures[kind]["requests"] == 1
        assert figures[kind]["candidates"] == 2
    assert figures["element"]["right"] == 100
    assert figures["new"]["right"] == 100


def test_search_compares_widths_and_draws(tmp_path, mp20_file):
    figures = figures_of(
        ["eval", "search", "--data", str(mp20_file), "--limit", "3", "--formulas", "2"],
        tmp_path / "search.json",
    )
    widths = figures["branching"]
    assert widths["H=2 L=8"]["energy"] < widths["H=1 L=1"]["energy"]
    assert "H=4 L=1" not in widths
    assert set(widths["monotone"]) == {"with_H", "with_L"}
    chosen = figures["best_of_10"]["chosen_by_surrogates"]
    assert chosen["compositions"] == 3
    assert chosen["below"] + chosen["same"] + chosen["above"] == pytest.approx(100)
    assert figures["context"]["data"] == "test.csv.gz"
