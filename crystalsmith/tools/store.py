"""The store of known crystals: Chroma on disk, found by composition, text and metadata.

A store is a folder with two Chroma collections: ``entries`` holds every crystal, lossless, under
the vector of its composition; ``texts`` holds the vectors of their descriptions and is filled when
text is first searched. Every write takes a file lock, so that two processes never write at once.
"""

from __future__ import annotations

import datetime as dt
import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from crystalsmith.core.datasets import ReadReport, stream_entries
from crystalsmith.core.errors import StoreError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.settings import settings
from crystalsmith.tools.chroma import damaged, explained, open_collections, writing
from crystalsmith.tools.embeddings import (
    COMPOSITION_DIMENSION,
    COMPOSITION_EMBEDDER,
    TEXT_DIMENSION,
    TEXT_EMBEDDER,
    composition_vector,
    composition_vectors,
    entry_text_vectors,
    query_text_vector,
)
from crystalsmith.tools.known_crystals import (
    TEXT_POOL,
    CrystalList,
    Filters,
    Hit,
    KnownCrystalsInfo,
    best_answers,
)
from crystalsmith.tools.prototypes import prototype_entries
from crystalsmith.tools.records import from_json, metadata, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from chromadb.api.models.Collection import Collection
    from numpy.typing import NDArray
    from pymatgen.core import Composition

    from crystalsmith.core.entry import Entry

_BATCH = 1000  # entries per write: what an interruption can lose
_LOWEST = -1e9  # below every energy and gap, eV
_LARGEST_SYSTEM = 12  # elements; a system has 2^n subsystems to look up
_EMBEDDERS = {
    "entries": (COMPOSITION_EMBEDDER, COMPOSITION_DIMENSION),
    "texts": (TEXT_EMBEDDER, TEXT_DIMENSION),
}


