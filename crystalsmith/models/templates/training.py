"""Training the template network to tell which pattern a crystal's formula takes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import torch
from pymatgen.core import Composition

from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.runs import Schedule, TrainingRun, pick_device, run_epochs
from crystalsmith.models.templates.catalogue import Catalogue, pattern_of
from crystalsmith.models.templates.network import (
    MAX_ELEMENTS,
    Formulas,
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

_UNHEARD = 1e-4  # probability that a pattern outside the catalogue counts with


@dataclass(frozen=True)
class TemplateTraining:
    """Settings of a training run.

    Attributes:
        steps: optimiser steps.
        batch: crystals per step.
        learning_rate: highest learning rate.
        smoothing: probability spread over all patterns of a formula instead of the true one.
        seed: of everything random.
        network: sizes of the network.
    """

    steps: int = 1_500
    batch: int = 256
    learning_rate: float = 1e-3
    smoothing: float = 0.05
    seed: int = 0
    network: TemplateConfig = field(default_factory=TemplateConfig)


def train(
    records: Sequence[Record],
    held_out: Sequence[Record],
    compositions: CompositionModel,
    folder: Path,
    settings: TemplateTraining,
    *,
    device: str = "auto",
    seconds: float = math.inf,
    progress: Progress = silent,
) -> TemplateNetwork:
    """Train, or go on training, and return the network with averaged weights.

    Args:
        records: crystals to learn from; formulas without structure among them are passed over.
        held_out: crystals to validate on.
        compositions: predicts the hull that heights are measured from, as it will in use; the
            network starts from its weights.
        folder: of the run.
        settings: of the run.
        device: torch device, or ``auto``.
        seconds: when to stop at the latest.
        progress: told about steps.

    Raises:
        DataError: no record has a structure of at most `MAX_ELEMENTS` elements.
    """
    known = usable(records)
    if not known:
        raise DataError(f"there is no crystal of at most {MAX_ELEMENTS} elements to learn from")
    where = pick_device(device)
    torch.manual_seed(settings.seed)
    catalogue = Catalogue(pattern_of(record) for record in known)
    network = TemplateNetwork(settings.network, catalogue)
    network.start_from(compositions.network)
    network.to(where)
    formulas = _encoded(known, compositions).to(where)
    targets = [catalogue.index[pattern_of(record)] for record in known]
    config = {"model": "templates", "network": settings.network.as_dict()}
    config |= {"training": {k: v for k, v in asdict(settings).items() if k != "network"}}
    schedule = Schedule(
        settings.steps, settings.learning_rate, warmup=100, weight_decay=0.05, average=0.995
    )
    run = TrainingRun(folder, network, schedule, config)

    def loss_of(rows: Tensor) -> Tensor:
        chosen = rows.tolist()
        pairs = pair_up(catalogue, [tuple(known[row].amounts) for row in chosen]).to(where)
        logs = log_shares(network(formulas.rows(rows), pairs), pairs)
        wanted = torch.tensor([targets[row] for row in chosen], device=where)
        true = logs[pairs.patterns == wanted[pairs.rows]].mean()
        means = torch.zeros(len(chosen), device=where).index_add(0, pairs.rows, logs)
        spread = (means / pairs.counts).mean()
        return -(1 - settings.smoothing) * true - settings.smoothing * spread

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


def usable(records: Sequence[Record]) -> list[Record]:
    """Records with a structure and few enough elements."""
    return [r for r in records if r.group is not None and len(r.elements) <= MAX_ELEMENTS]


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
        [Composition(dict(zip(*formula, strict=True))) for formula in formulas],
        [record.formation_energy for record in records],
    )
    return encode(formulas, heights, [record.source == "hypothetical" for record in records])
