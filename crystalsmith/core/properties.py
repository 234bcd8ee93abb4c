"""The properties that crystalsmith can speak about: names, units, words and default tolerances.

Further ones come with trained surrogates: their definition lies beside the weights (see
`crystalsmith.models.surrogates`) and is registered when those are loaded.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from crystalsmith.core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Property:
    """One property.

    Attributes:
        name: key used in JSON.
        unit: unit of every value under that key.
        words: how reports call it.
        tolerance: half-width that "near x" means when the user gives none, absolute.
        column: of data files, when it is not called like the property.
        logarithmic: always positive and spread over decades: networks learn its decimal logarithm,
            and errors are factors.
    """

    name: str
    unit: str
    words: str
    tolerance: float
    column: str = ""
    logarithmic: bool = False

    @property
    def in_files(self) -> str:
        """Name of its column in data files."""
        return self.column or self.name

    def as_dict(self) -> dict[str, Any]:
        """For the ``config.json`` beside weights."""
        return {key: getattr(self, key) for key in self.__dataclass_fields__}


PROPERTIES: dict[str, Property] = {
    item.name: item
    for item in (
        Property("band_gap", "eV", "band gap", 0.3),
        Property(
            "formation_energy", "eV/atom", "formation energy", 0.1, "formation_energy_per_atom"
        ),
        Property("e_above_hull", "eV/atom", "energy above the hull", 0.05),
        Property("density", "g/cm³", "density", 0.3),
        Property("volume_per_atom", "Å³/atom", "volume per atom", 1.0),
        Property("bulk_modulus", "GPa", "bulk modulus", 20.0, logarithmic=True),
        Property("shear_modulus", "GPa", "shear modulus", 15.0, logarithmic=True),
    )
}


def register(definition: dict[str, Any]) -> Property:
    """Make a further property known; one that is known already stays as it is.

    Args:
        definition: ``name``, ``unit``, ``words``, ``tolerance`` and, if need be, ``column`` and
            ``logarithmic``.

    Raises:
        DataError: something is missing or of the wrong kind.
    """
    try:
        item = Property(
            str(definition["name"]),
            str(definition["unit"]),
            str(definition["words"]),
            float(definition["tolerance"]),
            str(definition.get("column", "")),
            bool(definition.get("logarithmic", False)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"a property needs name, unit, words and a tolerance ({type(error).__name__}: {error})"
        ) from None
    if not item.name.isidentifier():
        raise DataError(f"{item.name!r} cannot name a property; take one like debye_temperature")
    return PROPERTIES.setdefault(item.name, item)


def definitions_in(folder: Path) -> list[dict[str, Any]]:
    """What properties the surrogates in a folder (or in its subfolders) define."""
    found = []
    for file in [folder / "config.json", *sorted(folder.glob("*/config.json"))]:
        try:
            found += list(json.loads(file.read_text(encoding="utf-8")).get("properties", ()))
        except (OSError, ValueError, AttributeError):
            continue  # whoever loads the weights says what is wrong with them
    return found


def _known(name: str) -> str:
    if name not in PROPERTIES:
        from crystalsmith.core.settings import settings

        own = settings().surrogate_weights
        for definition in [] if own is None else definitions_in(own):
            register(definition)
    if name not in PROPERTIES:
        raise ValueError(f"there is no property {name!r}; take one of {', '.join(PROPERTIES)}")
    return name


# A property that has a definition, built in or beside one's own surrogates.
PropertyName = Annotated[
    str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(PROPERTIES)})
]

# Band gaps (eV, PBE as in the training data) that separate the classes people ask for.
METAL_BELOW = 0.05
INSULATOR_FROM = 3.0
WIDE_GAP_FROM = 2.0
# "Stable" means at most this far above the hull (eV/atom), the usual bound for what can be made.
STABLE_BELOW = 0.1
# "Metastable" means at most this far above it: most known metastable phases lie below.
METASTABLE_BELOW = 0.2
