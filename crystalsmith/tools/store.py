"""The store of known crystals: Chroma, embedded or a server, with columns beside it to search.

Chroma holds every crystal, lossless, under the vector of its composition and with fields to filter
by. Searches read the columns (`crystalsmith.tools.columns`), which are kept beside it on this
machine and follow it. Every write takes a file lock, so that two processes never write at once.
"""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import time
import uuid
from typing import TYPE_CHECKING, Any

from crystalsmith.core.errors import CrystalsmithError, StoreError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.settings import cache_folder, settings
from crystalsmith.tools.chroma import Place, explained, note, notes_of, open_collection, writing
from crystalsmith.tools.columns import (
    Columns,
    append_columns,
    columns_of,
    joined,
    read_columns,
    replace_columns,
    state_of,
)
from crystalsmith.tools.embeddings import (
    COMPOSITION_DIMENSION,
    COMPOSITION_EMBEDDER,
    composition_vectors,
    phrase_vectors,
)
from crystalsmith.tools.finding import Finder
from crystalsmith.tools.known_crystals import KnownCrystals, KnownCrystalsInfo
from crystalsmith.tools.materials_project import LOOKED_UP, WHOLE, subsystems
from crystalsmith.tools.prototypes import prototype_entries
from crystalsmith.tools.records import from_json, metadata, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from chromadb.api.models.Collection import Collection

    from crystalsmith.core.entry import Entry

_BATCH = 4000  # entries per write; larger ones are quicker, Chroma takes 5461 at most
_SECONDS = 10.0  # after which a smaller batch is written: what an interruption can lose
_REVISION = "revision"  # noted in Chroma when entries were replaced, and beside the columns


class CrystalStore(KnownCrystals):
    """Known crystals on disk or behind a Chroma server. Use `open_store`.

    Args:
        path: the store's folder, which exists already.
        url: of a Chroma server; the folder then holds only what this machine remembers of it.
        progress: told about reading a server's crystals for the first time.
    """

    def __init__(self, path: Path, url: str | None = None, progress: Progress = silent) -> None:
        self.path = path
        self.place = Place(path, url)
        self._columns = columns_of([])
        self._fresh: list[Columns] = []
        self._ids: set[str] = set()
        self._state: tuple[str, ...] = ()
        self._finder: Finder | None = None
        self._list: list[Entry] | None = None
        self._info: KnownCrystalsInfo | None = None
        self._collection = open_collection(self.place, COMPOSITION_EMBEDDER, COMPOSITION_DIMENSION)
        with explained(self.place), writing(self.place):
            self._load()
            self._follow_chroma(progress)

    @property
    def chroma(self) -> Collection:
        """The collection itself, for what only Chroma can be asked."""
        return self._collection

    @property
    def _folder(self) -> Path:
        return self.path / "columns"

    def __len__(self) -> int:
        """Number of entries."""
        self._see_others()
        return len(self._ids)

    # ---- columns -----------------------------------------------------------------------------

    def _load(self) -> None:
        """Read the columns from disk; the caller holds the lock."""
        self._columns, self._fresh = read_columns(self._folder), []
        self._state = state_of(self._folder)
        self._ids = set(self._columns.ids)
        self._finder = self._list = self._info = None

    def _see_others(self) -> None:
        """Read the columns again when another process has written since."""
        if state_of(self._folder) != self._state:
            with writing(self.place):
                self._load()

    def _follow_chroma(self, progress: Progress = silent) -> None:
        """Make the columns hold what Chroma holds; the caller holds the lock."""
        revision = notes_of(self._collection, _REVISION).get("id", "")
        if revision != self._noted_revision():
            replace_columns(self._folder, columns_of([]))
            self._note_revision(revision)
            self._load()
        if self._collection.count() == len(self._ids):
            return
        there = self._collection.get(include=[])["ids"]
        if self._ids - set(there):
            replace_columns(self._folder, columns_of([]))
            self._load()
        missing = [key for key in there if key not in self._ids]
        for start in range(0, len(missing), _BATCH):
            ids = missing[start : start + _BATCH]
            rows = self._collection.get(ids=ids, include=["documents", "metadatas"])
            entries = [from_json(text) for text in rows["documents"] or ()]
            dates = [str(fields["added"]) for fields in rows["metadatas"] or ()]
            self._append(columns_of(entries, dates))
            progress("reading known crystals", start + len(ids), len(missing))

    def _append(self, part: Columns) -> None:
        append_columns(self._folder, part)
        self._state = state_of(self._folder)
        self._fresh.append(part)
        self._ids.update(part.ids)
        self._finder = self._list = self._info = None

    def _noted_revision(self) -> str:
        try:
            return (self._folder / _REVISION).read_text(encoding="utf-8")
        except OSError:
            return ""

    def _note_revision(self, revision: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / _REVISION).write_text(revision, encoding="utf-8")

    # ---- writing -----------------------------------------------------------------------------

    def add(self, entries: Iterable[Entry], *, replace: bool = False) -> int:
        """Add entries; those whose id is there already are left as they are.

        Args:
            entries: known crystals.
            replace: put entries whose id is there in the place of the old ones.

        Returns:
            How many were new.
        """
        added = 0
        for batch in _batches(entries):
            with explained(self.place), writing(self.place):
                if state_of(self._folder) != self._state:
                    self._load()
                fresh = [entry for key, entry in batch.items() if key not in self._ids]
                added += len(fresh)
                old = self._outdated(batch) if replace else []
                if old:
                    self._replace(old)
                if fresh:
                    self._append(self._write(fresh))
        return added

    def _outdated(self, batch: dict[str, Entry]) -> list[Entry]:
        """The entries that are there, but not like this."""
        columns = self._all_columns()
        known = zip(columns.ids, columns.records, strict=True)
        old = {key: record for key, record in known if key in batch}
        return [batch[key] for key, record in old.items() if record != to_json(batch[key])]

    def _replace(self, entries: list[Entry]) -> None:
        revision = uuid.uuid4().hex
        self._note(_REVISION, {"id": revision})  # should this fail half-way, all is read again
        self._append(self._write(entries))
        self._note_revision(revision)

    def _write(self, entries: list[Entry]) -> Columns:
        today = dt.datetime.now(dt.UTC).date().isoformat()
        columns = columns_of(entries, today)
        self._collection.upsert(
            ids=columns.ids,
            embeddings=composition_vectors(columns.fractions),
            metadatas=[metadata(entry, today) for entry in entries],
            documents=columns.records,
        )
        return columns

    def build_from_prototypes(self) -> int:
        """Add pymatgen's AFLOW prototypes; returns how many were new."""
        return self.add(prototype_entries())

    def known_ids(self) -> frozenset[str]:
        """Ids of all entries."""
        self._see_others()
        return frozenset(self._ids)

    def index_texts(self) -> None:
        """Encode what descriptions are made of now, rather than when text is first searched."""
        phrase_vectors(self.finder().columns.phrases)

    def noted(self, name: str) -> dict[str, Any]:
        """What was noted under a name, such as the days on which chemical systems were looked up.

        Another process may have noted something since, so Chroma is asked.
        """
        self._collection = open_collection(self.place, COMPOSITION_EMBEDDER, COMPOSITION_DIMENSION)
        return notes_of(self._collection, name)

    def covers(self, elements: Iterable[str]) -> bool:
        """Whether all that the Materials Project knows of these elements was added, some time."""
        whole = notes_of(self._collection, WHOLE)
        if whole and whole.get("pages") == whole.get("of"):
            return True
        return set(subsystems(elements)) <= set(notes_of(self._collection, LOOKED_UP))

    def note(self, name: str, changes: dict[str, Any]) -> None:
        """Add to what is noted under a name."""
        known = self.noted(name)
        with explained(self.place), writing(self.place):
            self._note(name, known | changes)

    def _note(self, name: str, value: dict[str, Any]) -> None:
        note(self._collection, name, value)

    # ---- reading -----------------------------------------------------------------------------

    def finder(self) -> Finder:
        """Searches over all entries."""
        self._see_others()
        if self._finder is None:
            self._finder = Finder(self._all_columns())
        return self._finder

    def _all_columns(self) -> Columns:
        if self._fresh:
            self._columns, self._fresh = joined([self._columns, *self._fresh]), []
        return self._columns

    def info(self) -> KnownCrystalsInfo:
        """Entries per source, and when they were last added."""
        columns = self.finder().columns
        if self._info is None:
            counts: dict[str, int] = {}
            dates: dict[str, str] = {}
            for source, date in zip(columns.sources, columns.dates, strict=True):
                counts[source] = counts.get(source, 0) + 1
                dates[source] = max(dates.get(source, ""), date)
            self._info = KnownCrystalsInfo(str(self.place), counts, dates)
        return self._info

    def entries(self) -> list[Entry]:
        """All entries (made once, until the store grows)."""
        records = self.finder().columns.records
        if self._list is None:
            collecting = gc.isenabled()
            gc.disable()  # nothing here is garbage; looking for it took 40 % of the time
            try:
                self._list = [from_json(text) for text in records]
            finally:
                if collecting:
                    gc.enable()
        return list(self._list)


