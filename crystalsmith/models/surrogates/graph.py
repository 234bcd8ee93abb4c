"""Crystals as graphs of symmetry-distinct atoms.

Equivalent atoms have equal scalar features, so one node per orbit, weighted by its multiplicity,
gives exactly what a graph of all atoms would, at a fraction of the cost. Every node sees its
nearest neighbours as displacement vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystalsmith.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pymatgen.core import Structure
    from torch import Tensor

CUTOFF = 5.0  # Å
MAX_NEIGHBOURS = 24
MAX_SITES = 500
_SYMMETRY_PRECISION = 0.01  # Å; looser would average what differs


@dataclass(frozen=True)
class CrystalGraph:
    """One crystal.

    Attributes:
        elements: ``(n,)`` atomic numbers of the distinct atoms.
        weights: ``(n,)`` share of all atoms.
        neighbours: ``(n, MAX_NEIGHBOURS)`` node index of each neighbour, -1 where there is none.
        vectors: ``(n, MAX_NEIGHBOURS, 3)`` displacement to each neighbour, Å.
        reach: ``(n,)`` distance at which the node's view ends, Å.
        volume: Å³ per atom.
    """

    elements: NDArray[np.int64]
    weights: NDArray[np.float32]
    neighbours: NDArray[np.int64]
    vectors: NDArray[np.float32]
    reach: NDArray[np.float32]
    volume: float


def crystal_graph(structure: Structure) -> CrystalGraph:
    """Build the graph of an ordered structure.

    Raises:
        DataError: the structure is disordered, empty, too large, or atoms coincide.
    """
    from crystalsmith.core.crystallography.crystal import strange_species

    if not structure.is_ordered:
        raise DataError("the structure is disordered; only ordered structures can be scored")
    if strange := strange_species(structure):
        raise DataError(f"the structure holds {', '.join(strange)}; only H to Lr can be scored")
    if not 1 <= len(structure) <= MAX_SITES:
        raise DataError(f"a structure must have 1 to {MAX_SITES} atoms, not {len(structure)}")
    numbers = np.array([site.specie.Z for site in structure], dtype=np.int64)
    orbit_of_atom = _equivalent_atoms(structure)
    distinct, node_of_atom, counts = np.unique(
        orbit_of_atom, return_inverse=True, return_counts=True
    )
    size = len(distinct)
    neighbours = np.full((size, MAX_NEIGHBOURS), -1, dtype=np.int64)
    vectors = np.zeros((size, MAX_NEIGHBOURS, 3), dtype=np.float32)
    reach = np.full(size, CUTOFF, dtype=np.float32)
    centres, others, images, distances = structure.get_neighbor_list(
        CUTOFF, sites=[structure[int(atom)] for atom in distinct], exclude_self=False
    )
    # pymatgen's own exclude_self compares positions in two different lists
    itself = (others == distinct[centres]) & (images == 0).all(axis=1)
    centres, others, images, distances = (
        array[~itself] for array in (centres, others, images, distances)
    )
    if len(distances) and distances.min() < 0.1:
        raise DataError("two atoms of the structure are at the same place")
    matrix, fractional = structure.lattice.matrix, structure.frac_coords
    gaps = fractional[others] + images - fractional[distinct[centres]]
    for node in range(size):
        rows = np.flatnonzero(centres == node)
        rows = rows[np.argsort(distances[rows], kind="stable")]
        if len(rows) > MAX_NEIGHBOURS:
            reach[node] = distances[rows[MAX_NEIGHBOURS]]
            rows = rows[:MAX_NEIGHBOURS]
        neighbours[node, : len(rows)] = node_of_atom[others[rows]]
        vectors[node, : len(rows)] = gaps[rows] @ matrix
    return CrystalGraph(
        elements=numbers[distinct],
        weights=(counts / counts.sum()).astype(np.float32),
        neighbours=neighbours,
        vectors=vectors,
        reach=reach,
        volume=float(structure.volume / len(structure)),
    )


def _equivalent_atoms(structure: Structure) -> NDArray[np.int64]:
    from crystalsmith.core.crystallography.crystal import symmetry_dataset

    found = symmetry_dataset(structure, _SYMMETRY_PRECISION)
    if found is None:  # overlapping atoms, say; every atom is its own node then
        return np.arange(len(structure))
    return np.asarray(found.equivalent_atoms)


@dataclass
class GraphBatch:
    """Graphs side by side; N nodes of B crystals.

    Attributes:
        elements: ``(N,)``; weights: ``(N,)``; crystal: ``(N,)`` which crystal a node belongs to.
        neighbours: ``(N, MAX_NEIGHBOURS)`` node indices in the batch; mask: real neighbours.
        vectors: ``(N, MAX_NEIGHBOURS, 3)`` Å; reach: ``(N,)`` Å.
        size: B.
    """

    elements: Tensor
    weights: Tensor
    crystal: Tensor
    neighbours: Tensor
    mask: Tensor
    vectors: Tensor
    reach: Tensor
    size: int


def collate_graphs(
    graphs: Sequence[CrystalGraph], device: torch.device | str = "cpu"
) -> GraphBatch:
    """Put graphs side by side on a device."""
    counts = np.array([len(graph.elements) for graph in graphs])
    begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
    neighbours = np.concatenate(
        [
            np.where(graph.neighbours >= 0, graph.neighbours + begin, -1)
            for graph, begin in zip(graphs, begins, strict=True)
        ]
    )

    def joined(name: str) -> Tensor:
        arrays = [getattr(graph, name) for graph in graphs]
        return torch.from_numpy(np.concatenate(arrays)).to(device)

    return GraphBatch(
        elements=joined("elements"),
        weights=joined("weights"),
        crystal=torch.from_numpy(np.repeat(np.arange(len(graphs)), counts)).to(device),
        neighbours=torch.from_numpy(np.maximum(neighbours, 0)).to(device),
        mask=torch.from_numpy(neighbours >= 0).to(device),
        vectors=joined("vectors").float(),
        reach=joined("reach"),
        size=len(graphs),
    )
