"""From known crystals to training graphs."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.surrogates.arrays import GraphArrays
from crystalsmith.models.surrogates.graph import CrystalGraph, crystal_graph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.entry import Entry


def prepare(
    entries: Sequence[Entry],
    properties: Sequence[str],
    *,
    workers: int | None = None,
    progress: Progress = silent,
) -> GraphArrays:
    """Build graphs of all entries that have at least one of the properties.

    Args:
        entries: known crystals.
        properties: attribute names of `Entry`, the columns of the targets.
        workers: processes; all cores when not given.
        progress: told about every graph.
    """
    values = np.array([[_number(getattr(entry, name)) for name in properties] for entry in entries])
    useful = np.flatnonzero(~np.isnan(values).all(axis=1))
    graphs: list[CrystalGraph] = []
    with ProcessPoolExecutor(workers or os.cpu_count() or 1) as pool:
        crystals = (entries[int(row)].crystal for row in useful)
        for graph in pool.map(_graph, crystals, chunksize=64):
            graphs.append(graph)
            progress("building graphs", len(graphs), len(useful))
    return GraphArrays.from_graphs(graphs, values[useful])


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _graph(crystal: SymmetricCrystal) -> CrystalGraph:
    return crystal_graph(crystal.structure())
