"""Lattices as six numbers: nothing lost, nothing that depends on how a cell lies in space."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from pymatgen.core import Lattice

from crystalsmith.core.crystallography.groups import crystal_family
from crystalsmith.models.structure.lattice import (
    FAMILIES,
    FREE,
    VOLUME,
    coefficients,
    constants,
    free_mask,
    lattice_parameters,
    matrices,
)
from crystalsmith.models.structure.wyckoff_table import lattice_masks
from tests.strategies import random_lattice, seeds, space_groups

lengths = st.floats(1.5, 40.0)
angles = st.floats(40.0, 140.0)


@st.composite
def cells(draw):
    """Any cell that is not flat."""
    values = np.array([*(draw(lengths) for _ in range(3)), *(draw(angles) for _ in range(3))])
    a, b, c = np.cos(np.radians(values[3:]))
    assume(1 - a * a - b * b - c * c + 2 * a * b * c > 0.05)
    return values


def random_rotation(seed, proper):
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix * (1 if (np.linalg.det(matrix) > 0) == proper else -1)


@given(cell=cells())
def test_there_and_back(cell):
    assert lattice_parameters(coefficients(cell)) == pytest.approx(cell, rel=1e-6)


@given(values=st.lists(st.floats(-0.6, 0.6), min_size=6, max_size=6).map(np.array))
def test_any_six_numbers_are_a_lattice(values):
    assert coefficients(lattice_parameters(values)) == pytest.approx(values, abs=1e-6)


@given(cell=cells(), seed=seeds, proper=st.booleans())
def test_neither_rotations_nor_reflections_matter(cell, seed, proper):
    matrix = Lattice.from_parameters(*cell).matrix
    turned = matrix @ random_rotation(seed, proper)
    values = coefficients(np.array(Lattice(turned).parameters))
    assert values == pytest.approx(coefficients(cell), abs=1e-6)
    ours = matrices(torch.from_numpy(values)[None])[0].numpy()
    assert ours @ ours.T == pytest.approx(turned @ turned.T, rel=1e-6, abs=1e-6)
    assert ours == pytest.approx(ours.T)


@given(cell=cells(), factor=st.floats(0.5, 2.0))
def test_the_last_number_alone_is_the_volume(cell, factor):
    values = coefficients(cell)
    volume = Lattice.from_parameters(*cell).volume
    assert np.exp(3 * values[VOLUME]) == pytest.approx(volume, rel=1e-6)
    scaled = coefficients(cell * np.array([factor] * 3 + [1] * 3))
    assert scaled[:VOLUME] == pytest.approx(values[:VOLUME], abs=1e-7)


@given(number=space_groups, seed=seeds)
def test_what_a_family_fixes_is_constant(number, seed):
    family = crystal_family(number)
    values = coefficients(random_lattice(number, np.random.default_rng(seed)))
    fixed = ~free_mask(family)
    assert values[fixed] == pytest.approx(constants(family)[fixed], abs=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
@given(seed=seeds)
def test_free_numbers_stay_within_the_family(family, seed):
    mask = free_mask(family)
    assert mask.sum() == len(FREE[family])
    drawn = np.random.default_rng(seed).uniform(-0.4, 0.4, 6)
    values = np.where(mask, drawn, constants(family))
    a, b, c, alpha, beta, gamma = lattice_parameters(values)
    if family != "triclinic":
        assert (alpha, gamma) == pytest.approx((90, 120 if family == "hexagonal" else 90))
    if family not in ("triclinic", "monoclinic"):
        assert beta == pytest.approx(90)
    if family in ("tetragonal", "hexagonal", "cubic"):
        assert a == pytest.approx(b)
    if family == "cubic":
        assert b == pytest.approx(c)


def test_masks_of_all_groups():
    masks, fixed = lattice_masks()
    for number in range(1, 231):
        assert (masks[number] == free_mask(crystal_family(number))).all()
        assert not fixed[number][masks[number]].any()
