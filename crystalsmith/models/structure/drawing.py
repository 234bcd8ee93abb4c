"""Drawing many drafts: in batches of similar size, a batch to each thread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch

from crystalsmith.core.crystallography.crystal import SymmetricCrystal
from crystalsmith.models.parallel import in_batches
from crystalsmith.models.structure.batch import collate, compact_template, size_batches
from crystalsmith.models.structure.drafts import Draft, Drawn, Job
from crystalsmith.models.structure.flow import MANY_FREE
from crystalsmith.models.structure.lattice import lattice_parameters
from crystalsmith.models.structure.network import Conditions
from crystalsmith.models.structure.selection import crowding, draft_facts
from crystalsmith.models.structure.soundness import Soundness, soundness_of
from crystalsmith.models.structure.starts import CODEBOOK
from crystalsmith.models.structure.wyckoff_table import WyckoffTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from crystalsmith.models.structure.batch import TemplateBatch
    from crystalsmith.models.structure.flow import CrystalFlow, SamplerSettings

REDRAWS = 3
_BREAKING = 0.1  # Å on a geometry whose symmetry is too high
_SHAKE = 0.1  # Å more for every time that a draft was not sound


class _Part(NamedTuple):
    """A batch to be drawn: which jobs, and the seed of its noise."""

    rows: list[int]
    seed: int


def draw_jobs(
    flow: CrystalFlow,
    jobs: Sequence[Job],
    settings: SamplerSettings,
    seed: int,
    *,
    with_facts: bool,
    done: Callable[[int], None],
    redraws: int = REDRAWS,
) -> list[Drawn]:
    """Draw every job; those that are not sound are drawn again, shaken more each time.

    Args:
        flow: that moves the atoms.
        jobs: what is to be drawn.
        settings: of the sampler.
        seed: of the noise; the number of threads does not matter.
        with_facts: tell what the selector wants to know.
        done: told how many jobs have been drawn at least once.
        redraws: how often at most.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn: dict[int, Drawn] = {}
    waiting = list(range(len(jobs)))
    for attempt in range(1 + redraws):
        if not waiting:
            break
        shaken = replace(settings, shake=settings.shake + _SHAKE * attempt)
        batches = size_batches({i: _size(jobs[i]) for i in waiting}, waiting)[::-1]
        parts = [
            _Part(rows, int(torch.randint(2**62, (1,), generator=generator))) for rows in batches
        ]
        table = WyckoffTable.of_groups({jobs[i].template.number for i in waiting})

        def draw(
            some: Sequence[_Part],
            shaken: SamplerSettings = shaken,
            table: WyckoffTable = table,
        ) -> list[list[tuple[int, Drawn]]]:
            return [_draw_part(flow, jobs, part, shaken, table, with_facts) for part in some]

        def count(finished: int, attempt: int = attempt, parts: list[_Part] = parts) -> None:
            if attempt == 0:
                done(sum(len(part.rows) for part in parts[:finished]))

        threads = torch.get_num_threads() if next(flow.parameters()).device.type == "cpu" else 1
        for rows in in_batches(draw, parts, 1, threads, count):
            for index, new in rows:
                drawn[index] = _again(drawn.get(index), new)
        waiting = [index for index in waiting if not drawn[index].draft.sound]
    return [drawn[index] for index in range(len(jobs))]


def _size(job: Job) -> tuple[int, int, int]:
    """How many steps a job takes, roughly, and its orbits and atoms."""
    still = job.template.free_parameters == 1
    many = job.template.free_parameters >= MANY_FREE
    kind = 0 if still else 3 if job.borrowed is None else 2 if many else 1
    return kind, len(job.template.orbits), job.template.n_atoms


def _again(before: Drawn | None, new: Drawn) -> Drawn:
    if before is None:
        return new
    counted = replace(
        new.draft,
        redraws=before.draft.redraws + 1,
        overlaps=before.draft.overlaps + new.draft.overlaps,
    )
    return Drawn(counted, new.facts)


def _draw_part(
    flow: CrystalFlow,
    jobs: Sequence[Job],
    part: _Part,
    settings: SamplerSettings,
    table: WyckoffTable,
    with_facts: bool,
) -> list[tuple[int, Drawn]]:
    own = [jobs[row] for row in part.rows]
    device = next(flow.parameters()).device
    batch = collate([compact_template(job.template, table) for job in own], table).to(device)
    noise = torch.Generator().manual_seed(part.seed)
    begun, lattice, conditions = _start_states(flow, batch, own, settings, noise)
    gone = 0
    if settings.together and not conditions.from_template.any() and batch.freedom.any():
        begun, lattice = _least_crowded(flow, batch, begun, lattice, conditions, settings, noise)
        gone = settings.together
    free, values = flow.sample(batch, begun, lattice, conditions, settings, gone)
    free = _held_back(own, begun, free, settings)
    facts = (
        draft_facts(flow, batch, begun, free, values, conditions)
        if with_facts
        else [None] * len(own)
    )
    places, cells = free.cpu().numpy(), values.cpu().numpy()
    return [
        (index, Drawn(_draft(job, places[row], cells[row]), facts[row]))
        for row, (index, job) in enumerate(zip(part.rows, own, strict=True))
    ]


