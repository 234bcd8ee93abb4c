"""Where known crystals come from: files in MP-20 format, folders of CIFs, the Materials Project.

Every source can be added again (what is there already is not read again), goes on where it was
interrupted, tells its progress, and counts what was skipped and why.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from crystalsmith.core.datasets import ReadReport, Row, stream_entries, stream_rows
from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.tools.materials_project import LOOKED_UP, SOURCE, WHOLE, subsystems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from crystalsmith.tools.materials_project import MaterialsProject
    from crystalsmith.tools.store import CrystalStore

_LARGEST_CIF = 5_000_000  # bytes
_SYSTEMS_AT_ONCE = 100


def add_csv(
    store: CrystalStore,
    path: Path,
    *,
    source: str | None = None,
    limit: int | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> ReadReport:
    """Add the crystals of an MP-20-format CSV file.

    Args:
        store: to add to.
        path: the file.
        source: how entries name their origin; the file's name when not given.
        limit: read only so many rows.
        workers: processes; all cores when not given.
        progress: told about every row.

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
        known=store.known_ids(),
        progress=progress,
    )
    store.add(rows)
    return report


def add_cifs(
    store: CrystalStore,
    folder: Path,
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> ReadReport:
    """Add the first crystal of every ``.cif`` file in a folder and those below it.

    An entry's id is the file's name with a checksum of its content, so that a file that moves is
    not read again and one that changes is.

    Raises:
        DataError: there is no such folder, or no CIF in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; --cif needs a folder with .cif files")
    report = ReadReport(folder.name, what="files")
    rows = list(_cif_rows(folder, report))
    if not rows and not report.skipped:
        raise DataError(f"{folder} holds no file that ends in .cif")
    origin = folder.resolve().name
    known = store.known_ids()
    entries = stream_rows(
        rows,
        report,
        origin,
        workers=workers,
        known=known,
        stage=f"reading {folder.name}",
        progress=progress,
    )
    store.add(entries)
    return report


def _cif_rows(folder: Path, report: ReadReport) -> Iterator[Row]:
    seen: set[str] = set()
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".cif")
    for number, path in enumerate(paths, start=1):
        name = str(path.relative_to(folder))
        try:
            if path.stat().st_size > _LARGEST_CIF:
                report.skip(number, "file too large", "more than 5 MB", name)
                continue
            text = path.read_bytes().decode("utf-8", errors="replace")
        except OSError as error:
            report.skip(number, "unreadable file", error.strerror or str(error), name)
            continue
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        if digest in seen:
            report.known += 1
            continue
        seen.add(digest)
        yield Row(number, {"material_id": f"{path.stem}-{digest}", "cif": text}, name)


def add_materials_project(
    store: CrystalStore,
    project: MaterialsProject,
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> ReadReport:
    """Add all of the Materials Project, page by page; an interrupted run goes on at its page.

    Raises:
        ServerError: the project cannot be asked, or stops answering; what was read is kept.
    """
    report = ReadReport(SOURCE, what="crystals")
    noted = store.noted(WHOLE)
    same = noted.get("version") == project.version
    first = int(noted.get("pages", 0)) if same else 0
    total = project.count()
    pages = project.pages(total)
    for page in range(first, pages):
        progress("asking the Materials Project", page, pages)
        rows = project.page(page, report)
        entries = stream_rows(rows, report, SOURCE, workers=workers, progress=progress)
        store.add(entries, replace=True)
        store.note(WHOLE, {"version": project.version, "pages": page + 1, "of": pages})
    progress("asking the Materials Project", pages, pages)
    report.known += min(first * project.page_size, total)
    return report


def add_systems(
    store: CrystalStore,
    project: MaterialsProject,
    systems: Iterable[frozenset[str]],
    *,
    today: str,
    nested: bool = True,
    workers: int | None = None,
    progress: Progress = silent,
) -> ReadReport:
    """Add what the Materials Project knows of some chemical systems.

    Args:
        store: to add to; it notes the day for every system.
        project: to ask.
        systems: sets of elements.
        today: ISO date to note.
        nested: and of all systems within them.
        workers: processes; all cores when not given.
        progress: told about the stages.

    Raises:
        ServerError: the project cannot be asked, or stops answering; what was read is kept.
    """
    report = ReadReport(SOURCE, what="crystals")
    names = sorted(
        {name for s in systems for name in (subsystems(s) if nested else ["-".join(sorted(s))])}
    )
    for start in range(0, len(names), _SYSTEMS_AT_ONCE):
        chunk = names[start : start + _SYSTEMS_AT_ONCE]
        progress("asking the Materials Project", start, len(names))
        rows = project.in_systems(chunk, report)
        entries = stream_rows(rows, report, SOURCE, workers=workers, progress=progress)
        store.add(entries, replace=True)
        store.note(LOOKED_UP, dict.fromkeys(chunk, today))
    progress("asking the Materials Project", len(names), len(names))
    return report
