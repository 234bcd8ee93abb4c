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
from crystalsmith.models.templates.catalogue import (
    MAX_ELEMENTS,
    OFTEN,
    Catalogue,
    Pattern,
    pattern_of,
)
from crystalsmith.models.templates.network import (
    ALONE,
    Formulas,
    Pairs,
    TemplateConfig,
    TemplateNetwork,
    encode,
    log_shares,
    pair_up,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.constraint.records import Record
    from crystalsmith.models.templates.catalogue import Candidates
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
    seen = _seen(known)
    named = _named(known, settings.least_taught)
    catalogue = Catalogue({pattern: seen.get(pattern, 0) for pattern in [*seen, *named]})
    network = TemplateNetwork(settings.network, catalogue)
    network.start_from(compositions.network_of("hull_energy"))
    if start:
        network.continue_from(start.network, start.catalogue, catalogue)
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
        found = [catalogue.candidates(tuple(known[row].amounts)) for row in chosen]
        wanted = torch.cat([_shares(one, lessons[r]) for one, r in zip(found, chosen, strict=True)])
        pairs = without_itself(pair_up(found), [known[row] for row in chosen], catalogue, seen)
        wanted, pairs = wanted.to(where), pairs.to(where)
        logs = log_shares(network(formulas.rows(rows), pairs), pairs)
        return surprise(logs, wanted, pairs, settings.smoothing) / len(chosen)

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


def _seen(records: Sequence[Record]) -> dict[Pattern, int]:
    """With how many formulas each pattern is known."""
    formulas: dict[Pattern, set[tuple[str, ...]]] = defaultdict(set)
    for record in records:
        if record.group is not None:
            formulas[pattern_of(record)].add(tuple(record.elements))
    return {pattern: len(known) for pattern, known in formulas.items()}


def _named(records: Sequence[Record], least_taught: float) -> list[Pattern]:
    """The patterns that teachers name often enough."""
    taught: dict[Pattern, float] = defaultdict(float)
    for record in records:
        for known in record.taught:
            taught[_taught_pattern(record, known)] += known.share
    return [pattern for pattern, share in taught.items() if share >= least_taught]


def _taught_pattern(record: Record, known: Near) -> Pattern:
    return Pattern(known.group, known.units, tuple(known.letters), tuple(record.amounts))


def _lesson(record: Record, catalogue: Catalogue) -> dict[Pattern, float]:
    """Patterns with the share that each should get; nothing where too little is known."""
    if record.group is not None:
        return {pattern_of(record): 1.0}
    choice = set(catalogue.candidates(tuple(record.amounts)).patterns)
    taught: dict[Pattern, float] = defaultdict(float)
    for known in record.taught:
        pattern = _taught_pattern(record, known)
        if pattern in choice:
            taught[pattern] += known.share
    total = sum(taught.values())
    return {p: share / total for p, share in taught.items()} if total >= _KNOWN else {}


def _shares(found: Candidates, lesson: dict[Pattern, float]) -> Tensor:
    """What every candidate ``(N,)`` should get."""
    return torch.tensor([lesson.get(pattern, 0.0) for pattern in found.patterns])


def surprise(logs: Tensor, wanted: Tensor, pairs: Pairs, smoothing: float) -> Tensor:
    """Nats by which the network is surprised, summed over the formulas.

    Where the true pattern is `ALONE` it could not have been named; what counts there is that the
    patterns of the same space group were expected.

    Args:
        logs: ``(N,)`` log-probabilities; `ALONE` ones are of no account.
        wanted: ``(N,)`` shares that the candidates should have.
        pairs: the candidates.
        smoothing: probability spread evenly instead.
    """
    lone = pairs.seen == ALONE
    even = 1 / pairs.counts[pairs.rows]
    aim = (1 - smoothing) * wanted + smoothing * even
    groups = torch.zeros_like(pairs.counts).index_add(0, pairs.rows, pairs.groups * lone)
    beside = (pairs.groups == groups[pairs.rows]) & ~lone
    shares = logs.exp() * beside
    expected = torch.zeros_like(pairs.counts, dtype=logs.dtype).index_add(0, pairs.rows, shares)
    named = (aim * logs)[(groups == 0)[pairs.rows]].sum()
    return -named - expected[expected > 0].clamp(min=_UNHEARD).log().sum()


def without_itself(
    pairs: Pairs, records: Sequence[Record], catalogue: Catalogue, seen: Mapping[Pattern, int]
) -> Pairs:
    """The pairs with no crystal counted among those that its own pattern was seen with.

    Args:
        pairs: of the records with their candidates.
        records: some with a structure, others taught.
        catalogue: of all records.
        seen: formulas per pattern.
    """
    changed = pairs.seen.clone()
    first = 0
    for record, count in zip(records, pairs.counts.tolist(), strict=True):
        if record.group is not None:
            pattern = pattern_of(record)
            choice = catalogue.candidates(tuple(record.amounts))
            others = min(seen[pattern] - 1, OFTEN)
            if others == 0 and not catalogue.is_reordered(pattern):
                others = ALONE
            changed[first + choice.patterns.index(pattern)] = others
        first += count
    return pairs._replace(seen=changed)


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
    found = [catalogue.candidates(tuple(record.amounts)) for record in known]
    pairs = pair_up(found).to(device)
    network.eval()
    logs = log_shares(network(_encoded(known, compositions).to(device), pairs), pairs)
    network.train()
    hits, surprise = 0, 0.0
    for record, own, one in zip(known, logs.split(pairs.counts.tolist()), found, strict=True):
        shares = dict(zip(one.patterns, own.exp().tolist(), strict=True))
        true = pattern_of(record)
        hits += bool(shares) and max(shares, key=lambda pattern: shares[pattern]) == true
        surprise -= math.log(shares.get(true, 0.0) + _UNHEARD)
    return {"template_top1": 100 * hits / len(known), "surprise": surprise / len(known)}


def _encoded(records: Sequence[Record], compositions: CompositionModel) -> Formulas:
    formulas = [(record.elements, record.amounts) for record in records]
    heights = compositions.heights(
        [composition_of(record) for record in records],
        [record.formation_energy for record in records],
    )
    return encode(formulas, heights, [record.source == "hypothetical" for record in records])
