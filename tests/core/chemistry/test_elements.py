"""Groups of elements, and how alike two elements are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalsmith.core.chemistry.elements import (
    ALL_ELEMENTS,
    ELEMENT_GROUPS,
    electronegativity_of,
    element_distance,
    element_distances,
)

symbols = st.sampled_from(ALL_ELEMENTS)


def test_there_are_103_elements():
    assert len(ALL_ELEMENTS) == len(set(ALL_ELEMENTS)) == 103
    assert (ALL_ELEMENTS[0], ALL_ELEMENTS[25], ALL_ELEMENTS[-1]) == ("H", "Fe", "Lr")


@pytest.mark.parametrize(
    ("group", "members", "others"),
    [
        ("alkali metal", "Li Na K Rb Cs", "H Mg Ag"),
        ("alkaline earth metal", "Be Mg Ca Sr Ba", "Na Zn"),
        ("rare earth", "Sc Y La Ce Nd Eu Gd Lu", "Ti U Th Hf"),
        ("lanthanide", "La Ce Lu", "Sc Y U"),
        ("actinide", "Th U Pu", "La"),
        ("transition metal", "Ti Fe Cu Zn Zr Pd Hf Au", "La Ce U Al Sn"),
        ("post-transition metal", "Al Ga In Sn Pb Bi", "Ti Zn Na"),
        ("metal", "Na Ti Al La U Zn Pb", "Si O H Ge"),
        ("metalloid", "B Si Ge As Sb Te", "C Al"),
        ("nonmetal", "H C N O F Cl S Se", "Si Na"),
        ("halogen", "F Cl Br I", "O At"),
        ("chalcogen", "O S Se Te", "Po N"),
        ("pnictogen", "N P As Sb Bi", "O"),
        ("noble gas", "He Ne Ar Kr Xe", "H F"),
        ("noble metal", "Ru Rh Pd Ag Os Ir Pt Au", "Cu Hg"),
        ("platinum group metal", "Ru Rh Pd Os Ir Pt", "Ag Au"),
        ("refractory metal", "Nb Mo Ta W Re", "Ti Fe"),
        ("radioactive", "Tc Pm Po Ra U Th", "Bi Pb"),
        ("toxic", "Pb Cd Hg As Tl Be", "Zn Bi Sn"),
    ],
)
def test_groups_are_what_chemists_mean(group, members, others):
    assert set(members.split()) <= ELEMENT_GROUPS[group]
    assert not set(others.split()) & ELEMENT_GROUPS[group]


def test_groups_hold_nothing_but_elements():
    for group, members in ELEMENT_GROUPS.items():
        assert members <= set(ALL_ELEMENTS), group
        assert members, group


def test_metals_metalloids_and_nonmetals_are_everything_once():
    parts = [ELEMENT_GROUPS[name] for name in ("metal", "metalloid", "nonmetal")]
    assert sum(len(part) for part in parts) == len(frozenset().union(*parts)) == 103


def test_electronegativities():
    assert electronegativity_of("F") == pytest.approx(3.98)
    assert electronegativity_of("Cs") == pytest.approx(0.79)
    assert electronegativity_of("He") == 0.0


@given(first=symbols, second=symbols)
def test_likeness_is_a_distance(first, second):
    assert element_distance(first, second) == element_distance(second, first)
    assert element_distance(first, second) >= 0
    assert (element_distance(first, second) < 1e-9) == (first == second)


@given(first=symbols, second=symbols, third=symbols)
def test_the_way_round_is_never_shorter(first, second, third):
    detour = element_distance(first, third) + element_distance(third, second)
    assert element_distance(first, second) <= detour + 1e-9


def test_neighbours_in_a_column_are_more_alike_than_strangers():
    for near, far in [("Na K", "Na Cl"), ("Sr Ba", "Sr Ti"), ("Cl Br", "Cl Fe"), ("Zr Hf", "Zr O")]:
        assert element_distance(*near.split()) < 0.5 < element_distance(*far.split())
    assert np.isfinite(element_distances()).all()
    assert element_distances().shape == (103, 103)
