"""Changes of description: what they claim about letters is true, and the crystal stays itself."""

import numpy as np
import pytest
import spglib
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice

from crystalsmith.core.crystallography.crystal import SymmetricCrystal
from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.crystallography.normaliser import (
    canonical,
    normaliser_operations,
    renamed,
)
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.models.structure.lattice import coefficients, constants, free_mask
from tests.strategies import random_crystal, random_lattice, templates

ALL_GROUPS = range(1, 231)


def redescribed(crystal, operation):
    """A crystal in the description that an operation leads to, by its public parts alone."""
    old = crystal.template
    template = renamed(old, operation)
    left = [
        (orbit.element, operation.letters[orbit.letter], old.group.position(orbit.letter), free)
        for orbit, free in zip(old.orbits, crystal.free, strict=True)
    ]
    values = []
    for orbit in template.orbits:
        index = next(i for i, row in enumerate(left) if row[:2] == tuple(orbit))
        _, letter, position, free = left.pop(index)
        moved = operation.apply(position.points(free))
        values.append(template.group.position(letter).free_coordinates(moved))
        assert values[-1] is not None
    matrix = operation.apply_to_lattice(Lattice.from_parameters(*crystal.lattice).matrix)
    return SymmetricCrystal(template, np.array(Lattice(matrix).parameters), tuple(values))


def distances(crystal):
    """All interatomic distances up to 5 Å with their elements: the same for the same crystal."""
    structure = crystal.structure()
    centres, others, _, lengths = structure.get_neighbor_list(5.0)
    symbols = np.array([site.specie.symbol for site in structure])
    pairs = np.array([sorted(pair) for pair in zip(symbols[centres], symbols[others], strict=True)])
    order = np.lexsort((lengths.round(4), pairs[:, 1], pairs[:, 0]))
    return pairs[order].tolist(), lengths[order]


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_renamed_letters_are_where_the_operation_takes_them(number):
    group = space_group(number)
    rng = np.random.default_rng(number)
    for operation in normaliser_operations(number):
        assert sorted(operation.letters) == sorted(group.positions)
        assert sorted(operation.letters.values()) == sorted(group.positions)
        for letter, position in group.positions.items():
            points = operation.apply(position.points(rng.random(position.freedom)))
            target = group.position(operation.letters[letter])
            assert target.multiplicity == position.multiplicity
            free = target.free_coordinates(points)
            assert free is not None, (letter, target.letter)
            gaps = target.points(free)[:, None] - points
            assert (np.abs(gaps - gaps.round()).max(axis=-1).min(axis=0) < 1e-6).all()


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_operations_leave_the_group_unchanged(number):
    symmetry = spglib.get_symmetry_from_database(space_group(number).hall_number)
    own = list(zip(symmetry["rotations"], symmetry["translations"], strict=True))
    known = {(tuple(r.ravel()), tuple(np.round(t, 4) % 1 % 1)) for r, t in own}
    operations = normaliser_operations(number)
    assert np.allclose(operations[0].rotation, np.eye(3))
    assert np.allclose(operations[0].shift, 0)
    for operation in operations:
        back = np.linalg.inv(operation.rotation)
        for rotation, translation in own:
            turned = operation.rotation @ rotation @ back
            moved = operation.rotation @ translation + operation.shift - turned @ operation.shift
            key = (tuple(np.rint(turned).astype(int).ravel()), tuple(np.round(moved % 1, 4) % 1))
            assert key in known


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_operations_keep_the_lattice_in_its_family(number):
    family = space_group(number).crystal_family
    lattice = random_lattice(number, np.random.default_rng(number))
    for operation in normaliser_operations(number):
        matrix = operation.apply_to_lattice(Lattice.from_parameters(*lattice).matrix)
        moved = np.array(Lattice(matrix).parameters)
        fixed = ~free_mask(family)
        assert np.allclose(coefficients(moved)[fixed], constants(family)[fixed], atol=1e-6)
        assert np.isclose(Lattice(matrix).volume, Lattice.from_parameters(*lattice).volume)


@pytest.mark.parametrize("number", ALL_GROUPS)
def test_redescribed_crystals_are_the_same_crystal(number):
    letters = list(space_group(number).positions)
    template = SymmetryTemplate.from_letters(
        number,
        {"Ti": letters[0], "O": letters[-1], "Ca": letters[len(letters) // 2]}
        if len(letters) > 1
        else {"Ti": "a", "O": "a"},
    )
    crystal = random_crystal(template, number)
    pairs, lengths = distances(crystal)
    for operation in normaliser_operations(number):
        other_pairs, other_lengths = distances(redescribed(crystal, operation))
        assert other_pairs == pairs
        assert np.allclose(other_lengths, lengths, atol=1e-3)


@pytest.mark.parametrize("number", [2, 12, 16, 25, 47, 62, 69, 99, 136, 146, 166, 191, 205, 227])
def test_structure_matcher_agrees_that_it_is_the_same_crystal(number):
    letters = list(space_group(number).positions)
    template = SymmetryTemplate.from_letters(number, {"Ti": letters[0], "O": letters[1]})
    crystal = random_crystal(template, number)
    matcher = StructureMatcher(
        primitive_cell=False, scale=False, ltol=0.01, stol=0.01, angle_tol=0.1
    )
    for operation in normaliser_operations(number):
        assert matcher.fit(crystal.structure(), redescribed(crystal, operation).structure())


def test_axes_of_an_orthorhombic_crystal_are_permuted_with_its_letters():
    long_axes = set()
    template = SymmetryTemplate.from_letters(47, {"Na": "a", "Cl": "b"})
    crystal = SymmetricCrystal(template, np.array([9.0, 4.0, 3.0, 90, 90, 90]), ((), ()))
    for operation in normaliser_operations(47):
        other = redescribed(crystal, operation)
        gap = other.template.group.position(other.template.letters["Cl"]).points(())[0]
        gap = gap - other.template.group.position(other.template.letters["Na"]).points(())[0]
        assert np.linalg.norm(gap * other.lattice[:3]) == pytest.approx(4.5)
        long_axes.add(int(np.argmax(other.lattice[:3])))
    assert long_axes == {0, 1, 2}


@given(template=templates())
@hypothesis_settings(max_examples=150)
def test_canonical_is_idempotent_and_the_same_for_every_description(template):
    best, operations = canonical(template)
    assert canonical(best)[0] == best
    assert best.composition == template.composition
    assert operations
    for operation in operations:
        assert renamed(template, operation) == best
    for operation in normaliser_operations(template.number):
        assert canonical(renamed(template, operation))[0] == best


def test_both_ways_to_write_rock_salt_become_one():
    ways = [{"Na": "a", "Cl": "b"}, {"Na": "b", "Cl": "a"}]
    assert len({canonical(SymmetryTemplate.from_letters(225, way))[0] for way in ways}) == 1
