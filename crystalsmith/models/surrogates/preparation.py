"""From known crystals to training graphs."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.surrogates.arrays import GraphArrays
from crystalsmith.models.surrogates.graph import CrystalGraph, graph_of
from crystalsmith.models.surrogates.surroundings import Surroundings
from crystalsmith.models.training_data import targets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.entry import Entry
    from crystalsmith.models.surrogates.chgnet import ChgnetAtoms

_CHUNK = 64


def graphs_of(
    entries: Sequence[Entry],
    *,
    with_chgnet: bool,
    workers: int | None = None,
    progress: Progress = silent,
) -> list[CrystalGraph]:
    """Graphs of crystals, on several cores.

    Args:
        entries: known crystals.
        with_chgnet: with CHGNet's features of every atom.
        workers: processes; all cores when not given.
        progress: told about finished graphs.
    """
    crystals = [entry.crystal for entry in entries]
    jobs = [(crystals[i : i + _CHUNK], with_chgnet) for i in range(0, len(crystals), _CHUNK)]
    graphs: list[CrystalGraph] = []
    with ProcessPoolExecutor(min(workers or os.cpu_count() or 1, max(1, len(jobs)))) as pool:
        for part in pool.map(_graphs, jobs):
            graphs += part
            progress("building graphs", len(graphs), len(crystals))
    return graphs


def prepare(
    entries: Sequence[Entry],
    properties: Sequence[str],
    *,
    with_chgnet: bool = False,
    workers: int | None = None,
    progress: Progress = silent,
) -> GraphArrays:
    """Build graphs of all entries that have at least one of the properties; see `graphs_of`."""
    values = targets_of(entries, properties)
    useful = np.flatnonzero(~np.isnan(values).all(axis=1))
    graphs = graphs_of(
        [entries[int(row)] for row in useful],
        with_chgnet=with_chgnet,
        workers=workers,
        progress=progress,
    )
    return GraphArrays.from_graphs(graphs, values[useful])


def _graphs(job: tuple[list[SymmetricCrystal], bool]) -> list[CrystalGraph]:
    crystals, with_chgnet = job
    around = [Surroundings.of(crystal.structure()) for crystal in crystals]
    if not with_chgnet:
        return [graph_of(one) for one in around]
    from crystalsmith.models.surrogates.chgnet_graph import chgnet_graph

    known = _chgnet().know([chgnet_graph(one) for one in around])
    return [graph_of(one, knowledge) for one, knowledge in zip(around, known, strict=True)]


@lru_cache(maxsize=1)
def _chgnet() -> ChgnetAtoms:
    import torch

    from crystalsmith.models.surrogates.chgnet import ChgnetAtoms

    torch.set_num_threads(1)  # every core has a process of its own
    return ChgnetAtoms()
