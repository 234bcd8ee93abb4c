"""From training files to the polymorph network's weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from crystalsmith.core.progress import Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

    from crystalsmith.models.polymorphs.training import PolymorphTraining
    from crystalsmith.models.training_data import TrainingData


def train_polymorphs(
    data: TrainingData,
    folder: Path,
    settings: PolymorphTraining,
    *,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> None:
    """Train the network that tells further polymorphs; hypothetical crystals only tell of others.

    Args:
        data: crystals.
        folder: of the run.
        settings: what and how long.
        device: torch device.
        seconds: stop after this time even if steps remain.
        progress: told about every report.
    """
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.neighbours.model import NeighbourModel
    from crystalsmith.models.neighbours.prior import NeighbourPrior
    from crystalsmith.models.polymorphs import training
    from crystalsmith.models.polymorphs.known import KnownPolymorphs

    witnesses = training.Witnesses(
        KnownPolymorphs(data.crystals),
        NeighbourPrior(data.crystals),
        NeighbourModel.load(device=device),
        CompositionModel.load(device=device),  # the ones that are asked in use
    )
    training.train(
        data.entries,
        data.held_out,
        witnesses,
        folder,
        settings,
        device=device,
        seconds=seconds,
        progress=progress,
    )
