"""A prediction belongs to the crystal, not to the way it is written down."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from crystalsmith.core.errors import DataError
from crystalsmith.models.surrogates.arrays import GraphArrays
from crystalsmith.models.surrogates.graph import (
    CUTOFF,
    MAX_NEIGHBOURS,
    collate_graphs,
    crystal_graph,
)
from crystalsmith.models.surrogates.surrogates import Surrogates
from crystalsmith.models.surrogates.training import GraphTensors
from tests.conftest import textbook_structure
from tests.models.surrogates.conftest import random_ensemble
from tests.strategies import crystals, seeds

ENSEMBLE = random_ensemble()
TOLERANCE = 1e-4  # eV; 3 % of strain makes ten times as much
NAMES = ("NaCl", "Si", "SrTiO3", "BaTiO3", "ZnO", "SiO2", "Al2O3", "CaTiO3", "triclinic")


def predicted(*structures):
    means, stds = ENSEMBLE.raw_predictions([crystal_graph(s) for s in structures])
    return np.concatenate([means, stds], axis=1)


def rotation(seed, proper):
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix * (1 if (np.linalg.det(matrix) > 0) == proper else -1)


def written_otherwise(structure, seed, proper=True):
    """Turned, its origin moved, its atoms in another order and in other cells."""
    rng = np.random.default_rng(seed)
    lattice = Lattice(structure.lattice.matrix @ rotation(seed, proper))
    order = rng.permutation(len(structure))
    points = structure.frac_coords[order] + rng.random(3) + rng.integers(-2, 3, (len(order), 3))
    return Structure(lattice, [structure[int(i)].specie for i in order], points)


@given(crystal=crystals(), seed=seeds, proper=st.booleans())
@settings(max_examples=20)
def test_turning_moving_and_reordering(crystal, seed, proper):
    structure = crystal.structure()
    other = written_otherwise(structure, seed, proper)
    assert predicted(other) == pytest.approx(predicted(structure), abs=TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(2))
def test_textbook_crystals_written_otherwise(name, seed):
    structure = textbook_structure(name)
    other = written_otherwise(structure, seed, proper=bool(seed))
    assert predicted(other) == pytest.approx(predicted(structure), abs=TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_supercells_and_primitive_cells(name):
    structure = textbook_structure(name)
    expected = predicted(structure)
    assert predicted(structure.get_primitive_structure()) == pytest.approx(expected, abs=TOLERANCE)
    assert predicted(structure * (2, 1, 1)) == pytest.approx(expected, abs=TOLERANCE)
    skewed = structure.copy()
    skewed.make_supercell([[1, 0, 0], [1, 1, 0], [0, 0, 1]])
    assert predicted(skewed) == pytest.approx(expected, abs=TOLERANCE)


def test_other_crystals_are_predicted_otherwise():
    rows = predicted(*(textbook_structure(name) for name in NAMES))
    assert len({tuple(np.round(row, 3)) for row in rows}) == len(NAMES)
    stretched = textbook_structure("SiO2").apply_strain(0.03, inplace=False)
    assert (
        np.abs(predicted(stretched) - predicted(textbook_structure("SiO2"))).max() > 10 * TOLERANCE
    )


def test_crystals_of_a_batch_do_not_disturb_each_other():
    structures = [textbook_structure(name) for name in NAMES]
    together = predicted(*structures)
    for row, structure in zip(together, structures, strict=True):
        assert predicted(structure)[0] == pytest.approx(row, abs=1e-4)


def test_nodes_are_symmetry_distinct_atoms():
    graph = crystal_graph(textbook_structure("SrTiO3"))
    assert sorted(graph.elements.tolist()) == [8, 22, 38]
    assert graph.weights.sum() == pytest.approx(1)
    assert graph.weights[graph.elements == 8] == pytest.approx(0.6)
    assert graph.volume == pytest.approx(3.905**3 / 5)


@given(crystal=crystals())
@settings(max_examples=20)
def test_neighbours_are_the_nearest_ones(crystal):
    structure = crystal.structure()
    graph = crystal_graph(structure)
    lengths = np.linalg.norm(graph.vectors, axis=-1)
    for node in range(len(graph.elements)):
        real = graph.neighbours[node] >= 0
        own = np.sort(lengths[node][real])
        assert (own <= graph.reach[node] + 1e-5).all()
        same = [i for i, site in enumerate(structure) if graph.elements[node] == site.specie.Z]
        candidates = [
            sorted(n.nn_distance for n in structure.get_neighbors(structure[i], CUTOFF))
            for i in same
        ]
        assert any(
            len(own) == min(len(found), MAX_NEIGHBOURS)
            and np.allclose(own, found[: len(own)], atol=1e-3)
            for found in candidates
        )


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        (Structure(Lattice.cubic(3.6), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]]), "disordered"),
        (Structure(Lattice.cubic(3), ["X"], [[0, 0, 0]]), "X"),
        (Structure(Lattice.cubic(3), [], []), "1 to 400 atoms, not 0"),
        (Structure(Lattice.cubic(3), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0.01]]), "same place"),
    ],
)
def test_what_cannot_be_scored_says_why_and_stops_nothing(structure, words):
    with pytest.raises(DataError, match=words):
        crystal_graph(structure)
    good, bad, also_good = Surrogates([ENSEMBLE]).predict(
        [textbook_structure("NaCl"), structure, textbook_structure("Si")]
    )
    assert words in bad.failure
    assert bad.predictions == {}
    assert good.failure is also_good.failure is None
    assert good.predictions.keys() == also_good.predictions.keys()


def test_structures_that_are_too_large_say_so():
    large = textbook_structure("NaCl") * (4, 4, 4)
    with pytest.raises(DataError, match="1 to 400 atoms, not 512"):
        crystal_graph(large)


def test_a_lone_atom_has_no_neighbours():
    graph = crystal_graph(Structure(Lattice.cubic(30), ["He"], [[0, 0, 0]]))
    assert (graph.neighbours == -1).all()
    assert np.isfinite(predicted(Structure(Lattice.cubic(30), ["He"], [[0, 0, 0]]))).all()


def test_arrays_hold_the_same_graphs(tmp_path):
    graphs = [crystal_graph(textbook_structure(name)) for name in NAMES]
    targets = np.arange(2.0 * len(NAMES)).reshape(-1, 2)
    GraphArrays.from_graphs(graphs, targets).save(tmp_path / "graphs.npz")
    arrays = GraphArrays.load(tmp_path / "graphs.npz")
    assert len(arrays) == len(NAMES)
    assert np.array_equal(arrays.targets, targets)
    chosen = [4, 0, 7]
    batch = GraphTensors(arrays, torch.device("cpu")).batch(torch.tensor(chosen))
    expected = collate_graphs([graphs[i] for i in chosen])
    assert batch.size == 3
    for field in fields(expected):
        if field.name != "size":
            one, other = getattr(batch, field.name), getattr(expected, field.name)
            assert torch.allclose(one.double(), other.double(), atol=2e-4), field.name
