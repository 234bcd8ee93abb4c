"""The target of the flow: a crystal is reached whichever way it is described."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher

from crystalsmith.core.crystallography.crystal import SymmetricCrystal, equivalent_descriptions
from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.entry import Entry
from crystalsmith.models.structure.equivalence import nearest_displacement
from crystalsmith.models.structure.lattice import lattice_parameters
from crystalsmith.models.structure.preparation import MAX_DESCRIPTIONS, MAX_ORBITS, prepare
from crystalsmith.models.structure.training_set import build_buckets
from crystalsmith.models.structure.wyckoff_table import WyckoffTable
from tests.models.structure.conftest import centre_of, random_flow, state_of
from tests.strategies import crystals, random_crystal, seeds

FLOW = random_flow()
FLOW.lattice_std.fill_(0.3)  # random cells are odd; training clamps what is beyond six of these


def bucket_of(crystal):
    """The crystal as training sees it."""
    table = WyckoffTable.of_groups({crystal.template.number}, self_maps=True)
    arrays = prepare([Entry("x", "test", crystal)], known=[])
    arrays.atomic_volume[:] = crystal.volume_per_atom
    FLOW.atomic_volume.fill_(crystal.volume_per_atom)
    (bucket,) = build_buckets(arrays, table, FLOW, torch.device("cpu"))
    return bucket


def small(crystal):
    return len(crystal.template.orbits) <= MAX_ORBITS and crystal.template.n_atoms <= 30


def described_otherwise(crystal, bucket, rng):
    """Other origin, other representatives, orbits of a kind exchanged, whole cells away."""
    options = equivalent_descriptions(crystal)[:MAX_DESCRIPTIONS]
    free, lattice = state_of([options[rng.integers(len(options))]])
    classes, forms = bucket.crystals.classes[0], bucket.crystals
    order = np.arange(len(classes))
    for kind in classes.unique():
        same = np.flatnonzero(classes.numpy() == int(kind))
        order[same] = rng.permutation(same)
    free = free[:, torch.from_numpy(order)]
    for orbit in range(free.shape[1]):
        pick = rng.integers(forms.self_maps.shape[2])
        free[0, orbit] = (
            forms.self_maps[0, orbit, pick] @ free[0, orbit] + forms.self_shifts[0, orbit, pick]
        )
    cells = torch.from_numpy(rng.integers(-2, 3, free.shape)).float()
    return (free + cells) * bucket.batch.freedom, FLOW.standardised(bucket.batch, lattice)


@given(crystal=crystals().filter(small), seed=seeds)
@settings(max_examples=30)
def test_a_crystal_is_no_way_from_itself(crystal, seed):
    bucket = bucket_of(crystal)
    start, lattice = described_otherwise(crystal, bucket, np.random.default_rng(seed))
    move, stretch = nearest_displacement(bucket.batch, start, lattice.clamp(-6, 6), bucket.crystals)
    squares = torch.einsum("bni,bnij,bnj->bn", move, bucket.crystals.metric, move)
    assert squares.max() < 1e-3
    assert stretch.abs().max() < 1e-2


@given(crystal=crystals().filter(small), seed=seeds)
@settings(max_examples=15)
def test_the_way_leads_to_the_crystal(crystal, seed):
    bucket = bucket_of(crystal)
    start, lattice = FLOW.noise(bucket.batch, torch.Generator().manual_seed(seed))
    move, stretch = nearest_displacement(bucket.batch, start, lattice, bucket.crystals)
    arrived = (start + move)[0].numpy()
    assume((bucket.crystals.lattice.abs() < 5.9).all())
    values = FLOW.coefficients(bucket.batch, lattice + stretch)[0].numpy().astype(float)
    positions = [crystal.template.group.position(o.letter) for o in crystal.template.orbits]
    free = tuple(
        arrived[row, : position.freedom].astype(float) for row, position in enumerate(positions)
    )
    reached = SymmetricCrystal(crystal.template, lattice_parameters(values), free)
    matcher = StructureMatcher(ltol=0.05, stol=0.05, angle_tol=2, attempt_supercell=False)
    assert matcher.fit(crystal.structure(), reached.structure())


@given(crystal=crystals().filter(small), seed=seeds)
@settings(max_examples=25)
def test_the_way_keeps_the_centre(crystal, seed):
    bucket = bucket_of(crystal)
    start, lattice = FLOW.noise(bucket.batch, torch.Generator().manual_seed(seed))
    move, _ = nearest_displacement(bucket.batch, start, lattice, bucket.crystals)
    assert centre_of(bucket.batch, move).abs().max() < 1e-4
    assert not move[~bucket.batch.freedom].any()


@given(number=st.sampled_from((1, 4, 9, 33, 76, 107, 146, 160, 186)), seed=seeds)
@settings(max_examples=20)
def test_a_crystal_along_a_free_axis_is_the_same_crystal(number, seed):
    rng = np.random.default_rng(seed)
    group = space_group(number)
    letters = list(group.positions)
    template = SymmetryTemplate.from_letters(number, {"Zn": letters[0], "O": letters[-1]})
    crystal = random_crystal(template, seed)
    bucket = bucket_of(crystal)
    start, lattice = described_otherwise(crystal, bucket, rng)
    shift = torch.from_numpy(rng.uniform(-0.05, 0.05, len(group.polar_axes)) @ group.polar_axes)
    moved = torch.einsum("bnij,j->bni", bucket.batch.orbit_inverse, shift.float())
    move, _ = nearest_displacement(
        bucket.batch, start + moved * bucket.batch.freedom, lattice, bucket.crystals
    )
    squares = torch.einsum("bni,bnij,bnj->bn", move, bucket.crystals.metric, move)
    assert squares.max() < 1e-3
