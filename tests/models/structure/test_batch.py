"""Templates as tensors: the atoms they place are the crystal's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalsmith.models.structure.batch import gather_orbits
from crystalsmith.models.structure.wyckoff_table import WyckoffTable, position_key
from tests.models.structure.conftest import batch_of, state_of
from tests.strategies import crystals


def placed(batch, free, row):
    """Elements and conventional fractional coordinates of a row's atoms."""
    u = gather_orbits(free, batch.atom_orbit)
    points = torch.einsum("bnij,bnj->bni", batch.atom_map, u) + batch.atom_shift
    elements = batch.elements.gather(1, batch.atom_orbit)
    real = batch.atom_mask[row]
    return elements[row, real].numpy(), points[row, real].numpy()


@given(some=st.lists(crystals(), min_size=1, max_size=3))
@settings(max_examples=25)
def test_a_batch_places_the_atoms_of_its_crystals(some):
    batch = batch_of([crystal.template for crystal in some])
    free, _ = state_of(some)
    assert len(batch) == len(some)
    for row, crystal in enumerate(some):
        structure = crystal.structure()
        elements, points = placed(batch, free, row)
        assert elements.tolist() == [site.specie.Z for site in structure]
        primitive = batch.primitive[row].double().numpy()
        gaps = points @ np.linalg.inv(primitive) - structure.frac_coords
        assert np.abs(gaps - gaps.round()).max() < 1e-4
        assert batch.multiplicity[row].sum() == len(structure)
        assert batch.conventional_atoms[row] == crystal.template.composition.num_atoms
        free_numbers = batch.freedom[row].sum() + batch.lattice_mask[row].sum()
        assert free_numbers == crystal.template.free_parameters
        representative = batch.orbit_map[row] @ free[row][..., None]
        back = (batch.orbit_inverse[row] @ representative).squeeze(-1)
        assert torch.allclose(back, free[row], atol=1e-5)


@given(some=st.lists(crystals(), min_size=3, max_size=3))
@settings(max_examples=15)
def test_a_selection_is_the_batch_of_the_selected(some):
    templates = [crystal.template for crystal in some]
    chosen = batch_of(templates).select(torch.tensor([2, 0]))
    expected = batch_of([templates[2], templates[0]])
    for name, values in vars(expected).items():
        assert torch.equal(getattr(chosen, name), values), name


def test_tables_survive_files(tmp_path):
    table = WyckoffTable.of_groups([14, 225], self_maps=True)
    table.save(tmp_path / "table.npz")
    loaded = WyckoffTable.load(tmp_path / "table.npz")
    for name, values in vars(table).items():
        assert np.array_equal(getattr(loaded, name), values), name
    keys = np.array([position_key(225, "b"), position_key(14, "e")])
    assert loaded.multiplicity[loaded.rows(keys)].tolist() == [4, 4]
    with pytest.raises(KeyError):
        loaded.rows(np.array([position_key(221, "a")]))
