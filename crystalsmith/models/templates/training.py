"""Training the template network to tell which pattern a crystal's formula takes."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import torch

from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.constraint.records import composition_of
from crystalsmith.models.runs import Schedule, TrainingRun, pick_device, run_epochs
from crystalsmith.models.templates.catalogue import Catalogue, Pattern, pattern_of
from crystalsmith.models.templates.network import (
    MAX_ELEMENTS,
    Formulas,
    Pairs,
    TemplateConfig,
    TemplateNetwork,
    encode,
    log_shares,
    pair_up,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.constraint.records import Record
    from crystalsmith.models.templates.model import TemplateModel
    from crystalsmith.prompts.constraint import Near

_UNHEARD = 1e-4  # probability that a pattern outside the catalogue counts with
_KNOWN = 0.3  # share of what a formula is taught that the catalogue must hold


@dataclass(frozen=True)
class TemplateTraining:
    """Settings of a training run.

    Attributes:
        steps: optimiser steps.
        batch: crystals per step.
        learning_rate: highest learning rate.
        smoothing: probability spread over all patterns of a formula instead of the true one.
        least_taught: how many formulas' worth of shares make a taught pattern worth knowing.
        seed: of everything random.
        network: sizes of the network.
    """

    steps: int = 1_500
    batch: int = 256
    learning_rate: float = 1e-3
    smoothing: float = 0.05
    least_taught: float = 0.5
    seed: int = 0
    network: TemplateConfig = field(default_factory=TemplateConfig)


def train(
    records: Sequence[Record],
    held_out: Sequence[Record],
    compositions: CompositionModel,
    folder: Path,
    settings: TemplateTraining,
    *,
    start: TemplateModel | None = None,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> TemplateNetwork:
    """Train, or go on training, and return the network with averaged weights.

    Args:
        records: crystals to learn from, and formulas that a teacher has named templates for; those
            that tell of no structure are passed over.
        held_out: crystals to validate on.
        compositions: predicts the hull that heights are measured from, as it will in use; the
            network starts from its weights.
        folder: of the run.
        settings: of the run.
        start: a finished network of the same sizes to start from instead.
        device: torch device, or ``auto``.
        seconds: when to stop at the latest.
        progress: told about steps.

    Raises:
        DataError: no record has a structure of at most `MAX_ELEMENTS` elements.
    """
    where = pick_device(device)
    torch.manual_seed(settings.seed)
    known = usable(records)
    if not known:
        raise DataError(f"there is no crystal of at most {MAX_ELEMENTS} elements to learn from")
    before = start.catalogue.patterns if start else []
    catalogue = Catalogue([*before, *_patterns(known, settings.least_taught)])
    network = TemplateNetwork(settings.network, catalogue)
    network.start_from(compositions.network)
    if start:
        network.continue_from(start.network)
    lessons = [_lesson(record, catalogue) for record in known]
    rows = [row for row, lesson in enumerate(lessons) if lesson]
    known, lessons = [known[row] for row in rows], [lessons[row] for row in rows]
    network.to(where)
    formulas = _encoded(known, compositions).to(where)
    config = {"model": "templates", "network": settings.network.as_dict()}
    config |= {"training": {k: v for k, v in asdict(settings).items() if k != "network"}}
    schedule = Schedule(
        settings.steps, settings.learning_rate, warmup=100, weight_decay=0.05, average=0.995
    )
    run = TrainingRun(folder, network, schedule, config)

    def loss_of(rows: Tensor) -> Tensor:
        chosen = rows.tolist()
        pairs = pair_up(catalogue, [tuple(known[row].amounts) for row in chosen])
        wanted = _shares(pairs, [lessons[row] for row in chosen]).to(where)
        pairs = pairs.to(where)
        logs = log_shares(network(formulas.rows(rows), pairs), pairs)
        even = 1 / pairs.counts[pairs.rows]
        aim = (1 - settings.smoothing) * wanted + settings.smoothing * even
        return -(aim * logs).sum() / len(chosen)

    run_epochs(
        run,
        len(known),
        settings.batch,
        loss_of,
        seed=settings.seed,
        seconds=seconds,
        progress=progress,
    )
    run.load_average()
    run.log(**validate(network, catalogue, held_out, compositions))
    run.export(folder / "weights")
    catalogue.save(folder / "weights")
    return network


def _patterns(records: Sequence[Record], least_taught: float) -> list[Pattern]:
    """Of all crystals, and those that teachers name often enough."""
    taught: dict[Pattern, float] = defaultdict(float)
    for record in records:
        for known in record.taught:
            taught[_taught_pattern(record, known)] += known.share
    often = [pattern for pattern, share in taught.items() if share >= least_taught]
    return [*(pattern_of(record) for record in records if record.group is not None), *often]


def _taught_pattern(record: Record, known: Near) -> Pattern:
    return Pattern(known.group, known.units, tuple(known.letters), tuple(record.amounts))


def _lesson(record: Record, catalogue: Catalogue) -> dict[int, float]:
    """Patterns with the share that each should get; nothing where too little is known."""
    if record.group is not None:
        return {catalogue.index[pattern_of(record)]: 1.0}
    taught: dict[int, float] = defaultdict(float)
    for known in record.taught:
        number = catalogue.index.get(_taught_pattern(record, known))
        if number is not None:
            taught[number] += known.share
    total = sum(taught.values())
    return {n: share / total for n, share in taught.items()} if total >= _KNOWN else {}


def _shares(pairs: Pairs, lessons: Sequence[dict[int, float]]) -> Tensor:
    """What every pair ``(N,)`` should get."""
    rows, patterns = pairs.rows.tolist(), pairs.patterns.tolist()
    return torch.tensor([lessons[r].get(p, 0.0) for r, p in zip(rows, patterns, strict=True)])


def usable(records: Sequence[Record]) -> list[Record]:
    """Records with a structure, known or taught, and few enough elements."""
    return [
        record
        for record in records
        if (record.group is not None or record.taught) and len(record.elements) <= MAX_ELEMENTS
    ]


@torch.no_grad()
def validate(
    network: TemplateNetwork,
    catalogue: Catalogue,
    records: Sequence[Record],
    compositions: CompositionModel,
) -> dict[str, float]:
    """How often the true pattern comes first, and the mean surprise at it (nats)."""
    known = usable(records)
    if not known:
        return {}
    device = next(network.parameters()).device
    pairs = pair_up(catalogue, [tuple(record.amounts) for record in known]).to(device)
    network.eval()
    logs = log_shares(network(_encoded(known, compositions).to(device), pairs), pairs)
    network.train()
    parts = zip(
        logs.split(pairs.counts.tolist()), pairs.patterns.split(pairs.counts.tolist()), strict=True
    )
    hits, surprise = 0, 0.0
    for record, (own, patterns) in zip(known, parts, strict=True):
        shares = dict(zip(patterns.tolist(), own.exp().tolist(), strict=True))
        true = catalogue.index.get(pattern_of(record), -1)
        hits += bool(shares) and max(shares, key=lambda number: shares[number]) == true
        surprise -= math.log(shares.get(true, 0.0) + _UNHEARD)
    return {"template_top1": 100 * hits / len(known), "surprise": surprise / len(known)}


def _encoded(records: Sequence[Record], compositions: CompositionModel) -> Formulas:
    formulas = [(record.elements, record.amounts) for record in records]
    heights = compositions.heights(
        [composition_of(record) for record in records],
        [record.formation_energy for record in records],
    )
    return encode(formulas, heights, [record.source == "hypothetical" for record in records])
