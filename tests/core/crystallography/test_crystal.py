"""A crystal survives the way to its description and back, in every space group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Lattice, Structure

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.crystallography.crystal import (
    describe,
    equivalent_descriptions,
    primitive_vectors,
)
from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.crystallography.normaliser import canonical
from crystalsmith.core.crystallography.template import Orbit, SymmetryTemplate
from crystalsmith.core.errors import CrystalsmithError, DataError
from tests.strategies import atoms_of, crystals, random_crystal

EXACT = StructureMatcher(primitive_cell=False, scale=False, ltol=0.01, stol=0.01, angle_tol=0.1)


def reduced(structure):
    return structure.composition.reduced_composition


@pytest.mark.parametrize("number", range(1, 231))
def test_a_crystal_on_all_letters_at_once_comes_back(number):
    """One element on every letter, two on the general one, which pins the space group."""
    letters = [*space_group(number).positions, list(space_group(number).positions)[-1]]
    template = SymmetryTemplate(
        number, tuple(map(Orbit, ALL_ELEMENTS[2 : 2 + len(letters)], letters))
    )
    crystal = random_crystal(template, number)
    found = describe(crystal.structure())
    assert found.template == canonical(template)[0]
    assert found.volume_per_atom == pytest.approx(crystal.volume_per_atom, rel=1e-4)


@given(crystal=crystals(generic=True))
@hypothesis_settings(max_examples=150)
def test_generic_crystals_come_back(crystal):
    for structure in (crystal.structure(), crystal.structure(primitive=False)):
        found = describe(structure)
        assert found.template == canonical(crystal.template)[0]
        assert found.volume_per_atom == pytest.approx(crystal.volume_per_atom, rel=1e-4)


@given(crystal=crystals())
@hypothesis_settings(max_examples=150)
def test_any_crystal_keeps_its_composition_and_its_description(crystal):
    """Special letters alone may have more symmetry than the group; what is found is then kept."""
    structure = crystal.structure()
    atoms = Composition(atoms_of(crystal.template))
    assert structure.composition * crystal.template.group.centring == atoms
    assert len(structure) == crystal.template.n_atoms
    found = describe(structure)
    assert reduced(structure) == found.template.composition.reduced_composition
    assert found.template.n_atoms <= crystal.template.n_atoms
    if found.template.number == crystal.template.number:
        assert found.template == canonical(crystal.template)[0]
    again = describe(found.structure())
    assert again.template == found.template
    assert again.volume_per_atom == pytest.approx(found.volume_per_atom, rel=1e-4)


@given(crystal=crystals())
@hypothesis_settings(max_examples=25)
def test_the_description_is_of_the_same_crystal(crystal):
    structure = crystal.structure()
    # symmetry that holds within 0.1 Å is made exact
    matcher = StructureMatcher(scale=False, ltol=0.05, stol=0.1, angle_tol=2)
    assert matcher.fit(structure, describe(structure).structure())


@given(crystal=crystals())
@hypothesis_settings(max_examples=25)
def test_equivalent_descriptions_are_of_the_same_crystal(crystal):
    descriptions = equivalent_descriptions(crystal)
    assert descriptions
    assert np.allclose(descriptions[0].lattice, crystal.lattice)
    for other in descriptions[:6]:
        assert other.template == crystal.template
        assert EXACT.fit(crystal.structure(), other.structure())


def test_free_coordinates_are_told_from_every_origin(structure_named):
    others = equivalent_descriptions(describe(structure_named("CaTiO3")))
    assert len({tuple(np.concatenate(other.free).round(4)) for other in others}) == len(others) > 1


def test_textbook_crystals_come_back(textbook_crystal):
    found = describe(textbook_crystal)
    matcher = StructureMatcher(scale=False, ltol=0.01, stol=0.01, angle_tol=0.1)
    assert matcher.fit(textbook_crystal, found.structure())
    assert matcher.fit(textbook_crystal, found.structure(primitive=False))
    supercell = textbook_crystal * (2, 1, 1)
    assert describe(supercell).template == found.template
    assert describe(textbook_crystal.get_primitive_structure()).template == found.template


@pytest.mark.parametrize(
    ("name", "number", "letters", "free"),
    [
        ("SrTiO3", 221, {"Sr": "a", "Ti": "b", "O": "c"}, 1),
        ("NaCl", 225, {"Na": "a", "Cl": "b"}, 1),
        ("TiO2", 136, {"Ti": "a", "O": "f"}, 3),
        ("ZnO", 186, {"Zn": "b", "O": "b"}, 4),
        ("CaTiO3", 62, {"Ca": "c", "Ti": "a", "O": "cd"}, 10),
        ("ZrO2", 14, {"Zr": "e", "O": "ee"}, 13),
        ("triclinic", 2, {"K": "i", "As": "i", "Se": "i"}, 15),
    ],
)
def test_known_templates(structure_named, name, number, letters, free):
    template = describe(structure_named(name)).template
    assert template.number == number
    assert template.free_parameters == free
    assert canonical(SymmetryTemplate.from_letters(number, letters))[0] == template


def test_small_noise_is_taken_out(structure_named):
    structure = structure_named("SrTiO3") * (2, 2, 1)
    structure.perturb(0.02)
    crystal = describe(structure)
    assert crystal.template.number == 221
    assert len(crystal.structure()) == 5


def test_precision_decides_what_counts_as_noise(structure_named):
    polar = structure_named("BaTiO3")
    assert describe(polar, precision=0.01).template.number == 99
    assert describe(polar, precision=0.3).template.number == 221


@pytest.mark.parametrize("number", range(1, 231))
def test_primitive_vectors_span_the_lattice_and_are_right_handed(number):
    vectors = primitive_vectors(number)
    group = space_group(number)
    assert np.linalg.det(vectors) == pytest.approx(1 / group.centring)
    inverse = np.linalg.inv(vectors)  # conventional vectors in primitive ones: whole numbers
    assert np.allclose(inverse, np.rint(inverse))


@pytest.mark.parametrize("name", ["SiO2", "ZnS"])
def test_handedness_survives_files(structure_named, name):
    """A left-handed primitive cell would come back from a CIF as the mirror image."""
    crystal = describe(structure_named(name))
    for primitive in (True, False):
        structure = crystal.structure(primitive)
        assert np.linalg.det(structure.lattice.matrix) > 0
        for form in ("cif", "poscar"):
            read = Structure.from_str(structure.to(fmt=form), fmt=form)
            assert describe(read).template == crystal.template


def test_enantiomorphic_groups_are_told_apart(structure_named):
    right = structure_named("SiO2")
    mirrored = Structure(right.lattice, right.species, right.frac_coords * [1, 1, -1])
    left = Structure.from_str(mirrored.to(fmt="poscar"), fmt="poscar")
    assert describe(right).template.number == 152
    assert describe(left).template.number == 152 + 2


def test_other_elements_in_the_same_geometry(structure_named):
    crystal = describe(structure_named("CaTiO3"))
    exchanged = crystal.with_elements({"Ca": "Gd", "Ti": "Fe", "O": "O"})
    assert exchanged.template.composition == Composition("Gd4Fe4O12")
    expected = crystal.structure()
    expected.replace_species({"Ca": "Gd", "Ti": "Fe"})
    assert EXACT.fit(exchanged.structure(), expected)


def test_elements_that_change_places_take_their_coordinates_along(structure_named):
    crystal = describe(structure_named("CaTiO3"))
    swapped = crystal.with_elements({"Ca": "O", "O": "Ca"})
    assert EXACT.fit(swapped.with_elements({"Ca": "O", "O": "Ca"}).structure(), crystal.structure())
    assert not EXACT.fit(swapped.structure(), crystal.structure())
    expected = crystal.structure()
    expected.replace_species({"Ca": "O", "O": "Ca"})
    assert EXACT.fit(swapped.structure(), expected)


def test_scaling_changes_the_volume_and_nothing_else(textbook_crystal):
    crystal = describe(textbook_crystal)
    scaled = crystal.scaled_to(33.0)
    assert scaled.volume_per_atom == pytest.approx(33.0)
    assert scaled.structure().volume / len(scaled.structure()) == pytest.approx(33.0)
    assert np.allclose(scaled.lattice[3:], crystal.lattice[3:])
    assert np.allclose(
        scaled.lattice[:3] / crystal.lattice[:3], scaled.lattice[0] / crystal.lattice[0]
    )
    assert scaled.template == crystal.template
    assert crystal.volume_per_atom != pytest.approx(33.0)


def test_disordered_structures_are_refused_in_words():
    alloy = Structure(Lattice.cubic(3), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]])
    with pytest.raises(DataError, match="disordered; only ordered structures can be described"):
        describe(alloy)


@pytest.mark.parametrize(
    "structure",
    [
        Structure(Lattice.cubic(3), [], []),
        Structure(Lattice.cubic(3), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0]]),
        Structure(Lattice.cubic(3), ["Na", "Na"], [[0, 0, 0], [0.001, 0, 0]]),
        Structure(Lattice.cubic(3), ["Na", "Cl"], [[0, 0, 0], [float("nan"), 0, 0]]),
        Structure(np.diag([3, 3, float("inf")]), ["Na"], [[0, 0, 0]]),
        Structure(Lattice.cubic(3), ["X", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        Structure(Lattice.cubic(3), ["Rf", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    ],
    ids=["empty", "coincident", "overlapping", "not a number", "infinite", "dummy", "too heavy"],
)
@pytest.mark.parametrize("raising", ["true", "false"])
def test_what_is_no_crystal_is_refused_in_words(structure, raising, monkeypatch):
    monkeypatch.setenv("SPGLIB_OLD_ERROR_HANDLING", raising)  # ASE changes it
    with pytest.raises(CrystalsmithError) as error:
        describe(structure)
    assert len(str(error.value).splitlines()) == 1


def test_deuterium_is_hydrogen():
    heavy = Structure(Lattice.cubic(4), ["Li", "D"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert describe(heavy).template.letters.keys() == {"Li", "H"}


def test_oxidation_states_do_not_matter(structure_named):
    plain = structure_named("NaCl")
    decorated = plain.copy()
    decorated.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    assert describe(decorated).template == describe(plain).template
