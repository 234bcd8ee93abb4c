"""The properties that crystalsmith can speak about: names, units, words and default tolerances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PropertyName = Literal[
    "band_gap",
    "formation_energy",
    "e_above_hull",
    "density",
    "volume_per_atom",
    "bulk_modulus",
    "shear_modulus",
]


@dataclass(frozen=True)
class Property:
    """One property.

    Attributes:
        name: key used in JSON.
        unit: unit of every value under that key.
        words: how reports call it.
        tolerance: half-width that "near x" means when the user gives none, absolute.
    """

    name: PropertyName
    unit: str
    words: str
    tolerance: float


PROPERTIES: dict[str, Property] = {
    item.name: item
    for item in (
        Property("band_gap", "eV", "band gap", 0.3),
        Property("formation_energy", "eV/atom", "formation energy", 0.1),
        Property("e_above_hull", "eV/atom", "energy above the hull", 0.05),
        Property("density", "g/cm³", "density", 0.3),
        Property("volume_per_atom", "Å³/atom", "volume per atom", 1.0),
        Property("bulk_modulus", "GPa", "bulk modulus", 20.0),
        Property("shear_modulus", "GPa", "shear modulus", 15.0),
    )
}

# Band gaps (eV, PBE as in the training data) that separate the classes people ask for.
METAL_BELOW = 0.05
INSULATOR_FROM = 3.0
WIDE_GAP_FROM = 2.0
# "Stable" means at most this far above the hull (eV/atom), the usual bound for what can be made.
STABLE_BELOW = 0.1
# "Metastable" means at most this far above it: most known metastable phases lie below.
METASTABLE_BELOW = 0.2
