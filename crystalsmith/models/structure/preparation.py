"""From known crystals to training arrays: descriptions, borrowed geometries, atomic volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pymatgen.core import Element

from crystalsmith.core.crystallography.crystal import equivalent_descriptions
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.structure.arrays import TrainingArrays
from crystalsmith.models.structure.lattice import coefficients
from crystalsmith.models.structure.library import (
    TemplateLibrary,
    borrowed_coefficients,
)
from crystalsmith.models.structure.network import MAX_Z
from crystalsmith.models.structure.wyckoff_table import position_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.entry import Entry
    from crystalsmith.models.structure.codebook_building import CentresWithout

MAX_DESCRIPTIONS = 16
MAX_BORROWED = 4
MAX_CENTRES = 2
MAX_ORBITS = 20
MAX_ATOMS = 52  # primitive cell
_MIN_VOLUME, _USUAL_VOLUME = 4.0, 18.0  # Å³ per atom


def prepare(
    entries: Sequence[Entry],
    known: Sequence[Entry] | None = None,
    progress: Progress = silent,
    *,
    centres: CentresWithout | None = None,
) -> TrainingArrays:
    """Turn crystals into training arrays.

    Args:
        entries: crystals to learn; those with too many orbits or atoms are left out.
        known: crystals that geometries may be borrowed from (never one of the same formula); the
            training crystals themselves when not given.
        progress: told about every crystal.
        centres: the codebook, which leaves out what belongs to a crystal's own formula.
    """
    library = TemplateLibrary(entries if known is None else known)
    volumes = fit_atomic_volumes(known or entries)
    rows = _Rows()
    for done, entry in enumerate(entries, start=1):
        template = entry.crystal.template
        if len(template.orbits) <= MAX_ORBITS and template.n_atoms <= MAX_ATOMS:
            borrowed = [
                (geometry.crystal, borrowed_coefficients(geometry, volumes), geometry.distance, 0.0)
                for geometry in library.nearest(
                    template, MAX_BORROWED, exclude_formula=entry.formula
                )
            ]
            for centre in [] if centres is None else centres.nearest(entry, MAX_CENTRES):
                values = coefficients(centre.crystal.lattice)
                borrowed.append((centre.crystal, values, centre.distance, centre.spread))
            rows.add(entry, borrowed)
        progress("preparing crystals", done, len(entries))
    return rows.arrays(volumes)


def fit_atomic_volumes(entries: Sequence[Entry]) -> NDArray[np.float64]:
    """One volume per element such that a crystal's volume is about their sum (ridge regression)."""
    contents = np.zeros((len(entries), MAX_Z))
    targets = np.zeros(len(entries))
    for row, entry in enumerate(entries):
        for element, fraction in entry.composition.fractional_composition.items():
            contents[row, element.Z] = fraction
        targets[row] = entry.crystal.volume_per_atom
    usual = np.full(MAX_Z, _USUAL_VOLUME)
    normal = contents.T @ contents + 0.1 * np.eye(MAX_Z)
    fitted = usual + np.linalg.solve(normal, contents.T @ (targets - contents @ usual))
    return np.maximum(fitted, _MIN_VOLUME)


def padded_free(crystal: SymmetricCrystal) -> NDArray[np.float32]:
    """Free coordinates as ``(orbits, 3)``, zero where nothing is free."""
    padded = np.zeros((len(crystal.free), 3), dtype=np.float32)
    for row, free in enumerate(crystal.free):
        padded[row, : len(free)] = free
    return padded


# geometry, its lattice coefficients, how unlike its elements are, spread of what it averages
_Start = tuple["SymmetricCrystal", "NDArray[np.float64]", float, float]


class _Rows:
    """Collects the ragged arrays crystal by crystal."""

    def __init__(self) -> None:
        self.number: list[int] = []
        self.orbits, self.descriptions, self.borrowed = [0], [0], [0]
        self.elements: list[int] = []
        self.keys: list[int] = []
        self.lattice: list[NDArray[np.float64]] = []
        self.free: list[NDArray[np.float32]] = []
        self.borrowed_lattice: list[NDArray[np.float64]] = []
        self.borrowed_free: list[NDArray[np.float32]] = []
        self.borrowed_distance: list[float] = []
        self.borrowed_spread: list[float] = []
        self.properties: list[tuple[float | None, float | None]] = []

    def add(self, entry: Entry, borrowed: list[_Start]) -> None:
        """A crystal, and what may be borrowed for it."""
        template = entry.crystal.template
        self.number.append(template.number)
        self.elements += [Element(orbit.element).Z for orbit in template.orbits]
        self.keys += [position_key(template.number, orbit.letter) for orbit in template.orbits]
        self.orbits.append(len(self.elements))
        for crystal in equivalent_descriptions(entry.crystal)[:MAX_DESCRIPTIONS]:
            self.lattice.append(coefficients(crystal.lattice))
            self.free.append(padded_free(crystal))
        self.descriptions.append(len(self.lattice))
        for crystal, values, distance, spread in borrowed:
            self.borrowed_lattice.append(values)
            self.borrowed_free.append(padded_free(crystal))
            self.borrowed_distance.append(distance)
            self.borrowed_spread.append(spread)
        self.borrowed.append(len(self.borrowed_lattice))
        self.properties.append((entry.band_gap, entry.formation_energy))

    def arrays(self, volumes: NDArray[np.float64]) -> TrainingArrays:
        def integers(values: list[int]) -> NDArray[np.int64]:
            return np.array(values, dtype=np.int64)

        def stacked(values: Sequence[NDArray[np.generic]], width: int) -> NDArray[np.float32]:
            if not values:
                return np.zeros((0, width), np.float32)
            return np.concatenate([np.reshape(v, (-1, width)) for v in values]).astype(np.float32)

        properties = np.array(self.properties, dtype=float).reshape(-1, 2).astype(np.float32)
        return TrainingArrays(
            number=integers(self.number),
            orbits=integers(self.orbits),
            elements=integers(self.elements),
            keys=integers(self.keys),
            descriptions=integers(self.descriptions),
            lattice=stacked(self.lattice, 6),
            free=stacked(self.free, 3),
            borrowed=integers(self.borrowed),
            borrowed_lattice=stacked(self.borrowed_lattice, 6),
            borrowed_free=stacked(self.borrowed_free, 3),
            borrowed_distance=np.array(self.borrowed_distance, dtype=np.float32),
            borrowed_spread=np.array(self.borrowed_spread, dtype=np.float32),
            band_gap=properties[:, 0],
            formation_energy=properties[:, 1],
            atomic_volume=volumes.astype(np.float32),
        )
