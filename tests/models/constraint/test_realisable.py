"""What can be said at all, against brute force: no dead ends, and nothing possible left out."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.models.constraint.realisable import (
    MAX_CELL_ATOMS,
    Unfinished,
    allowed_units,
    letters_of,
)
from crystalsmith.prompts.constraint import MAX_UNITS

GROUPS = [1, 2, 12, 14, 25, 47, 62, 123, 136, 166, 194, 216, 221, 225, 227, 230]


@cache
def how_many(number, counts, used=frozenset(), first=0):
    """In how many ways letters can be assigned, by trying everything."""
    if not counts:
        return 1
    if counts[0] == 0:
        return how_many(number, counts[1:], used)
    return sum(
        how_many(number, (counts[0] - size, *counts[1:]), taken, index)
        for index, size, taken in choices(number, counts[0], used, first)
    )


def solutions(number, counts, used=frozenset(), first=0, own=()):
    """All these assignments; they can be very many."""
    if not counts:
        return [()]
    if counts[0] == 0:
        return [(own, *rest) for rest in solutions(number, counts[1:], used)]
    return [
        found
        for index, size, taken in choices(number, counts[0], used, first)
        for found in solutions(number, (counts[0] - size, *counts[1:]), taken, index, (*own, index))
    ]


def choices(number, count, used, first):
    """Letters that one more orbit may take: index, multiplicity, fixed letters then taken."""
    letters = letters_of(number)
    for index in range(first, len(letters.names)):
        size, fixed = letters.multiplicities[index], letters.fixed[index]
        if size <= count and not (fixed and index in used):
            yield index, size, used | {index} if fixed else used


def walk(state, elements=((),)):
    """Every answer that following the options leads to; fails on a dead end."""
    if not state.counts:
        yield elements[:-1]
    elif state.counts[0] == 0:
        yield from walk(state.next_element(), (*elements, ()))
    else:
        options = state.options()
        assert options, f"dead end after {elements}"
        for index in options:
            yield from walk(state.with_letter(index), (*elements[:-1], (*elements[-1], index)))


@pytest.mark.parametrize("number", GROUPS)
@pytest.mark.parametrize("counts", [(1,), (2,), (4,), (1, 1), (2, 4), (4, 4), (1, 1, 3), (8, 8)])
def test_options_lead_to_all_answers_and_nothing_else(number, counts):
    state = Unfinished(number, counts)
    count = how_many(number, counts)
    assert state.can_finish() == bool(count)
    if count == 0:
        assert state.options() == ()
    elif count <= 1000:
        assert sorted(walk(state)) == sorted(solutions(number, counts))


@given(
    number=st.integers(1, 230),
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
)
@hypothesis_settings(max_examples=60)
def test_what_can_be_finished_is_what_brute_force_finishes(number, counts):
    assert Unfinished(number, counts).can_finish() == bool(how_many(number, counts))


@pytest.mark.parametrize("number", GROUPS)
@pytest.mark.parametrize("amounts", [(1,), (1, 1), (1, 2), (1, 1, 3), (3, 5), (1, 1, 1, 1)])
def test_allowed_units_against_brute_force(number, amounts):
    largest = 8 // max(amounts)
    expected = [
        units
        for units in range(1, largest + 1)
        if how_many(number, tuple(units * amount for amount in amounts))
    ]
    assert [units for units in allowed_units(number, amounts) if units <= largest] == expected


@pytest.mark.parametrize(
    ("number", "amounts", "units"),
    [
        (225, (1, 1), 4),
        (221, (1, 1, 3), 1),
        (227, (1, 2, 4), 8),
        (62, (1, 1, 3), 4),
        (166, (1,), 3),
    ],
)
def test_textbook_cells_are_allowed(number, amounts, units):
    assert units in allowed_units(number, amounts)


def test_units_are_bounded():
    assert max(allowed_units(1, (1,))) == MAX_UNITS
    assert max(allowed_units(1, (10, 10))) == MAX_CELL_ATOMS // 20
    assert allowed_units(1, (200, 200, 200)) == (1,)
    assert allowed_units(230, (1, 1, 1, 1, 1, 1)) != allowed_units(1, (1, 1, 1, 1, 1, 1))


def test_a_fixed_point_is_taken_once():
    rock_salt = Unfinished(225, (4, 4))
    names = letters_of(225).names
    assert [names[i] for i in rock_salt.options()] == ["a", "b"]
    second = rock_salt.with_letter(0).next_element()
    assert [names[i] for i in second.options()] == ["b"]


def test_letters_of_an_element_come_in_order():
    state = Unfinished(47, (3, 1)).with_letter(2)
    assert all(index > 2 for index in state.options())
    letters = letters_of(47)
    assert all(letters.fixed[:8])
    assert not any(letters.fixed[8:])


@given(number=st.integers(1, 230))
def test_letters_are_those_of_the_group(number):
    letters, group = letters_of(number), space_group(number)
    assert list(letters.names) == list(group.positions)
    for name, size, fixed in zip(*vars(letters).values(), strict=True):
        position = group.position(name)
        assert (position.multiplicity, position.freedom == 0) == (size, fixed)
