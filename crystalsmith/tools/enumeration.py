"""Occupations by the ten thousand as arrays: an element a column, a way of choosing them a row."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.chemistry.site_rules import anion_rank

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from crystalsmith.tools.drafts import Formula

    Indices = NDArray[np.int64]  # of elements, Z - 1

_INDEX = {symbol: index for index, symbol in enumerate(ALL_ELEMENTS)}
_IN_ORDER = np.array(sorted(ALL_ELEMENTS), dtype=object)  # as formulas are written
_PLACE = np.argsort(np.argsort(np.array(ALL_ELEMENTS)))  # of every element in that order
_MOST_ATOMS = 4096  # more than one element has in any formula


def indices(symbols: Iterable[str]) -> Indices:
    """Indices of elements."""
    return np.array([_INDEX[symbol] for symbol in symbols], dtype=np.int64)


def members(symbols: Collection[str]) -> NDArray[np.bool_]:
    """``(103,)`` whether each element is one of these."""
    return np.array([symbol in symbols for symbol in ALL_ELEMENTS])


@lru_cache(maxsize=1)
def anion_ranks() -> NDArray[np.int64]:
    """``(103,)`` place of each element by `anion_rank`; equal ranks have equal places."""
    ranks = [anion_rank(symbol) for symbol in ALL_ELEMENTS]
    places = {rank: place for place, rank in enumerate(sorted(set(ranks)))}
    return np.array([places[rank] for rank in ranks])


def all_choices(sizes: Sequence[int]) -> Indices:
    """``(product, n)`` every way of choosing one of so many in each column."""
    grid = np.indices(sizes).reshape(len(sizes), -1)
    return np.asarray(grid.T, dtype=np.int64)


def best_of_each(
    elements: Indices, amounts: Indices, support: NDArray[np.float64], most: int
) -> list[tuple[Formula, int]]:
    """The best supported reduced formulas, each with its best row.

    Args:
        elements: ``(N, n)`` indices; a row may name an element twice, its amounts are added.
        amounts: ``(N, n)`` or ``(n,)`` atoms.
        support: ``(N,)``.
        most: formulas at most.
    """
    if not len(elements):
        return []
    written, reduced = _written(elements, amounts)
    codes = np.where(reduced > 0, written * _MOST_ATOMS + reduced, -1)
    order = np.lexsort((-support, *codes.T))
    ordered = codes[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    chosen = order[first]
    chosen = chosen[np.argsort(-support[chosen], kind="stable")[:most]]
    symbols, counts = _IN_ORDER[written[chosen]].tolist(), reduced[chosen].tolist()
    formulas = [
        tuple((symbol, n) for symbol, n in zip(*pair, strict=True) if n)
        for pair in zip(symbols, counts, strict=True)
    ]
    return list(zip(formulas, chosen.tolist(), strict=True))


def _written(elements: Indices, amounts: Indices) -> tuple[Indices, Indices]:
    """Elements in the order of formulas and their reduced amounts, 0 where named before."""
    places = _PLACE[elements]
    columns = np.argsort(places, axis=1, kind="stable")
    places = np.take_along_axis(places, columns, axis=1)
    counts = np.take_along_axis(np.broadcast_to(amounts, elements.shape), columns, axis=1).copy()
    for column in range(elements.shape[1] - 1, 0, -1):
        again = places[:, column] == places[:, column - 1]
        counts[again, column - 1] += counts[again, column]
        counts[again, column] = 0
    return places, counts // np.gcd.reduce(counts, axis=1)[:, None]
