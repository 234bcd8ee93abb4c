"""Known crystals formula by formula, and what formulas have beside each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pymatgen.core import Composition

from crystalsmith.core.chemistry.elements import element_distance
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.models.polymorphs.known import KnownPolymorphs


@pytest.fixture
def silver(salts):
    """Silver chloride as rock salt."""
    crystal = salts[0].crystal.with_elements({"Na": "Ag"})
    return replace(salts[0], id="silver", crystal=crystal, formation_energy=-0.7)


def test_crystals_of_a_formula_are_found_by_any_multiple(salts, silver):
    known = KnownPolymorphs([*salts, silver])
    assert known.of(Composition("Na3Cl3")) == list(salts)
    assert known.of(Composition("KCl")) == []


def test_what_another_formula_has_beside_a_pattern_takes_the_crystals_elements(salts, silver):
    known = KnownPolymorphs([*salts, silver])
    ((template, beside),) = known.beside(silver.crystal).items()
    assert template == SymmetryTemplate.from_letters(221, {"Ag": "a", "Cl": "b"})
    assert beside.energies == pytest.approx([0.1])
    assert beside.distances == pytest.approx([0.5 * element_distance("Na", "Ag")])
    assert beside.total == 1


def test_a_formula_says_nothing_of_itself(salts, silver):
    known = KnownPolymorphs([*salts, silver])
    assert known.beside(salts[0].crystal) == {}
    assert KnownPolymorphs([silver]).beside(silver.crystal) == {}


def test_energies_may_be_unknown(salts, silver):
    known = KnownPolymorphs([replace(salts[0], formation_energy=None), salts[1], silver])
    (beside,) = known.beside(silver.crystal).values()
    assert np.isnan(beside.energies).all()


def test_equal_slots_are_exchanged_in_order_of_electronegativity(salts, known):
    """In perovskites barium takes the place of strontium, not of oxygen."""
    perovskite = next(e for e in known if e.formula == "SrTiO3")
    other = next(e for e in known if e.formula == "CaTiO3" and e.crystal.template.number == 62)
    strontium = replace(other, id="o", crystal=other.crystal.with_elements({"Ca": "Sr"}))
    barium = perovskite.crystal.with_elements({"Sr": "Ba"})
    found = KnownPolymorphs([perovskite, strontium]).beside(barium)
    assert list(found) == [strontium.crystal.template.with_elements({"Sr": "Ba"})]
