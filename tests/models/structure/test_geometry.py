"""What the network sees: true distances, the same from wherever the origin is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalsmith.core.crystallography.crystal import describe, equivalent_descriptions
from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.models.structure.geometry import (
    CUTOFF,
    N_RADIAL,
    pair_geometry,
    products,
    shortest_distances,
)
from crystalsmith.models.structure.lattice import matrices
from tests.models.structure.conftest import batch_of, random_flow, state_of
from tests.strategies import crystals, random_crystal, seeds


def geometry_of(batch, free, coefficients):
    return pair_geometry(batch, free, matrices(coefficients))


def roomy(crystal):
    """A cell so large that nearest images are all there is in reach."""
    return crystal.scaled_to(crystal.volume_per_atom * 30)


@pytest.mark.parametrize("name", ["CaTiO3", "ZrO2", "triclinic", "SiO2"])
def test_contacts_are_all_neighbours_in_reach(name, structure_named):
    crystal = describe(structure_named(name))
    batch = batch_of([crystal.template])
    free, coefficients = state_of([crystal])
    geometry = geometry_of(batch, free, coefficients)
    assert torch.allclose(geometry.unit.norm(dim=-1), torch.ones(len(geometry.unit)), atol=1e-5)
    structure = crystal.structure()
    first = np.cumsum([0, *batch.multiplicity[0].int().tolist()])[:-1]
    owner = geometry.pair // batch.atom_mask.shape[1]
    for orbit, atom in enumerate(first):
        neighbours = structure.get_neighbors(structure[int(atom)], CUTOFF - 1e-3)
        found = int((owner == orbit).sum())
        beyond = structure.get_neighbors(structure[int(atom)], CUTOFF + 1e-3)
        assert len(neighbours) <= found <= len(beyond)


@given(some=st.lists(crystals(), min_size=1, max_size=2), seed=seeds)
@settings(max_examples=20)
def test_whole_cells_make_no_difference(some, seed):
    batch = batch_of([crystal.template for crystal in some])
    free, coefficients = state_of(some)
    rng = np.random.default_rng(seed)
    cells = torch.from_numpy(rng.integers(-2, 3, free.shape)).float() * batch.freedom
    before = geometry_of(batch, free, coefficients).features
    after = geometry_of(batch, free + 2 * cells, coefficients).features
    real = batch.orbit_mask[:, :, None] & batch.atom_mask[:, None, :]
    assert torch.allclose(before[real], after[real], atol=2e-3)


POLAR = (1, 4, 6, 9, 26, 33, 36, 43, 76, 99, 107, 146, 156, 160, 173, 186)


@given(number=st.sampled_from(POLAR), seed=seeds)
@settings(max_examples=20)
def test_free_origins_may_move(number, seed):
    """In polar groups everything may move along the axis together."""
    rng = np.random.default_rng(seed)
    group = space_group(number)
    letters = list(group.positions)
    template = SymmetryTemplate.from_letters(number, {"Zn": letters[0], "O": letters[-1]})
    crystal = random_crystal(template, seed)
    batch = batch_of([template])
    free, coefficients = state_of([crystal])
    shift = torch.from_numpy(rng.uniform(-0.5, 0.5, len(group.polar_axes)) @ group.polar_axes)
    moved = torch.einsum("bnij,j->bni", batch.orbit_inverse, shift.float()) * batch.freedom
    before = geometry_of(batch, free, coefficients).features
    after = geometry_of(batch, free + moved, coefficients).features
    assert torch.allclose(before, after, atol=2e-3)


@given(crystal=crystals())
@settings(max_examples=20)
def test_equivalent_descriptions_look_alike(crystal):
    """Moving by the normaliser changes coordinates, not the distances between orbits."""
    seen = []
    for one in equivalent_descriptions(roomy(crystal))[:6]:
        batch = batch_of([one.template])
        radial = geometry_of(batch, *state_of([one])).features[..., :N_RADIAL]
        seen.append((radial.sum(2) * batch.multiplicity[..., None]).sum(1))
    assert all(torch.allclose(seen[0], other, atol=1e-2) for other in seen)


def test_products_turn_with_the_vectors():
    """The six products hold the whole outer product of a direction with itself."""
    unit = torch.nn.functional.normalize(torch.randn(5, 3, generator=torch.manual_seed(0)), dim=1)
    outer = unit[:, :, None] * unit[:, None, :]
    x, y, z, xy, xz, yz = products(unit).unbind(-1)
    rows = [torch.stack(row, -1) for row in ((x, xy, xz), (xy, y, yz), (xz, yz, z))]
    assert torch.allclose(torch.stack(rows, 1), outer)


@pytest.mark.parametrize("name", ["CaTiO3", "ZrO2", "SiO2"])
def test_shortest_distances_are_those_of_the_structure(name, structure_named):
    crystal = describe(structure_named(name))
    free, coefficients = state_of([crystal])
    found = shortest_distances(batch_of([crystal.template]), free, matrices(coefficients))
    matrix = crystal.structure().distance_matrix
    assert float(found[0]) == pytest.approx(
        matrix[~np.eye(len(matrix), dtype=bool)].min(), abs=1e-3
    )


def test_of_several_random_starts_the_one_with_atoms_farther_apart_is_taken(structure_named):
    batch = batch_of([describe(structure_named("CaTiO3")).template] * 8)
    flow = random_flow()

    def apart(tries):
        free, lattice = flow.noise(batch, torch.Generator().manual_seed(0), tries)
        return shortest_distances(batch, free, matrices(flow.coefficients(batch, lattice)))

    once, often = apart(1), apart(8)
    assert (often >= once).all()
    assert float(often.mean()) > float(once.mean())
