"""What "known crystals" can be asked, wherever they are kept, and a list of them in memory.

Everything that needs a reference (proposals, novelty, the hull) takes a `KnownCrystals`: the
store on disk (`crystalsmith.tools.store`), or a `CrystalList` of a few hundred prototypes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from crystalsmith.tools.columns import columns_of
from crystalsmith.tools.finding import Finder
from crystalsmith.tools.records import VALUES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.template import SymmetryTemplate
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
        note: what else to say about it, such as a look-up that failed.
    """

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    dates: dict[str, str] = field(default_factory=dict)
    note: str = ""

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
        note = f"; {self.note}" if self.note else ""
        return f"{self.name} ({self.total:,} entries; {sources}{date}{note})"


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
    def value_ranges(self) -> list[tuple[int, Range]]:
        """Ranges that are asked for, by the column of the value."""
        given = [(place, getattr(self, name)) for place, name in enumerate(VALUES)]
        return [(place, bounds) for place, bounds in given if bounds is not None]


class KnownCrystals(ABC):
    """A collection of known crystals, and what can be asked of it."""

    @abstractmethod
    def info(self) -> KnownCrystalsInfo:
        """What it holds."""

    @abstractmethod
    def entries(self) -> list[Entry]:
        """All entries."""

    @abstractmethod
    def finder(self) -> Finder:
        """Searches over all entries."""

    def entry_at(self, row: int) -> Entry:
        """The entry of a row of the finder's."""
        return self.finder().columns.entry(row)

    def known_formula(self, formula: str) -> bool:
        """Whether an entry has this reduced formula."""
        return bool(self.finder().rows_with_formula(formula))

    def with_formula(self, formula: str) -> list[Entry]:
        """Entries of this reduced formula."""
        return [self.entry_at(row) for row in self.finder().rows_with_formula(formula)]

    def in_chemical_system(self, elements: Iterable[str]) -> list[Entry]:
        """Entries that contain no other elements than these."""
        rows = self.finder().rows_in_system(frozenset(elements))
        return [self.entry_at(int(row)) for row in rows]

    def covers(self, elements: Iterable[str]) -> bool:
        """Whether all that the Materials Project knows of these elements is there."""
        return False

    def search_begins(self, systems: Iterable[frozenset[str]]) -> None:  # noqa: B027 a hook
        """A search will ask about these chemical systems; what is known does not change by it."""

    def similar(
        self, composition: Composition, n: int = 10, where: Filters | None = None
    ) -> list[Hit]:
        """Entries of the most similar compositions, nearest first."""
        return self.find(n, where, composition=composition)

    def search_text(self, query: str, n: int = 10, where: Filters | None = None) -> list[Hit]:
        """Entries whose description fits a query best, best first."""
        return self.find(n, where, text=query)

    def find(
        self,
        n: int = 10,
        where: Filters | None = None,
        *,
        composition: Composition | None = None,
        text: str | None = None,
        template: SymmetryTemplate | None = None,
    ) -> list[Hit]:
        """Entries that fit a composition, words and a structure, all that are given, best first.

        Several ways are combined by rank fusion; the distance then says how far an entry is from
        being first in all of them.
        """
        found = self.finder().find(n, where, composition=composition, text=text, template=template)
        return [Hit(self.entry_at(row), distance) for row, distance in found]


class CrystalList(KnownCrystals):
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

    def entry_at(self, row: int) -> Entry:
        """The entry of a row of the finder's."""
        return self._entries[row]

    def finder(self) -> Finder:
        """Searches over all entries."""
        return self._finder

    @cached_property
    def _finder(self) -> Finder:
        return Finder(columns_of(self._entries, self._date))
