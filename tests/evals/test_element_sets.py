"""The benchmark that starts from elements, and the constraint generator's clock."""

import json
from dataclasses import replace

import pytest

from crystalsmith.cli import main
from crystalsmith.core.errors import DataError
from crystalsmith.evals.cases import load_cases
from crystalsmith.evals.element_sets import evaluate_element_sets, symmetry_benchmark
from crystalsmith.models.constraint.generator import ConstraintGenerator
from crystalsmith.models.neighbours.prior import NeighbourPrior


@pytest.fixture(scope="module")
def cases(mp20_file):
    return load_cases(mp20_file, train_data=[mp20_file])


def test_figures_of_neighbours_that_know_the_answer(cases):
    generator = ConstraintGenerator(None, NeighbourPrior(cases.entries))
    prior = generator.set_prior
    prior.settings = replace(prior.settings, neighbours=1, same_elements=1.0)
    guesses = []
    figures = evaluate_element_sets(generator, cases, guesses=guesses)
    everything = figures["all"]
    assert everything["n"] == 6
    for name in ("sg_top1", "ratio_top1", "ratio_top20", "template_top1", "rouge_l"):
        assert everything[name] == 100, name
    assert everything["invalid"] == 0
    assert everything["calibration_error"] < 1
    assert [true for true, _ in guesses] == [e.crystal.template.number for e in cases.entries]
    assert all(true == guess for true, guess in guesses)
    assert figures["unseen"]["n"] == 0


def test_other_beginnings_are_refused_in_words():
    with pytest.raises(DataError, match="formula or elements"):
        symmetry_benchmark("name")


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert end.value.code == 0


def test_the_command_writes_figures_and_confusion(mp20_file, tmp_path, capsys):
    path = tmp_path / "figures.json"
    arguments = ["--data", str(mp20_file), "--store", "none", "--limit", "2", "--json", str(path)]
    run(
        *("eval", "symmetry", "--given", "elements", "--confusion", str(tmp_path / "groups")),
        *arguments,
    )
    figures = json.loads(path.read_text())["all"]
    assert figures.keys() >= {"sg_top1", "ratio_top20", "rouge_1", "calibration_error", "invalid"}
    assert {file.name for file in (tmp_path / "groups").iterdir()} == {
        "confusion.csv",
        "confusion.png",
    }
    assert "from the elements" in capsys.readouterr().out


def test_requests_a_second_are_counted(tmp_path, capsys):
    path = tmp_path / "figures.json"
    run("bench", "symmetry", "--limit", "3", "--json", str(path))
    figures = json.loads(path.read_text())
    assert figures["n"] == 3
    assert figures["requests_per_s_beam_1"] > 0
    assert figures["requests_per_s_beam_20"] > 0
    assert 0 < figures["model_mib"] < 15
    assert figures["resident_mib"] > 100
    assert "requests_per_s_beam_20" in capsys.readouterr().out
