"""Training the structure generator from prepared arrays.

``python -m crystalsmith.models.structure.training --arrays DIR --out DIR`` needs PyTorch alone;
``crystalsmith train structure`` prepares the arrays from CSV files first.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.runs import SAVE_EVERY, Schedule, TrainingRun, load_weights, pick_device
from crystalsmith.models.structure.arrays import TrainingArrays
from crystalsmith.models.structure.equivalence import nearest_displacement
from crystalsmith.models.structure.flow import CrystalFlow, SamplerSettings, flow_loss
from crystalsmith.models.structure.network import Conditions, FlowConfig
from crystalsmith.models.structure.training_set import (
    Bucket,
    build_buckets,
    epoch,
    fit_scales,
)
from crystalsmith.models.structure.wyckoff_table import WyckoffTable

if TYPE_CHECKING:
    from torch import Tensor

TRAIN_FILE, VALIDATION_FILE, TABLE_FILE = "train.npz", "validation.npz", "wyckoff.npz"
_VALIDATE_EVERY = 900.0  # seconds
_LARGE = 400  # orbit-atom pairs of a cell
_STILL = 0.5  # of the known geometries are not shaken at all
_KNOWN_TIME = 0.75  # few steps are taken from known geometries, so that late times do not matter
_FINE = 0.001  # squared error, in units of the squared length per atom, that counts as little


@dataclass(frozen=True)
class StructureTraining:
    """Settings of a training run.

    Attributes:
        steps: optimiser steps.
        learning_rate: highest learning rate.
        pair_budget: orbit-atom pairs per batch.
        accumulate: batches (of different sizes of crystal) per optimiser step.
        template_share: how many crystals with a known relative start from it rather than noise.
        keep_property: probability that a known property is shown to the network.
        shake: typical noise on half of the template starts, Å.
        lattice_weight: weight of the lattice error against the position error.
        large_share: how many of the buckets of large cells an epoch takes; they cost most of it.
        weight_decay: of AdamW.
        seed: of everything random.
        network: sizes of the network.
    """

    steps: int = 16_000
    learning_rate: float = 1e-3
    pair_budget: int = 12_000
    accumulate: int = 1
    template_share: float = 0.5
    keep_property: float = 0.5
    shake: float = 0.03
    lattice_weight: float = 0.1
    large_share: float = 0.5
    weight_decay: float = 0.01
    seed: int = 0
    network: FlowConfig = field(default_factory=FlowConfig)


def train(
    arrays_folder: Path,
    folder: Path,
    settings: StructureTraining,
    *,
    initial: Path | None = None,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> CrystalFlow:
    """Train, or go on training, and return the model with averaged weights.

    Args:
        arrays_folder: holds what `preparation.prepare` made.
        folder: of the run.
        settings: must equal those of an unfinished run in the folder.
        initial: folder of finished weights to begin a new run with.
        device: torch device.
        seconds: stop after this time even if steps remain; the run can be continued.
        progress: told about every step.
    """
    where = pick_device(device)
    torch.manual_seed(settings.seed)
    table = WyckoffTable.load(arrays_folder / TABLE_FILE)
    arrays = TrainingArrays.load(arrays_folder / TRAIN_FILE)
    flow = CrystalFlow(settings.network)
    if initial is None:
        fit_scales(flow, arrays, table)
    else:
        load_weights(flow, initial)  # they have their scales already
    buckets = build_buckets(arrays, table, flow, where)
    validation = build_buckets(
        TrainingArrays.load(arrays_folder / VALIDATION_FILE), table, flow, where
    )
    flow.to(where)
    schedule = Schedule(settings.steps, settings.learning_rate, weight_decay=settings.weight_decay)
    config = {"model": "crystal-flow", "network": settings.network.as_dict()}
    config |= {"training": {k: v for k, v in asdict(settings).items() if k != "network"}}
    run = TrainingRun(folder, flow, schedule, config)
    generator = torch.Generator().manual_seed(settings.seed + 7919 * run.step)
    _optimise(run, flow, buckets, validation, settings, seconds, generator, progress)
    run.save()
    run.load_average()
    run.log(**validate(flow, validation))
    run.export(folder / "weights")
    return flow


def _optimise(
    run: TrainingRun,
    flow: CrystalFlow,
    buckets: list[Bucket],
    validation: list[Bucket],
    settings: StructureTraining,
    seconds: float,
    generator: torch.Generator,
    progress: Progress,
) -> None:
    started = saved = validated = time.monotonic()
    sums = torch.zeros(3, device=buckets[0].band_gap.device)
    pending = 0
    while not run.finished and time.monotonic() - started < seconds:
        taken = _without_some(buckets, settings.large_share, generator)
        for bucket in epoch(taken, settings.pair_budget, generator):
            positions, shapes = _loss(flow, bucket, settings)
            loss = positions.mean() + settings.lattice_weight * shapes.mean()
            (loss / settings.accumulate).backward()
            sums += torch.stack(
                [positions.detach().sum(), shapes.detach().sum(), sums.new_tensor(len(bucket))]
            )
            pending += 1
            if pending % settings.accumulate == 0:
                run.apply_gradients()
                if time.monotonic() - saved > SAVE_EVERY:  # an epoch may take long
                    run.save()
                    saved = time.monotonic()
                if run.finished or time.monotonic() - started > seconds:
                    break
        progress("training", run.step, run.schedule.steps)
        position, shape, count = sums.tolist()
        sums.zero_()
        run.log(position_loss=position / count, lattice_loss=shape / count)
        if time.monotonic() - validated > _VALIDATE_EVERY:
            run.log(**validate_average(run, flow, validation))
            validated = time.monotonic()


def _without_some(
    buckets: list[Bucket], large_share: float, generator: torch.Generator
) -> list[Bucket]:
    """All buckets of small cells, and a random share of those of large ones."""
    lots = torch.rand(len(buckets), generator=generator).tolist()
    some = [
        b for b, lot in zip(buckets, lots, strict=True) if b.pairs < _LARGE or lot < large_share
    ]
    return some or buckets


def _loss(flow: CrystalFlow, bucket: Bucket, settings: StructureTraining) -> tuple[Tensor, Tensor]:
    """Errors of positions and of lattices, ``(B,)`` each.

    From known geometries the root counts: most are right to a hundredth of the length per atom, and
    the few that are not would drown them, as would the errors from noise.
    """
    start, start_lattice, conditions = _random_start(flow, bucket, settings)
    move, stretch = nearest_displacement(bucket.batch, start, start_lattice, bucket.crystals)
    known = conditions.from_template > 0
    time_now = torch.rand(len(bucket), device=start.device)
    positions, shapes = flow_loss(
        flow,
        bucket.batch,
        start,
        start_lattice,
        move,
        stretch * bucket.batch.lattice_mask,
        torch.where(known, _KNOWN_TIME * time_now, time_now),
        conditions,
    )
    return torch.where(known, (positions + _FINE).sqrt(), positions), shapes


def _random_start(
    flow: CrystalFlow, bucket: Bucket, settings: StructureTraining
) -> tuple[Tensor, Tensor, Conditions]:
    """Noise, or a borrowed geometry, nearer ones more often, half of them slightly shaken."""
    batch, borrowed, device = bucket.batch, bucket.borrowed, bucket.band_gap.device
    size = len(bucket)
    free = torch.rand(*batch.freedom.shape, device=device) * batch.freedom
    lattice = torch.randn(size, 6, device=device) * batch.lattice_mask
    use = (torch.rand(size, device=device) < settings.template_share) & (borrowed.count > 0)
    lots = torch.rand(size, device=device).square()
    which = (lots * borrowed.count).long().clamp_max(borrowed.free.shape[1] - 1)
    rows = torch.arange(size, device=device)
    shake = torch.randn(size, device=device).abs() * settings.shake
    shake = torch.where(torch.rand(size, device=device) < _STILL, 0.0, shake)
    t_free, t_lattice = shaken(
        batch,
        borrowed.free[rows, which],
        borrowed.lattice[rows, which],
        bucket.crystals.metric,
        shake,
    )
    keep = [torch.rand(size, device=device) < settings.keep_property for _ in range(2)]
    conditions = Conditions(
        band_gap=torch.where(keep[0], bucket.band_gap, torch.nan),
        formation_energy=torch.where(keep[1], bucket.formation_energy, torch.nan),
        from_template=use.float(),
        distance=torch.where(use, borrowed.distance[rows, which], 0.0),
        spread=torch.where(use, borrowed.spread[rows, which], 0.0),
    )
    free = torch.where(use[:, None, None], t_free, free)
    return free, torch.where(use[:, None], t_lattice, lattice), conditions


def shaken(
    batch: object, free: Tensor, lattice: Tensor, metric: Tensor, amount: Tensor
) -> tuple[Tensor, Tensor]:
    """A geometry with Gaussian noise of ``amount`` Å on coordinates, and as much on the lattice."""
    mask = batch.freedom  # type: ignore[attr-defined]
    lengths = metric.diagonal(dim1=-2, dim2=-1).clamp_min(1e-3).sqrt()
    noise = torch.randn_like(free) * amount[:, None, None] / lengths
    stretched = lattice + torch.randn_like(lattice) * amount[:, None]
    return (free + noise) * mask, stretched * batch.lattice_mask  # type: ignore[attr-defined]


def validate_average(
    run: TrainingRun, flow: CrystalFlow, buckets: list[Bucket]
) -> dict[str, float]:
    """`validate` with the averaged weights, which are taken out again afterwards."""
    current = {k: v.detach().clone() for k, v in flow.state_dict().items()}
    run.load_average()
    try:
        return validate(flow, buckets)
    finally:
        flow.load_state_dict(current)


@torch.no_grad()
def validate(flow: CrystalFlow, buckets: list[Bucket]) -> dict[str, float]:
    """Share of validation crystals found again, from noise and from a template.

    A quick stand-in for StructureMatcher, which the training machine need not have: the root mean
    square displacement to the nearest equivalent description, in units of the cube root of the
    volume per atom, is below 0.25 and the lattice lengths are within a fifth.
    """
    flow.eval()
    hits: dict[str, list[Tensor]] = {"noise": [], "template": []}
    settings = SamplerSettings()
    for bucket in buckets:
        size, device = len(bucket), bucket.band_gap.device
        nothing = torch.full((size,), torch.nan, device=device)
        zero = torch.zeros(size, device=device)
        start, start_lattice = flow.noise(bucket.batch, torch.Generator().manual_seed(1))
        blank = Conditions(nothing, nothing, zero, zero, zero)
        hits["noise"].append(_found(flow, bucket, start, start_lattice, blank, settings))
        has = bucket.borrowed.count > 0
        near = bucket.borrowed
        known = Conditions(nothing, nothing, zero + 1, near.distance[:, 0], near.spread[:, 0])
        found = _found(flow, bucket, near.free[:, 0], near.lattice[:, 0], known, settings)
        hits["template"].append(found & has)
    flow.train()
    return {f"found_{name}": float(torch.cat(rows).float().mean()) for name, rows in hits.items()}


def _found(
    flow: CrystalFlow,
    bucket: Bucket,
    start: Tensor,
    start_lattice: Tensor,
    conditions: Conditions,
    settings: SamplerSettings,
) -> Tensor:
    batch = bucket.batch
    free, lattice = flow.sample(batch, start, start_lattice, conditions, settings)
    standardised = flow.standardised(batch, lattice)
    move, stretch = nearest_displacement(batch, free, standardised, bucket.crystals)
    squared = torch.einsum("bni,bnij,bnj->bn", move, bucket.crystals.metric, move)
    share = batch.multiplicity / batch.multiplicity.sum(1, keepdim=True)
    length = torch.exp(lattice[:, 5]) / batch.conventional_atoms ** (1 / 3)
    rms = (squared * share).sum(1).sqrt() / length
    strain = (stretch * flow.scale(batch))[:, :5].abs().amax(1)
    return (rms < 0.25) & (strain < 0.2)


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrays", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=StructureTraining.steps)
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--width", type=int, default=FlowConfig.width)
    parser.add_argument("--layers", type=int, default=FlowConfig.layers)
    parser.add_argument("--pair-budget", type=int, default=StructureTraining.pair_budget)
    parser.add_argument("--accumulate", type=int, default=StructureTraining.accumulate)
    parser.add_argument("--learning-rate", type=float, default=StructureTraining.learning_rate)
    parser.add_argument("--initial", type=Path)
    parser.add_argument("--template-share", type=float, default=StructureTraining.template_share)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    settings = StructureTraining(
        steps=options.steps,
        learning_rate=options.learning_rate,
        template_share=options.template_share,
        pair_budget=options.pair_budget,
        accumulate=options.accumulate,
        network=replace(FlowConfig(), width=options.width, layers=options.layers),
    )
    train(
        options.arrays,
        options.out,
        settings,
        initial=options.initial,
        device=options.device,
        seconds=options.seconds,
    )


if __name__ == "__main__":
    main()
