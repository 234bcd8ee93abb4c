"""The composition model: formulas in any writing, learning, calibration, damaged weights."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Element

from crystalsmith.core.errors import WeightsError
from crystalsmith.core.evidence import NORMAL_90
from crystalsmith.models.composition.calibration import calibrate
from crystalsmith.models.composition.model import CompositionModel, TrainedNetwork
from crystalsmith.models.composition.network import (
    MAX_ELEMENTS,
    CompositionConfig,
    CompositionNetwork,
    encode,
)
from crystalsmith.models.composition.recipe import train_composition
from crystalsmith.models.composition.training import (
    CompositionTraining,
    FormulaTable,
    train,
)
from crystalsmith.models.runs import save_weights
from crystalsmith.models.training_data import TrainingData

TINY = CompositionConfig(width=16, layers=1, heads=2, fractions=8)
SETTINGS = CompositionTraining(steps=200, batch=4, learning_rate=0.05, network=TINY)

formulas = st.dictionaries(
    st.integers(1, 103), st.integers(1, 12), min_size=1, max_size=MAX_ELEMENTS
)


def random_network(seed=0):
    torch.manual_seed(seed)
    return CompositionNetwork(TINY).eval()


MODEL = CompositionModel([TrainedNetwork(random_network())])


def values(predictions):
    return [(p.mean, p.std) for p in predictions.values()]


@given(formula=formulas, factor=st.integers(2, 6), seed=st.integers(0, 99))
@settings(max_examples=50)
def test_neither_order_nor_multiples_matter(formula, factor, seed):
    pairs = [(Element.from_Z(z).symbol, n) for z, n in formula.items()]
    shuffled = [pairs[i] for i in np.random.default_rng(seed).permutation(len(pairs))]
    one = Composition(dict(pairs))
    other = Composition({symbol: n * factor for symbol, n in shuffled})
    first, second = MODEL.predict([one, other])
    assert np.array(values(first)) == pytest.approx(np.array(values(second)), abs=1e-4)


@given(some=st.lists(formulas, min_size=2, max_size=5))
@settings(max_examples=25)
def test_formulas_do_not_disturb_each_other(some):
    asked = [Composition({Element.from_Z(z).symbol: n for z, n in f.items()}) for f in some]
    together = MODEL.predict(asked)
    for composition, expected in zip(asked, together, strict=True):
        (alone,) = MODEL.predict([composition])
        assert np.array(values(alone)) == pytest.approx(np.array(values(expected)), abs=1e-4)


def test_other_ratios_and_elements_are_other_formulas():
    texts = ["FeO", "Fe2O3", "Fe3O4", "CoO", "Fe", "O2"]
    found = {tuple(values(p)[1]) for p in MODEL.predict([Composition(text) for text in texts])}
    assert len(found) == len(texts)
    assert MODEL.predict([]) == []


def test_shares_add_up():
    elements, shares = encode([((8, 3.0), (22, 1.0), (38, 1.0)), ((26, 4.0),)])
    assert elements[0, :3].tolist() == [8, 22, 38]
    assert shares[0, :3].tolist() == pytest.approx([0.6, 0.2, 0.2])
    assert shares.sum(1).tolist() == pytest.approx([1, 1])
    assert not elements[1, 1:].any()
    many = tuple((z, float(z)) for z in range(1, MAX_ELEMENTS + 4))
    elements, shares = encode([many])  # the rarest elements are left out
    assert elements[0].min() == 4
    assert float(shares.sum()) == pytest.approx(1)


def test_gaps_are_never_negative():
    network = random_network()
    with torch.no_grad():
        network.value.bias.fill_(-50.0)
    (found,) = CompositionModel([TrainedNetwork(network)]).predict([Composition("NaCl")])
    assert found["band_gap"].mean == 0
    assert found["formation_energy"].mean < 0
    assert (found["band_gap"].unit, found["hull_energy"].unit) == ("eV", "eV/atom")


@pytest.fixture(scope="module")
def trained(known, held_out, tmp_path_factory):
    folder = tmp_path_factory.mktemp("composition")
    train_composition(TrainingData(known, [], held_out), folder, SETTINGS, device="cpu")
    return folder


def test_the_loss_falls_and_formulas_are_learnt(trained, known):
    *rows, last = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows]
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])
    assert {"band_gap_mae", "formation_energy_mae", "hull_energy_mae"} <= last.keys()
    found = CompositionModel.load(trained / "weights", device="cpu").predict(
        [entry.composition for entry in known]
    )
    truth = np.array([entry.formation_energy for entry in known])
    guess = np.array([row["formation_energy"].mean for row in found])
    assert np.abs(guess - truth).mean() < 0.5 * np.abs(truth - truth.mean()).mean()


def test_training_goes_on_and_the_calibration_is_shipped(trained, known, held_out):
    before = json.loads((trained / "weights" / "config.json").read_text())
    assert before["spread"].keys() == set(TINY.properties)
    data = TrainingData(known, [], held_out)
    train_composition(data, trained, SETTINGS, device="cpu")
    after = json.loads((trained / "weights" / "config.json").read_text())
    assert after["spread"] == pytest.approx(before["spread"], rel=1e-5)
    with pytest.raises(WeightsError, match="other settings"):
        train_composition(data, trained, replace(SETTINGS, seed=1), device="cpu")


def test_unknown_values_are_left_out(tmp_path):
    table = FormulaTable(
        [((11, 1.0), (17, 1.0)), ((14, 1.0),), ((26, 1.0),), ((12, 1.0), (8, 1.0))],
        np.array([[5, -2.1, np.nan], [np.nan, 0, 0.0], [0, np.nan, np.nan], [4.5, -3, -3.0]]),
    )
    network = train(table, table, tmp_path, replace(SETTINGS, steps=6, batch=2), device="cpu")
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())
    assert network.target_mean.tolist() == pytest.approx([9.5 / 3, -1.7, -1.5])
    assert all(np.isfinite(factor) for factor in calibrate(network, table).values())


def test_calibrated_intervals_hold_what_they_promise():
    rng = np.random.default_rng(0)
    rows = [((int(z), 1.0), (8, float(n))) for z, n in rng.integers(10, 60, (200, 2))]
    table = FormulaTable(rows, rng.normal(size=(200, 3)))
    network = random_network()
    factors = calibrate(network, table)
    asked = [Composition({Element.from_Z(z).symbol: n for z, n in row}) for row in rows]
    found = CompositionModel([TrainedNetwork(network, factors)]).predict(asked)
    for column, name in enumerate(TINY.properties[1:], start=1):
        inside = [
            abs(row[name].mean - truth) <= NORMAL_90 * row[name].std
            for row, truth in zip(found, table.targets[:, column], strict=True)
        ]
        assert np.mean(inside) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("config", [{}, {"network": {}}, {"network": {"size": 3}}])
def test_a_config_of_something_else_is_refused(tmp_path, config):
    save_weights(tmp_path, random_network().state_dict(), config)
    with pytest.raises(WeightsError, match="does not describe a composition model"):
        CompositionModel.load(tmp_path, device="cpu")


def test_the_shipped_weights_tell_every_property():
    salt, carbide = CompositionModel.load(device="cpu").predict(
        [Composition("NaCl"), Composition("WC")]
    )
    assert salt.keys() >= {"band_gap", "hull_energy", "volume_per_atom", "shear_modulus"}
    assert all(np.isfinite(p.mean) and p.std > 0 for p in (*salt.values(), *carbide.values()))
    assert carbide["bulk_modulus"].mean > 300 > 60 > salt["bulk_modulus"].mean > 10  # 390; 24 GPa
    assert salt["volume_per_atom"].mean == pytest.approx(22.4, rel=0.15)  # NaCl, 5.64 Å cubed / 8


def test_only_what_is_needed_is_computed():
    model = CompositionModel.load(device="cpu")
    found = model.estimates([Composition("NaCl")], ["hull_energy"])
    assert "hull_energy" in found
    assert "bulk_modulus" not in found
