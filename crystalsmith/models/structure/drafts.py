"""What is asked of the structure generator, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.models.structure.selection import DraftFacts
    from crystalsmith.models.structure.starts import StartGeometry

NOISE = "noise"


@dataclass(frozen=True)
class Targets:
    """Properties to steer to; None for not said.

    Attributes:
        band_gap: eV.
        formation_energy: eV/atom.
    """

    band_gap: float | None = None
    formation_energy: float | None = None


@dataclass(frozen=True)
class Draft:
    """One generated crystal.

    Attributes:
        crystal: has the template exactly.
        origin: ``noise``, ``codebook``, or the id of the known crystal whose geometry it started
            from.
        distance: how unlike the elements of that crystal were (0 for noise).
        sound: no atoms on top of each other, and spglib finds the template's space group.
        redraws: how often it was drawn again because it was not sound.
        overlaps: how many of all these had atoms on top of each other.
        match_probability: what the selector thinks of it; None where it was not asked.
    """

    crystal: SymmetricCrystal
    origin: str
    distance: float
    sound: bool
    redraws: int = 0
    overlaps: int = 0
    match_probability: float | None = None


class Drawn(NamedTuple):
    """A draft with what the selector wants to know of it."""

    draft: Draft
    facts: DraftFacts | None


@dataclass(frozen=True)
class Job:
    """One draft to be drawn.

    Attributes:
        template: to be filled.
        targets: properties to steer to.
        owner: which of the templates asked for it is.
        borrowed: what to start from; noise when None.
    """

    template: SymmetryTemplate
    targets: Targets
    owner: int
    borrowed: StartGeometry | None

    @property
    def origin(self) -> str:
        """Where it starts from; see `Draft`."""
        return NOISE if self.borrowed is None else self.borrowed.origin
