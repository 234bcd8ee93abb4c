"""What "known crystals" can be asked, wherever they are kept, and a list of them in memory.

Everything that needs a reference (proposals, novelty, the hull) takes a `KnownCrystals`: the
store on disk (`crystalsmith.tools.store`), or a `CrystalList` of a few hundred prototypes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from crystalsmith.tools.embeddings import (
    composition_vector,
    composition_vectors,
    entry_text_vectors,
    facet_match,
    query_text_vector,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from pymatgen.core import Composition

    from crystalsmith.core.entry import Entry

Range = tuple[float | None, float | None]


class Hit(NamedTuple):
    """A known crystal that a search found.

    Attributes:
        entry: the crystal.
        distance: 0 is the same composition (or description); larger is less alike.
    """

    entry: Entry
    distance: float


@dataclass(frozen=True)
class KnownCrystalsInfo:
    """What a collection of known crystals holds.

    Attributes:
        name: how reports call it.
        counts: entries per source.
        dates: day of the last addition per source, ISO format.
    """

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of entries."""
        return sum(self.counts.values())

    def brief(self) -> str:
        """Name, size and date: what novelty is always said together with."""
        date = f", {max(self.dates.values())}" if self.dates else ""
        return f"{self.name} ({self.total:,} entries{date})"

    def __str__(self) -> str:
        sources = ", ".join(f"{source}: {count:,}" for source, count in self.counts.items())
        date = f", last added {max(self.dates.values())}" if self.dates else ""
        return f"{self.name} ({self.total:,} entries; {sources}{date})"


class Filters(BaseModel):
    """Conditions on known crystals; what is not given does not matter.

    Attributes:
        elements: all of these are present.
        without: none of these is present.
        n_elements: number of different elements.
        formula: reduced formula.
        anonymous_formula: such as ABC3.
        space_group: number.
        crystal_system: one of the seven.
        source: where the entry comes from.
        band_gap: lowest and highest value in eV; entries of unknown gap do not count.
        formation_energy: the same in eV/atom.
        e_above_hull: the same in eV/atom.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    elements: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    n_elements: int | None = Field(default=None, ge=1)
    formula: str | None = None
    anonymous_formula: str | None = None
    space_group: int | None = Field(default=None, ge=1, le=230)
    crystal_system: str | None = None
    source: str | None = None
    band_gap: Range | None = None
    formation_energy: Range | None = None
    e_above_hull: Range | None = None

    @property
    def equalities(self) -> dict[str, str | int]:
        """Fields that must have exactly the given value."""
        names = ("n_elements", "formula", "anonymous_formula", "space_group", "crystal_system")
        given = {name: getattr(self, name) for name in (*names, "source")}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def ranges(self) -> dict[str, Range]:
        """Fields that must lie in a range."""
        given = {n: getattr(self, n) for n in ("band_gap", "formation_energy", "e_above_hull")}
        return {name: bounds for name, bounds in given.items() if bounds is not None}

    def accepts(self, entry: Entry) -> bool:
        """Whether an entry meets all conditions."""
        composition = entry.composition
        symbols = {element.symbol for element in composition.elements}
        values: dict[str, str | int] = {
            "n_elements": len(symbols),
            "formula": entry.formula,
            "anonymous_formula": composition.anonymized_formula,
            "space_group": entry.crystal.template.number,
            "crystal_system": entry.crystal.template.group.crystal_system,
            "source": entry.source,
        }
        return (
            set(self.elements) <= symbols
            and not set(self.without) & symbols
            and all(values[name] == value for name, value in self.equalities.items())
            and all(_within(getattr(entry, name), b) for name, b in self.ranges.items())
        )


def _within(value: float | None, bounds: Range) -> bool:
    low, high = bounds
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


TEXT_POOL = 300  # hits of a text search that are ranked anew


def best_answers(query: str, pool: list[Hit], n: int) -> list[Hit]:
    """The best of a text search's hits, ranked by how well their facets answer the query."""
    if not pool:
        return []
    distances = 1.0 - facet_match(query, [hit.entry for hit in pool])
    order = np.argsort(distances, kind="stable")[:n]
    return [Hit(pool[index].entry, float(distances[index])) for index in order]


