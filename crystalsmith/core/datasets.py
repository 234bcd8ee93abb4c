"""Reading MP-20-format CSV files: one crystal per row, as CIF, with properties.

Columns: ``material_id``, ``cif`` and, where known, ``band_gap`` (eV),
``formation_energy_per_atom`` (eV/atom), ``e_above_hull`` (eV/atom), and those of other known
properties, such as ``bulk_modulus`` (GPa). Further columns are ignored; gzip-compressed files are
read as they are.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import os
import zlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.core.entry import Entry
from crystalsmith.core.errors import CrystalsmithError, DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Sequence
    from pathlib import Path

    from pymatgen.core import Structure

_FIELD_LIMIT = 10_000_000  # a large CIF in one cell
# attributes of an entry, or computed from its crystal
_COMPUTED = {"band_gap", "formation_energy", "e_above_hull", "density", "volume_per_atom"}
_PARALLEL_FROM = 200  # rows; starting processes costs about two seconds


class Row(NamedTuple):
    """One row of a file, or of another source, not yet read as a crystal.

    Attributes:
        number: from 1.
        values: by column; the crystal is under ``cif``, or under ``structure`` as pymatgen's JSON.
        name: how reports call it; ``row N`` otherwise.
    """

    number: int
    values: dict[str, str]
    name: str = ""


@dataclass
class ReadReport:
    """How many rows of a file were used, and why the others were not.

    Attributes:
        path: the file, or how the source is called.
        what: rows, or what else is counted.
        used: rows that became crystals.
        known: rows left out because their crystal was there already.
        skipped: number of skipped rows per reason.
        examples: one ``row N: message`` per reason.
    """

    path: str
    what: str = "rows"
    used: int = 0
    known: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def skip(self, number: int, reason: str, message: str, name: str = "") -> None:
        """Note a skipped row."""
        self.skipped[reason] += 1
        self.examples.setdefault(reason, f"{name or f'row {number}'}: {message}")

    def __str__(self) -> str:
        text = f"{self.path}: {self.used} {self.what} used"
        if self.known:
            text += f", {self.known} known already"
        for reason, count in self.skipped.most_common():
            text += f", {count} skipped ({reason}; {self.examples[reason]})"
        return text


def read_rows(
    path: Path, limit: int | None = None, columns: Collection[str] = ("material_id", "cif")
) -> Iterator[Row]:
    """Rows of a CSV file that has at least the given columns; plain or gzip-compressed.

    Raises:
        DataError: the file cannot be read or lacks those columns.
    """
    csv.field_size_limit(_FIELD_LIMIT)
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            missing = set(columns) - set(reader.fieldnames or ())
            if missing:
                what = "is not in MP-20 format: it" if "cif" in columns else "cannot be used: it"
                raise DataError(f"{path} {what} has no column {', '.join(sorted(missing))}")
            for number, values in enumerate(reader, start=1):
                if limit is not None and number > limit:
                    return
                yield Row(number, values)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path} cannot be read: {reason}") from None


def read_structure(row: Row) -> Structure:
    """The row's CIF, or pymatgen's JSON, as a structure.

    Raises:
        DataError: it is neither.
    """
    import warnings

    from pymatgen.core import Structure

    as_json = row.values.get("structure")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = (
                Structure.from_dict(json.loads(as_json))
                if as_json
                else Structure.from_str(row.values["cif"] or "", fmt="cif")
            )
            return structure.remove_oxidation_states()
    except Exception as error:  # pymatgen's CIF parser raises many types on damaged text
        kind = "structure" if as_json else "CIF"
        raise DataError(f"unreadable {kind} ({type(error).__name__})") from None


def reduced_formulas(path: Path) -> set[str]:
    """Reduced formulas of a file of crystals: of its formula column or, failing that, its CIFs."""
    from pymatgen.core import Composition

    found = set()
    for row in read_rows(path, columns=()):
        text = row.values.get("pretty_formula")
        try:
            composition = Composition(text) if text else read_structure(row).composition
        except (ValueError, KeyError, DataError):
            continue
        found.add(str(composition.reduced_formula))
    return found


def read_entries(
    path: Path,
    *,
    source: str | None = None,
    limit: int | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[list[Entry], ReadReport]:
    """Read a file and find the symmetry of every crystal, on several cores.

    Args:
        path: an MP-20-format CSV file.
        source: how entries name their origin; the file's name when not given.
        limit: read only so many rows.
        workers: processes; all cores when not given.
        progress: told about every finished row.

    Raises:
        DataError: the file itself cannot be used. Single bad rows are skipped and reported.
    """
    report = ReadReport(path.name)
    entries = list(
        stream_entries(path, report, source=source, limit=limit, workers=workers, progress=progress)
    )
    return entries, report


def stream_entries(
    path: Path,
    report: ReadReport,
    *,
    source: str | None = None,
    limit: int | None = None,
    workers: int | None = None,
    known: Container[str] = (),
    progress: Progress = silent,
) -> Iterator[Entry]:
    """Read a file crystal by crystal, so that a caller can keep what is done when interrupted.

    Args:
        path: an MP-20-format CSV file.
        report: counts rows while they pass.
        source: how entries name their origin; the file's name when not given.
        limit: read only so many rows.
        workers: processes; all cores when not given.
        known: ids of crystals that need not be read again.
        progress: told about every finished row.

    Raises:
        DataError: the file itself cannot be used. Single bad rows are skipped and reported.
    """
    origin = source or path.name.split(".")[0]
    rows = list(read_rows(path, limit))
    yield from stream_rows(
        rows,
        report,
        origin,
        workers=workers,
        known=known,
        stage=f"reading {path.name}",
        progress=progress,
    )


def stream_rows(
    rows: Sequence[Row],
    report: ReadReport,
    source: str,
    *,
    workers: int | None = None,
    known: Container[str] = (),
    stage: str = "finding symmetry",
    progress: Progress = silent,
) -> Iterator[Entry]:
    """Find the symmetry of every row's crystal, on several cores.

    Args:
        rows: with ``material_id`` and a crystal.
        report: counts rows while they pass.
        source: how entries name their origin.
        workers: processes; all cores when not given.
        known: ids of crystals that need not be read again.
        stage: how progress calls it.
        progress: told about every finished row.
    """
    wanted = [row for row in rows if row.values["material_id"] not in known]
    report.known += len(rows) - len(wanted)
    for done, (row, outcome) in enumerate(_described(wanted, source, workers), start=1):
        if isinstance(outcome, Entry):
            report.used += 1
            yield outcome
        else:
            report.skip(row.number, *outcome, row.name)
        progress(stage, done, len(wanted))


_Outcome = Entry | tuple[str, str]


def _described(rows: list[Row], origin: str, workers: int | None) -> Iterator[tuple[Row, _Outcome]]:
    count = workers or os.cpu_count() or 1
    # processes that are started afresh know the built-in properties only
    others = tuple((i.name, i.in_files) for i in PROPERTIES.values() if i.name not in _COMPUTED)
    jobs = [(row, origin, others) for row in rows]
    if count == 1 or len(rows) < _PARALLEL_FROM:
        yield from zip(rows, map(_entry_of, jobs), strict=True)
        return
    with ProcessPoolExecutor(count) as pool:
        yield from zip(rows, pool.map(_entry_of, jobs, chunksize=32), strict=True)


def _entry_of(job: tuple[Row, str, tuple[tuple[str, str], ...]]) -> _Outcome:
    from crystalsmith.core.crystallography.crystal import describe

    row, origin, others = job
    try:
        crystal = describe(read_structure(row))
    except DataError as error:
        return "unreadable or disordered crystal", str(error)
    except CrystalsmithError as error:
        return "no symmetric description", str(error)
    return Entry(
        id=row.values["material_id"],
        source=origin,
        crystal=crystal,
        band_gap=number_in(row, "band_gap"),
        formation_energy=number_in(row, "formation_energy_per_atom"),
        e_above_hull=number_in(row, "e_above_hull"),
        others={
            name: value for name, column in others if (value := number_in(row, column)) is not None
        },
    )


def number_in(row: Row, column: str) -> float | None:
    """A column's value, None where it is missing or no finite number."""
    try:
        value = float(row.values.get(column) or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
