"""Crystals as graphs of distinct atoms.

Equivalent atoms have equal scalar features, so one node for all of them, weighted by their number,
gives exactly what a graph of all atoms would, at a fraction of the cost. Every node sees its
nearest neighbours as displacement vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystalsmith.models.surrogates.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pymatgen.core import Structure
    from torch import Tensor

    from crystalsmith.models.surrogates.chgnet import AtomKnowledge

CUTOFF = 5.0  # Å
MAX_NEIGHBOURS = 24


@dataclass(frozen=True)
class CrystalGraph:
    """One crystal.

    Attributes:
        elements: ``(n,)`` atomic numbers of the distinct atoms.
        weights: ``(n,)`` share of all atoms.
        atoms: ``(n,)`` index in the structure of the atom that stands for all its like.
        neighbours: ``(n, MAX_NEIGHBOURS)`` node index of each neighbour, -1 where there is none.
        vectors: ``(n, MAX_NEIGHBOURS, 3)`` displacement to each neighbour, Å.
        reach: ``(n,)`` distance at which the node's view ends, Å.
        volume: Å³ per atom.
        known: ``(n, k)`` CHGNet's features of the atoms; k is 0 without them.
        energy: CHGNet's, eV/atom; 0 without.
    """

    elements: NDArray[np.int64]
    weights: NDArray[np.float32]
    atoms: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    vectors: NDArray[np.float32]
    reach: NDArray[np.float32]
    volume: float
    known: NDArray[np.float32]
    energy: float = 0.0


def crystal_graph(structure: Structure) -> CrystalGraph:
    """Build the graph of an ordered structure.

    Raises:
        DataError: the structure is disordered, empty, too large, or atoms coincide.
    """
    return graph_of(Surroundings.of(structure))


def graph_of(around: Surroundings, knowledge: AtomKnowledge | None = None) -> CrystalGraph:
    """Build the graph of a crystal that was looked around in, with what CHGNet knows of it."""
    atoms, node_of_atom, counts = around.distinct
    view = around.view(CUTOFF, MAX_NEIGHBOURS)
    others = view.neighbours[atoms]
    return CrystalGraph(
        elements=around.elements[atoms],
        weights=(counts / counts.sum()).astype(np.float32),
        atoms=atoms,
        neighbours=np.where(others >= 0, node_of_atom[others], -1),
        vectors=view.vectors[atoms].astype(np.float32),
        reach=view.reach[atoms].astype(np.float32),
        volume=around.volume,
        known=np.zeros((len(atoms), 0), np.float32) if knowledge is None else knowledge.atoms,
        energy=0.0 if knowledge is None else knowledge.energy,
    )


@dataclass
class GraphBatch:
    """Graphs side by side; N nodes of B crystals.

    Attributes:
        elements: ``(N,)``; weights: ``(N,)``; crystal: ``(N,)`` which crystal a node belongs to.
        neighbours: ``(N, MAX_NEIGHBOURS)`` node indices in the batch; mask: real neighbours.
        vectors: ``(N, MAX_NEIGHBOURS, 3)`` Å; reach: ``(N,)`` Å.
        known: ``(N, k)`` given features; energies: ``(B,)`` CHGNet's, eV/atom.
        size: B.
    """

    elements: Tensor
    weights: Tensor
    crystal: Tensor
    neighbours: Tensor
    mask: Tensor
    vectors: Tensor
    reach: Tensor
    known: Tensor
    energies: Tensor
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
        known=joined("known"),
        energies=torch.tensor([graph.energy for graph in graphs], device=device),
        size=len(graphs),
    )
