"""Training one member of the surrogate ensemble from prepared graphs.

``python -m crystalsmith.models.surrogates.training --arrays DIR --out DIR --seed N`` needs PyTorch
alone; ``crystalsmith train surrogate`` prepares the graphs from CSV files and trains all members.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from crystalsmith.core.errors import WeightsError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.properties import METAL_BELOW
from crystalsmith.models.runs import (
    WEIGHTS_FILE,
    Schedule,
    TrainingRun,
    load_tensors,
    pick_device,
    run_epochs,
)
from crystalsmith.models.surrogates.arrays import GraphArrays
from crystalsmith.models.surrogates.graph import GraphBatch
from crystalsmith.models.surrogates.network import (
    MAX_Z,
    Outputs,
    SurrogateConfig,
    SurrogateNetwork,
)

if TYPE_CHECKING:
    from torch import Tensor

TRAIN_FILE, VALIDATION_FILE = "train.npz", "validation.npz"


@dataclass(frozen=True)
class SurrogateTraining:
    """Settings of a training run.

    Attributes:
        steps: optimiser steps.
        batch: crystals per step.
        learning_rate: highest learning rate.
        metal_weight: weight of telling metals from non-metals.
        scale_weight: weight of learning the expected error.
        weight_decay: of AdamW.
        warmup: steps until the highest learning rate.
        seed: of the weights and the order of crystals; members differ in it.
        network: sizes of the network.
    """

    steps: int = 8_000
    batch: int = 128
    learning_rate: float = 1e-3
    metal_weight: float = 0.2
    scale_weight: float = 0.05
    weight_decay: float = 0.05
    warmup: int = 500
    seed: int = 0
    network: SurrogateConfig = field(default_factory=SurrogateConfig)


class GraphTensors:
    """Graphs on the training device, from which any selection makes a batch."""

    def __init__(self, arrays: GraphArrays, device: torch.device) -> None:
        self.first = torch.from_numpy(arrays.first).to(device)
        self.elements = torch.from_numpy(arrays.elements).long().to(device)
        self.weights = torch.from_numpy(arrays.weights).to(device)
        self.reach = torch.from_numpy(arrays.reach).to(device)
        self.neighbours = torch.from_numpy(arrays.neighbours).to(device)
        self.vectors = torch.from_numpy(arrays.displacements()).to(device)
        self.targets = torch.from_numpy(arrays.targets).to(device)
        self.known = torch.from_numpy(arrays.known).to(device)
        self.energies = torch.from_numpy(arrays.energies).to(device)

    def __len__(self) -> int:
        return len(self.targets)

    def batch(self, crystals: Tensor) -> GraphBatch:
        """The graphs of some crystals side by side."""
        begins = self.first[crystals]
        counts = self.first[crystals + 1] - begins
        crystal = torch.repeat_interleave(torch.arange(len(crystals), device=begins.device), counts)
        offsets = counts.cumsum(0) - counts
        nodes = torch.arange(len(crystal), device=begins.device) + (begins - offsets)[crystal]
        neighbours = self.neighbours[nodes].long()
        return GraphBatch(
            elements=self.elements[nodes],
            weights=self.weights[nodes],
            crystal=crystal,
            neighbours=neighbours.clamp_min(0) + offsets[crystal][:, None],
            mask=neighbours >= 0,
            vectors=self.vectors[nodes],
            reach=self.reach[nodes],
            known=self.known[nodes].float(),
            energies=self.energies[crystals],
            size=len(crystals),
        )


def train(
    arrays_folder: Path,
    folder: Path,
    settings: SurrogateTraining,
    *,
    start: Path | None = None,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> SurrogateNetwork:
    """Train, or go on training, one member and return it with averaged weights.

    Args:
        arrays_folder: with the prepared graphs.
        folder: of the run.
        settings: what and how long.
        start: weights of a network for other properties, whose view of atoms is taken over.
        device: torch device.
        seconds: stop after this time even if steps remain.
        progress: told about every epoch.
    """
    where = pick_device(device)
    torch.manual_seed(settings.seed)
    data = GraphTensors(GraphArrays.load(arrays_folder / TRAIN_FILE), where)
    validation = GraphTensors(GraphArrays.load(arrays_folder / VALIDATION_FILE), where)
    network = SurrogateNetwork(settings.network).to(where)
    if start is not None:
        take_over(network, start)
    settle_targets(network, data)
    config = {"model": "surrogate", "network": settings.network.as_dict()}
    config |= {"training": {k: v for k, v in asdict(settings).items() if k != "network"}}
    if start is not None:
        config["start"] = start.name
    schedule = Schedule(
        settings.steps,
        settings.learning_rate,
        warmup=settings.warmup,
        weight_decay=settings.weight_decay,
    )
    run = TrainingRun(folder, network, schedule, config)

    def loss_of(rows: Tensor) -> Tensor:
        batch = data.batch(rows)
        with torch.autocast(where.type, torch.bfloat16, enabled=bool(settings.network.layers)):
            outputs = network(batch)
        return _loss(network, outputs, data.targets[rows] - network.baseline(batch), settings)

    run_epochs(
        run,
        len(data),
        settings.batch,
        loss_of,
        seed=settings.seed,
        seconds=seconds,
        progress=progress,
    )
    run.load_average()
    run.log(**validate(network, validation))
    run.export(folder / "weights")
    return network


_OWN = ("value.", "scale.", "metal.", "target_", "element_mean")


def take_over(network: SurrogateNetwork, start: Path) -> None:
    """Copy everything but the heads from weights of the same sizes.

    Raises:
        WeightsError: the weights are missing, or belong to a network of other sizes.
    """
    tensors = load_tensors(start / WEIGHTS_FILE)
    own = network.state_dict()
    shared = {k: v.float() for k, v in tensors.items() if not k.startswith(_OWN)}
    wanted = {k for k in own if not k.startswith(_OWN)}
    if set(shared) != wanted or any(shared[k].shape != own[k].shape for k in wanted):
        raise WeightsError(
            f"the weights in {start} belong to a network of other sizes; start from others, or"
            " give the same sizes with --set"
        )
    network.load_state_dict(shared, strict=False)


@torch.no_grad()
def settle_targets(network: SurrogateNetwork, data: GraphTensors) -> None:
    """Fit the elements' energies, and what targets are standardised by."""
    if network.config.known and "formation_energy" in network.config.properties:
        column = network.config.properties.index("formation_energy")
        network.element_mean.copy_(_element_energies(data, column))  # type: ignore[operator]
    rows = torch.arange(len(data), device=data.targets.device)
    baseline = torch.cat([network.baseline(data.batch(part)) for part in rows.split(512)])
    left = data.targets - baseline
    network.target_mean.copy_(left.nanmean(0))  # type: ignore[operator]
    spread = (left - network.target_mean).square().nanmean(0).sqrt()  # type: ignore[operator]
    network.target_std.copy_(spread)  # type: ignore[operator]


