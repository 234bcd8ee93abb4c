"""The columns of known crystals: everything that filters and searches read, row by row.

Chroma keeps the crystals; asking it for 150,000 of them by metadata takes half a second, and
reading them all takes half a minute. The columns hold the same crystals as plain arrays: values to
filter by, and three sparse vectors an entry (fractions of the elements, facets of the description,
motifs of the structure). They lie beside Chroma as files that are only ever added and merged, and
are made anew from it whenever they are missing.
"""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from scipy.sparse import csr_matrix, vstack

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.tools.descriptions import facets
from crystalsmith.tools.fingerprints import motifs
from crystalsmith.tools.records import VALUES, from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from crystalsmith.core.entry import Entry

_FORMAT = 1  # raise when facets, motifs or the layout change: columns are then made anew
_FAMILY_DATA = "crystalsmith.core.chemistry"  # whose tables facets and motifs are made with
_MANY = 12  # files, from which on they are merged into one
_WORD = 64  # bits
_Z = {symbol: number for number, symbol in enumerate(ALL_ELEMENTS)}


@dataclass(frozen=True)
class Columns:
    """Known crystals, one row each.

    Attributes:
        ids, sources, formulas, ratios, dates: identity, origin, reduced and anonymous formula, and
            the day each was added.
        records: lossless JSON of every entry.
        groups: ``(n,)`` space group numbers.
        members: ``(n, 2)`` one bit per element, by atomic number.
        values: ``(n, 3)`` band gap, formation energy and energy above hull; NaN where unknown.
        fractions: ``(n, 103)`` atomic fractions.
        phrases, facets: what descriptions are made of, and ``(n, phrases)`` their shares.
        traits, motifs: what structures are made of, and ``(n, traits)`` unit vectors of them.
    """

    ids: list[str]
    sources: list[str]
    formulas: list[str]
    ratios: list[str]
    dates: list[str]
    records: list[str]
    groups: NDArray[np.int16]
    members: NDArray[np.uint64]
    values: NDArray[np.float64]
    fractions: csr_matrix
    phrases: list[str]
    facets: csr_matrix
    traits: list[str]
    motifs: csr_matrix

    def __len__(self) -> int:
        return len(self.ids)

    def entry(self, row: int) -> Entry:
        """The crystal of a row."""
        return from_json(self.records[row])


_LISTS = ("ids", "sources", "formulas", "ratios", "dates", "records", "phrases", "traits")
_ARRAYS = ("groups", "members", "values")
_SPARSE = ("fractions", "facets", "motifs")
_PER_ROW = _LISTS[:6]


def columns_of(entries: Sequence[Entry], dates: Sequence[str] | str = "") -> Columns:
    """The columns of some crystals.

    Args:
        entries: the crystals.
        dates: day each was added, or one day for all, ISO format.
    """
    phrases: dict[str, int] = {}
    traits: dict[str, int] = {}
    shares, marks, contents = [], [], []
    for entry in entries:
        content = entry.composition.fractional_composition
        contents.append({_Z[element.symbol]: float(x) for element, x in content.items()})
        words = facets(entry)
        shares.append({phrases.setdefault(w, len(phrases)): 1 / len(words) for w in words})
        own = motifs(entry.crystal.template)
        marks.append({traits.setdefault(name, len(traits)): x for name, x in own.items()})
    values = [[getattr(entry, name) for name in VALUES] for entry in entries]
    return Columns(
        ids=[entry.id for entry in entries],
        sources=[entry.source for entry in entries],
        formulas=[entry.formula for entry in entries],
        ratios=[entry.composition.anonymized_formula for entry in entries],
        dates=[dates] * len(entries) if isinstance(dates, str) else list(dates),
        records=[to_json(entry) for entry in entries],
        groups=np.array([entry.crystal.template.number for entry in entries], dtype=np.int16),
        members=np.array([bits(content) for content in contents], np.uint64).reshape(-1, 2),
        values=np.array(values, dtype=float).reshape(-1, len(VALUES)),
        fractions=_sparse(contents, len(ALL_ELEMENTS)),
        phrases=list(phrases),
        facets=_sparse(shares, len(phrases)),
        traits=list(traits),
        motifs=_sparse(marks, len(traits)),
    )


def bits(numbers: Iterable[int]) -> tuple[int, int]:
    """Elements (atomic number - 1) as two words of one bit each."""
    total = sum(1 << number for number in set(numbers))
    return total & (2**_WORD - 1), total >> _WORD


def joined(parts: Sequence[Columns]) -> Columns:
    """Columns one after the other; of rows with the same id the last one stays."""
    if not parts:
        return columns_of([])
    if len(parts) == 1:
        return _without_doubles(parts[0])
    lists: dict[str, Any] = {
        name: [item for part in parts for item in getattr(part, name)] for name in _PER_ROW
    }
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS
    }
    phrases, facet_rows = _common([(part.phrases, part.facets) for part in parts])
    traits, motif_rows = _common([(part.traits, part.motifs) for part in parts])
    return _without_doubles(
        Columns(
            **lists,
            **arrays,
            fractions=vstack([part.fractions for part in parts], format="csr"),
            phrases=phrases,
            facets=facet_rows,
            traits=traits,
            motifs=motif_rows,
        )
    )


