"""Which known composition takes the place of which: exchanging elements at the least distance."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.chemistry.elements import element_distances

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

_MAX_EXCHANGES = 24


def nearest_exchanges(
    wanted: NDArray[np.int64],
    known: NDArray[np.int64],
    weights: NDArray[np.float64],
    keys: Sequence[Hashable],
    orders: Sequence[tuple[int, ...]] | None = None,
) -> tuple[NDArray[np.float64], list[tuple[int, ...]]]:
    """Distance from wanted elements to many known ones, slot by slot, under the best exchange.

    Args:
        wanted: ``(slots,)`` atomic numbers less one.
        known: ``(rows, slots)`` atomic numbers less one.
        weights: ``(slots,)`` share of atoms in each slot.
        keys: one per slot; neighbouring slots with equal keys may change places.
        orders: the orders to try, where more than that may change places.

    Returns:
        ``(rows,)`` mean `element_distance`, and for each row the order in which its slots are to be
        taken.
    """
    table = element_distances()
    tried = list(_orders(keys) if orders is None else orders)
    best, chosen = np.full(len(known), np.inf), np.zeros(len(known), np.int64)
    for number, order in enumerate(tried):
        gaps = table[wanted[None, :], known[:, list(order)]] @ weights
        chosen[gaps < best] = number
        best = np.minimum(best, gaps)
    return best, [tried[number] for number in chosen.tolist()]


def _orders(keys: Sequence[Hashable]) -> list[tuple[int, ...]]:
    """Orders of the slots that only exchange neighbours with equal keys, the given one first."""
    groups = [list(group) for _, group in itertools.groupby(range(len(keys)), keys.__getitem__)]
    few = (itertools.islice(itertools.permutations(group), _MAX_EXCHANGES) for group in groups)
    combinations = itertools.product(*few)  # which would list all permutations of a long group
    return [
        tuple(itertools.chain.from_iterable(choice))
        for choice in itertools.islice(combinations, _MAX_EXCHANGES)
    ]
