"""The tables of all 230 groups against spglib's own, and free coordinates against points."""

import subprocess
import sys

import numpy as np
import pytest
import spglib
from hypothesis import given
from hypothesis import strategies as st

from crystalsmith.core.crystallography.groups import (
    FREE_LATTICE_PARAMETERS,
    crystal_family,
    crystal_system,
    space_group,
)
from crystalsmith.core.errors import TemplateError
from tests.strategies import seeds, space_groups

ALL_GROUPS = range(1, 231)


def key(points):
    """Points as a set that does not care about lattice translations or rounding."""
    wrapped = np.round(np.asarray(points) % 1.0, 5) % 1.0
    return {tuple(point) for point in wrapped.tolist()}


def sample(position, seed):
    return np.random.default_rng(seed).uniform(0.03, 0.97, position.freedom)


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_every_position_is_one_orbit_of_spglibs_operations(number):
    group = space_group(number)
    operations = spglib.get_symmetry_from_database(group.hall_number)
    rotations, translations = operations["rotations"], operations["translations"]
    for position in group.positions.values():
        points = position.points(sample(position, number))
        assert points.shape == (position.multiplicity, 3)
        assert len(key(points)) == position.multiplicity, position.letter
        assert key(rotations @ points[0] + translations) == key(points), position.letter


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_free_coordinates_invert_points(number):
    group = space_group(number)
    for position in group.positions.values():
        points = position.points(sample(position, number + 1000))
        shuffled = np.random.default_rng(number).permutation(points)
        free = position.free_coordinates(shuffled % 1.0)
        assert free is not None, position.letter
        assert free.shape == (position.freedom,)
        assert ((free >= 0) & (free < 1)).all()
        assert key(position.points(free)) == key(points), position.letter


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_first_points_are_one_primitive_cell(number):
    group = space_group(number)
    general = list(group.positions.values())[-1]
    identity = np.isclose(general.maps, np.eye(3)).all(axis=(1, 2))
    centrings = general.shifts[identity]
    assert len(centrings) == group.centring
    for position in group.positions.values():
        points = position.points(sample(position, number + 2000))
        first = points[: position.multiplicity // group.centring]
        translated = (first[:, None] + centrings).reshape(-1, 3)
        assert key(translated) == key(points), position.letter


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_letters_go_from_special_to_general(number):
    group = space_group(number)
    letters = list(group.positions)
    assert letters == list("abcdefghijklmnopqrstuvwxyzA"[: len(letters)])
    multiplicities = [position.multiplicity for position in group.positions.values()]
    assert multiplicities[-1] == max(multiplicities)
    assert group.position(letters[-1]).freedom == 3
    assert [p.freedom for p in group.positions.values()].count(3) == 1


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_moving_along_a_polar_axis_only_moves_the_origin(number):
    group = space_group(number)
    rotations = spglib.get_symmetry_from_database(group.hall_number)["rotations"]
    for axis in group.polar_axes:
        assert np.allclose(rotations @ axis, axis)
        for position in group.positions.values():
            moved = position.points(sample(position, number)) + 0.123 * axis
            assert position.free_coordinates(moved) is not None, position.letter
    fixed = np.mean(rotations, axis=0)
    assert len(group.polar_axes) == round(np.trace(fixed))


def test_points_beside_a_position_have_no_free_coordinates():
    mirror = space_group(6).position("a")  # x, 0, z
    assert mirror.free_coordinates(np.array([[0.1, 0.0005, 0.3]])) is not None
    assert mirror.free_coordinates(np.array([[0.1, 0.05, 0.3]])) is None
    assert mirror.free_coordinates(np.array([[0.1, 0.05, 0.3]]), tolerance=0.1) is not None


@given(number=space_groups, pick=st.integers(0, 26), seed=seeds)
def test_any_point_of_an_orbit_gives_the_same_orbit(number, pick, seed):
    group = space_group(number)
    position = list(group.positions.values())[pick % len(group.positions)]
    points = position.points(np.random.default_rng(seed).random(position.freedom))
    free = position.free_coordinates(points)
    assert key(position.points(free)) == key(points)


@pytest.mark.parametrize(
    ("number", "system", "family", "free"),
    [
        (1, "triclinic", "triclinic", 6),
        (2, "triclinic", "triclinic", 6),
        (14, "monoclinic", "monoclinic", 4),
        (62, "orthorhombic", "orthorhombic", 3),
        (136, "tetragonal", "tetragonal", 2),
        (166, "trigonal", "hexagonal", 2),
        (186, "hexagonal", "hexagonal", 2),
        (225, "cubic", "cubic", 1),
    ],
)
def test_systems_and_families(number, system, family, free):
    group = space_group(number)
    assert (crystal_system(number), group.crystal_system) == (system, system)
    assert (crystal_family(number), group.crystal_family) == (family, family)
    assert FREE_LATTICE_PARAMETERS[family] == free


@pytest.mark.parametrize("number", [0, -1, 231, 1000])
def test_other_numbers_are_refused(number):
    with pytest.raises(TemplateError, match=f"numbered 1 to 230, not {number}"):
        space_group(number)


def test_unknown_letter_names_the_known_ones():
    with pytest.raises(TemplateError, match=r"225 \(Fm-3m\) has no Wyckoff letter 'z'.*abcde"):
        space_group(225).position("z")


def test_groups_are_read_in_several_threads_at_a_time():
    """CPython 3.11 loses count in `ast` when the collector lets another thread in."""
    script = """
import gc, time
from concurrent.futures import ThreadPoolExecutor
from crystalsmith.core.crystallography.groups import space_group
gc.callbacks.append(lambda *_: time.sleep(0))
gc.set_threshold(200)
with ThreadPoolExecutor(8) as pool:
    print(len(list(pool.map(space_group, range(1, 231)))))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "230", done.stderr
