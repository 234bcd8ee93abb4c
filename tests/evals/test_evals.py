"""Benchmarks on a handful of textbook crystals: figures are counted right and written down."""

from __future__ import annotations

import csv
import gzip
import json

import pytest

from crystalsmith.cli import main
from crystalsmith.core.errors import DataError
from crystalsmith.evals.cases import known_crystals, load_cases
from crystalsmith.evals.structures import evaluate_structures
from crystalsmith.evals.symmetry import evaluate_symmetry, only_part
from crystalsmith.models.constraint.generator import ConstraintGenerator
from crystalsmith.models.neighbours.prior import NeighbourPrior, PriorSettings
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
    prior = NeighbourPrior(cases.entries, PriorSettings(neighbours=1, same_formula=1.0))
    generator = ConstraintGenerator(None, prior)  # nobody weighs the votes: the nearest one counts
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


def test_workers_share_the_crystals(cases):
    generator = StructureGenerator.load(entries=cases.entries, device="cpu")
    figures = evaluate_structures(generator, cases, workers=4)
    assert figures["n"] == 6
    assert figures["match"] == figures["composition_exact"] == 100  # each beside its own truth
    with pytest.raises(DataError, match="leave them out"):
        evaluate_structures(generator, cases, constraints="predicted", workers=2)


def test_from_the_formula_alone_several_templates_are_filled_with_the_same_formula(cases):
    generator = StructureGenerator.load(entries=cases.entries, device="cpu")
    figures = evaluate_structures(
        generator,
        cases,
        constraints="predicted",
        constraint_generator=ConstraintGenerator.load(entries=cases.entries),
        samples=4,
    )
    assert figures["k"] == 4
    assert figures["composition_exact"] == 100  # whatever the size of the predicted cell
    assert 50 <= figures["match"] <= figures["match_at_k"]
    assert figures["on_hull"]["n"] == 6
    assert figures["drawn_again"] >= 0


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
        (("eval", "steering", "--guidance", "2"), {"n", "told nothing", "guidance 2"}),
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


def test_moduli_are_measured_in_decades_and_plots_are_drawn(mp20_file, tmp_path):
    with gzip.open(mp20_file, "rt") as handle:
        rows = list(csv.DictReader(handle))
    moduli = {"x-1": (24, 15), "x-2": (160, 130), "x-3": (75, 33), "x-6": (160, 76)}
    path = tmp_path / "moduli.csv"
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, ["material_id", "cif", "bulk_modulus", "shear_modulus"])
        writer.writeheader()
        for row in rows[:6]:
            bulk, shear = moduli.get(row["material_id"], ("", ""))
            writer.writerow(
                {"material_id": row["material_id"], "cif": row["cif"]}
                | {"bulk_modulus": bulk, "shear_modulus": shear}
            )
    target = tmp_path / "figures.json"
    options = ["--parity", str(tmp_path / "plots"), "--json", str(target)]
    with pytest.raises(SystemExit) as end:
        main(["eval", "surrogates", "--data", str(path), "--train-data", str(path), *options])
    assert end.value.code == 0
    figures = json.loads(target.read_text())
    assert figures["n"] == 6
    assert "band_gap" not in figures
    assert figures["bulk_modulus"]["n"] == 4
    assert figures["bulk_modulus"]["mae"] < 0.1  # decades; 26 %
    assert figures["bulk_modulus"]["unseen_formula_mae"] is None
    assert 0 < figures["shear_modulus"]["mae_in_unit"] < 30
    plots = sorted(file.name for file in (tmp_path / "plots").iterdir())
    assert plots == ["parity_bulk_modulus.png", "parity_shear_modulus.png"]
    assert all(file.stat().st_size < 60_000 for file in (tmp_path / "plots").iterdir())


def test_the_judge_is_measured_like_the_surrogates(mp20_file, tmp_path):
    path = tmp_path / "judge.json"
    with pytest.raises(SystemExit) as end:
        main(["eval", "surrogates", "--data", str(mp20_file), "--judge", "--json", str(path)])
    assert end.value.code == 0
    assert json.loads(path.read_text())["formation_energy"]["mae"] < 0.2


def test_scoring_and_relaxing_are_timed(tmp_path):
    for command, keys in (
        (["surrogates", "--limit", "12"], {"structures", "structures_per_second", "properties"}),
        (["relax", "--limit", "1", "--workers", "1"], {"n", "match", "seconds_each", "converged"}),
    ):
        path = tmp_path / f"{command[0]}.json"
        with pytest.raises(SystemExit) as end:
            main(["bench", *command, "--json", str(path)])
        assert end.value.code == 0
        assert json.loads(path.read_text()).keys() >= keys
