"""``crystalsmith train`` on a handful of crystals: stopped, repeated, finished, refused."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from pymatgen.core import Composition
from typer.testing import CliRunner

from crystalsmith import cli
from crystalsmith.core.clauses import PropertyRange
from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.properties import PROPERTIES
from crystalsmith.core.settings import settings
from crystalsmith.models.composition.model import CompositionModel
from crystalsmith.models.constraint.generator import ConstraintGenerator
from crystalsmith.models.neighbours.model import NeighbourModel
from crystalsmith.models.neighbours.prior import NeighbourPrior
from crystalsmith.models.polymorphs.model import PolymorphModel
from crystalsmith.models.runs import load_tensors
from crystalsmith.models.structure.generator import StructureGenerator
from crystalsmith.models.surrogates.surrogates import SHIPPED, Surrogates
from crystalsmith.models.templates.model import TemplateModel

SETTINGS = {
    "structure": ["steps=4", "width=16", "pair_width=8", "layers=1", "heads=2", "grid=8"],
    "surrogate": ["steps=4", "width=16", "channels=4", "layers=1", "radial=8", "batch=4"],
    "composition": ["steps=4", "width=16", "layers=1", "heads=2", "fractions=8", "batch=4"],
    "templates": ["steps=4", "width=16", "layers=1", "heads=2", "batch=4"],
    "neighbours": ["steps=4", "width=4", "hidden=8", "batch=4"],
    "polymorphs": ["steps=4", "hidden=4", "batch=2"],
    "constraint": ["steps=2", "adapter_steps=2", "batch=2", "width=32", "layers=1", "heads=2"],
}


@pytest.fixture
def train(csv_files, tmp_path):
    data, validation = csv_files

    def run(model, *more, data=data, validation=validation):
        options = ["--data", data, "--out", tmp_path / "out"]
        options += [] if validation is None else ["--validation", validation]
        options += [word for setting in SETTINGS[model] for word in ("--set", setting)]
        options += ["--device", "cpu", *more]
        return CliRunner().invoke(cli.app, ["train", model, *map(str, options)])

    return run


def stopped_then_finished(train, out, model, state, *more):
    """Run until the time is up at once, then again to the end, then once more for nothing."""
    stopped = train(model, "--seconds", "0.000001", *more)
    assert stopped.exit_code == 0, stopped.exception
    assert "train.csv: 9 rows used" in stopped.stderr
    before = json.loads((out / state).read_text())["step"]
    finished = train(model, *more)
    assert finished.exit_code == 0, finished.exception
    steps = int(SETTINGS[model][0].removeprefix("steps="))
    assert before < steps == json.loads((out / state).read_text())["step"]
    return finished


def test_templates(train, tmp_path):
    out = tmp_path / "out"
    stopped_then_finished(train, out, "templates", "state.json")
    model = TemplateModel.load(out / "weights", device="cpu")
    named = model.propose_many([Composition("KBr")], [0.0])[0]
    assert {template.composition.reduced_formula for template in named} == {"KBr"}


def test_templates_of_another_source_but_a_benchmark(train, tmp_path, csv_files, write_csv):
    data = write_csv(["NaCl", "Si"], "few.csv")
    benchmark = write_csv(["ZnO"], "benchmark.csv")
    more = ("--further", csv_files[0], "--apart-from", benchmark)
    result = train("templates", *more, data=data)
    assert result.exit_code == 0, result.exception
    assert "train.csv: 9 rows used, 6 of them with formulas of their own" in result.stderr
    learned = TemplateModel.load(tmp_path / "out" / "weights", device="cpu").catalogue.seen
    groups = {pattern.number for pattern in learned}
    assert 216 in groups  # sphalerite
    assert 186 not in groups  # wurtzite, the benchmark's


def test_neighbours(train, tmp_path, known):
    out = tmp_path / "out"
    stopped_then_finished(train, out, "neighbours", "state.json")
    model = NeighbourModel.load(out / "weights", device="cpu")
    votes = model.votes([NeighbourPrior(known).around(Composition("KBr"))], [0.0])[0]
    assert sum(votes.shares.values()) == pytest.approx(1)


def test_polymorphs(train, tmp_path, write_csv, salts):
    data = write_csv(["NaCl", "CsCl", "Si"], "train.csv")
    salt, other = salts
    with data.open("a", encoding="utf-8", newline="") as handle:
        cif = str(other.crystal.structure().to(fmt="cif"))
        csv.writer(handle).writerow(["dense", cif, 5.0, -2.0, 0.1, 24, 321])
    found = train("polymorphs", data=data)
    assert found.exit_code == 0, found.exception
    model = PolymorphModel.load([salt], tmp_path / "out" / "weights", device="cpu")
    assert model.shares(salt.composition, -2.0, {}) == {}  # nobody has anything beside it


def test_polymorphs_need_a_formula_with_two(train):
    refused = train("polymorphs")
    assert isinstance(refused.exception, CrystalsmithError)
    assert "no formula has two crystals" in str(refused.exception)


def test_structure(train, tmp_path, known):
    out = tmp_path / "out"
    stopped_then_finished(train, out, "structure", "state.json")
    generator = StructureGenerator.load(out / "weights", device="cpu")
    template = known[0].crystal.template
    assert generator.generate([template])[0][0].crystal.template == template


def test_surrogate(train, tmp_path, structure_named):
    out = tmp_path / "out"
    two = ("--member", "metal_weight=0.2", "--member", "")
    stopped_then_finished(train, out, "surrogate", "member-1/state.json", *two)
    ensemble = Surrogates.load(out / "weights", device="cpu")
    assert [len(member.layers) for member in ensemble.ensembles[0].members] == [1, 1]
    (scored,) = ensemble.predict([structure_named("NaCl")])
    assert np.isfinite(scored.predictions["formation_energy"].mean)


@pytest.fixture
def own_weights(monkeypatch, tmp_path):
    """Settings that name the run's weights, and no property left behind."""
    before = dict(PROPERTIES)
    monkeypatch.setenv("CRYSTALSMITH_SURROGATE_WEIGHTS", str(tmp_path / "out" / "weights"))
    settings.cache_clear()
    yield tmp_path / "out" / "weights"
    PROPERTIES.clear()
    PROPERTIES.update(before)
    settings.cache_clear()


