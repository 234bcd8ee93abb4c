"""Textbook crystals: one geometry at least for most structure types of the families.

They are the references that generated members are compared with beside pymatgen's prototypes.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class TextbookCrystal:
    """A crystal from the structure literature, rounded.

    Attributes:
        families: names of the families it belongs to.
        row: space group symbol, cell and atoms as in the file.
    """

    families: tuple[str, ...]
    row: dict[str, Any]

    @cached_property
    def structure(self) -> Structure:
        """Its conventional cell."""
        from pymatgen.core import Lattice, Structure

        lines = [line.split() for line in self.row["atoms"].strip().splitlines()]
        return Structure.from_spacegroup(
            self.row["group"],
            Lattice.from_parameters(*self.row["cell"]),
            [line[0] for line in lines],
            [[float(Fraction(number)) for number in line[1:]] for line in lines],
        )


@lru_cache(maxsize=1)
def textbook_crystals() -> tuple[TextbookCrystal, ...]:
    """All of ``textbook_crystals.toml``."""
    file = resources.files("crystalsmith.core.chemistry").joinpath("textbook_crystals.toml")
    rows = tomllib.loads(file.read_text(encoding="utf-8"))["crystal"]
    return tuple(TextbookCrystal(tuple(row["families"]), row) for row in rows)
