"""Symmetry that a crystal nearly has."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.crystallography.pseudosymmetry import nearly_had
from tests.conftest import textbook_structure


def moved(name: str, axis: int, by: float):
    """A textbook crystal with one atom moved by so many Å."""
    structure = textbook_structure(name)
    vector = [0.0, 0.0, 0.0]
    vector[axis] = by
    structure.translate_sites([0], vector, frac_coords=False)
    return describe(structure)


@pytest.mark.parametrize("name", ["NaCl", "SrTiO3", "Si"])
def test_crystals_as_symmetric_as_can_be_have_nothing_nearly(name):
    assert nearly_had(describe(textbook_structure(name))) == {}


@settings(max_examples=20)
@given(axis=st.sampled_from([0, 1, 2]), by=st.floats(0.13, 0.17))
def test_an_atom_beside_its_place_nearly_has_the_symmetry(axis, by):
    perovskite = describe(textbook_structure("SrTiO3")).template
    crystal = moved("SrTiO3", axis, by)
    assert crystal.template != perovskite
    assert nearly_had(crystal)[perovskite] in (0.2, 0.4)


def test_what_is_nearly_had_has_the_formula_and_another_template():
    crystal = moved("BaTiO3", 2, 0.45)
    found = nearly_had(crystal)
    assert crystal.template not in found
    assert all(t.composition.reduced_formula == "BaTiO3" for t in found)
