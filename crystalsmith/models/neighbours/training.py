"""Training the neighbour network: every known crystal is to be told by the others.

Crystals of the same formula do not vote, so that nothing is told by itself. Half of the formulas
are shown with some of their neighbours alone, down to one, as a small store would have them.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from crystalsmith.core.crystallography.template import ordered_amounts
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.neighbours.network import (
    Circles,
    NeighbourConfig,
    NeighbourNetwork,
    collate,
)
from crystalsmith.models.runs import Schedule, TrainingRun, pick_device, run_epochs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from crystalsmith.core.entry import Entry
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.neighbours.prior import NeighbourPrior

MAX_ELEMENTS = 8  # of the formulas that are learned from
_FEWEST = 0.01  # of the neighbours, in the smallest store
_UNTOLD = 0.15  # how often the wanted height above the hull is not told
_UNRECORDED = 0.1  # how often nothing is known of the neighbours' heights
_UNHEARD = 1e-4  # probability of a template that nobody votes for


@dataclass(frozen=True)
class NeighbourTraining:
    """Settings of a training run.

    Attributes:
        steps: optimiser steps.
        batch: formulas per step.
        learning_rate: highest learning rate.
        seed: of everything random.
        network: sizes of the network.
    """

    steps: int = 4_000
    batch: int = 256
    learning_rate: float = 3e-3
    seed: int = 0
    network: NeighbourConfig = field(default_factory=NeighbourConfig)


def train(
    entries: Sequence[Entry],
    held_out: Sequence[Entry],
    prior: NeighbourPrior,
    compositions: CompositionModel,
    folder: Path,
    settings: NeighbourTraining,
    *,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> NeighbourNetwork:
    """Train, or go on training, and return the network with averaged weights.

    Args:
        entries: crystals that are to be told by the others.
        held_out: crystals to check with.
        prior: the known crystals, ``entries`` among them.
        compositions: predicts the hull that wanted heights are measured from, as it will in use.
        folder: of the run.
        settings: what and how long.
        device: torch device.
        seconds: stop after this time even if steps remain.
        progress: told about every report.
    """
    where = pick_device(device)
    torch.manual_seed(settings.seed)
    network = NeighbourNetwork(settings.network).to(where)
    circles, hits = _lessons(entries, prior, compositions, progress)
    circles, hits = circles.to(where), hits.to(where)
    config = {"model": "neighbours", "network": settings.network.as_dict()}
    config |= {"training": {k: v for k, v in asdict(settings).items() if k != "network"}}
    warmup = min(200, settings.steps // 10)
    schedule = Schedule(
        settings.steps, settings.learning_rate, warmup=warmup, weight_decay=0.01, average=0.99
    )
    run = TrainingRun(folder, network, schedule, config)

    def loss_of(rows: Tensor) -> Tensor:
        return surprise(network, _as_in_use(circles.rows(rows)), hits[rows])

    run_epochs(
        run,
        len(hits),
        settings.batch,
        loss_of,
        seed=settings.seed,
        seconds=seconds,
        progress=progress,
    )
    run.load_average()
    network.eval()
    if held_out:
        run.log(**validate(network, *_lessons(held_out, prior, compositions, progress)))
    run.export(folder / "weights")
    return network


def surprise(network: NeighbourNetwork, circles: Circles, hits: Tensor) -> Tensor:
    """Nats by which the votes, and whether they are of any use, are off in the mean.

    Args:
        network: to judge.
        circles: formulas with their neighbours.
        hits: ``(B, N)`` which of them have the template of the formula's crystal.
    """
    logs, useful = network(circles)
    right = hits & circles.present
    named = right.any(1)
    told = logs.masked_fill(~right, -1e9).logsumexp(1)
    doubt = functional.binary_cross_entropy_with_logits(useful, named.float())
    return doubt - torch.where(named, told, 0.0).mean()


@torch.no_grad()
def validate(network: NeighbourNetwork, circles: Circles, hits: Tensor) -> dict[str, float]:
    """How often most votes are for the true template, and the mean surprise at it (nats)."""
    device = next(network.parameters()).device
    logs, _ = network(circles.to(device))
    votes = logs.exp().cpu()
    shares = torch.zeros_like(votes).scatter_add(1, circles.templates, votes)
    first = shares.argmax(1, keepdim=True)
    right = (hits & (circles.templates == first)).any(1)
    told = (votes * hits).sum(1)
    return {
        "template_top1": 100 * float(right.float().mean()),
        "surprise": -float((told + _UNHEARD).log().mean()),
    }


def _as_in_use(circles: Circles) -> Circles:
    """Half of the formulas with some of their neighbours alone; some heights unknown."""
    device = circles.present.device
    rows = len(circles.present)
    share = _FEWEST ** torch.rand(rows, 1, device=device)
    share = torch.where(torch.rand(rows, 1, device=device) < 0.5, share, 1.0)
    lots = torch.rand(circles.present.shape, device=device).masked_fill(~circles.present, 2.0)
    kept = (lots < share) | (lots == lots.amin(1, keepdim=True))  # somebody votes
    untold = torch.rand(rows, device=device) < _UNTOLD
    unrecorded = torch.rand(rows, 1, device=device) < _UNRECORDED
    return circles._replace(
        present=kept,
        wanted=circles.wanted.masked_fill(untold, math.nan),
        heights=circles.heights.masked_fill(unrecorded, math.nan),
    )


def _lessons(
    entries: Sequence[Entry],
    prior: NeighbourPrior,
    compositions: CompositionModel,
    progress: Progress,
) -> tuple[Circles, Tensor]:
    """The crystals' formulas with their neighbours, and which of them are right ``(B, N)``."""
    heights = compositions.heights(
        [entry.composition for entry in entries], [entry.formation_energy for entry in entries]
    )
    found, told, right = [], [], []
    for done, (entry, height) in enumerate(zip(entries, heights, strict=True), start=1):
        around = prior.around(entry.composition)
        if around is not None and around.letters and len(around.symbols) <= MAX_ELEMENTS:
            letters, template = entry.crystal.template.letters, entry.crystal.template
            order = ordered_amounts(template.composition)[0]
            own = (template.number, tuple(letters[element] for element in order))
            found.append(around)
            told.append(height)
            right.append([key == own for key in around.letters])
        progress("asking the neighbours", done, len(entries))
    circles = collate(found, told)
    hits = torch.zeros_like(circles.present)
    for row, own_hits in enumerate(right):
        hits[row, : len(own_hits)] = torch.tensor(own_hits)
    return circles, hits
