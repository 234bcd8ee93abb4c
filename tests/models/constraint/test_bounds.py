"""What the constraint generator takes, refuses in words, and never hangs on."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pymatgen.core import Composition

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.errors import TemplateError
from crystalsmith.models.constraint.bounds import checked_amounts
from crystalsmith.models.constraint.generator import ConstraintGenerator
from crystalsmith.models.constraint.realisable import Unfinished, allowed_units
from crystalsmith.models.neighbours.prior import NeighbourPrior


@pytest.fixture(scope="module")
def shipped():
    return ConstraintGenerator.load(device="cpu")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("Li0.5CoO2", "fractional amounts.*such as Li.CoO2.2"),
        ("C201O", "more than 200 atoms of one element"),
        ("H200He199Li198Be197B196", "more than 800 atoms"),
        ("RfO2", "Rf in .* is no element"),
        ({}, "empty"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(formula, message):
    with pytest.raises(TemplateError, match=message):
        checked_amounts(Composition(formula))
    with pytest.raises(TemplateError, match=message):
        ConstraintGenerator(None).propose(Composition(formula))


@pytest.mark.parametrize("formula", ["Ca200O199", "Xe", "HeNeArKr", "FrAtRn", "Es2Lr3", "Mn2O97"])
def test_odd_formulas_get_templates_that_have_them(shipped, formula):
    found = shipped.propose(Composition(formula), count=3)
    assert found
    for item in found:
        assert item.template.composition.reduced_composition == Composition(formula)


amounts = st.lists(st.integers(1, 200), min_size=1, max_size=8).map(tuple)


@given(amounts=amounts, number=st.integers(1, 230))
@hypothesis_settings(max_examples=200)
def test_allowed_cells_are_decided_at_once_and_can_be_filled(amounts, number):
    """Eight elements with large primes are no harder than two: following options never fails."""
    for units in allowed_units(number, amounts)[:1]:
        state, steps = Unfinished(number, tuple(units * n for n in amounts)), 0
        while state.counts:
            options = state.options() if state.counts[0] else None
            assert options != ()
            state = state.next_element() if options is None else state.with_letter(options[-1])
            steps += 1
        assert steps <= units * sum(amounts) + len(amounts)


@given(
    symbols=st.lists(st.sampled_from(ALL_ELEMENTS), min_size=1, max_size=4, unique=True),
    sizes=st.lists(st.integers(1, 9), min_size=4, max_size=4),
    least=st.integers(1, 40),
    system=st.sampled_from([(1, 2), (3, 15), (16, 74), (143, 167), (195, 230)]),
)
@hypothesis_settings(max_examples=20)
def test_groups_and_cell_sizes_asked_for_are_obeyed(shipped, known, symbols, sizes, least, system):
    composition = Composition(dict(zip(symbols, sizes, strict=False)))
    generator = ConstraintGenerator(shipped.model, NeighbourPrior(known), width=5)
    found = generator.propose(
        composition,
        allow=lambda number: system[0] <= number <= system[1],
        atoms=lambda count: least <= count <= least + 20,
    )
    for item in found:
        assert system[0] <= item.template.number <= system[1]
        assert least <= item.template.n_atoms <= least + 20
    atoms = sum(checked_amounts(composition)[1])
    if system == (1, 2) and (least + 20) // atoms * atoms >= least and least + 20 >= atoms:
        assert found, "P1 holds everything"


def test_a_cell_size_narrows_what_is_proposed_rather_than_what_is_kept(shipped):
    """Twenty templates with ten atoms come out, not the few that happened to be among twenty."""
    free = shipped.propose(Composition("SrTiO3"))
    masked = shipped.propose(Composition("SrTiO3"), atoms=lambda count: count == 10)
    assert sum(item.template.n_atoms == 10 for item in free) < len(masked)
    assert {item.template.n_atoms for item in masked} == {10}
