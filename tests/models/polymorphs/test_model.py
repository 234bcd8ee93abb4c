"""Further polymorphs of formulas that have known ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.errors import WeightsError
from crystalsmith.models.constraint.generator import ConstraintGenerator, Wanted
from crystalsmith.models.neighbours.prior import NeighbourPrior
from crystalsmith.models.polymorphs.model import SHIPPED, PolymorphModel
from crystalsmith.models.polymorphs.network import PolymorphConfig, PolymorphNetwork
from crystalsmith.models.polymorphs.relatives import N_FEATURES, relatives
from tests.conftest import textbook_structure
from tests.models.conftest import textbook_entry

CUBIC = SymmetryTemplate.from_letters(221, {"Sr": "a", "Ti": "b", "O": "c"})


@pytest.fixture(scope="module")
def tetragonal():
    """Strontium titanate whose titanium is 0.16 Å beside its place."""
    structure = textbook_structure("SrTiO3")
    titanium = next(i for i, site in enumerate(structure) if site.specie.symbol == "Ti")
    structure.translate_sites([titanium], [0.0, 0.0, 0.04])
    crystal = describe(structure)
    assert crystal.template.number == 99
    return replace(textbook_entry("SrTiO3"), id="tetragonal", crystal=crystal)


@pytest.fixture(scope="module")
def shipped(tetragonal):
    return PolymorphModel.load([tetragonal], device="cpu")


def test_symmetry_that_a_known_crystal_nearly_has_is_expected_at_its_energy(shipped, tetragonal):
    formula = Composition("SrTiO3")
    near = shipped.shares(formula, tetragonal.formation_energy + 0.001, {CUBIC: 0.5})
    far = shipped.shares(formula, tetragonal.formation_energy + 0.2, {CUBIC: 0.5})
    assert max(near, key=near.__getitem__) == CUBIC
    assert near[CUBIC] > 0.3
    assert near[CUBIC] > far[CUBIC] + 0.2


def test_the_crystal_asked_for_is_the_known_one_if_its_energy_is_told(shipped, tetragonal):
    formula, energy = Composition("SrTiO3"), tetragonal.formation_energy  # -3.5
    beside = shipped.shares(formula, energy + 0.001, {})
    asked = shipped.shares(formula, energy, {})
    assert asked[CUBIC] < 0.3 * beside[CUBIC]


def test_nothing_is_said_without_a_known_crystal_or_an_energy(shipped):
    assert shipped.shares(Composition("BaTiO3"), -3.4, {}) == {}
    assert shipped.shares(Composition("SrTiO3"), None, {}) == {}


@given(energy=st.floats(-8, 4), share=st.floats(0, 1))
def test_probabilities_leave_room_for_others(shipped, energy, share):
    shares = shipped.shares(Composition("Sr2Ti2O6"), energy, {CUBIC: share})
    assert all(0 < value < 1 for value in shares.values())
    assert sum(shares.values()) < 1
    assert shipped.known.of(Composition("SrTiO3"))[0].crystal.template not in shares


def test_polymorphs_whose_energies_agree_are_the_likelier(salts):
    """Silver chloride becomes what sodium chloride is 0.1 eV/atom above rock salt."""
    crystal = salts[0].crystal.with_elements({"Na": "Ag"})
    silver = replace(salts[0], id="silver", crystal=crystal, formation_energy=-0.7)
    model = PolymorphModel.load([*salts, silver], device="cpu")
    dense = SymmetryTemplate.from_letters(221, {"Ag": "a", "Cl": "b"})
    agreeing = model.shares(Composition("AgCl"), -0.6001, {dense: 0.1})
    other = model.shares(Composition("AgCl"), -0.3001, {dense: 0.1})
    assert agreeing[dense] > 2 * other.get(dense, 0.0)


def test_features_are_finite_where_nothing_is_known(salts, tetragonal):
    without = [replace(entry, formation_energy=None) for entry in (*salts, tetragonal)]
    model = PolymorphModel.load(without, device="cpu")
    found = relatives(model.known, model.known.of(Composition("SrTiO3")), -3.5, {})
    assert found.features.shape == (len(found.templates), N_FEATURES)
    assert found.templates
    assert np.isfinite(found.features).all()


def test_a_generator_names_further_polymorphs(shipped, tetragonal):
    prior = NeighbourPrior([tetragonal])
    wanted = Wanted(formation_energy=-3.4991)
    formula = Composition("SrTiO3")
    (known,) = ConstraintGenerator(None, prior).propose(formula, wanted)
    ranked = ConstraintGenerator(None, prior, polymorphs=shipped).propose(formula, wanted)
    assert known.template == tetragonal.crystal.template
    assert {row.template for row in ranked} >= {known.template, CUBIC}
    assert sum(row.probability for row in ranked) == pytest.approx(1)
    cubic = ConstraintGenerator(None, prior, polymorphs=shipped).propose(
        formula, wanted, allow=lambda number: number == 221
    )
    assert [row.template for row in cubic] == [CUBIC]


def test_padding_says_nothing():
    torch.manual_seed(0)
    network = PolymorphNetwork(PolymorphConfig(hidden=4))
    features = torch.randn(1, 3, N_FEATURES)
    alone = network(features[:, :2], torch.ones(1, 2, dtype=torch.bool))
    padded = network(features, torch.tensor([[True, True, False]]))
    assert torch.allclose(padded[:, [0, 1, 3]], alone)
    assert alone.exp().sum().item() == pytest.approx(1)


def test_damaged_weights_are_told(tmp_path):
    with pytest.raises(WeightsError, match="no model weights"):
        PolymorphModel.load([], tmp_path)
    (tmp_path / "config.json").write_text('{"network": {"depth": 3}}')
    with pytest.raises(WeightsError, match="does not describe a polymorph network"):
        PolymorphModel.load([], tmp_path)
    assert (SHIPPED / "README.md").exists()
