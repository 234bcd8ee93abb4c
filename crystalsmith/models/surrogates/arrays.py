"""Training graphs as flat arrays, prepared once, so that training needs PyTorch alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.models.surrogates.graph import CUTOFF

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from crystalsmith.models.surrogates.graph import CrystalGraph

_STEP = CUTOFF * 1.05 / 32767  # Å; displacements are stored as 16-bit multiples of it


@dataclass
class GraphArrays:
    """Graphs of C crystals; crystal c owns the nodes ``[first[c], first[c + 1])``.

    Attributes:
        first: ``(C + 1,)`` node offsets.
        elements, weights, reach: per node, see `CrystalGraph`.
        neighbours: ``(N, MAX_NEIGHBOURS)`` node index within the crystal, -1 for none.
        vectors: ``(N, MAX_NEIGHBOURS, 3)`` displacements in units of ``_STEP``.
        targets: ``(C, P)`` property values, NaN where unknown.
    """

    first: NDArray[np.int64]
    elements: NDArray[np.int16]
    weights: NDArray[np.float32]
    reach: NDArray[np.float32]
    neighbours: NDArray[np.int16]
    vectors: NDArray[np.int16]
    targets: NDArray[np.float32]

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
