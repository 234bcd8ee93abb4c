"""Textbook crystals as training data: entries, and MP-20-format files of them."""

from __future__ import annotations

import csv
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import pytest

from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.entry import Entry
from crystalsmith.models.neighbours.prior import NeighbourPrior
from tests.conftest import textbook_structure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

# band gap (eV), formation energy, energy above the hull (eV/atom); rounded and good enough to learn
PROPERTIES = {
    "NaCl": (5.0, -2.1, 0.0),
    "MgO": (4.5, -3.0, 0.0),
    "CsCl": (5.4, -2.2, 0.01),
    "Si": (0.6, 0.0, 0.0),
    "Fe": (0.0, 0.0, 0.0),
    "ZnS": (2.1, -1.0, 0.0),
    "SrTiO3": (1.8, -3.5, 0.0),
    "BaTiO3": (1.7, -3.4, 0.005),
    "TiO2": (1.8, -3.3, 0.02),
    "ZnO": (0.7, -1.8, 0.0),
    "Mg": (0.0, 0.0, 0.0),
    "CaTiO3": (2.3, -3.6, 0.0),
}
# bulk modulus, GPa; Debye temperature, K; rounded from handbooks
FURTHER = {
    "NaCl": (24, 321),
    "MgO": (160, 946),
    "CsCl": (17, 176),
    "Si": (98, 645),
    "Fe": (170, 470),
    "ZnS": (77, 340),
    "SrTiO3": (174, 513),
    "BaTiO3": (162, 432),
    "TiO2": (211, 758),
    "ZnO": (142, 399),
    "Mg": (36, 400),
    "CaTiO3": (177, 540),
}
HELD_OUT = ("MgO", "TiO2", "Mg")


@lru_cache(maxsize=len(PROPERTIES))
def textbook_entry(name: str) -> Entry:
    """A textbook crystal as a known one."""
    gap, formation, above = PROPERTIES[name]
    crystal = describe(textbook_structure(name))
    return Entry(
        f"t-{name}",
        "textbook",
        crystal,
        band_gap=gap,
        formation_energy=formation,
        e_above_hull=above,
    )


@pytest.fixture(scope="session")
def known() -> list[Entry]:
    """Crystals to learn from."""
    return [textbook_entry(name) for name in PROPERTIES if name not in HELD_OUT]


@pytest.fixture(scope="session")
def held_out() -> list[Entry]:
    """Crystals to check with."""
    return [textbook_entry(name) for name in HELD_OUT]


@lru_cache(maxsize=len(PROPERTIES))
def _cif(name: str) -> str:
    return str(textbook_structure(name).to(fmt="cif"))


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """Writes textbook crystals as an MP-20-format file; columns can be left out."""

    def to_file(names: Sequence[str], file: str, without: Sequence[str] = ()) -> Path:
        columns = ["material_id", "cif"]
        columns += ["band_gap", "formation_energy_per_atom", "e_above_hull"]
        columns += ["bulk_modulus", "debye"]
        path = tmp_path / file
        with path.open("w", encoding="utf-8", newline="") as handle:
            chosen = [column for column in columns if column not in without]
            writer = csv.DictWriter(handle, chosen, extrasaction="ignore")
            writer.writeheader()
            for name in names:
                values = [f"t-{name}", _cif(name), *PROPERTIES[name], *FURTHER[name]]
                writer.writerow(dict(zip(columns, values, strict=True)))
        return path

    return to_file


@pytest.fixture
def csv_files(write_csv: Callable[..., Path]) -> tuple[Path, Path]:
    """A training and a validation file."""
    names = [name for name in PROPERTIES if name not in HELD_OUT]
    return write_csv(names, "train.csv"), write_csv(HELD_OUT, "validation.csv")


@pytest.fixture(scope="module")
def prior(known, held_out):
    return NeighbourPrior([*known, *held_out])


@pytest.fixture
def salts(known) -> tuple[Entry, Entry]:
    """Rock salt, and the same formula in the structure of caesium chloride 0.1 eV/atom above."""
    salt, other = (next(e for e in known if e.formula == name) for name in ("NaCl", "CsCl"))
    template = other.crystal.template.with_elements({"Cs": "Na"})
    crystal = replace(other.crystal, template=template)
    return salt, replace(salt, id="dense", crystal=crystal, formation_energy=-2.0)
