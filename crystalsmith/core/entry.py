"""Known crystals: what the store holds and what the models are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal


@dataclass(frozen=True)
class Entry:
    """A known crystal with its source.

    Attributes:
        id: unique, with the provider's prefix (``mp-149``, ``aflow-…``).
        source: the data set or provider it came from, as reports name it.
        crystal: canonical symmetric description.
        name: mineral or prototype name, if any.
        band_gap: eV, None when unknown.
        formation_energy: eV/atom, None when unknown.
        e_above_hull: eV/atom, None when unknown.
    """

    id: str
    source: str
    crystal: SymmetricCrystal
    name: str = ""
    band_gap: float | None = None
    formation_energy: float | None = None
    e_above_hull: float | None = None

    @property
    def composition(self) -> Composition:
        """Content of the conventional cell."""
        return self.crystal.template.composition

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return str(self.composition.reduced_formula)
