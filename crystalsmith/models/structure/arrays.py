"""Training crystals as plain arrays, so that training needs PyTorch alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass
class TrainingArrays:
    """Ragged training data; crystal c owns rows ``[x[c], x[c + 1])`` of what offsets x point to.

    Attributes:
        number: ``(C,)`` space groups.
        orbits: ``(C + 1,)`` offsets of ``elements`` and ``keys``.
        elements, keys: atomic number and `position_key` of every orbit.
        descriptions: ``(C + 1,)`` offsets of ``lattice``, one row per equivalent description.
        lattice: ``(…, 6)`` lattice coefficients.
        free: ``(…, 3)`` free coordinates, orbit by orbit, description by description.
        borrowed: ``(C + 1,)`` offsets of the geometries borrowed from chemically near crystals, and
            of the codebook's centres, made without this crystal's formula.
        borrowed_lattice: ``(…, 6)`` their coefficients, volume rescaled to this crystal's elements.
        borrowed_free: ``(…, 3)`` their free coordinates.
        borrowed_distance: how unlike the elements are.
        borrowed_spread: of the crystals whose mean it is, 0 for one crystal.
        band_gap, formation_energy: ``(C,)`` eV and eV/atom, NaN where unknown.
        atomic_volume: ``(MAX_Z,)`` Å³ per atom of each element, fitted to all crystals.
    """

    number: NDArray[np.int64]
    orbits: NDArray[np.int64]
    elements: NDArray[np.int64]
    keys: NDArray[np.int64]
    descriptions: NDArray[np.int64]
    lattice: NDArray[np.float32]
    free: NDArray[np.float32]
    borrowed: NDArray[np.int64]
    borrowed_lattice: NDArray[np.float32]
    borrowed_free: NDArray[np.float32]
    borrowed_distance: NDArray[np.float32]
    borrowed_spread: NDArray[np.float32]
    band_gap: NDArray[np.float32]
    formation_energy: NDArray[np.float32]
    atomic_volume: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.number)

    def save(self, path: Path) -> None:
        """Write all arrays to one file."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> TrainingArrays:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(**{f.name: arrays[f.name] for f in fields(cls)})
