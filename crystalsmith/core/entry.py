"""Known crystals: what the store holds and what the models are trained on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal

_OWN = ("band_gap", "formation_energy", "e_above_hull")


@dataclass(frozen=True, slots=True)
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
        others: further properties by name, in their units (see `core.properties`).
    """

    id: str
    source: str
    crystal: SymmetricCrystal
    name: str = ""
    band_gap: float | None = None
    formation_energy: float | None = None
    e_above_hull: float | None = None
    others: Mapping[str, float] = field(default_factory=dict, hash=False)

    def value(self, name: str) -> float | None:
        """A property by its name, None when unknown.

        The volume per atom is the crystal's; ``hull_energy`` is the energy of the convex hull at
        its composition, in eV/atom.
        """
        if name in _OWN:
            return getattr(self, name)
        if name == "volume_per_atom":
            return self.crystal.volume_per_atom
        if name == "hull_energy":
            return self._hull_energy()
        return self.others.get(name)

    def _hull_energy(self) -> float | None:
        if self.formation_energy is None or self.e_above_hull is None:
            return None
        return self.formation_energy - self.e_above_hull

    @property
    def composition(self) -> Composition:
        """Content of the conventional cell."""
        return self.crystal.template.composition

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return str(self.composition.reduced_formula)
