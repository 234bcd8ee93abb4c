"""Which known composition takes the place of which."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Element

from crystalsmith.core.chemistry.elements import element_distance
from crystalsmith.core.chemistry.exchange import nearest_exchanges


def numbers(text):
    return np.array([Element(symbol).Z - 1 for symbol in text.split()])


def test_each_slot_keeps_its_place_where_keys_differ():
    wanted, known = numbers("Ca Ti O"), np.array([numbers("Sr Ti O"), numbers("Ti Sr O")])
    distances, orders = nearest_exchanges(wanted, known, np.array([1, 1, 3]) / 5, ["a", "b", "c"])
    assert orders == [(0, 1, 2), (0, 1, 2)]
    assert distances[0] == pytest.approx(element_distance("Ca", "Sr") / 5)
    assert distances[1] > distances[0]


def test_slots_of_one_kind_may_change_places():
    wanted, known = numbers("Ca Ti O"), np.array([numbers("Ti Sr O"), numbers("Ca Ti O")])
    distances, orders = nearest_exchanges(wanted, known, np.array([1, 1, 3]) / 5, [1, 1, 3])
    assert orders == [(1, 0, 2), (0, 1, 2)]
    assert distances == pytest.approx([element_distance("Ca", "Sr") / 5, 0.0])


symbols = st.sampled_from(
    ["Li", "Na", "K", "Mg", "Ca", "Ti", "Zr", "Fe", "Al", "Si", "O", "S", "F", "Cl"]
)


@given(
    rows=st.lists(st.lists(symbols, min_size=3, max_size=3), min_size=2, max_size=6),
    keys=st.sampled_from([(1, 1, 1), (1, 1, 2), (1, 2, 2), (1, 2, 3)]),
)
def test_the_best_exchange_is_found(rows, keys):
    """Against all permutations that leave the keys as they are."""
    wanted, *known = [numbers(" ".join(row)) for row in rows]
    weights = np.array([0.2, 0.3, 0.5])
    distances, orders = nearest_exchanges(wanted, np.array(known), weights, keys)
    symbols_of = [" ".join(rows[0]).split(), *rows[1:]]
    for row, (distance, order) in enumerate(zip(distances, orders, strict=True), start=1):

        def cost(order, row=row):
            pairs = zip(symbols_of[0], (symbols_of[row][slot] for slot in order), strict=True)
            return sum(w * element_distance(*pair) for w, pair in zip(weights, pairs, strict=True))

        allowed = [
            order
            for order in itertools.permutations(range(3))
            if all(keys[slot] == keys[place] for place, slot in enumerate(order))
        ]
        assert order in allowed
        assert distance == pytest.approx(cost(order))
        assert distance == pytest.approx(min(map(cost, allowed)))


def test_many_equal_slots_are_no_reason_to_wait():
    """Twelve elements of equal amount have 479 million orders."""
    wanted = numbers("Li Na K Rb Cs Be Mg Ca Sr Ba Sc Y")
    distances, orders = nearest_exchanges(wanted, wanted[None], np.full(12, 1 / 12), [1] * 12)
    assert distances == pytest.approx([0.0])
    assert orders == [tuple(range(12))]