def test_a_property_of_ones_own_needs_a_file_and_a_definition(
    train, tmp_path, structure_named, own_weights
):
    definition = tmp_path / "debye.toml"
    definition.write_text(
        'name = "debye_temperature"\nunit = "K"\nwords = "Debye temperature"\n'
        'tolerance = 30\ncolumn = "debye"\nlogarithmic = true\n'
    )
    done = train("surrogate", "--property", definition, "--member", "layers=0,steps=150")
    assert done.exit_code == 0, done.exception
    models = Surrogates.load(own_weights, device="cpu")
    (scored,) = models.predict([structure_named("Si")])
    found = scored.predictions["debye_temperature"]
    assert found.unit == "K"
    assert 300 < found.mean < 900  # 645 K was in the file
    assert {"band_gap", "bulk_modulus"} < scored.predictions.keys()  # the shipped ones as before
    del PROPERTIES["debye_temperature"]  # another process, which reads a request
    asked = PropertyRange(name="debye_temperature", minimum=600)
    assert asked.wish() == "Debye temperature at least 600 K"
    with pytest.raises(ValueError, match="no property 'boiling_point'"):
        PropertyRange(name="boiling_point", minimum=600)


def test_validation_can_be_held_out_and_weights_taken_over(train, tmp_path):
    options = ("--property", "bulk_modulus", "--hold-out", "0.3", "--member", "steps=3")
    shape = ("--set", "width=128", "--set", "layers=0", "--start", "shipped")
    done = train("surrogate", *options, *shape, validation=None)
    assert done.exit_code == 0, done.exception
    weights = load_tensors(tmp_path / "out" / "member-0" / "weights" / "model.safetensors")
    shipped = load_tensors(SHIPPED / "gap_energy" / "member-0" / "model.safetensors")
    learnt, start = weights["knowledge.1.weight"].float(), shipped["knowledge.1.weight"].float()
    assert 0 < (learnt - start).abs().max() < 0.02  # moved by three steps only
    wrong = train("surrogate", *options, "--start", "shipped", "--seconds", "1", validation=None)
    assert "network of other sizes" in refused(wrong) or "other settings" in refused(wrong)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("boiling_point", "there is no property 'boiling_point'; take one of band_gap"),
        ("nowhere.toml", "nowhere.toml cannot be read"),
    ],
)
def test_unknown_properties_are_refused_in_words(train, text, words):
    assert words in refused(train("surrogate", "--property", text))


def test_surrogates_need_something_to_validate_with(train):
    assert "nothing to validate with" in refused(train("surrogate", validation=None))


def test_composition(train, tmp_path):
    out = tmp_path / "out"
    stopped_then_finished(train, out, "composition", "state.json")
    (found,) = CompositionModel.load(out / "weights", device="cpu").predict([Composition("NaCl")])
    assert np.isfinite(found["hull_energy"].mean)


def test_the_composition_model_learns_what_is_named(train, tmp_path):
    weights = tmp_path / "out" / "weights"
    assert train("composition", "--property", "volume_per_atom").exit_code == 0
    told = CompositionModel.load(weights, device="cpu")
    (found,) = told.predict([Composition("NaCl")])
    (shipped,) = CompositionModel.load(device="cpu").predict([Composition("NaCl")])
    assert found["volume_per_atom"].mean != shipped["volume_per_atom"].mean
    assert found["bulk_modulus"] == shipped["bulk_modulus"]
    assert found["volume_per_atom"].unit == "Å³/atom"
    assert "no property 'colour'" in refused(train("composition", "--property", "colour"))