def _start_states(
    flow: CrystalFlow,
    batch: TemplateBatch,
    jobs: Sequence[Job],
    settings: SamplerSettings,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Conditions]:
    """Free coordinates and standardised lattices to start from, and what the flow is told."""
    borrowed = torch.tensor([job.borrowed is not None for job in jobs], device=batch.device)
    tries = 1 if borrowed.all() else settings.noise_tries
    free, lattice = flow.noise(batch, generator, tries)
    if borrowed.any():
        known, raw = torch.zeros(free.shape), torch.zeros(lattice.shape)
        spread = torch.zeros(len(jobs), 1, 1)
        for row, job in enumerate(jobs):
            if job.borrowed is not None:
                crystal = job.borrowed.crystal
                for orbit, values in enumerate(crystal.free):
                    known[row, orbit, : len(values)] = torch.from_numpy(values)
                raw[row] = torch.from_numpy(job.borrowed.coefficients)
                more = _BREAKING if job.borrowed.raised else 0.0
                spread[row] = (settings.shake + more) / crystal.volume_per_atom ** (1 / 3)
        jitter = torch.randn(free.shape, generator=generator) * spread
        shaken = (known + jitter).to(batch.device) * batch.freedom
        near = flow.standardised(batch, raw.to(batch.device)).clamp(-6, 6)
        free = torch.where(borrowed[:, None, None], shaken, free)
        lattice = torch.where(borrowed[:, None], near, lattice)

    def column(values: Iterable[float | None]) -> Tensor:
        numbers = [float("nan") if value is None else value for value in values]
        return torch.tensor(numbers, dtype=torch.float32, device=batch.device)

    conditions = Conditions(
        band_gap=column(job.targets.band_gap for job in jobs),
        formation_energy=column(job.targets.formation_energy for job in jobs),
        from_template=borrowed.float(),
        distance=column(job.borrowed.distance if job.borrowed else 0.0 for job in jobs),
        spread=column(job.borrowed.spread if job.borrowed else 0.0 for job in jobs),
    )
    return free, lattice, conditions


def _held_back(
    jobs: Sequence[Job], begun: Tensor, free: Tensor, settings: SamplerSettings
) -> Tensor:
    """Free coordinates after as much of the flow's move as the starts are in need of."""
    shares = [_share_of_move(job, settings) for job in jobs]
    if min(shares) == 1.0:
        return free
    gaps = free - begun
    kept = torch.tensor(shares, dtype=free.dtype, device=free.device)[:, None, None]
    return (begun + kept * (gaps - gaps.round())) % 1.0


def _share_of_move(job: Job, settings: SamplerSettings) -> float:
    """How much of the flow's move a job takes, 0 to 1.

    The geometry of a crystal with nearly the same elements is nearer to the truth than what the
    flow makes of it. What was shaken has to be moved by all of it.
    """
    start = job.borrowed
    if start is None or start.raised or settings.shake > 0:
        return 1.0
    caution = settings.centre_caution if start.origin == CODEBOOK else settings.caution
    return start.distance / (start.distance + caution) if caution else 1.0


def _least_crowded(
    flow: CrystalFlow,
    batch: TemplateBatch,
    begun: Tensor,
    lattice: Tensor,
    conditions: Conditions,
    settings: SamplerSettings,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Of random starts that set out together, for each template the one foreseen to be roomiest.

    All that decides is that atoms do not sit on top of each other; nothing is finished yet.

    Returns:
        Free coordinates and standardised lattices after the first steps.
    """
    rivals = [(begun, lattice)]
    rivals += [
        flow.noise(batch, generator, settings.noise_tries) for _ in range(settings.rivals - 1)
    ]
    rows = torch.arange(len(batch), device=batch.device).repeat(settings.rivals)
    many = batch.select(rows)
    free, cells, ends, coefficients = flow.set_out(
        many,
        torch.cat([places for places, _ in rivals]),
        torch.cat([shapes for _, shapes in rivals]),
        conditions.select(rows),
        settings,
    )
    best = crowding(many, ends, coefficients).view(settings.rivals, -1).argmin(0)
    chosen = best * len(batch) + rows[: len(batch)]
    return free[chosen], cells[chosen]


def _draft(job: Job, free: NDArray[np.float32], values: NDArray[np.float32]) -> Draft:
    group = job.template.group
    own = tuple(
        free[row, : group.position(orbit.letter).freedom].astype(float)
        for row, orbit in enumerate(job.template.orbits)
    )
    crystal = SymmetricCrystal(job.template, lattice_parameters(values.astype(float)), own)
    found = soundness_of(crystal)
    return Draft(
        crystal=crystal,
        origin=job.origin,
        distance=0.0 if job.borrowed is None else job.borrowed.distance,
        sound=found is Soundness.SOUND,
        overlaps=int(found is Soundness.TOO_NEAR),
    )
