"""Training the polymorph network: each known crystal is to be told by its formula's others."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.polymorphs.network import PolymorphConfig, PolymorphNetwork
from crystalsmith.models.polymorphs.relatives import N_FEATURES, Relatives, relatives
from crystalsmith.models.runs import Schedule, TrainingRun, pick_device, run_epochs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from crystalsmith.core.entry import Entry
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.neighbours.model import NeighbourModel
    from crystalsmith.models.neighbours.prior import NeighbourPrior, Votes
    from crystalsmith.models.polymorphs.known import KnownPolymorphs

_BATCH = 64  # formulas that the neighbours vote on together


@dataclass(frozen=True)
class PolymorphTraining:
    """Settings of a training run.

    Attributes:
        steps: optimiser steps.
        batch: crystals per step.
        learning_rate: highest learning rate.
        weight_decay: of AdamW.
        seed: of everything random.
        network: size of the network.
    """

    steps: int = 2_000
    batch: int = 512
    learning_rate: float = 5e-3
    weight_decay: float = 0.1
    seed: int = 0
    network: PolymorphConfig = field(default_factory=PolymorphConfig)


@dataclass(frozen=True)
class Witnesses:
    """Who is asked about a crystal that is to be told.

    Attributes:
        known: all known crystals by formula.
        prior: the same, by how near they are.
        voter: weighs their votes.
        compositions: predicts the hull that wanted heights are measured from.
    """

    known: KnownPolymorphs
    prior: NeighbourPrior
    voter: NeighbourModel
    compositions: CompositionModel


class Lessons(NamedTuple):
    """Crystals with the relatives of their formulas' other crystals, padded.

    Attributes:
        features: ``(B, N, N_FEATURES)``.
        present: ``(B, N)`` False where padded.
        right: ``(B,)`` which of them is the crystal's template; N for none.
    """

    features: Tensor
    present: Tensor
    right: Tensor


def train(
    entries: Sequence[Entry],
    held_out: Sequence[Entry],
    witnesses: Witnesses,
    folder: Path,
    settings: PolymorphTraining,
    *,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> PolymorphNetwork:
    """Train, or go on training, and return the network with averaged weights.

    Args:
        entries: crystals that are to be told by the known others of their formulas.
        held_out: crystals to check with.
        witnesses: who know ``entries``, but not ``held_out``.
        folder: of the run.
        settings: what and how long.
        device: torch device.
        seconds: stop after this time even if steps remain.
        progress: told about every report.

    Raises:
        DataError: no formula has two known crystals, one of them with an energy.
    """
    where = pick_device(device)
    torch.manual_seed(settings.seed)
    network = PolymorphNetwork(settings.network)
    lessons = lessons_of(entries, witnesses, progress)
    if not len(lessons.right):
        raise DataError("no formula has two crystals, one with an energy, to learn from; add some")
    network.scale_to(lessons.features[lessons.present])
    network.to(where)
    lessons = Lessons(*(part.to(where) for part in lessons))
    config = {"model": "polymorphs", "network": settings.network.as_dict()}
    config |= {"training": {k: v for k, v in asdict(settings).items() if k != "network"}}
    schedule = Schedule(
        settings.steps,
        settings.learning_rate,
        warmup=min(100, settings.steps // 10),
        weight_decay=settings.weight_decay,
        average=0.99,
    )
    run = TrainingRun(folder, network, schedule, config)
    run_epochs(
        run,
        len(lessons.right),
        settings.batch,
        lambda rows: surprise(network, Lessons(*(part[rows] for part in lessons))),
        seed=settings.seed,
        seconds=seconds,
        progress=progress,
    )
    run.load_average()
    checked = lessons_of(held_out, witnesses, progress)
    if len(checked.right):
        with torch.no_grad():
            lessons = Lessons(*(part.to(where) for part in checked))
            run.log(surprise=float(surprise(network, lessons)))
    run.export(folder / "weights")
    return network


def surprise(network: PolymorphNetwork, lessons: Lessons) -> Tensor:
    """Mean nats by which the network is surprised at the template, or at its being another."""
    logs = network(lessons.features, lessons.present)
    return -logs.gather(1, lessons.right[:, None]).mean()


def lessons_of(
    entries: Sequence[Entry], witnesses: Witnesses, progress: Progress = silent
) -> Lessons:
    """What the other known crystals of each crystal's formula say of it.

    Crystals without an energy, or without others, teach nothing.
    """
    asked = []
    for entry in entries:
        others = [own for own in witnesses.known.of(entry.composition) if own.id != entry.id]
        if others and entry.formation_energy is not None:
            asked.append((entry, others))
    found: list[tuple[Relatives, int]] = []
    for begin in range(0, len(asked), _BATCH):
        part = asked[begin : begin + _BATCH]
        for (entry, others), votes in zip(part, _votes(part, witnesses), strict=True):
            energy = entry.formation_energy or 0.0
            own = relatives(witnesses.known, others, energy, votes.shares)
            template = entry.crystal.template
            right = own.templates.index(template) if template in own.templates else -1
            found.append((own, right))
        progress("asking the polymorphs", len(found), len(asked))
    return _padded(found)


def _votes(asked: Sequence[tuple[Entry, Sequence[Entry]]], witnesses: Witnesses) -> list[Votes]:
    """Votes of the crystals around each formula, the crystal itself left out."""
    formulas = [entry.composition for entry, _ in asked]
    circles = [witnesses.prior.around(formula) for formula in formulas]
    without = [
        circle and replace(circle, same=[own.crystal.template for own in others])
        for circle, (_, others) in zip(circles, asked, strict=True)
    ]
    heights = witnesses.compositions.heights(
        formulas, [entry.formation_energy for entry, _ in asked]
    )
    return witnesses.voter.votes(without, heights)


def _padded(found: Sequence[tuple[Relatives, int]]) -> Lessons:
    most = max((len(own.templates) for own, _ in found), default=0)
    features = np.zeros((len(found), most, N_FEATURES), np.float32)
    present = np.zeros((len(found), most), bool)
    for row, (own, _) in enumerate(found):
        features[row, : len(own.templates)] = own.features
        present[row, : len(own.templates)] = True
    right = np.array([place if place >= 0 else most for _, place in found], np.int64)
    return Lessons(*map(torch.from_numpy, (features, present, right)))
