"""Finding known crystals: by composition, by words, by structure, by all of them, with filters.

Every search is exact: the query is multiplied with the sparse vectors of all entries
(`crystalsmith.tools.columns`), which takes a few milliseconds for 150,000. Several ways are
combined by reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009): what one way ranks
first and another high comes first.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.tools.columns import bits
from crystalsmith.tools.embeddings import (
    element_points,
    facet_match,
    phrase_vectors,
    query_vectors,
)
from crystalsmith.tools.fingerprints import motifs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.tools.columns import Columns
    from crystalsmith.tools.known_crystals import Filters

_POOL = 3000  # entries of a text search that are ranked anew
_SHARPNESS = 3  # one close answer counts for more than several vague ones
_FUSED = 300  # ranks of every way that take part in a fusion
_SOFTNESS = 60  # of the fusion: rank at which a way's voice has halved
_CHUNK = 10_000  # entries at a time, to save memory
_Z = {symbol: number for number, symbol in enumerate(ALL_ELEMENTS)}


class Finder:
    """Searches over some known crystals.

    Args:
        columns: the crystals.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    # ---- filters -----------------------------------------------------------------------------

    def rows_where(self, where: Filters | None) -> NDArray[np.bool_] | None:
        """Which entries meet all conditions; None when there are none."""
        if where is None or where == type(where)():
            return None
        columns = self.columns
        keep = np.ones(len(columns), dtype=bool)
        if where.elements:
            keep &= self._with_all(where.elements)
        if where.without:
            keep &= ~self._with_any(where.without)
        if where.n_elements is not None:
            keep &= self._n_elements == where.n_elements
        if where.space_group is not None:
            keep &= columns.groups == where.space_group
        if where.crystal_system is not None:
            keep &= self._in_system(where.crystal_system)
        for name, text in (
            ("formulas", where.formula),
            ("ratios", where.anonymous_formula),
            ("sources", where.source),
        ):
            if text is not None:
                keep &= self._codes[name][1] == self._codes[name][0].get(text, -1)
        for place, bounds in where.value_ranges:
            low, high = bounds
            values = columns.values[:, place]
            keep &= ~np.isnan(values)
            if low is not None:
                keep &= values >= low
            if high is not None:
                keep &= values <= high
        return keep

    def rows_with_formula(self, formula: str) -> list[int]:
        """Rows of a reduced formula."""
        return self._by_formula.get(formula, [])

    def rows_in_system(self, elements: frozenset[str]) -> NDArray[np.intp]:
        """Rows that contain no other elements than these."""
        return np.flatnonzero(~self._with_any(set(ALL_ELEMENTS) - elements))

    def _with_all(self, symbols: Iterable[str]) -> NDArray[np.bool_]:
        if not set(symbols) <= set(_Z):
            return np.zeros(len(self.columns), dtype=bool)
        first, second = (word & asked == asked for word, asked in self._asked(symbols))
        return first & second

    def _with_any(self, symbols: Iterable[str]) -> NDArray[np.bool_]:
        first, second = (word & asked != 0 for word, asked in self._asked(symbols))
        return first | second

    def _asked(self, symbols: Iterable[str]) -> Iterator[tuple[NDArray[np.uint64], np.uint64]]:
        """Both words of the entries' elements, with those of the elements that are asked for."""
        asked = bits(_Z[symbol] for symbol in symbols if symbol in _Z)
        return zip(self._words, map(np.uint64, asked), strict=True)

    @cached_property
    def _words(self) -> NDArray[np.uint64]:
        return np.ascontiguousarray(self.columns.members.T)

    def _in_system(self, name: str) -> NDArray[np.bool_]:
        from crystalsmith.core.crystallography.groups import CRYSTAL_SYSTEM_RANGES

        first, last = CRYSTAL_SYSTEM_RANGES.get(name, (1, 0))
        return (self.columns.groups >= first) & (self.columns.groups <= last)

    @cached_property
    def _n_elements(self) -> NDArray[np.uint8]:
        first, second = np.bitwise_count(self._words)
        return first + second

    @cached_property
    def _codes(self) -> dict[str, tuple[dict[str, int], NDArray[np.int32]]]:
        """Formulas, ratios and sources as numbers, so that comparing them is quick."""
        found = {}
        for name in ("formulas", "ratios", "sources"):
            table: dict[str, int] = {}
            rows = [table.setdefault(text, len(table)) for text in getattr(self.columns, name)]
            found[name] = (table, np.array(rows, dtype=np.int32))
        return found

    @cached_property
    def _by_formula(self) -> dict[str, list[int]]:
        table: dict[str, list[int]] = {}
        for row, formula in enumerate(self.columns.formulas):
            table.setdefault(formula, []).append(row)
        return table

    # ---- the three ways ----------------------------------------------------------------------

    def composition_distances(self, composition: Composition) -> NDArray[np.float64]:
        """``(n,)`` distance between kernel mean embeddings (`crystalsmith.tools.embeddings`)."""
        content = composition.element_composition.fractional_composition
        asked = np.zeros(len(ALL_ELEMENTS))
        for element, share in content.items():
            asked[_Z[element.symbol]] = share
        kernel = _kernel()
        squares = self._own_squares + asked @ kernel @ asked
        squares -= 2 * (self.columns.fractions @ (kernel @ asked))
        return np.sqrt(np.clip(squares, 0, None))

    def structure_distances(self, template: SymmetryTemplate) -> NDArray[np.float64]:
        """``(n,)`` one minus the cosine of fingerprints (`crystalsmith.tools.fingerprints`)."""
        asked = np.zeros(len(self.columns.traits))
        for name, weight in motifs(template).items():
            if name in self._traits:
                asked[self._traits[name]] = weight
        return np.clip(1.0 - self.columns.motifs @ asked, 0, None)

    def text_distances(self, query: str, keep: NDArray[np.bool_] | None) -> NDArray[np.float64]:
        """``(n,)`` how badly descriptions answer a query; infinite where that was not asked.

        The best by the mean of their facets are ranked by how well any facet answers each word.

        Raises:
            StoreError: the sentence encoder cannot be loaded.
        """
        result = np.full(len(self.columns), np.inf)
        if not len(self.columns):
            return result
        asked = query_vectors(query, self.columns.phrases)
        likeness = np.clip(asked @ self._phrase_vectors.T, 0, None) ** _SHARPNESS
        rough = self.columns.facets @ likeness.mean(axis=0).astype(float)
        pool = best_rows(-rough, _POOL, keep)
        chosen = self.columns.facets[pool]
        result[pool] = 1.0 - facet_match(likeness, chosen.indices, chosen.indptr)
        return result

    @cached_property
    def _own_squares(self) -> NDArray[np.float64]:
        kernel = _kernel()
        squares = np.zeros(len(self.columns))
        for start in range(0, len(squares), _CHUNK):
            part = self.columns.fractions[start : start + _CHUNK]
            own = part.multiply(part @ kernel).sum(axis=1)
            squares[start : start + _CHUNK] = np.asarray(own).ravel()
        return squares

    @cached_property
    def _traits(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.columns.traits)}

    @cached_property
    def _phrase_vectors(self) -> NDArray[np.float32]:
        return phrase_vectors(self.columns.phrases)

    # ---- together ----------------------------------------------------------------------------

    def find(
        self,
        n: int,
        where: Filters | None = None,
        *,
        composition: Composition | None = None,
        text: str | None = None,
        template: SymmetryTemplate | None = None,
    ) -> list[tuple[int, float]]:
        """The best rows for everything that is asked, with their distances, nearest first.

        With one way to find it is that way's distance. With several, 0 means first in all of them
        and 1 in none.
        """
        keep = self.rows_where(where)
        ways: list[NDArray[np.float64]] = []
        if composition is not None:
            ways.append(self.composition_distances(composition))
        if template is not None:
            ways.append(self.structure_distances(template))
        if text is not None:
            ways.append(self.text_distances(text, keep))
        if not ways:
            rows = np.arange(len(self.columns)) if keep is None else np.flatnonzero(keep)
            return [(int(row), 0.0) for row in rows[:n]]
        if len(ways) == 1:
            return [(int(row), float(ways[0][row])) for row in best_rows(ways[0], n, keep)]
        return _fused([best_rows(way, max(_FUSED, n), keep) for way in ways], n)


def best_rows(
    distances: NDArray[np.float64], n: int, keep: NDArray[np.bool_] | None = None
) -> NDArray[np.intp]:
    """The rows of the smallest finite distances, in order; earlier rows first among equals."""
    if keep is not None:
        distances = np.where(keep, distances, np.inf)
    if n < len(distances):
        limit = np.partition(distances, n - 1)[n - 1]
        rows = np.flatnonzero(distances <= limit)
    else:
        rows = np.arange(len(distances))
    rows = rows[np.isfinite(distances[rows])]
    return rows[np.argsort(distances[rows], kind="stable")][:n]


def _fused(rankings: list[NDArray[np.intp]], n: int) -> list[tuple[int, float]]:
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking):
            scores[int(row)] = scores.get(int(row), 0.0) + _SOFTNESS / (_SOFTNESS + rank)
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:n]
    return [(row, 1.0 - score / len(rankings)) for row, score in best]


def _kernel() -> NDArray[np.float64]:
    points = element_points()
    return np.asarray(points @ points.T)
