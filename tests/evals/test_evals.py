"""Benchmarks on a handful of textbook crystals: figures are counted right and written down."""

from __future__ import annotations

import json

import pytest

from crystalsmith.cli import main
from crystalsmith.core.errors import DataError
from crystalsmith.evals.cases import known_crystals, load_cases
from crystalsmith.evals.structures import evaluate_structures
from crystalsmith.evals.symmetry import evaluate_symmetry, only_part
from crystalsmith.models.constraint.generator import ConstraintGenerator
from crystalsmith.models.structure.generator import StructureGenerator


@pytest.fixture(scope="module")
def cases(mp20_file):
    return load_cases(mp20_file, train_data=[mp20_file])


def test_rows_used_and_skipped_are_counted_with_the_reason(cases):
    assert cases.report.used == 6
    assert sum(cases.report.skipped.values()) == 1
    assert "row 7" in str(cases.report)


def test_formulas_in_the_training_files_are_not_unseen(cases):
    assert cases.unseen == [False] * 6


def test_a_limit_draws_the_same_crystals_for_the_same_seed(mp20_file):
    first, second = (load_cases(mp20_file, limit=3, seed=5) for _ in range(2))
    assert [e.id for e in first.entries] == [e.id for e in second.entries]
    assert len(first.entries) == 3


def test_symmetry_figures_of_neighbours_that_know_the_answer(cases):
    generator = ConstraintGenerator.load(entries=cases.entries)
    generator.prior.settings = type(generator.prior.settings)(neighbours=1, same_formula=1.0)
    figures = evaluate_symmetry(only_part(generator, "neighbours"), cases)
    assert figures["all"]["n"] == 6
    assert figures["all"]["sg_top1"] == 100
    assert figures["all"]["template_top1"] == 100
    assert figures["all"]["letters_true_sg"] == 100
    assert figures["all"]["invalid"] == 0
    assert figures["stable"]["n"] == 6
    assert figures["unseen"]["n"] == 0


def test_structures_copied_from_the_crystal_itself_match_exactly(cases):
    generator = StructureGenerator.load(entries=cases.entries, device="cpu")
    figures = evaluate_structures(generator, cases)
    assert figures["template_baseline"]["match"] == 100
    assert figures["template_baseline"]["rmse"] < 1e-3
    assert figures["composition_exact"] == 100
    assert figures["space_group_kept"] == 100
    assert figures["match"] == 100
    assert sum(row["n"] for row in figures["by_crystal_family"].values()) == 6


def test_unknown_parts_are_refused_in_words():
    with pytest.raises(DataError, match="mixed, model, network, learned or neighbours"):
        only_part(ConstraintGenerator(None), "oracle")


def test_store_none_is_what_a_fresh_machine_has():
    info = known_crystals("none").info()
    assert "prototypes" in str(info)
    assert info.total == 288


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        (("eval", "symmetry"), {"all", "stable", "context"}),
        (("eval", "structures"), {"n", "match", "rmse", "space_group_kept", "template_baseline"}),
        (("eval", "surrogates"), {"n", "band_gap", "formation_energy"}),
    ],
)
def test_commands_print_a_table_and_write_json(command, keys, mp20_file, tmp_path, capsys):
    path = tmp_path / "figures.json"
    arguments = ["--data", str(mp20_file), "--store", "none", "--limit", "3", "--json", str(path)]
    with pytest.raises(SystemExit) as end:
        main([*command, *arguments])
    assert end.value.code == 0
    assert json.loads(path.read_text()).keys() >= keys
    captured = capsys.readouterr()
    assert "6 rows used, 1 skipped" in captured.err
    assert captured.out
