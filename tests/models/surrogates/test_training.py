"""Training surrogates on a handful of crystals, and the ensemble that comes out."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from crystalsmith.core.errors import WeightsError
from crystalsmith.core.evidence import NORMAL_90
from crystalsmith.models.surrogates.calibration import calibrate, trained_range
from crystalsmith.models.surrogates.ensemble import Ensemble, TrainedRange
from crystalsmith.models.surrogates.graph import crystal_graph
from crystalsmith.models.surrogates.preparation import prepare
from crystalsmith.models.surrogates.recipe import train_surrogates
from crystalsmith.models.surrogates.surrogates import Surrogates
from crystalsmith.models.surrogates.training import (
    TRAIN_FILE,
    VALIDATION_FILE,
    SurrogateTraining,
    train,
)
from crystalsmith.models.training_data import TrainingData
from tests.models.surrogates.conftest import TINY, random_ensemble

SETTINGS = SurrogateTraining(steps=80, batch=4, learning_rate=0.05, network=TINY)
TEAM = [SETTINGS, replace(SETTINGS, seed=1)]
NAMES = TINY.properties


@pytest.fixture(scope="module")
def trained(known, held_out, tmp_path_factory):
    """An ensemble of two, and its folder."""
    folder = tmp_path_factory.mktemp("surrogates")
    data = TrainingData(known, [], held_out)
    train_surrogates(data, folder, TEAM, device="cpu")
    return folder


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_the_loss_falls_and_training_crystals_are_learnt(trained, known):
    for member in ("member-0", "member-1"):
        *rows, last = log_of(trained / member)
        losses = [row["loss"] for row in rows]
        assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])
        assert last["formation_energy_mae"] > 0
    ensemble = Ensemble.load(trained / "weights", device="cpu")
    means, _ = ensemble.raw_predictions([graph(entry) for entry in known])
    for column, name in enumerate(NAMES):
        truth = np.array([getattr(entry, name) for entry in known])
        errors = np.abs(means[:, column] - truth).mean()
        assert errors < 0.5 * np.abs(truth - truth.mean()).mean()


def graph(entry):
    return crystal_graph(entry.crystal.structure())


def test_a_finished_training_is_not_done_again(trained, known, held_out):
    before = (trained / "weights" / "config.json").read_bytes()
    lines = len(log_of(trained / "member-0"))
    data = TrainingData(known, [], held_out)
    train_surrogates(data, trained, TEAM, device="cpu")
    steps = [row["step"] for row in log_of(trained / "member-0")[lines:]]
    assert set(steps) == {SETTINGS.steps}
    assert (trained / "weights" / "config.json").read_bytes() == before
    other = [replace(SETTINGS, batch=3)]
    with pytest.raises(WeightsError, match="other settings"):
        train_surrogates(data, trained, other, device="cpu")


def test_members_disagree_and_the_spread_says_so(known):
    structures = [entry.crystal.structure() for entry in known]
    ensemble = random_ensemble(3)
    alone = [Ensemble([member], {}, ensemble.trained) for member in ensemble.members]
    graphs = [crystal_graph(structure) for structure in structures]
    each = np.stack([one.raw_predictions(graphs)[0] for one in alone])
    means, stds = ensemble.raw_predictions(graphs)
    assert means == pytest.approx(each.mean(0), abs=1e-5)
    assert (stds >= each.std(0) - 1e-6).all()
    doubled = Ensemble(ensemble.members, {"band_gap": 2.0}, ensemble.trained)
    _, wider = doubled.raw_predictions(graphs)
    assert wider[:, 0] == pytest.approx(2 * stds[:, 0])
    assert wider[:, 1] == pytest.approx(stds[:, 1])


def test_calibrated_intervals_hold_what_they_promise(known, held_out):
    everything = [*known, *held_out]
    ensemble = random_ensemble()
    graphs = [graph(entry) for entry in everything]
    factors = calibrate(ensemble, everything, graphs)
    ensemble.spread = factors
    means, stds = ensemble.raw_predictions(graphs)
    for column, name in enumerate(NAMES):
        truth = np.array([getattr(entry, name) for entry in everything])
        inside = np.abs(truth - means[:, column]) <= NORMAL_90 * stds[:, column] + 1e-9
        assert 0.8 <= inside.mean() <= 0.95
        assert factors[name] > 0


def test_calibration_looks_at_known_values_only(known):
    ensemble = random_ensemble()
    half = [replace(entry, band_gap=None) for entry in known[:4]] + known[4:]
    graphs = [graph(entry) for entry in known]
    assert calibrate(ensemble, half, graphs)["band_gap"] == pytest.approx(
        calibrate(ensemble, known[4:], graphs[4:])["band_gap"]
    )


def test_metals_have_no_gap(known):
    ensemble = random_ensemble()
    structures = [entry.crystal.structure() for entry in known]
    models = Surrogates([ensemble])
    assert any(s.predictions["band_gap"].mean > 0 for s in models.predict(structures))
    with torch.no_grad():
        for member in ensemble.members:
            member.metal.bias.fill_(20.0)
    assert all(s.predictions["band_gap"].mean == 0 for s in models.predict(structures))


def test_predictions_carry_units_and_where_they_hold(trained, known, structure_named):
    ensemble = Surrogates([Ensemble.load(trained / "weights", device="cpu")])
    (scored,) = ensemble.predict([structure_named("NaCl")])
    assert scored.predictions["band_gap"].unit == "eV"
    assert scored.predictions["formation_energy"].unit == "eV/atom"
    assert {p.source for p in scored.predictions.values()} == {"surrogate"}
    assert all(p.std > 0 for p in scored.predictions.values())
    assert not any(p.reliable for p in scored.predictions.values())  # seen once, not ten times
    assert ensemble.predict([]) == []


def test_the_trained_range(known, structure_named):
    often = [graph(entry) for entry in known] * 10
    covered = trained_range(often)
    assert {11, 17, 8} <= covered.elements
    assert covered.covers(crystal_graph(structure_named("NaCl")))
    assert not covered.covers(crystal_graph(structure_named("Al2O3")))  # no aluminium seen
    loose = structure_named("NaCl").apply_strain(1.0, inplace=False)
    assert not covered.covers(crystal_graph(loose))
    tight = structure_named("NaCl").apply_strain(-0.5, inplace=False)
    assert not covered.covers(crystal_graph(tight))
    assert 11 not in trained_range(often[:9]).elements
    ensemble = random_ensemble(trained=covered)
    inside, outside = Surrogates([ensemble]).predict(
        [structure_named("NaCl"), structure_named("Al2O3")]
    )
    assert inside.predictions["band_gap"].reliable
    assert not outside.predictions["band_gap"].reliable


def test_crystals_without_a_gap_do_not_spoil_the_training(known, held_out, tmp_path):
    """A batch in which nobody knows the gap used to make every weight not a number."""
    mixed = [replace(entry, band_gap=None) for entry in known[1:]] + known[:1]
    prepare(mixed, NAMES, workers=1).save(tmp_path / TRAIN_FILE)
    prepare(held_out, NAMES, workers=1).save(tmp_path / VALIDATION_FILE)
    settings = replace(SETTINGS, steps=8, batch=2)
    network = train(tmp_path, tmp_path / "run", settings, device="cpu")
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())


def test_crystals_without_any_property_are_left_out(known):
    nothing = replace(known[0], band_gap=None, formation_energy=None)
    arrays = prepare([nothing, *known[1:3]], NAMES, workers=1)
    assert len(arrays) == 2
    assert arrays.targets[:, 0].tolist() == pytest.approx([e.band_gap for e in known[1:3]])


@pytest.mark.parametrize("damage", ["members", "trained_range", "spread"])
def test_damaged_ensembles_are_refused_in_words(trained, tmp_path, damage):
    shutil.copytree(trained / "weights", tmp_path, dirs_exist_ok=True)
    config = json.loads((tmp_path / "config.json").read_text())
    del config[damage]
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="does not describe surrogates"):
        Surrogates.load(tmp_path, device="cpu")


def test_missing_members_are_named(trained, tmp_path):
    shutil.copytree(trained / "weights", tmp_path, dirs_exist_ok=True)
    (tmp_path / "member-0" / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"member-0.* is missing"):
        Surrogates.load(tmp_path, device="cpu")


def test_ranges_are_inclusive(structure_named):
    salt = crystal_graph(structure_named("NaCl"))
    exact = TrainedRange(frozenset({11, 17}), (salt.volume, salt.volume), 2.8)
    assert exact.covers(salt)
    assert not replace(exact, distance=2.9).covers(salt)


def test_the_shipped_weights_load_and_predict(structure_named):
    (scored,) = Surrogates.load(device="cpu").predict([structure_named("NaCl")])
    assert scored.failure is None
    assert all(np.isfinite(p.mean) and p.std > 0 for p in scored.predictions.values())
