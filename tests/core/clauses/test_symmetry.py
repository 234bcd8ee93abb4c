"""Clauses about symmetry, against spglib and well-known lists."""

import numpy as np
import pytest
import spglib
from pydantic import ValidationError

from crystalsmith.core.clauses import (
    AtomCount,
    Centrosymmetric,
    Chiral,
    CrystalSystemClause,
    PointGroupClause,
    Polar,
    SpaceGroupClause,
)
from crystalsmith.core.crystallography.groups import space_group


@pytest.mark.parametrize("number", range(1, 231))
def test_inversion_is_among_the_operations_of_centrosymmetric_groups(number):
    hall = space_group(number).hall_number
    rotations = spglib.get_symmetry_from_database(hall)["rotations"]
    inverts = any((rotation.diagonal() == -1).all() for rotation in rotations)
    assert Centrosymmetric(value=True).allows_space_group(number) == inverts
    assert Centrosymmetric(value=False).allows_space_group(number) != inverts


def test_92_groups_have_an_inversion_centre():
    clause = Centrosymmetric(value=True)
    assert sum(clause.allows_space_group(number) for number in range(1, 231)) == 92


@pytest.mark.parametrize("number", range(1, 231))
def test_polar_and_chiral_groups_by_their_rotations(number):
    hall = space_group(number).hall_number
    rotations = spglib.get_symmetry_from_database(hall)["rotations"]
    invariant = np.linalg.matrix_rank(rotations.mean(axis=0))
    assert Polar(value=True).allows_space_group(number) == bool(invariant)
    assert Polar(value=False).allows_space_group(number) != bool(invariant)
    proper = all(round(np.linalg.det(rotation)) == 1 for rotation in rotations)
    assert Chiral(value=True).allows_space_group(number) == proper
    assert Chiral(value=False).allows_space_group(number) != proper


@pytest.mark.parametrize("hall", range(1, 531))
def test_point_groups_are_spglibs_in_both_notations(hall):
    kind = spglib.get_spacegroup_type(hall)
    for symbol in (kind.pointgroup_international, kind.pointgroup_schoenflies):
        clause = PointGroupClause(symbol=symbol)
        assert clause.symbol == kind.pointgroup_international
        assert clause.allows_space_group(kind.number)
    other = PointGroupClause(symbol="m-3m" if clause.symbol != "m-3m" else "1")
    assert not other.allows_space_group(kind.number)


def test_point_groups_in_words():
    assert PointGroupClause(symbol="m 3 m").wish() == "point group m-3m"
    assert Polar(value=False).wish() == "non-polar"
    assert Chiral(value=True).wish() == "chiral"
    with pytest.raises(ValidationError, match="32 point groups"):
        PointGroupClause(symbol="5m")


def test_the_number_of_atoms_is_known_to_matter_early():
    clause = AtomCount(minimum=4, maximum=8)
    assert [n for n in range(1, 12) if clause.allows_atom_count(n)] == [4, 5, 6, 7, 8]
    assert SpaceGroupClause(number=1).allows_atom_count(1000)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("triclinic", 2),
        ("monoclinic", 13),
        ("orthorhombic", 59),
        ("tetragonal", 68),
        ("trigonal", 25),
        ("hexagonal", 27),
        ("cubic", 36),
    ],
)
def test_systems_have_their_groups(name, count):
    clause = CrystalSystemClause(name=name)
    assert sum(clause.allows_space_group(number) for number in range(1, 231)) == count
    assert clause.wish() == name


def test_the_finished_crystal_decides(structure_named, evidence_of):
    evidence = evidence_of(structure_named("BaTiO3"))
    assert SpaceGroupClause(number=99).check(evidence).status == "pass"
    verdict = SpaceGroupClause(number=221).check(evidence)
    assert (verdict.status, verdict.likelihood) == ("fail", 0.0)
    assert verdict.reason == "P4mm (99), tetragonal"
    assert Centrosymmetric(value=False).check(evidence).status == "pass"
    assert CrystalSystemClause(name="cubic").check(evidence).status == "fail"
    assert SpaceGroupClause(number=99).wish() == "space group P4mm (99)"


@pytest.mark.parametrize("number", [0, 231])
def test_other_numbers_are_refused(number):
    with pytest.raises(ValidationError):
        SpaceGroupClause(number=number)


def test_other_systems_are_refused():
    with pytest.raises(ValidationError, match="triclinic"):
        CrystalSystemClause(name="rhombohedral")
