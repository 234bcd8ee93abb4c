"""Known crystals as plain records: lossless JSON, and the fields that a search can filter by."""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from crystalsmith.core.crystallography.crystal import SymmetricCrystal
from crystalsmith.core.crystallography.template import Orbit, SymmetryTemplate
from crystalsmith.core.entry import Entry
from crystalsmith.core.errors import CrystalsmithError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

Record = dict[str, Any]

_NOTHING = np.zeros(0)
_NONE: Mapping[str, float] = {}  # nobody writes to an entry's mappings
VALUES = ("band_gap", "formation_energy", "e_above_hull")  # eV, eV/atom, eV/atom


def to_record(entry: Entry) -> Record:
    """Everything about an entry as JSON types; `from_record` gives an equal entry back."""
    crystal = entry.crystal
    record: Record = {
        "id": entry.id,
        "source": entry.source,
        "name": entry.name,
        "space_group": crystal.template.number,
        "orbits": [list(orbit) for orbit in crystal.template.orbits],
        "lattice": [float(x) for x in crystal.lattice],
        "free": [[float(x) for x in orbit] for orbit in crystal.free],
    }
    record |= {key: value for key in VALUES if (value := getattr(entry, key)) is not None}
    return record


def from_record(record: Mapping[str, Any]) -> Entry:
    """The entry that a record was made from.

    Raises:
        StoreError: the record is incomplete or describes no crystal.
    """
    try:
        # equal parts of many crystals are one object: a whole database fits in memory
        orbits = tuple(_orbit(element, letter) for element, letter in record["orbits"])
        template = SymmetryTemplate(int(record["space_group"]), orbits)
        free = tuple(np.array(row, dtype=float) if row else _NOTHING for row in record["free"])
        for orbit, row in zip(template.orbits, free, strict=True):
            if row.shape != (template.group.position(orbit.letter).freedom,):
                raise ValueError(f"{orbit} has {len(row)} free coordinates")
        lattice = np.array(record["lattice"], dtype=float).reshape(6)
        crystal = SymmetricCrystal(template, lattice, free)
        values: dict[str, Any] = {key: record.get(key) for key in VALUES}
        source = sys.intern(str(record["source"]))
        return Entry(record["id"], source, crystal, record.get("name", ""), **values, others=_NONE)
    except (KeyError, TypeError, ValueError, CrystalsmithError) as error:
        raise _unreadable(error) from None


@lru_cache(maxsize=20_000)
def _orbit(element: str, letter: str) -> Orbit:
    return Orbit(element, letter)


def to_json(entry: Entry) -> str:
    """The record as one line of JSON."""
    return json.dumps(to_record(entry), separators=(",", ":"))


def from_json(text: str | None) -> Entry:
    """The entry that a line of JSON was made from.

    Raises:
        StoreError: the line holds no readable crystal.
    """
    try:
        record = json.loads(text or "")
    except ValueError as error:
        raise _unreadable(error) from None
    return from_record(record)


def metadata(entry: Entry, added: str) -> Record:
    """The fields of an entry that Chroma can filter by.

    Args:
        entry: a known crystal.
        added: day it was added, ISO format.
    """
    composition = entry.composition
    group = entry.crystal.template.group
    fields: Record = {
        "source": entry.source,
        "added": added,
        "formula": entry.formula,
        "anonymous_formula": composition.anonymized_formula,
        "elements": sorted(element.symbol for element in composition.elements),
        "chemical_system": str(composition.chemical_system),
        "n_elements": len(composition),
        "n_atoms": entry.crystal.template.n_atoms,
        "space_group": group.number,
        "crystal_system": group.crystal_system,
    }
    return fields | {key: value for key in VALUES if (value := getattr(entry, key)) is not None}


def _unreadable(error: Exception) -> StoreError:
    return StoreError(
        f"a record of the known crystals is damaged ({error}); delete the store or cache that it"
        " came from and build it again"
    )