def _element_energies(data: GraphTensors, column: int) -> Tensor:
    """``(MAX_Z,)`` energies of the elements that turn CHGNet's energies into formation energies."""
    counts = data.first.diff()
    crystal = torch.repeat_interleave(torch.arange(len(data), device=counts.device), counts)
    shares = torch.zeros(len(data), MAX_Z, dtype=torch.float64, device=counts.device)
    shares.index_put_((crystal, data.elements), data.weights.double(), accumulate=True)
    known = ~torch.isnan(data.targets[:, column])
    gaps = (data.energies - data.targets[:, column])[known].double()
    matrix = shares[known]
    weights = torch.ones_like(gaps)
    for _ in range(10):  # reweighted least squares, towards least absolute errors
        scaled = matrix * weights[:, None]
        ridge = 1e-4 * torch.eye(MAX_Z, dtype=torch.float64, device=gaps.device)
        found = torch.linalg.solve(scaled.T @ matrix + ridge, scaled.T @ gaps)
        weights = 1 / (matrix @ found - gaps).abs().clamp_min(0.01)
    return found.float()


def _loss(
    network: SurrogateNetwork, outputs: Outputs, targets: Tensor, settings: SurrogateTraining
) -> Tensor:
    mean: Tensor = network.target_mean  # type: ignore[assignment]
    std: Tensor = network.target_std  # type: ignore[assignment]
    known = ~torch.isnan(targets)
    standardised = ((targets - mean) / std).nan_to_num(0.0)
    errors = (outputs.values.float() - standardised).abs()
    value = (errors * known).sum() / known.sum()
    log_scales = outputs.log_scales.float()
    expected = errors.detach() * torch.exp(-log_scales) + log_scales
    scale = (expected * known).sum() / known.sum()
    loss = value + settings.scale_weight * scale
    if "band_gap" in network.config.properties:
        column = network.config.properties.index("band_gap")
        metal = (targets[:, column].nan_to_num(1.0) < METAL_BELOW).float()
        logits = outputs.metal.float()[known[:, column]]
        labels = metal[known[:, column]]
        if len(labels):  # no crystal of the batch may have a known gap
            loss = loss + settings.metal_weight * nn.functional.binary_cross_entropy_with_logits(
                logits, labels
            )
    return loss


@torch.no_grad()
def validate(network: SurrogateNetwork, data: GraphTensors) -> dict[str, float]:
    """Mean absolute error of every property, and how often metals are told apart."""
    network.eval()
    rows = torch.arange(len(data), device=data.targets.device)
    parts, metals = [], []
    for part in rows.split(512):
        batch = data.batch(part)
        outputs = network(batch)
        parts.append(network.in_units(outputs.values, batch))
        metals.append(outputs.metal)
    network.train()
    values, metal = torch.cat(parts), torch.cat(metals) > 0
    result = {}
    for column, name in enumerate(network.config.properties):
        known = ~torch.isnan(data.targets[:, column])
        truth, guess = data.targets[known, column], values[known, column]
        if name == "band_gap":
            guess = torch.where(metal[known], 0.0, guess.clamp_min(0.0))
            right = metal[known] == (truth < METAL_BELOW)
            result["metal_accuracy"] = float(right.float().mean())
        result[f"{name}_mae"] = float((guess - truth).abs().mean())
    return result


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrays", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=SurrogateTraining.steps)
    parser.add_argument("--width", type=int, default=SurrogateConfig.width)
    parser.add_argument("--layers", type=int, default=SurrogateConfig.layers)
    parser.add_argument("--known", type=int, default=SurrogateConfig.known)
    parser.add_argument("--blocks", type=int, default=SurrogateConfig.blocks)
    parser.add_argument("--dropout", type=float, default=SurrogateConfig.dropout)
    parser.add_argument("--batch", type=int, default=SurrogateTraining.batch)
    parser.add_argument("--learning-rate", type=float, default=SurrogateTraining.learning_rate)
    parser.add_argument("--properties", nargs="+", default=list(SurrogateConfig.properties))
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    network = SurrogateConfig(
        width=options.width,
        layers=options.layers,
        known=options.known,
        blocks=options.blocks,
        dropout=options.dropout,
        properties=tuple(options.properties),
    )
    settings = SurrogateTraining(
        steps=options.steps,
        batch=options.batch,
        learning_rate=options.learning_rate,
        seed=options.seed,
        network=network,
    )
    train(
        options.arrays,
        options.out,
        settings,
        start=options.start,
        device=options.device,
        seconds=options.seconds,
    )


if __name__ == "__main__":
    main()
