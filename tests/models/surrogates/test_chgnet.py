"""CHGNet on distinct atoms gives what CHGNet itself gives."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from pymatgen.core import Lattice, Structure

from crystalsmith.models.surrogates.chgnet import FEATURES, WIDTH, ChgnetAtoms
from crystalsmith.models.surrogates.chgnet_graph import chgnet_graph
from crystalsmith.models.surrogates.surroundings import Surroundings
from tests.conftest import textbook_structure
from tests.strategies import crystals

NAMES = ("NaCl", "Si", "Fe", "SrTiO3", "BaTiO3", "ZnO", "SiO2", "Al2O3", "CaTiO3", "triclinic")


@pytest.fixture(scope="module")
def chgnet():
    return ChgnetAtoms()


@pytest.fixture(scope="module")
def original():
    with contextlib.redirect_stdout(io.StringIO()):
        from chgnet.model import CHGNet

        model = CHGNet.load(use_device="cpu", verbose=False)
    model.graph_converter.set_isolated_atom_response("ignore")
    return model


def known(chgnet, structure):
    around = Surroundings.of(structure)
    return chgnet.know([chgnet_graph(around)])[0], around


@pytest.mark.parametrize("name", NAMES)
def test_energy_and_features_are_those_of_chgnet(chgnet, original, name):
    structure = textbook_structure(name)
    found, around = known(chgnet, structure)
    expected = original.predict_structure(
        structure, task="e", return_atom_feas=True, return_crystal_feas=True
    )
    assert found.energy == pytest.approx(float(expected["e"]), abs=2e-5)
    assert found.atoms.shape == (len(around.distinct.atoms), FEATURES)
    of_every_atom = found.atoms[around.distinct.node_of_atom]
    assert of_every_atom[:, :WIDTH] == pytest.approx(expected["atom_fea"], abs=2e-3)
    assert of_every_atom[:, WIDTH:].sum(0) == pytest.approx(
        expected["crystal_fea"], abs=2e-3 * len(structure)
    )


@given(crystal=crystals())
@settings(max_examples=15)
def test_energies_of_odd_crystals_as_well(chgnet, original, crystal):
    structure = crystal.structure()
    found, _ = known(chgnet, structure)
    expected = float(original.predict_structure(structure, task="e")["e"])
    assert found.energy == pytest.approx(expected, abs=1e-3, rel=1e-4)


def test_batches_of_any_order_and_size_give_the_same(chgnet):
    graphs = [chgnet_graph(Surroundings.of(textbook_structure(name))) for name in NAMES]
    together = chgnet.know([*graphs, *graphs[::-1]])
    for graph, one, other in zip(graphs, together, together[::-1], strict=False):
        alone = chgnet.know([graph])[0]
        assert alone.energy == pytest.approx(one.energy, abs=1e-5)
        assert alone.atoms == pytest.approx(other.atoms, abs=1e-4)
    assert chgnet.know([]) == []


def test_a_lone_atom_has_no_bonds_and_no_angles(chgnet):
    found, _ = known(chgnet, Structure(Lattice.cubic(20), ["He"], [[0, 0, 0]]))
    assert np.isfinite(found.energy)
    assert np.isfinite(found.atoms).all()


def test_equivalent_atoms_are_found_and_others_kept_apart():
    assert len(Surroundings.of(textbook_structure("SrTiO3") * (2, 1, 1)).distinct.atoms) == 3
    assert len(Surroundings.of(textbook_structure("BaTiO3")).distinct.atoms) == 4
    pushed = textbook_structure("NaCl")
    pushed.translate_sites([0], [0.01, 0, 0])
    assert len(Surroundings.of(pushed).distinct.atoms) > 2
