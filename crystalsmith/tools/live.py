"""Known crystals that look up at the Materials Project what they are asked for.

Chemical systems that a request touches are fetched when their competing phases are wanted, and
kept in the store with the day, so that the next search finds them there. A project that cannot be
reached is not asked again in the same search, and the reason is said; the search goes on without.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from crystalsmith.core.errors import ServerError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.tools.known_crystals import KnownCrystals
from crystalsmith.tools.materials_project import LOOKED_UP, MOST_ELEMENTS, WHOLE, subsystems

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crystalsmith.core.entry import Entry
    from crystalsmith.core.settings import Settings
    from crystalsmith.tools.finding import Finder
    from crystalsmith.tools.known_crystals import KnownCrystalsInfo
    from crystalsmith.tools.materials_project import MaterialsProject
    from crystalsmith.tools.store import CrystalStore

_WAIT = 300.0  # seconds until a project that failed is asked again, by another search


class LiveCrystals(KnownCrystals):
    """A store that is filled from the Materials Project while it is used.

    Args:
        store: where crystals are kept.
        config: key, address, how many look-ups, and for how many days they hold.
        progress: told about every look-up.
    """

    def __init__(self, store: CrystalStore, config: Settings, progress: Progress = silent) -> None:
        self.store = store
        self.failure = ""
        self._failed = 0.0  # when, on the monotonic clock
        self._config = config
        self._progress = progress
        self._left = config.mp_lookups
        self._project: MaterialsProject | None = None
        whole = store.noted(WHOLE)
        self._complete = bool(whole) and whole.get("pages") == whole.get("of")
        self._days: dict[str, str] = store.noted(LOOKED_UP)

    def search_begins(self, systems: Iterable[frozenset[str]]) -> None:
        """Look up the chemical systems that a search names; it may then ask for some more."""
        self._left = self._config.mp_lookups
        if time.monotonic() - self._failed > _WAIT:
            self.failure = ""
        self.look_up(systems)

    def look_up(self, systems: Iterable[frozenset[str]]) -> None:
        """Fetch chemical systems, and all within them, that the store does not have yet."""
        from crystalsmith.tools.sources import add_systems

        wanted = [system for system in systems if self._worth_asking(system)][: self._left]
        if not wanted or self.failure:
            return
        self._left -= len(wanted)
        today = dt.datetime.now(dt.UTC).date()
        names = {name for system in wanted for name in subsystems(system)}
        missing = [frozenset(name.split("-")) for name in names if not self._fresh(name)]
        try:
            if self._project is None:
                self._project = _connected(self._config)
            add_systems(
                self.store,
                self._project,
                missing,
                today=today.isoformat(),
                nested=False,
                progress=self._progress,
            )
        except ServerError as error:
            self.failure, self._failed = str(error), time.monotonic()
            return
        self._days |= dict.fromkeys(names, today.isoformat())

    def _worth_asking(self, system: frozenset[str]) -> bool:
        if self._complete or len(system) > MOST_ELEMENTS:
            return False
        return not all(self._fresh(name) for name in subsystems(system))

    def _fresh(self, name: str) -> bool:
        day = self._days.get(name)
        if day is None:
            return False
        age = dt.datetime.now(dt.UTC).date() - dt.date.fromisoformat(day)
        return age.days <= self._config.mp_days

    # ---- what a store can be asked -----------------------------------------------------------

    def finder(self) -> Finder:
        """Searches over all entries."""
        return self.store.finder()

    def info(self) -> KnownCrystalsInfo:
        """What the store holds, and why the project could not be asked, if so."""
        note = f"the Materials Project was not asked: {self.failure}" if self.failure else ""
        return replace(self.store.info(), note=note)

    def entries(self) -> list[Entry]:
        """All entries."""
        return self.store.entries()

    def covers(self, elements: Iterable[str]) -> bool:
        """Whether all that the Materials Project knows of these elements is there."""
        return self.store.covers(elements)

    def in_chemical_system(self, elements: Iterable[str]) -> list[Entry]:
        """Entries that contain no other elements than these, looked up if need be."""
        symbols = frozenset(elements)
        self.look_up([symbols])
        return self.store.in_chemical_system(symbols)


def _connected(config: Settings) -> MaterialsProject:
    from crystalsmith.tools.materials_project import MaterialsProject

    return MaterialsProject(config.mp_api_key, config.mp_endpoint, pauses=())