def open_store(
    path: Path | None = None,
    *,
    create: bool = True,
    url: str | None = None,
    progress: Progress = silent,
) -> CrystalStore:
    """Open the store in a folder, by default the one of the settings.

    Args:
        path: the store's folder.
        create: make a store of pymatgen's prototypes when there is none yet.
        url: a Chroma server to use instead of a folder; the settings' one when neither is given.
        progress: told about reading a server's crystals for the first time.

    Raises:
        StoreError: there is none (and ``create`` is False), it is damaged or out of reach, or
            another version of crystalsmith made it.
    """
    if path is None and url is None:
        url = settings().store_url
    folder = _remembered(url) if url else path or settings().store
    exists = bool(url) or (folder / "chroma.sqlite3").exists()
    if not exists and not create:
        raise StoreError(
            f"there is no store of known crystals in {folder}; make one with"
            " `crystalsmith index build`"
        )
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file; a store of known crystals needs a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the store of known crystals cannot be made in {folder}: {error.strerror}"
        ) from None
    store = CrystalStore(folder, url, progress)
    if create and len(store) == 0:
        store.build_from_prototypes()
    return store


def _batches(entries: Iterable[Entry]) -> Iterator[dict[str, Entry]]:
    """Entries by id, a batch at a time; what came before a failure is given before it is raised."""
    batch: dict[str, Entry] = {}
    started = time.monotonic()
    try:
        for entry in entries:
            batch[entry.id] = entry
            if len(batch) >= _BATCH or time.monotonic() - started > _SECONDS:
                yield batch
                batch, started = {}, time.monotonic()
    except CrystalsmithError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _remembered(url: str) -> Path:
    """Folder of this machine's columns of a server's crystals."""
    return cache_folder() / "servers" / hashlib.sha256(url.encode()).hexdigest()[:16]