@pytest.fixture
def formulas(tmp_path):
    path = tmp_path / "formulas.csv"
    path.write_text(
        "material_id,pretty_formula,band_gap,formation_energy_per_atom\n"
        "f-1,Ca3(PO4)2,5.5,-3.2\nf-2,GaN,1.7,-0.6\nt-MgO,MgO,4.5,-3.0\n"
    )
    return path


def test_templates_go_on_from_others_and_learn_from_teachers(train, tmp_path, formulas):
    out = tmp_path / "out"
    assert train("templates").exit_code == 0
    first = (out / "weights").rename(tmp_path / "first")
    shutil.rmtree(out)
    result = train("templates", "--formulas", formulas, "--start", first, "--teacher", first)
    assert result.exit_code == 0, result.exception
    lessons = [json.loads(line) for line in (out / "arrays" / "taught.jsonl").open()]
    taught = {tuple(row["elements"]): row["taught"] for row in lessons}
    assert set(taught) == {("Ca", "P", "O"), ("Ga", "N")}  # MgO is a crystal at hand
    assert sum(share for share, *_ in taught["Ga", "N"]) == pytest.approx(1)
    before, after = (TemplateModel.load(f, device="cpu") for f in (first, out / "weights"))
    assert set(before.catalogue.seen) <= set(after.catalogue.seen)
    assert train("templates", "--start", first, "--set", "width=32").exit_code != 0


@pytest.mark.parametrize("model", ["templates", "constraint"])
def test_teachers_need_formulas_to_speak_of(train, tmp_path, model):
    assert train("templates").exit_code == 0
    teacher = (tmp_path / "out" / "weights").rename(tmp_path / "teacher")
    shutil.rmtree(tmp_path / "out")
    assert "add --formulas FILE" in refused(train(model, "--teacher", teacher))


def test_constraint_goes_on_from_a_base_and_learns_from_a_teacher(train, tmp_path, formulas):
    out = tmp_path / "out"
    assert train("templates").exit_code == 0
    teacher = (out / "weights").rename(tmp_path / "teacher")
    shutil.rmtree(out)
    assert train("constraint", "--formulas", formulas).exit_code == 0
    base = (out / "weights" / "base").rename(tmp_path / "base")
    shutil.rmtree(out)
    more = ("--formulas", formulas, "--start", base, "--teacher", teacher)
    result = train("constraint", *more)
    assert result.exit_code == 0, result.exception
    rows = [json.loads(line) for line in (out / "arrays" / "formulas.jsonl").open()]
    assert [bool(row["taught"]) for row in rows] == [False, True]
    generator = ConstraintGenerator.load(out / "weights", device="cpu")
    assert generator.propose(Composition("NaCl"), count=1)


def test_constraint(train, tmp_path, formulas):
    out = tmp_path / "out"
    stopped_then_finished(train, out, "constraint", "base/state.json", "--formulas", formulas)
    records = [json.loads(line) for line in (out / "arrays" / "formulas.jsonl").open()]
    assert [record["elements"] for record in records] == [["Ca", "P", "O"], ["Ga", "N"]]
    generator = ConstraintGenerator.load(out / "weights", device="cpu")
    ranked = generator.propose(Composition("NaCl"), count=3)
    assert len(ranked) == 3
    assert all(row.template.composition.reduced_formula == "NaCl" for row in ranked)


def refused(result):
    """The one sentence of a refusal; `cli.main` prints it and exits with code 2."""
    assert isinstance(result.exception, CrystalsmithError), result.exception
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_other_settings_need_another_folder(train, tmp_path):
    assert train("composition").exit_code == 0
    weights = (tmp_path / "out" / "weights" / "model.safetensors").read_bytes()
    assert "other settings" in refused(train("composition", "--set", "seed=1"))
    assert (tmp_path / "out" / "weights" / "model.safetensors").read_bytes() == weights


@pytest.mark.parametrize("model", SETTINGS)
def test_bad_data_and_options_are_one_sentence(train, model, tmp_path, write_csv):
    bad = tmp_path / "bad.csv"
    bad.write_text("id,structure\n1,none\n")
    assert "not in MP-20 format" in refused(train(model, data=bad))
    assert "No such file" in refused(train(model, data=tmp_path / "nowhere.csv"))
    assert "no usable training crystal" in refused(train(model, data=write_csv([], "none.csv")))
    assert "held out" in refused(train(model, validation=write_csv(["NaCl"], "again.csv")))
    assert "no setting 'depth'" in refused(train(model, "--set", "depth=3"))
    assert not (tmp_path / "out").exists()
    assert "no device 'abacus'" in refused(train(model, "--device", "abacus"))


def test_the_sentence_goes_to_standard_error_with_exit_code_2(tmp_path, capsys, csv_files):
    bad = tmp_path / "bad.csv"
    bad.write_text("id,structure\n1,none\n")
    options = ["--data", str(bad), "--validation", str(csv_files[1]), "--out", str(tmp_path / "o")]
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "structure", *options])
    assert stop.value.code == cli.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip().splitlines()[-1] == (
        f"crystalsmith: {bad} is not in MP-20 format: it has no column cif, material_id"
    )
