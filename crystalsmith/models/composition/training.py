"""Training the composition model on formulas with known properties."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.composition.network import (
    CompositionConfig,
    CompositionNetwork,
    CompositionOutputs,
    encode,
)
from crystalsmith.models.runs import Schedule, TrainingRun, pick_device, run_epochs

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor


@dataclass(frozen=True)
class CompositionTraining:
    """Settings of a training run.

    Attributes:
        steps: optimiser steps.
        batch: formulas per step.
        learning_rate: highest learning rate.
        scale_weight: weight of learning the expected error.
        seed: of everything random.
        network: sizes of the network.
    """

    steps: int = 6_000
    batch: int = 512
    learning_rate: float = 1e-3
    scale_weight: float = 0.1
    seed: int = 0
    network: CompositionConfig = field(default_factory=CompositionConfig)


@dataclass
class FormulaTable:
    """Formulas with properties.

    Attributes:
        formulas: each as pairs of atomic number and amount.
        targets: ``(rows, properties)``, decimal logarithms of logarithmic ones, NaN where unknown.
    """

    formulas: list[tuple[tuple[int, float], ...]]
    targets: NDArray[np.float64]


def train(
    table: FormulaTable,
    held_out: FormulaTable,
    folder: Path,
    settings: CompositionTraining,
    *,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> CompositionNetwork:
    """Train, or go on training, and return the network with averaged weights."""
    where = pick_device(device)
    torch.manual_seed(settings.seed)
    network = CompositionNetwork(settings.network).to(where)
    targets = torch.from_numpy(table.targets.astype(np.float32)).to(where)
    elements, shares = (part.to(where) for part in encode(table.formulas))
    network.target_mean.copy_(targets.nanmean(0))  # type: ignore[operator]
    gaps = targets - network.target_mean  # type: ignore[operator]
    network.target_std.copy_(gaps.square().nanmean(0).sqrt())  # type: ignore[operator]
    config = {"model": "composition", "network": settings.network.as_dict()}
    config |= {"training": {k: v for k, v in asdict(settings).items() if k != "network"}}
    schedule = Schedule(settings.steps, settings.learning_rate, weight_decay=0.05)
    run = TrainingRun(folder, network, schedule, config)

    def loss_of(rows: Tensor) -> Tensor:
        outputs = network(elements[rows], shares[rows])
        return _loss(network, outputs, targets[rows], settings.scale_weight)

    run_epochs(
        run,
        len(targets),
        settings.batch,
        loss_of,
        seed=settings.seed,
        seconds=seconds,
        progress=progress,
    )
    run.load_average()
    run.log(**validate(network, held_out))
    run.export(folder / "weights")
    return network


def _loss(
    network: CompositionNetwork, outputs: CompositionOutputs, targets: Tensor, scale_weight: float
) -> Tensor:
    mean: Tensor = network.target_mean  # type: ignore[assignment]
    std: Tensor = network.target_std  # type: ignore[assignment]
    known = ~torch.isnan(targets)
    standardised = ((targets - mean) / std).nan_to_num(0.0)
    errors = (outputs.values - standardised).abs()
    expected = errors.detach() * torch.exp(-outputs.log_scales) + outputs.log_scales
    # every property counts alike, however many formulas have it
    share = known / known.sum(0).clamp_min(1)
    return ((errors + scale_weight * expected) * share).sum()


@torch.no_grad()
def validate(network: CompositionNetwork, table: FormulaTable) -> dict[str, float]:
    """Mean absolute error of every property."""
    network.eval()
    device = next(network.parameters()).device
    elements, shares = (part.to(device) for part in encode(table.formulas))
    values = network.in_units(network(elements, shares).values).cpu().numpy()
    network.train()
    errors = np.abs(values - table.targets)
    names = network.config.properties
    return {f"{name}_mae": float(np.nanmean(errors[:, i])) for i, name in enumerate(names)}