def _without_doubles(columns: Columns) -> Columns:
    last = {key: row for row, key in enumerate(columns.ids)}
    if len(last) == len(columns):
        return columns
    rows = np.array(sorted(last.values()))
    chosen: dict[str, Any] = {
        name: [getattr(columns, name)[row] for row in rows] for name in _PER_ROW
    }
    chosen |= {name: getattr(columns, name)[rows] for name in (*_ARRAYS, *_SPARSE)}
    return Columns(**chosen, phrases=columns.phrases, traits=columns.traits)


def _common(parts: list[tuple[list[str], csr_matrix]]) -> tuple[list[str], csr_matrix]:
    """Sparse rows over different vocabularies, over one that holds them all."""
    names: dict[str, int] = {}
    places = [
        np.array([names.setdefault(word, len(names)) for word in words], dtype=np.int32)
        for words, _ in parts
    ]
    rows = [
        csr_matrix((m.data, place[m.indices], m.indptr), shape=(m.shape[0], len(names)))
        for place, (_, m) in zip(places, parts, strict=True)
    ]
    return list(names), vstack(rows, format="csr")


def _sparse(rows: Sequence[dict[int, float]], width: int) -> csr_matrix:
    starts = np.cumsum([0, *(len(row) for row in rows)])
    places = np.array([place for row in rows for place in row], dtype=np.int32)
    weights = np.array([weight for row in rows for weight in row.values()], dtype=float)
    return csr_matrix((weights, places, starts), shape=(len(rows), width))


# ---- on disk ---------------------------------------------------------------------------------


def read_columns(folder: Path) -> Columns:
    """The columns in a folder; fewer rows than were written when files are missing or damaged."""
    parts = []
    for path in _files(folder):
        try:
            parts.append(_read(path))
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            path.unlink(missing_ok=True)  # what it held is read from Chroma again
    return joined(parts)


def append_columns(folder: Path, columns: Columns) -> None:
    """Add rows to a folder; the caller holds the store's write lock."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.npz"):
        if not path.name.startswith(_stamp()):
            path.unlink(missing_ok=True)  # of another version
    last = max((int(path.stem.split("-")[-1]) for path in _files(folder)), default=0)
    _write(folder, last + 1, columns)
    first, *others = _files(folder)
    if len(others) + 1 >= _MANY:
        # the first file is left alone until the others have grown to its size
        total = sum(path.stat().st_size for path in others)
        _merge(folder, [first, *others] if total >= first.stat().st_size else others)


def replace_columns(folder: Path, columns: Columns) -> None:
    """Put rows in the place of whatever a folder held; the caller holds the write lock."""
    for path in _files(folder):
        path.unlink(missing_ok=True)
    append_columns(folder, columns)


def state_of(folder: Path) -> tuple[str, ...]:
    """Something that is different whenever the folder's columns are."""
    return tuple(path.name for path in _files(folder))


def _merge(folder: Path, paths: list[Path]) -> None:
    whole = joined([_read(path) for path in paths])
    # the merged file takes the last one's place in the order, and replaces it at once
    _write(folder, int(paths[-1].stem.split("-")[-1]), whole)
    for path in paths[:-1]:
        path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{_stamp()}-*.npz"))


@lru_cache(maxsize=1)
def _stamp() -> str:
    """How files are called; another name when families are described differently."""
    tables = [item for item in files(_FAMILY_DATA).iterdir() if item.name.endswith(".toml")]
    content = b"".join(item.read_bytes() for item in sorted(tables, key=lambda item: item.name))
    return f"columns{_FORMAT}-{crc32(content):08x}"


def _write(folder: Path, number: int, columns: Columns) -> None:
    arrays: dict[str, Any] = {name: getattr(columns, name) for name in _ARRAYS}
    for name in _LISTS:
        text = json.dumps(getattr(columns, name), ensure_ascii=False, separators=(",", ":"))
        arrays[name] = np.frombuffer(text.encode(), dtype=np.uint8)
    for name in _SPARSE:
        matrix = getattr(columns, name)
        arrays[f"{name}_data"] = matrix.data
        arrays[f"{name}_indices"] = matrix.indices
        arrays[f"{name}_indptr"] = matrix.indptr
        arrays[f"{name}_shape"] = np.array(matrix.shape)
    path = folder / f"{_stamp()}-{number:08d}.npz"
    part = folder / f"{path.stem}.{os.getpid()}.part"
    with part.open("wb") as handle:
        np.savez(handle, **arrays)
    part.replace(path)  # another process never sees half a file


def _read(path: Path) -> Columns:
    with np.load(path, allow_pickle=False) as file:
        found: dict[str, Any] = {name: file[name] for name in _ARRAYS}
        for name in _LISTS:
            found[name] = json.loads(file[name].tobytes().decode())
        for name in _SPARSE:
            parts = tuple(file[f"{name}_{part}"] for part in ("data", "indices", "indptr"))
            found[name] = csr_matrix(parts, shape=tuple(file[f"{name}_shape"]))
    lengths = {len(found[name]) for name in (*_PER_ROW, *_ARRAYS)}
    lengths |= {found[name].shape[0] for name in _SPARSE}
    if len(lengths) != 1 or {field.name for field in fields(Columns)} != set(found):
        raise ValueError(f"{path} holds columns of different lengths")
    return Columns(**found)
