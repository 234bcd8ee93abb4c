"""The flow network: crystals do not disturb each other, and descriptions do not matter."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.models.structure.network import Conditions
from tests.models.structure.conftest import (
    TINY,
    batch_of,
    centre_of,
    no_conditions,
    random_flow,
    state_of,
)
from tests.strategies import crystals, random_crystal, seeds

FLOW = random_flow()
TOLERANCE = 2e-3  # of single precision, after distances and softmax


@torch.no_grad()
def velocities(batch, free, coefficients, conditions=None, when=0.4):
    time = torch.full((len(batch),), when)
    raw = FLOW.standardised(batch, coefficients)
    return FLOW.velocity(batch, free, raw, time, conditions or no_conditions(len(batch)))


@given(some=st.lists(crystals(), min_size=2, max_size=4))
@settings(max_examples=25)
def test_crystals_of_a_batch_do_not_disturb_each_other(some):
    free, coefficients = state_of(some)
    batch = batch_of([crystal.template for crystal in some])
    together = velocities(batch, free, coefficients)
    for row, crystal in enumerate(some):
        moves, stretch = velocities(batch_of([crystal.template]), *state_of([crystal]))
        orbits = len(crystal.free)
        scale = 1 + float(moves.abs().max())
        assert torch.allclose(together[0][row, :orbits], moves[0], atol=TOLERANCE * scale)
        scale = 1 + float(stretch.abs().max())
        assert torch.allclose(together[1][row], stretch[0], atol=TOLERANCE * scale)
        assert not together[0][row, orbits:].any()


@given(crystal=crystals(), seed=seeds)
@settings(max_examples=25)
def test_the_order_of_orbits_does_not_matter(crystal, seed):
    order = np.random.default_rng(seed).permutation(len(crystal.free)).tolist()
    free, coefficients = state_of([crystal])
    moves, stretch = velocities(batch_of([crystal.template]), free, coefficients)
    other = batch_of([crystal.template], [order])
    other_moves, other_stretch = velocities(other, free[:, order], coefficients)
    scale = 1 + float(moves.abs().max())
    assert torch.allclose(other_moves, moves[:, order], atol=TOLERANCE * scale)
    scale = 1 + float(stretch.abs().max())
    assert torch.allclose(other_stretch, stretch, atol=TOLERANCE * scale)


@given(crystal=crystals())
@settings(max_examples=25)
def test_only_what_is_free_moves(crystal):
    batch = batch_of([crystal.template])
    moves, stretch = velocities(batch, *state_of([crystal]))
    assert torch.isfinite(moves).all()
    assert not moves[~batch.freedom].any()
    assert not stretch[~batch.lattice_mask].any()
    assert stretch[batch.lattice_mask].any()
    scale = 1 + float(moves.abs().max())
    assert centre_of(batch, moves).abs().max() < 1e-3 * scale


@given(number=st.sampled_from((1, 4, 9, 33, 76, 107, 146, 160, 186)), seed=seeds)
@settings(max_examples=15)
def test_a_free_origin_changes_nothing(number, seed):
    rng = np.random.default_rng(seed)
    group = space_group(number)
    letters = list(group.positions)
    template = SymmetryTemplate.from_letters(number, {"Zn": letters[0], "O": letters[-1]})
    free, coefficients = state_of([random_crystal(template, seed)])
    batch = batch_of([template])
    shift = torch.from_numpy(rng.uniform(-0.5, 0.5, len(group.polar_axes)) @ group.polar_axes)
    moved = torch.einsum("bnij,j->bni", batch.orbit_inverse, shift.float()) * batch.freedom
    before, after = (
        velocities(batch, free, coefficients),
        velocities(batch, free + moved, coefficients),
    )
    for one, other in zip(before, after, strict=True):
        assert torch.allclose(one, other, atol=5e-3 * (1 + float(one.abs().max())))


def test_properties_and_starts_are_heard():
    template = SymmetryTemplate.from_letters(136, {"Ti": "a", "O": "f"})
    batch = batch_of([template] * 7)
    free, coefficients = state_of([random_crystal(template)] * 7)
    nan = float("nan")
    conditions = Conditions(
        band_gap=torch.tensor([nan, 1.0, 3.0, nan, nan, nan, nan]),
        formation_energy=torch.tensor([nan, nan, nan, -3.0, nan, nan, nan]),
        from_template=torch.tensor([0.0, 0, 0, 0, 1, 1, 1]),
        distance=torch.tensor([0.0, 0, 0, 0, 0, 1.0, 1.0]),
        spread=torch.tensor([0.0, 0, 0, 0, 0, 0, 0.1]),
    )
    _, stretch = velocities(batch, free, coefficients, conditions)
    assert len({tuple(row) for row in stretch.tolist()}) == 7
    _, plain = velocities(batch, free, coefficients, conditions.without_properties())
    assert torch.allclose(plain[:4], stretch[:1].expand(4, -1), atol=1e-4)


def test_gaps_beyond_the_range_are_clamped():
    template = SymmetryTemplate.from_letters(136, {"Ti": "a", "O": "f"})
    batch = batch_of([template] * 2)
    free, coefficients = state_of([random_crystal(template)] * 2)
    blank = no_conditions(2)
    high = Conditions(torch.tensor([9.0, 50.0]), *list(vars(blank).values())[1:])
    _, stretch = velocities(batch, free, coefficients, high)
    assert torch.allclose(stretch[0], stretch[1], atol=1e-5)


def test_asking_the_tokens_is_multi_head_attention():
    layer = FLOW.network.layers[0]
    generator = torch.Generator().manual_seed(0)
    h, tokens = (torch.randn(3, n, TINY.width, generator=generator) for n in (5, 4))
    with torch.no_grad():
        expected = layer.cross(h, tokens, tokens, need_weights=False)[0]
        assert torch.allclose(layer._ask(h, tokens), expected, atol=1e-5)
