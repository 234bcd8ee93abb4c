"""Fixtures for the tests of the tools: a few textbook crystals, and a cache of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pymatgen.core import Lattice, Structure

from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.entry import Entry
from crystalsmith.core.settings import settings
from crystalsmith.tools.known_crystals import CrystalList
from crystalsmith.tools.prototypes import prototype_entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_ROCK_SALT = ("Fm-3m", [(0, 0, 0), (0.5, 0.5, 0.5)])
_PEROVSKITE = ("Pm-3m", [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0)])
_DOUBLE = ("Fm-3m", [(0.25, 0.25, 0.25), (0.5, 0.5, 0.5), (0, 0, 0), (0.25, 0, 0)])
_SPINEL = ("Fd-3m", [(0, 0, 0), (0.625, 0.625, 0.625), (0.3876, 0.3876, 0.3876)])
_ZINC_BLENDE = ("F-43m", [(0, 0, 0), (0.25, 0.25, 0.25)])
_HALF_HEUSLER = ("F-43m", [(0, 0, 0), (0.25, 0.25, 0.25), (0.5, 0.5, 0.5)])
_CSCL = ("Pm-3m", [(0, 0, 0), (0.5, 0.5, 0.5)])
_ELEMENT_FCC = ("Fm-3m", [(0, 0, 0)])

# id, elements, prototype, a (Å), gap (eV), formation energy (eV/atom), above hull (eV/atom).
# Cells are measured ones; energies are rounded and only there to be told apart.
_TABLE = [
    ("t-nacl", "Na Cl", _ROCK_SALT, 5.64, 5.0, -2.1, 0.0),
    ("t-kcl", "K Cl", _ROCK_SALT, 6.29, 5.0, -2.2, 0.0),
    ("t-mgo", "Mg O", _ROCK_SALT, 4.21, 4.4, -3.0, 0.0),
    ("t-cao", "Ca O", _ROCK_SALT, 4.81, 3.6, -3.3, 0.0),
    ("t-srtio3", "Sr Ti O", _PEROVSKITE, 3.905, 1.8, -3.5, 0.0),
    ("t-batio3", "Ba Ti O", _PEROVSKITE, 4.00, 1.7, -3.4, 0.01),
    ("t-cspbi3", "Cs Pb I", _PEROVSKITE, 6.29, 1.5, -1.1, 0.02),
    ("t-cspbbr3", "Cs Pb Br", _PEROVSKITE, 5.87, 1.8, -1.5, 0.01),
    ("t-csncl3", "Cs Sn Cl", _PEROVSKITE, 5.56, 1.0, -1.7, 0.02),
    ("t-cs2agbibr6", "Cs Ag Bi Br", _DOUBLE, 11.27, 1.2, -1.0, 0.0),
    ("t-cs2aginc6", "Cs Ag In Cl", _DOUBLE, 10.48, 1.1, -1.5, 0.0),
    ("t-mgal2o4", "Mg Al O", _SPINEL, 8.08, 5.1, -3.1, 0.0),
    ("t-zncr2s4", "Zn Cr S", _SPINEL, 9.99, 0.6, -1.0, 0.0),
    ("t-zns", "Zn S", _ZINC_BLENDE, 5.41, 2.0, -0.9, 0.0),
    ("t-gaas", "Ga As", _ZINC_BLENDE, 5.65, 0.2, -0.4, 0.0),
    ("t-tinisn", "Ti Ni Sn", _HALF_HEUSLER, 5.94, 0.4, -0.5, 0.0),
    ("t-nial", "Ni Al", _CSCL, 2.89, 0.0, -0.7, 0.0),
    ("t-cu", "Cu", _ELEMENT_FCC, 3.61, 0.0, 0.0, 0.0),
]


def known_entries() -> list[Entry]:
    """The table as entries."""
    return [
        Entry(
            id=key,
            source="textbook",
            crystal=describe(
                Structure.from_spacegroup(group, Lattice.cubic(a), elements.split(), points)
            ),
            band_gap=gap,
            formation_energy=energy,
            e_above_hull=above,
        )
        for key, elements, (group, points), a, gap, energy, above in _TABLE
    ]


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Everything that is cached goes to a folder of the test session."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        settings.cache_clear()
        prototype_entries.cache_clear()
        yield folder
    settings.cache_clear()
    prototype_entries.cache_clear()


@pytest.fixture(scope="session")
def textbook() -> list[Entry]:
    return known_entries()


@pytest.fixture(scope="session")
def known(textbook: list[Entry]) -> CrystalList:
    return CrystalList(textbook, "textbook crystals", "2020-01-01")
