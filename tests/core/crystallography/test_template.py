"""Templates count their atoms, keep an order, and refuse what cannot be built."""

import pytest
from hypothesis import given
from pymatgen.core import Composition

from crystalsmith.core.crystallography.template import (
    Orbit,
    SymmetryTemplate,
    electropositive_first,
    ordered_amounts,
)
from crystalsmith.core.errors import TemplateError
from tests.strategies import atoms_of, templates

PEROVSKITE = SymmetryTemplate.from_letters(221, {"O": "c", "Ti": "b", "Sr": "a"})


def test_perovskite_in_words_and_numbers():
    assert PEROVSKITE.orbits == (("Sr", "a"), ("Ti", "b"), ("O", "c"))
    assert PEROVSKITE.composition == Composition("SrTiO3")
    assert PEROVSKITE.letters == {"Sr": "a", "Ti": "b", "O": "c"}
    assert PEROVSKITE.pattern == (221, ("a", "b", "c"))
    assert PEROVSKITE.formula_units == 1
    assert PEROVSKITE.n_atoms == 5
    assert PEROVSKITE.free_parameters == 1
    assert str(PEROVSKITE) == "Pm-3m (221): Sr on 1a; Ti on 1b; O on 3c"


def test_centred_cells_count_primitive_atoms():
    spinel = SymmetryTemplate.from_letters(227, {"Mg": "a", "Al": "d", "O": "e"})
    assert spinel.composition == Composition("Mg8Al16O32")
    assert (spinel.n_atoms, spinel.formula_units, spinel.free_parameters) == (14, 8, 2)


def test_an_element_counts_atoms_not_molecules():
    assert SymmetryTemplate.from_letters(225, {"O": "a"}).formula_units == 4
    assert ordered_amounts(Composition("O8")) == (("O",), (1,))
    assert ordered_amounts(Composition("Fe4O6")) == (("Fe", "O"), (2, 3))


def test_letters_of_one_element_are_kept_together_and_sorted():
    template = SymmetryTemplate.from_letters(62, {"O": "dc", "Ti": "b", "Ca": "c"})
    assert template.letters == {"Ca": "c", "Ti": "b", "O": "cd"}
    assert template == SymmetryTemplate(
        62, (Orbit("O", "c"), Orbit("Ca", "c"), Orbit("O", "d"), Orbit("Ti", "b"))
    )


def test_free_positions_may_be_used_again_and_fixed_ones_not():
    assert SymmetryTemplate.from_letters(62, {"Ca": "c", "O": "ccd"}).n_atoms == 20
    with pytest.raises(TemplateError, match="position a of space group 225 is a fixed point"):
        SymmetryTemplate.from_letters(225, {"Na": "a", "Cl": "a"})


@pytest.mark.parametrize(
    ("number", "letters", "message"),
    [
        (225, {}, "at least one orbit"),
        (225, {"Na": "z"}, "no Wyckoff letter 'z'"),
        (231, {"Na": "a"}, "numbered 1 to 230"),
    ],
)
def test_what_cannot_be_built_is_refused(number, letters, message):
    with pytest.raises(TemplateError, match=message):
        SymmetryTemplate.from_letters(number, letters)


def test_other_elements_take_the_same_places():
    barium = PEROVSKITE.with_elements({"Sr": "Ba"})
    assert barium.letters == {"Ba": "a", "Ti": "b", "O": "c"}
    swapped = PEROVSKITE.with_elements({"Sr": "Ti", "Ti": "Sr"})
    assert swapped.letters == {"Sr": "b", "Ti": "a", "O": "c"}
    assert PEROVSKITE.with_elements({"Xe": "Kr"}) == PEROVSKITE


def test_electropositive_elements_come_first():
    assert sorted(["O", "Ti", "Sr", "F", "Cs"], key=electropositive_first) == [
        "Cs",
        "Sr",
        "Ti",
        "O",
        "F",
    ]


@given(template=templates())
def test_composition_is_the_sum_of_multiplicities(template):
    assert template.composition == Composition(atoms_of(template))
    amounts = dict(zip(*ordered_amounts(template.composition), strict=True))
    assert {e: n * template.formula_units for e, n in amounts.items()} == atoms_of(template)
