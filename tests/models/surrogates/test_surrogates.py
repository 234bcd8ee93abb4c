"""The shipped surrogates: every property with unit and uncertainty, whatever else is in a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from crystalsmith.core.errors import WeightsError
from crystalsmith.core.evidence import Prediction
from crystalsmith.core.properties import PROPERTIES
from crystalsmith.models.surrogates.surrogates import Surrogates
from tests.conftest import textbook_structure

NAMES = ("NaCl", "MgO", "CsCl", "Si", "Fe", "ZnS", "SrTiO3", "BaTiO3", "TiO2", "ZnO", "Mg", "SiO2")
LEARNT = {"band_gap", "formation_energy", "bulk_modulus", "shear_modulus"}


@pytest.fixture(scope="module")
def shipped():
    return Surrogates.load(device="cpu")


def test_every_property_has_a_unit_and_an_uncertainty(shipped):
    (scored,) = shipped.predict([textbook_structure("MgO")])
    assert scored.predictions.keys() == LEARNT
    for name, prediction in scored.predictions.items():
        assert prediction.unit == PROPERTIES[name].unit
        assert prediction.std > 0
        assert prediction.reliable


def test_textbook_values(shipped):
    found = dict(zip(NAMES, shipped.predict(map(textbook_structure, NAMES)), strict=True))
    values = {name: one.predictions for name, one in found.items()}
    # PBE values of the Materials Project, with room for the model's error
    assert values["Fe"]["band_gap"].mean == values["Mg"]["band_gap"].mean == 0
    assert values["SrTiO3"]["band_gap"].mean == pytest.approx(1.8, abs=0.5)  # not a metal
    assert values["NaCl"]["band_gap"].mean == pytest.approx(5.0, abs=0.7)
    assert values["MgO"]["formation_energy"].mean == pytest.approx(-3.05, abs=0.15)
    assert values["MgO"]["bulk_modulus"].mean == pytest.approx(155, rel=0.15)
    assert values["Mg"]["shear_modulus"].mean == pytest.approx(18, rel=0.3)
    assert values["Mg"]["bulk_modulus"].mean == pytest.approx(36, rel=0.25)


def test_what_cannot_be_scored_fails_alone(shipped):
    salt = textbook_structure("NaCl")
    bad = {
        "not 0": Structure(Lattice.cubic(3), [], []),
        "same place": Structure(Lattice.cubic(3), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0.01]]),
        "not 512": salt * (4, 4, 4),
        "holds Am; only H to Pu": Structure(Lattice.cubic(5), ["Am"], [[0, 0, 0]]),
        "holds X;": Structure(Lattice.cubic(5), ["X"], [[0, 0, 0]]),
        "disordered": Structure(Lattice.cubic(3.6), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]]),
        "no numbers": Structure(Lattice.cubic(float("nan")), ["Na"], [[0, 0, 0]]),
        "too small": Structure(Lattice.cubic(0.3), ["Na"], [[0, 0, 0]]),
        "cannot be read": "NaCl",
    }
    results = shipped.predict([salt, *bad.values(), salt])
    for words, result in zip(bad, results[1:-1], strict=True):
        assert words in str(result.failure)
        assert result.predictions == {}
    first, last = results[0], results[-1]
    assert first.failure is None
    for name, prediction in first.predictions.items():
        assert prediction.mean == pytest.approx(last.predictions[name].mean, rel=1e-4)
    assert shipped.predict([]) == []


def test_strange_crystals_are_flagged(shipped):
    loose = textbook_structure("NaCl").apply_strain(0.8, inplace=False)
    lonely = Structure(Lattice.cubic(15), ["He"], [[0, 0, 0]])
    for scored in shipped.predict([loose, lonely]):
        assert not any(prediction.reliable for prediction in scored.predictions.values())


def test_the_same_on_one_core_and_on_several(shipped):
    structures = [textbook_structure(name) for name in NAMES] * 12
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = shipped.predict(structures)
        torch.set_num_threads(2)
        together = shipped.predict(structures)
    finally:
        torch.set_num_threads(before)
    for one, other in zip(alone, together, strict=True):
        for name, prediction in one.predictions.items():
            assert prediction.mean == pytest.approx(
                other.predictions[name].mean, abs=1e-4, rel=1e-4
            )


def test_the_judge_is_another_model(shipped):
    judge = Surrogates.load_judge(device="cpu")
    assert judge.chgnet is None
    assert set(judge.properties) == LEARNT
    structures = [textbook_structure(name) for name in NAMES]
    pairs = zip(shipped.predict(structures), judge.predict(structures), strict=True)
    apart = [
        abs(a.predictions["formation_energy"].mean - b.predictions["formation_energy"].mean)
        for a, b in pairs
    ]
    assert all(0 < gap < 0.3 for gap in apart)
    (scored,) = judge.predict([textbook_structure("NaCl")])
    assert scored.predictions["formation_energy"].source == "independent judge"


def test_logarithmic_errors_are_factors():
    stiff = Prediction(mean=200.0, std=20.0, unit="GPa", source="test", logarithmic=True)
    assert stiff.probability_within(200, np.inf) == pytest.approx(0.5)
    assert stiff.probability_within(-np.inf, 200) == pytest.approx(0.5)
    assert stiff.probability_within(0, np.inf) == pytest.approx(1)
    wide = stiff.model_copy(update={"std": 200.0})
    assert wide.probability_within(-np.inf, 0) == 0
    assert wide.probability_within(100, 400) == pytest.approx(0.5118, abs=1e-3)
    assert str(stiff) == "200 ± 20 GPa"


def test_a_folder_without_weights_is_named(tmp_path):
    with pytest.raises(WeightsError, match="no model weights in"):
        Surrogates.load(tmp_path, device="cpu")