class KnownCrystals(Protocol):
    """A collection of known crystals."""

    def info(self) -> KnownCrystalsInfo:
        """What it holds."""

    def entries(self) -> list[Entry]:
        """All entries."""

    def known_formula(self, formula: str) -> bool:
        """Whether an entry has this reduced formula."""

    def with_formula(self, formula: str) -> list[Entry]:
        """Entries of this reduced formula."""

    def in_chemical_system(self, elements: Iterable[str]) -> list[Entry]:
        """Entries that contain no other elements than these."""

    def similar(
        self, composition: Composition, n: int = 10, where: Filters | None = None
    ) -> list[Hit]:
        """Entries of the most similar compositions, nearest first."""

    def search_text(self, query: str, n: int = 10, where: Filters | None = None) -> list[Hit]:
        """Entries whose description fits a query best, best first."""


class CrystalList:
    """Known crystals in memory: a handful of prototypes, or a store that was read once.

    Args:
        entries: the crystals.
        name: how reports call them.
        date: day they were put together, ISO format.
    """

    def __init__(self, entries: Sequence[Entry], name: str, date: str = "") -> None:
        self._entries = list(entries)
        self._name = name
        self._date = date

    def info(self) -> KnownCrystalsInfo:
        """What the list holds."""
        counts = dict(Counter(entry.source for entry in self._entries))
        return KnownCrystalsInfo(
            self._name, counts, dict.fromkeys(counts, self._date) if self._date else {}
        )

    def entries(self) -> list[Entry]:
        """All entries."""
        return list(self._entries)

    def known_formula(self, formula: str) -> bool:
        """Whether an entry has this reduced formula."""
        return formula in self._by_formula

    def with_formula(self, formula: str) -> list[Entry]:
        """Entries of this reduced formula."""
        return list(self._by_formula.get(formula, ()))

    def in_chemical_system(self, elements: Iterable[str]) -> list[Entry]:
        """Entries that contain no other elements than these."""
        allowed = set(elements)
        return [
            entry
            for entry in self._entries
            if all(element.symbol in allowed for element in entry.composition.elements)
        ]

    def similar(
        self, composition: Composition, n: int = 10, where: Filters | None = None
    ) -> list[Hit]:
        """Entries of the most similar compositions, nearest first."""
        gaps = np.linalg.norm(self._composition_vectors - composition_vector(composition), axis=1)
        return self._best(gaps, n, where)

    def search_text(self, query: str, n: int = 10, where: Filters | None = None) -> list[Hit]:
        """Entries whose description fits a query best, best first."""
        pool = self._best(1.0 - self._text_vectors @ query_text_vector(query), TEXT_POOL, where)
        return best_answers(query, pool, n)

    def _best(self, distances: NDArray[np.floating], n: int, where: Filters | None) -> list[Hit]:
        hits: list[Hit] = []
        for index in np.argsort(distances, kind="stable"):
            if len(hits) == n:
                break
            if where is None or where.accepts(self._entries[index]):
                hits.append(Hit(self._entries[index], float(distances[index])))
        return hits

    @cached_property
    def _by_formula(self) -> dict[str, list[Entry]]:
        table: dict[str, list[Entry]] = defaultdict(list)
        for entry in self._entries:
            table[entry.formula].append(entry)
        return dict(table)

    @cached_property
    def _composition_vectors(self) -> NDArray[np.float32]:
        return composition_vectors([entry.composition for entry in self._entries])

    @cached_property
    def _text_vectors(self) -> NDArray[np.float32]:
        return entry_text_vectors(self._entries)
