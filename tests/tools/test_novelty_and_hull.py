"""Is it new, and would it decompose? Always against a named set of known crystals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pymatgen.core import Composition, Lattice, Structure

from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.evidence import Prediction
from crystalsmith.tools.hull import e_above_hull, why_not_assessed
from crystalsmith.tools.novelty import compare
from crystalsmith.tools.prototypes import prototypes

if TYPE_CHECKING:
    from crystalsmith.core.entry import Entry
    from crystalsmith.tools.known_crystals import CrystalList


def energy(mean: float, reliable: bool = True) -> Prediction:
    return Prediction(mean=mean, std=0.07, unit="eV/atom", source="surrogate", reliable=reliable)


def cubic(group: str, a: float, elements: str, points: list[tuple[float, ...]]) -> Structure:
    return Structure.from_spacegroup(group, Lattice.cubic(a), elements.split(), points)


def test_every_known_crystal_is_found_again(textbook: list[Entry], known: CrystalList) -> None:
    for entry in textbook:
        structure = entry.crystal.structure()
        structure.perturb(0.02)
        structure.scale_lattice(structure.volume * 1.1)
        structure.make_supercell([1, 1, 2])
        assert compare(structure, entry.crystal.template, known).known_structure == entry.id


def test_a_known_formula_with_another_structure_is_a_new_structure(known: CrystalList) -> None:
    cscl_like = cubic("Pm-3m", 3.4, "Na Cl", [(0, 0, 0), (0.5, 0.5, 0.5)])
    found = compare(cscl_like, describe(cscl_like).template, known)
    assert found.known_formula
    assert found.known_structure is None


def test_an_unknown_formula_is_new_and_the_reference_is_named(known: CrystalList) -> None:
    perovskite = cubic("Pm-3m", 4.1, "Rb Ca F", [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0)])
    found = compare(perovskite, describe(perovskite).template, known)
    assert not found.known_formula
    assert found.known_structure is None
    assert found.name == "textbook crystals (18 entries, 2020-01-01)"


def test_the_distance_to_the_hull_is_that_of_the_decomposition(known: CrystalList) -> None:
    # MgO (-3.0) and MgAl2O4 (-3.1) are known; Mg2Al2O5 could fall apart into one of each
    tie_line = (-3.0 * 2 - 3.1 * 7) / 9
    above = e_above_hull(Composition("Mg2Al2O5"), energy(-2.9), known)
    assert above is not None
    assert above.mean == pytest.approx(-2.9 - tie_line)
    assert above.std == 0.07
    assert above.unit == "eV/atom"
    assert above.source == "surrogate against 2 known compounds"
    below = e_above_hull(Composition("MgO"), energy(-3.2), known)
    assert below is not None
    assert below.mean == pytest.approx(-0.2)


def test_uncertainty_and_doubt_pass_through(known: CrystalList) -> None:
    above = e_above_hull(Composition("MgO"), energy(-3.0, reliable=False), known)
    assert above is not None
    assert not above.reliable
    assert above.mean == pytest.approx(0.0)


def test_without_competing_phases_nothing_is_assessed(known: CrystalList) -> None:
    assert e_above_hull(Composition("LiFePO4"), energy(-2.5), known) is None
    # prototypes have no energies at all
    assert e_above_hull(Composition("MgAl2O4"), energy(-3.0), prototypes()) is None


def test_a_hull_to_which_an_element_adds_nothing_is_no_hull(known: CrystalList) -> None:
    # MgO and MgAl2O4 are known, of silicon nothing: forsterite would seem to need no silica
    forsterite = Composition("Mg2SiO4")
    assert e_above_hull(forsterite, energy(-3.0), known) is None
    assert why_not_assessed(forsterite, known) == "no energies of Si compounds"
    assert why_not_assessed(Composition("MgAl2O4"), known) == ""


def test_an_element_is_compared_with_itself(known: CrystalList) -> None:
    above = e_above_hull(Composition("Cu"), energy(0.1), known)
    assert above is not None
    assert above.mean == pytest.approx(0.1)