class CrystalStore:
    """Known crystals on disk. Use `open_store`.

    Args:
        path: the store's folder, which exists already.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open()
        self._read: CrystalList | None = None
        self._read_count = -1

    def _open(self) -> None:
        collections = open_collections(self.path, _EMBEDDERS)
        self._entries, self._texts = collections["entries"], collections["texts"]
        self._counts = self._counted()

    def _counted(self) -> tuple[int, int]:
        with explained(self.path):
            return self._entries.count(), self._texts.count()

    def _see_others(self) -> None:
        """Open anew when another process has written since."""
        if self._counted() != self._counts:
            self._open()

    def __len__(self) -> int:
        """Number of entries."""
        with explained(self.path):
            return int(self._entries.count())

    # ---- writing -----------------------------------------------------------------------------

    def add(self, entries: Iterable[Entry]) -> int:
        """Add entries; those whose id is there already are left as they are.

        Returns:
            How many were new.
        """
        added = 0
        remaining = iter(entries)
        while batch := {entry.id: entry for entry in islice(remaining, _BATCH)}:
            with explained(self.path), writing(self.path):
                known = set(self._entries.get(ids=list(batch), include=[])["ids"])
                fresh = [entry for key, entry in batch.items() if key not in known]
                if fresh:
                    self._write(fresh)
            added += len(fresh)
        return added

    def build_from_prototypes(self) -> int:
        """Add pymatgen's AFLOW prototypes; returns how many were new."""
        return self.add(prototype_entries())

    def build_from_csv(
        self,
        path: Path,
        *,
        source: str | None = None,
        limit: int | None = None,
        workers: int | None = None,
        progress: Progress = silent,
    ) -> ReadReport:
        """Add the crystals of an MP-20-format CSV file.

        Batches are on disk as soon as they are read, and ids that are there already are not read
        again: repeating the call after an interruption finishes the work.

        Args:
            path: the file.
            source: how entries name their origin; the file's name when not given.
            limit: read only so many rows.
            workers: processes; all cores when not given.
            progress: told about every row and every encoded batch.

        Returns:
            Counts of used, known and skipped rows with reasons.

        Raises:
            DataError: the file itself cannot be used.
        """
        report = ReadReport(path.name)
        rows = stream_entries(
            path,
            report,
            source=source,
            limit=limit,
            workers=workers,
            known=self._ids("entries"),
            progress=progress,
        )
        self.add(rows)
        self.index_texts(progress)
        return report

    def index_texts(self, progress: Progress = silent) -> int:
        """Encode the descriptions of entries that cannot be found by text yet.

        Returns:
            How many were encoded.
        """
        with explained(self.path):
            if self._texts.count() == self._entries.count():
                return 0
        missing = sorted(self._ids("entries") - self._ids("texts"))
        for start in range(0, len(missing), _BATCH):
            ids = missing[start : start + _BATCH]
            with explained(self.path):
                rows = self._entries.get(ids=ids, include=["documents"])
            vectors = entry_text_vectors([from_json(text) for text in rows["documents"]])
            with explained(self.path), writing(self.path):
                # another process may have been faster, so existing ids are overwritten
                self._texts.upsert(ids=rows["ids"], embeddings=vectors)
                self._counts = (self._counts[0], self._counts[1] + len(ids))
            progress("encoding descriptions", start + len(ids), len(missing))
        return len(missing)

    def _write(self, entries: list[Entry]) -> None:
        today = dt.datetime.now(dt.UTC).date().isoformat()
        summary = self._summary()
        self._entries.add(
            ids=[entry.id for entry in entries],
            embeddings=composition_vectors([entry.composition for entry in entries]),
            metadatas=[metadata(entry, today) for entry in entries],
            documents=[to_json(entry) for entry in entries],
        )
        for entry in entries:
            count = summary.get(entry.source, {"count": 0})["count"]
            summary[entry.source] = {"count": count + 1, "date": today}
        noted = {**(self._entries.metadata or {}), "summary": json.dumps(summary)}
        self._entries.modify(metadata=noted)
        self._counts = (self._counts[0] + len(entries), self._counts[1])

    # ---- reading -----------------------------------------------------------------------------

    def info(self) -> KnownCrystalsInfo:
        """Entries per source, and when they were last added."""
        summary = self._summary()
        counts = {source: row["count"] for source, row in summary.items()}
        dates = {source: row["date"] for source, row in summary.items()}
        return KnownCrystalsInfo(f"the store {self.path}", counts, dates)

    def _summary(self) -> dict[str, dict[str, Any]]:
        """Count and date per source, as noted with every write; counted anew if that is stale."""
        noted = json.loads((self._entries.metadata or {}).get("summary") or "{}")
        if sum(row["count"] for row in noted.values()) == len(self):
            return noted
        with explained(self.path):
            rows = self._entries.get(include=["metadatas"])["metadatas"]
        counted: dict[str, dict[str, Any]] = {}
        for fields in rows:
            row = counted.setdefault(str(fields["source"]), {"count": 0, "date": ""})
            row["count"] += 1
            row["date"] = max(row["date"], str(fields["added"]))
        return counted

    def entries(self) -> list[Entry]:
        """All entries (read once, until the store grows)."""
        return self._in_memory().entries()

    def known_formula(self, formula: str) -> bool:
        """Whether an entry has this reduced formula."""
        with explained(self.path):
            return bool(self._entries.get(where={"formula": formula}, limit=1, include=[])["ids"])

    def with_formula(self, formula: str) -> list[Entry]:
        """Entries of this reduced formula."""
        return self._where({"formula": formula})

    def in_chemical_system(self, elements: Iterable[str]) -> list[Entry]:
        """Entries that contain no other elements than these."""
        symbols = sorted(set(elements))
        if len(symbols) > _LARGEST_SYSTEM:
            return self._in_memory().in_chemical_system(symbols)
        systems = [
            "-".join(s for i, s in enumerate(symbols) if subset >> i & 1)
            for subset in range(1, 2 ** len(symbols))
        ]
        return self._where({"chemical_system": {"$in": systems}})

    def similar(
        self, composition: Composition, n: int = 10, where: Filters | None = None
    ) -> list[Hit]:
        """Entries of the most similar compositions, nearest first."""
        self._see_others()
        vector = composition_vector(composition)
        found = self._nearest(self._entries, vector, n, _chroma_filter(where))
        # Chroma gives squared distances
        return [Hit(entry, max(square, 0.0) ** 0.5) for entry, square in found]

    def search_text(self, query: str, n: int = 10, where: Filters | None = None) -> list[Hit]:
        """Entries whose description fits a query best, best first."""
        self.index_texts()
        self._see_others()
        condition = _chroma_filter(where)
        ids = None
        if condition is not None:
            with explained(self.path):
                ids = self._entries.get(where=condition, include=[])["ids"]
            if not ids:
                return []
        found = self._nearest(self._texts, query_text_vector(query), TEXT_POOL, ids=ids)
        # squared distances of unit vectors are twice 1 - cosine
        return best_answers(query, [Hit(entry, square / 2) for entry, square in found], n)

    def _nearest(
        self,
        collection: Collection,
        vector: NDArray[Any],
        n: int,
        where: dict[str, Any] | None = None,
        ids: list[str] | None = None,
    ) -> list[tuple[Entry, float]]:
        with explained(self.path):
            total = collection.count()
            wanted = min(n, total if ids is None else len(ids))
            if wanted == 0:
                return []
            found = collection.query(
                query_embeddings=[vector],
                n_results=wanted,
                where=where,
                ids=ids,
                include=["distances"],
            )
            names, squares = found["ids"][0], found["distances"][0]
            rows = self._entries.get(ids=names or [""], include=["documents"])
        if where is None and len(names) < wanted:
            raise damaged(self.path, f"its index finds {len(names)} of {total} entries")
        by_id = dict(zip(rows["ids"], rows["documents"], strict=True))
        return [
            (from_json(by_id[name]), float(square))
            for name, square in zip(names, squares, strict=True)
            if name in by_id
        ]

    def _where(self, condition: dict[str, Any]) -> list[Entry]:
        with explained(self.path):
            rows = self._entries.get(where=condition, include=["documents"])["documents"]
        return [from_json(text) for text in rows]

    def _ids(self, name: str) -> set[str]:
        collection = self._entries if name == "entries" else self._texts
        with explained(self.path):
            return set(collection.get(include=[])["ids"])

    def _in_memory(self) -> CrystalList:
        count = len(self)
        if self._read is None or count != self._read_count:
            with explained(self.path):
                rows = self._entries.get(include=["documents"])["documents"]
            self._read = CrystalList([from_json(text) for text in rows], str(self.path))
            self._read_count = count
        return self._read


def open_store(path: Path | None = None, *, create: bool = True) -> CrystalStore:
    """Open the store in a folder, by default the settings' one.

    Args:
        path: the store's folder.
        create: make a store of pymatgen's prototypes when there is none yet.

    Raises:
        StoreError: there is none (and ``create`` is False), it is damaged, or another version of
            crystalsmith made it.
    """
    folder = path or settings().store
    exists = (folder / "chroma.sqlite3").exists()
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
    store = CrystalStore(folder)
    if create and len(store) == 0:
        store.build_from_prototypes()
    return store


def _chroma_filter(where: Filters | None) -> dict[str, Any] | None:
    if where is None:
        return None
    conditions: list[dict[str, Any]] = [
        {"elements": {"$contains": symbol}} for symbol in where.elements
    ]
    conditions += [{"elements": {"$not_contains": symbol}} for symbol in where.without]
    conditions += [{name: value} for name, value in where.equalities.items()]
    for name, (low, high) in where.ranges.items():
        conditions.append({name: {"$gte": _LOWEST if low is None else low}})
        conditions += [] if high is None else [{name: {"$lte": high}}]
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return {"$and": conditions}
