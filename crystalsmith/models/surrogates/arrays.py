"""Training graphs as flat arrays, prepared once, so that training needs PyTorch alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.models.surrogates.graph import CUTOFF, CrystalGraph

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_STEP = CUTOFF * 1.05 / 32767  # Å; displacements are stored as 16-bit multiples of it


@dataclass
class GraphArrays:
    """Graphs of C crystals; crystal c owns the nodes ``[first[c], first[c + 1])``.

    Attributes:
        first: ``(C + 1,)`` node offsets.
        elements, weights, reach: per node, see `CrystalGraph`.
        neighbours: ``(N, MAX_NEIGHBOURS)`` node index within the crystal, -1 for none.
        vectors: ``(N, MAX_NEIGHBOURS, 3)`` displacements in units of ``_STEP``.
        targets: ``(C, P)`` property values (decimal logarithms of logarithmic ones), NaN where
            unknown.
        known: ``(N, k)`` CHGNet's features; energies: ``(C,)`` CHGNet's, eV/atom.
        volumes: ``(C,)`` Å³ per atom.
    """

    first: NDArray[np.int64]
    elements: NDArray[np.int16]
    weights: NDArray[np.float32]
    reach: NDArray[np.float32]
    neighbours: NDArray[np.int16]
    vectors: NDArray[np.int16]
    targets: NDArray[np.float32]
    known: NDArray[np.float16]
    energies: NDArray[np.float32]
    volumes: NDArray[np.float32]

    @classmethod
    def from_graphs(
        cls, graphs: Sequence[CrystalGraph], targets: NDArray[np.float64]
    ) -> GraphArrays:
        """Concatenate graphs."""
        counts = [len(graph.elements) for graph in graphs]
        return cls(
            first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            elements=np.concatenate([g.elements for g in graphs]).astype(np.int16),
            weights=np.concatenate([g.weights for g in graphs]),
            reach=np.concatenate([g.reach for g in graphs]),
            neighbours=np.concatenate([g.neighbours for g in graphs]).astype(np.int16),
            vectors=np.rint(np.concatenate([g.vectors for g in graphs]) / _STEP).astype(np.int16),
            targets=targets.astype(np.float32),
            known=np.concatenate([g.known for g in graphs]).astype(np.float16),
            energies=np.array([g.energy for g in graphs], np.float32),
            volumes=np.array([g.volume for g in graphs], np.float32),
        )

    def graph(self, crystal: int) -> CrystalGraph:
        """One crystal's graph again; which atoms they were is not kept."""
        rows = slice(int(self.first[crystal]), int(self.first[crystal + 1]))
        size = rows.stop - rows.start
        return CrystalGraph(
            elements=self.elements[rows].astype(np.int64),
            weights=self.weights[rows],
            atoms=np.arange(size),
            neighbours=self.neighbours[rows].astype(np.int64),
            vectors=self.vectors[rows].astype(np.float32) * np.float32(_STEP),
            reach=self.reach[rows],
            volume=float(self.volumes[crystal]),
            known=self.known[rows].astype(np.float32),
            energy=float(self.energies[crystal]),
        )

    def __len__(self) -> int:
        return len(self.first) - 1

    def displacements(self) -> NDArray[np.float32]:
        """``(N, MAX_NEIGHBOURS, 3)`` displacements in Å."""
        return self.vectors.astype(np.float32) * np.float32(_STEP)

    def save(self, path: Path) -> None:
        """Write all arrays to one file."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> GraphArrays:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(**{f.name: arrays[f.name] for f in fields(cls)})
