"""What all tests share: textbook crystals, and property tests that run alike everywhere."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from pymatgen.core import Lattice, Structure

if TYPE_CHECKING:
    from collections.abc import Callable

# No clock and no database: a busy machine must not fail a test, and nothing is written beside it.
settings.register_profile(
    "crystalsmith",
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("crystalsmith")

_THIRD = 1 / 3


def _cubic(a: float) -> Lattice:
    return Lattice.cubic(a)


# name: space group, cell, elements, coordinates; measured ones, rounded
_TEXTBOOK: dict[str, tuple[str, Lattice, str, list[tuple[float, float, float]]]] = {
    "NaCl": ("Fm-3m", _cubic(5.64), "Na Cl", [(0, 0, 0), (0.5, 0.5, 0.5)]),
    "MgO": ("Fm-3m", _cubic(4.21), "Mg O", [(0, 0, 0), (0.5, 0.5, 0.5)]),
    "CsCl": ("Pm-3m", _cubic(4.12), "Cs Cl", [(0, 0, 0), (0.5, 0.5, 0.5)]),
    "Si": ("Fd-3m", _cubic(5.43), "Si", [(0, 0, 0)]),
    "Fe": ("Im-3m", _cubic(2.87), "Fe", [(0, 0, 0)]),
    "ZnS": ("F-43m", _cubic(5.41), "Zn S", [(0, 0, 0), (0.25, 0.25, 0.25)]),
    "SrTiO3": (
        "Pm-3m",
        _cubic(3.905),
        "Sr Ti O",
        [(0.5, 0.5, 0.5), (0, 0, 0), (0.5, 0, 0)],
    ),
    "BaTiO3": (
        "P4mm",
        Lattice.tetragonal(3.994, 4.038),
        "Ba Ti O O",
        [(0, 0, 0), (0.5, 0.5, 0.512), (0.5, 0.5, 0.977), (0.5, 0, 0.488)],
    ),
    "MgAl2O4": (
        "Fd-3m",
        _cubic(8.08),
        "Mg Al O",
        [(0, 0, 0), (0.625, 0.625, 0.625), (0.3876, 0.3876, 0.3876)],
    ),
    "TiO2": (
        "P4_2/mnm",
        Lattice.tetragonal(4.594, 2.959),
        "Ti O",
        [(0, 0, 0), (0.305, 0.305, 0)],
    ),
    "ZnO": (
        "P6_3mc",
        Lattice.hexagonal(3.25, 5.207),
        "Zn O",
        [(_THIRD, 2 * _THIRD, 0), (_THIRD, 2 * _THIRD, 0.382)],
    ),
    "Mg": ("P6_3/mmc", Lattice.hexagonal(3.21, 5.21), "Mg", [(_THIRD, 2 * _THIRD, 0.25)]),
    "SiO2": (
        "P3_121",
        Lattice.hexagonal(4.913, 5.405),
        "Si O",
        [(0.4697, 0, _THIRD), (0.4135, 0.2669, 0.2142)],
    ),
    "Al2O3": (
        "R-3c",
        Lattice.hexagonal(4.759, 12.991),
        "Al O",
        [(0, 0, 0.3522), (0.3063, 0, 0.25)],
    ),
    "CaTiO3": (
        "Pnma",
        Lattice.orthorhombic(5.442, 7.640, 5.380),
        "Ca Ti O O",
        [(0.036, 0.25, 0.993), (0, 0, 0.5), (0.484, 0.25, 0.071), (0.289, 0.037, 0.711)],
    ),
    "ZrO2": (
        "P2_1/c",
        Lattice.monoclinic(5.15, 5.21, 5.32, 99.2),
        "Zr O O",
        [(0.2754, 0.0395, 0.2083), (0.07, 0.3317, 0.3447), (0.4496, 0.7569, 0.4792)],
    ),
    "triclinic": (
        "P-1",
        Lattice.from_parameters(5.1, 6.2, 7.3, 95, 98, 102),
        "K As Se",
        [(0.11, 0.23, 0.34), (0.41, 0.62, 0.13), (0.27, 0.84, 0.71)],
    ),
}


@lru_cache(maxsize=len(_TEXTBOOK))
def _built(name: str) -> Structure:
    group, lattice, elements, points = _TEXTBOOK[name]
    return Structure.from_spacegroup(group, lattice, elements.split(), points)


def textbook_structure(name: str) -> Structure:
    """A textbook crystal in its conventional cell, a fresh copy each time."""
    return _built(name).copy()


@pytest.fixture(scope="session")
def structure_named() -> Callable[[str], Structure]:
    """Textbook crystals by name, a fresh copy each time."""
    return textbook_structure


@pytest.fixture(params=list(_TEXTBOOK))
def textbook_crystal(request: pytest.FixtureRequest) -> Structure:
    """Every textbook crystal in turn."""
    return textbook_structure(request.param)
