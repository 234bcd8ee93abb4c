"""Training the flow on a handful of crystals."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from crystalsmith.core.errors import WeightsError
from crystalsmith.models.structure.flow import CrystalFlow, SamplerSettings
from crystalsmith.models.structure.generator import StructureGenerator
from crystalsmith.models.structure.preparation import prepare
from crystalsmith.models.structure.training import (
    TABLE_FILE,
    TRAIN_FILE,
    VALIDATION_FILE,
    StructureTraining,
    train,
)
from crystalsmith.models.structure.training_set import build_buckets, epoch, fit_scales
from crystalsmith.models.structure.wyckoff_table import WyckoffTable
from tests.models.structure.conftest import TINY, batch_of, no_conditions

SETTINGS = StructureTraining(steps=120, learning_rate=0.02, pair_budget=5000, network=TINY)


@pytest.fixture(scope="module")
def arrays_folder(known, held_out, tmp_path_factory):
    folder = tmp_path_factory.mktemp("arrays")
    write_arrays(folder, known, held_out)
    return folder


def write_arrays(folder, known, held_out):
    prepare(known).save(folder / TRAIN_FILE)
    prepare(held_out, known).save(folder / VALIDATION_FILE)
    numbers = {entry.crystal.template.number for entry in [*known, *held_out]}
    WyckoffTable.of_groups(numbers, self_maps=True).save(folder / TABLE_FILE)


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_the_loss_falls_and_the_weights_can_be_used(known, tmp_path):
    few = [entry for entry in known if entry.id in ("t-ZnO", "t-CaTiO3", "t-BaTiO3")]
    write_arrays(tmp_path, few * 6, few)
    train(tmp_path, tmp_path / "run", SETTINGS, device="cpu")
    *rows, last = log_of(tmp_path / "run")
    for name in ("position_loss", "lattice_loss"):
        losses = [row[name] for row in rows]
        fifth = len(losses) // 5
        assert np.mean(losses[-fifth:]) < 0.8 * np.mean(losses[:fifth])
    assert last["step"] == SETTINGS.steps
    assert 0 <= last["found_noise"] <= 1
    assert last["found_template"] == 0  # a crystal is no relative of itself
    generator = StructureGenerator.load(tmp_path / "run" / "weights", device="cpu")
    ((draft,),) = generator.generate([few[-1].crystal.template])
    assert draft.crystal.template == few[-1].crystal.template
    expected = few[-1].crystal.volume_per_atom
    assert draft.crystal.volume_per_atom == pytest.approx(expected, rel=0.3)


def test_a_stopped_run_goes_on(arrays_folder, tmp_path):
    short = replace(SETTINGS, steps=6)
    train(arrays_folder, tmp_path, short, device="cpu", seconds=0)
    assert json.loads((tmp_path / "state.json").read_text())["step"] == 0
    train(arrays_folder, tmp_path, short, device="cpu")
    assert json.loads((tmp_path / "state.json").read_text())["step"] == 6
    weights = load_file(tmp_path / "weights" / "model.safetensors")
    train(arrays_folder, tmp_path, short, device="cpu")
    again = load_file(tmp_path / "weights" / "model.safetensors")
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    with pytest.raises(WeightsError, match="other settings"):
        train(arrays_folder, tmp_path, replace(short, shake=0.3), device="cpu")


def test_the_same_seed_trains_the_same_weights(arrays_folder, tmp_path):
    weights = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        settings = replace(SETTINGS, steps=3, seed=seed)
        train(arrays_folder, tmp_path / name, settings, device="cpu")
        weights.append(load_file(tmp_path / name / "weights" / "model.safetensors"))
    names = list(weights[0])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in names)
    assert not all(torch.equal(weights[0][name], weights[2][name]) for name in names)


def _buckets(entries):
    arrays = prepare(entries)
    numbers = {entry.crystal.template.number for entry in entries}
    table = WyckoffTable.of_groups(numbers, self_maps=True)
    flow = CrystalFlow(TINY)
    fit_scales(flow, arrays, table)
    return build_buckets(arrays, table, flow, torch.device("cpu"))


def test_epochs_show_crystals_as_often_as_something_is_free(known):
    buckets = _buckets(known * 40)
    free = {entry.formation_energy: entry.crystal.template.free_parameters for entry in known}
    assert min(free.values()) == 1 < 4 < max(free.values())
    seen: Counter[float] = Counter()
    for part in epoch(buckets, 200, torch.Generator().manual_seed(0)):
        pairs = part.batch.orbit_mask.shape[1] * part.batch.atom_mask.shape[1]
        assert len(part) == 1 or len(part) * pairs <= 200
        seen.update(round(value, 4) for value in part.formation_energy.tolist())
    for energy, parameters in free.items():
        times = seen[round(energy, 4)]
        if parameters > 4:
            assert times == 40
        else:
            assert times < (10 if parameters == 1 else 36)


def test_an_epoch_of_rigid_crystals_is_not_empty(known):
    rigid = [entry for entry in known if entry.crystal.template.free_parameters == 1][:1]
    buckets = _buckets(rigid)
    for seed in range(8):
        parts = epoch(buckets, 200, torch.Generator().manual_seed(seed))
        assert sum(map(len, parts)) == 1


def test_scales_measure_lattices_from_what_is_usual(known):
    arrays = prepare(known)
    numbers = {entry.crystal.template.number for entry in known}
    table = WyckoffTable.of_groups(numbers, self_maps=True)
    flow = CrystalFlow(TINY)
    fit_scales(flow, arrays, table)
    templates = [entry.crystal.template for entry in known]
    batch = batch_of(templates)
    first = torch.from_numpy(arrays.lattice[arrays.descriptions[:-1]])
    standardised = flow.standardised(batch, first)
    assert torch.allclose(flow.coefficients(batch, standardised), first, atol=1e-4)
    cubic = torch.tensor([template.number >= 195 for template in templates])
    assert torch.isfinite(flow.lattice_std).all()  # though some families have one crystal only
    volumes = standardised[cubic, 5]
    assert float(volumes.mean()) == pytest.approx(0, abs=1e-3)
    assert float(volumes.std()) == pytest.approx(1, abs=1e-2)


def test_setting_out_together_is_the_beginning_of_the_same_way(flow, known):
    batch = batch_of([entry.crystal.template for entry in known])
    start = flow.noise(batch, torch.Generator().manual_seed(0))
    conditions = no_conditions(len(batch))
    settings = SamplerSettings(steps=4, rivals=2, rival_steps=3)
    whole = flow.sample(batch, *start, conditions, settings)
    free, lattice, _, _ = flow.set_out(batch, *start, conditions, settings)
    rest = flow.sample(batch, free, lattice, conditions, settings, gone=settings.together)
    apart = (whole[0] - rest[0] + 0.5) % 1.0 - 0.5  # 0 and 1 are the same place
    assert torch.allclose(apart, torch.zeros_like(apart), atol=1e-5)
    assert torch.allclose(whole[1], rest[1], atol=1e-5)
    assert SamplerSettings(steps=2, rival_steps=5).together == 2
    assert SamplerSettings(rivals=1).together == 0


def test_samples_stay_in_the_cell_and_in_the_family(flow, known):
    templates = [entry.crystal.template for entry in known]
    batch = batch_of(templates)
    start = flow.noise(batch, torch.Generator().manual_seed(0))
    conditions = no_conditions(len(batch))
    drawn = flow.sample(batch, *start, conditions, SamplerSettings(steps=4))
    assert ((drawn[0] >= 0) & (drawn[0] < 1)).all()
    fixed = ~batch.lattice_mask
    assert torch.equal(drawn[1][fixed], batch.lattice_constant[fixed])
    again = flow.sample(batch, *start, conditions, SamplerSettings(steps=4))
    assert torch.equal(drawn[0], again[0])
    guided = flow.sample(batch, *start, conditions, SamplerSettings(steps=4, guidance=3.0))
    assert torch.allclose(drawn[1], guided[1], atol=1e-4)  # nothing was asked for
