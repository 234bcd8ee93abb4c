"""The known crystals that come with the installation: pymatgen's library of AFLOW prototypes."""

from __future__ import annotations

import contextlib
import json
import os
import re
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.entry import Entry
from crystalsmith.core.errors import CrystalsmithError, StoreError
from crystalsmith.core.settings import cache_folder
from crystalsmith.tools.known_crystals import CrystalList
from crystalsmith.tools.records import from_record, to_record

if TYPE_CHECKING:
    from pathlib import Path

PROTOTYPE_SOURCE = "pymatgen AFLOW prototypes"
_FORMAT = 1  # raise when the records or the canonical description change


@lru_cache(maxsize=1)
def prototype_entries() -> tuple[Entry, ...]:
    """AFLOW's prototypes as entries, without energies or gaps.

    Reading pymatgen's library takes about five seconds, so the entries are cached as JSON in the
    cache folder; a damaged or outdated cache is made anew, an unwritable one does without.

    Source: Mehl et al., Comput. Mater. Sci. 136, S1 (2017), through pymatgen (MIT licence).
    """
    path = cache_folder() / "prototypes.json"
    stamp = {"format": _FORMAT, "pymatgen": version("pymatgen")}
    cached = _read(path, stamp)
    if cached is None:
        cached = _from_pymatgen()
        _write(path, stamp, cached)
    return tuple(cached)


def prototypes() -> CrystalList:
    """The prototypes as known crystals in memory: what a run with no store compares with."""
    date = version("pymatgen")
    return CrystalList(prototype_entries(), f"the AFLOW prototypes of pymatgen {date}")


def _from_pymatgen() -> list[Entry]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

        entries: dict[str, Entry] = {}
        for row in AFLOW_PROTOTYPE_LIBRARY:
            tags = row["tags"]
            try:
                crystal = describe(row["snl"].structure)
            except CrystalsmithError:
                continue  # a prototype without a symmetric description helps nobody
            formula = crystal.template.composition.reduced_formula
            key = f"aflow-{tags['aflow']}-{formula}"
            name = re.sub(r"[$\\{}]", "", tags["mineral"] or "").strip()
            entries.setdefault(key, Entry(key, PROTOTYPE_SOURCE, crystal, name))
    return list(entries.values())


def _read(path: Path, stamp: dict[str, object]) -> list[Entry] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["stamp"] != stamp:
            return None
        return [from_record(record) for record in content["entries"]]
    except (OSError, ValueError, KeyError, TypeError, StoreError):
        return None


def _write(path: Path, stamp: dict[str, object], entries: list[Entry]) -> None:
    """Write next to the target and move, so that another process never sees half a file."""
    content = {"stamp": stamp, "entries": [to_record(entry) for entry in entries]}
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
