"""Entries survive being written down, and damage is noticed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalsmith.core.crystallography.crystal import SymmetricCrystal
from crystalsmith.core.crystallography.template import Orbit, SymmetryTemplate
from crystalsmith.core.entry import Entry
from crystalsmith.core.errors import StoreError
from crystalsmith.tools.records import from_json, from_record, to_json, to_record

if TYPE_CHECKING:
    from collections.abc import Callable

# letters with 0, 1, 2 and 3 free coordinates
_SITES = [(225, "a", 0), (225, "e", 1), (62, "c", 2), (62, "d", 3), (1, "a", 3), (186, "b", 1)]
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=64)
_MAYBE = st.none() | st.floats(-20, 20, allow_nan=False)


@st.composite
def entries(draw: Callable[..., object]) -> Entry:
    number, letter, freedom = draw(st.sampled_from(_SITES))
    elements = draw(st.lists(st.sampled_from(["Li", "Fe", "O", "U"]), min_size=1, max_size=3))
    if freedom == 0:
        elements = elements[:1]
    template = SymmetryTemplate(number, tuple(Orbit(element, letter) for element in elements))
    coordinate = st.floats(0, 1, allow_nan=False)
    free = tuple(
        np.array(draw(st.lists(coordinate, min_size=freedom, max_size=freedom)), dtype=float)
        for _ in elements
    )
    lattice = np.array(draw(st.lists(_NUMBERS, min_size=6, max_size=6)))
    text = st.text(max_size=20)
    return Entry(
        id=draw(text),
        source=draw(text),
        crystal=SymmetricCrystal(template, lattice, free),
        name=draw(text),
        band_gap=draw(_MAYBE),
        formation_energy=draw(_MAYBE),
        e_above_hull=draw(_MAYBE),
    )


def same(first: Entry, second: Entry) -> bool:
    """Equal to the last bit (arrays make dataclass equality ambiguous)."""
    a, b = first.crystal, second.crystal
    return (
        to_record(first) == to_record(second)
        and a.template == b.template
        and np.array_equal(a.lattice, b.lattice)
        and all(map(np.array_equal, a.free, b.free))
    )


@given(entries())
@settings(max_examples=100, deadline=None)
def test_an_entry_comes_back_from_json_to_the_last_bit(entry: Entry) -> None:
    assert same(from_json(to_json(entry)), entry)


def test_real_crystals_come_back_with_their_structure(textbook: list[Entry]) -> None:
    for entry in textbook:
        again = from_json(to_json(entry))
        assert same(again, entry)
        assert again.crystal.structure() == entry.crystal.structure()


@pytest.mark.parametrize(
    "damage",
    [
        {"orbits": [["Sr", "q"]]},
        {"lattice": [1, 2, 3]},
        {"free": []},
        {"free": [[0.1], [0.2], [0.3]]},
        {"space_group": "cubic"},
    ],
)
def test_a_damaged_record_is_refused_in_words(textbook: list[Entry], damage: dict) -> None:
    perovskite = next(entry for entry in textbook if entry.formula == "SrTiO3")
    with pytest.raises(StoreError, match=r"damaged.*build it again"):
        from_record(to_record(perovskite) | damage)
    with pytest.raises(StoreError, match="damaged"):
        from_json(json.dumps({"id": "x"}))
    with pytest.raises(StoreError, match="damaged"):
        from_json("{")
