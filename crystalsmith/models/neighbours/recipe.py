"""From training files to the neighbour network's weights."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from crystalsmith.core.progress import Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

    from crystalsmith.models.neighbours.training import NeighbourTraining
    from crystalsmith.models.training_data import TrainingData


def train_neighbours(
    data: TrainingData,
    folder: Path,
    settings: NeighbourTraining,
    *,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> None:
    """Train the network that weighs known crystals' votes; hypothetical ones only vote.

    Args:
        data: crystals.
        folder: of the run.
        settings: what and how long.
        device: torch device.
        seconds: stop after this time even if steps remain.
        progress: told about every report.
    """
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.neighbours import training
    from crystalsmith.models.neighbours.prior import NeighbourPrior

    training.train(
        data.entries,
        data.held_out,
        NeighbourPrior(data.crystals),
        CompositionModel.load(device=device),  # the one that is asked in use
        folder,
        settings,
        device=device,
        seconds=seconds,
        progress=progress,
    )
