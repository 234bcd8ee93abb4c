"""The structure generator: from a symmetry template to crystals that have it exactly."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch

from crystalsmith.core.crystallography.crystal import SymmetricCrystal
from crystalsmith.core.errors import WeightsError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.runs import load_config, load_weights, pick_device
from crystalsmith.models.structure.batch import collate, compact_template, size_batches
from crystalsmith.models.structure.codebook import Codebook
from crystalsmith.models.structure.flow import CrystalFlow, SamplerSettings
from crystalsmith.models.structure.lattice import lattice_parameters
from crystalsmith.models.structure.library import TemplateLibrary
from crystalsmith.models.structure.network import Conditions, FlowConfig
from crystalsmith.models.structure.selection import (
    DraftFacts,
    Energies,
    Selector,
    draft_facts,
    shipped_energies,
)
from crystalsmith.models.structure.soundness import is_sound
from crystalsmith.models.structure.starts import StartGeometry, known_starts
from crystalsmith.models.structure.wyckoff_table import WyckoffTable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry
    from crystalsmith.models.structure.batch import TemplateBatch

SHIPPED = Path(__file__).parent / "weights"
Start = Literal["auto", "noise", "template"]
_REDRAWS = 3
_NOISE_SHARE = 3  # of many drafts, one in so many starts from noise at least


@dataclass(frozen=True)
class Targets:
    """Properties to steer to; None for not said.

    Attributes:
        band_gap: eV.
        formation_energy: eV/atom.
    """

    band_gap: float | None = None
    formation_energy: float | None = None


@dataclass(frozen=True)
class Draft:
    """One generated crystal.

    Attributes:
        crystal: has the template exactly.
        origin: ``noise``, ``codebook``, or the id of the known crystal whose geometry it started
            from.
        distance: how unlike the elements of that crystal were (0 for noise).
        sound: no atoms on top of each other, and spglib finds the template's space group.
        match_probability: what the selector thinks of it; None where it was not asked.
    """

    crystal: SymmetricCrystal
    origin: str
    distance: float
    sound: bool
    match_probability: float | None = None


class Drawn(NamedTuple):
    """A draft with what the selector wants to know of it."""

    draft: Draft
    facts: DraftFacts | None


@dataclass(frozen=True)
class _Job:
    """One draft to be drawn."""

    template: SymmetryTemplate
    targets: Targets
    owner: int
    borrowed: StartGeometry | None


class StructureGenerator:
    """Draws crystals for templates.

    Args:
        flow: the trained flow.
        library: known geometries to start from; may be empty.
        settings: of the sampler.
        device: torch device.
        codebook: learned geometries to start from; may be empty.
        selector: ranks drafts of one template; they keep their order without one.
        energies: predicts eV/atom for the selector; the shipped surrogates when not given.
    """

    def __init__(
        self,
        flow: CrystalFlow,
        library: TemplateLibrary | None = None,
        settings: SamplerSettings | None = None,
        device: str | torch.device = "cpu",
        codebook: Codebook | None = None,
        selector: Selector | None = None,
        energies: Energies | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.flow = flow.to(self.device).eval()
        self.library = library or TemplateLibrary([])
        self.codebook = codebook or Codebook.empty()
        self.selector = selector
        self.preferred: frozenset[str] = frozenset()
        if energies is not None:
            self.energies = energies
        self.settings = settings or SamplerSettings()
        self._volumes = self.flow.atomic_volume.cpu().numpy()  # type: ignore[operator]

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        entries: Sequence[Entry] = (),
        device: str = "auto",
    ) -> StructureGenerator:
        """Load weights (the shipped ones when no folder is given); entries fill the library.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        where = folder or SHIPPED
        config = load_config(where)
        try:
            flow = CrystalFlow(FlowConfig(**config["network"]))
        except (KeyError, TypeError) as error:
            raise WeightsError(
                f"{where / 'config.json'} does not describe a structure generator ({error});"
                " reinstall crystalsmith or train it again"
            ) from None
        load_weights(flow, where)
        library, codebook = TemplateLibrary(entries), Codebook.load(where)
        selector = Selector.load(where)
        return cls(flow, library, device=pick_device(device), codebook=codebook, selector=selector)

    def knowing(self, entries: Sequence[Entry], preferred: Collection[str]) -> StructureGenerator:
        """A generator that can also start from further known crystals, preferred ids first."""
        other = copy.copy(self)
        if entries:
            other.library = TemplateLibrary([*self.library.entries, *entries])
        other.preferred = frozenset(preferred)
        return other

    @cached_property
    def energies(self) -> Energies:
        """Predicts eV/atom, by the surrogates unless told otherwise; loaded when first used."""
        return shipped_energies(self.device)

    def generate(
        self,
        templates: Sequence[SymmetryTemplate],
        targets: Sequence[Targets] | None = None,
        *,
        samples: int | Sequence[int] = 1,
        drafts: int = 1,
        start: Start = "auto",
        seed: int = 0,
        skip: Sequence[int] | None = None,
        exclude_formulas: Sequence[str | None] | None = None,
        progress: Progress = silent,
    ) -> list[list[Draft]]:
        """Draw crystals.

        Args:
            templates: canonical templates.
            targets: properties to steer to, one per template.
            samples: drafts per template to return, or one number for each template.
            drafts: drafts per template to choose from; with more of them than samples, the selector
                ranks them.
            start: ``template`` starts from known geometries as far as there are any, ``noise``
                never does, ``auto`` takes known geometries first and noise for what is left.
            seed: of the noise.
            skip: per template, how many of its starts earlier calls have used up.
            exclude_formulas: per template, a formula whose crystals may not be borrowed from.
            progress: told about finished drafts.

        Returns:
            Per template up to ``samples`` drafts: the likeliest first where the selector ranked
            them, those from the nearest known geometry first where it did not. Drafts that are not
            sound after a few redraws are marked, not dropped.
        """
        counts = [samples] * len(templates) if isinstance(samples, int) else list(samples)
        ranked = self.selector is not None and drafts > max(counts, default=drafts)
        drawn = self.draw(
            templates,
            targets,
            samples=[drafts] * len(counts) if ranked else counts,
            mixed=ranked,
            with_facts=ranked,
            start=start,
            seed=seed,
            skip=skip,
            exclude_formulas=exclude_formulas,
            progress=progress,
        )
        if ranked and self.selector is not None:
            drawn = self._ranked(drawn, self.selector, progress)
        return [
            [one.draft for one in row[:count]] for row, count in zip(drawn, counts, strict=True)
        ]

    def draw(
        self,
        templates: Sequence[SymmetryTemplate],
        targets: Sequence[Targets] | None = None,
        *,
        samples: int | Sequence[int],
        mixed: bool,
        with_facts: bool = True,
        start: Start = "auto",
        seed: int = 0,
        skip: Sequence[int] | None = None,
        exclude_formulas: Sequence[str | None] | None = None,
        progress: Progress = silent,
    ) -> list[list[Drawn]]:
        """`generate` without a choice; ``mixed`` keeps some starts for noise in any case."""
        generator = torch.Generator().manual_seed(seed)
        wanted = targets or [Targets()] * len(templates)
        excluded = exclude_formulas or [None] * len(templates)
        counts = [samples] * len(templates) if isinstance(samples, int) else samples
        used = skip or [0] * len(templates)
        jobs = [
            _Job(template, target, owner, borrowed)
            for owner, (template, target, formula, count, gone) in enumerate(
                zip(templates, wanted, excluded, counts, used, strict=True)
            )
            for borrowed in self._starts(
                template,
                1 if mixed and template.free_parameters == 1 else gone + count,
                start,
                formula,
                mixed,
            )[gone:]
        ]
        drawn: dict[int, Drawn] = {}
        waiting = list(range(len(jobs)))
        for attempt in range(1 + _REDRAWS):
            if not waiting:
                break
            for index, draft, facts in self._draw(jobs, waiting, generator, attempt, with_facts):
                drawn[index] = Drawn(draft, facts)
                progress("building crystals", len(drawn), len(jobs))
            waiting = [index for index in waiting if not drawn[index].draft.sound]
        result: list[list[Drawn]] = [[] for _ in templates]
        for index, job in enumerate(jobs):
            result[job.owner].append(drawn[index])
        return result

    def _ranked(
        self, drawn: list[list[Drawn]], selector: Selector, progress: Progress
    ) -> list[list[Drawn]]:
        """Drafts of each template, the likeliest first; those that are not sound come last."""
        crystals = [one.draft.crystal for row in drawn for one in row if len(row) > 1]
        energies = iter(self.energies(crystals, progress))
        result = []
        for row in drawn:
            if len(row) > 1:
                own = np.array([next(energies) for _ in row])
                chances = selector.probabilities([one.facts for one in row if one.facts], own)
                row = [
                    Drawn(replace(one.draft, match_probability=float(chance)), one.facts)
                    for one, chance in zip(row, chances, strict=True)
                ]
                row.sort(key=lambda one: (not one.draft.sound, -(one.draft.match_probability or 0)))
            result.append(row)
        return result

    def _starts(
        self,
        template: SymmetryTemplate,
        samples: int,
        start: Start,
        excluded: str | None,
        mixed: bool,
    ) -> list[StartGeometry | None]:
        if start == "noise":
            return [None] * samples
        most = samples - samples // _NOISE_SHARE if mixed and start == "auto" else samples
        sources = self.library, self.codebook, self._volumes
        starts: list[StartGeometry | None] = list(
            known_starts(template, most, *sources, excluded, self.preferred)
        )
        if start == "template":
            return starts
        return starts + [None] * (samples - len(starts))

    def _draw(
        self,
        jobs: list[_Job],
        which: list[int],
        generator: torch.Generator,
        attempt: int,
        with_facts: bool,
    ) -> Iterable[tuple[int, Draft, DraftFacts | None]]:
        """Draw some of the jobs, in batches of similar size."""
        table = WyckoffTable.of_groups({jobs[i].template.number for i in which})
        # the more often a draft has failed, the more its start is shaken
        settings = replace(self.settings, shake=self.settings.shake + 0.1 * attempt)
        sizes = {
            i: (jobs[i].borrowed is None, len(jobs[i].template.orbits), jobs[i].template.n_atoms)
            for i in which
        }
        for part in size_batches(sizes, which):
            own = [jobs[i] for i in part]
            batch = collate([compact_template(job.template, table) for job in own], table)
            batch = batch.to(self.device)
            free, lattice, conditions = self._start_states(batch, own, settings.shake, generator)
            begun = free
            free, values = self.flow.sample(batch, begun, lattice, conditions, settings)
            facts: list[DraftFacts] | list[None] = (
                draft_facts(self.flow, batch, begun, free, values, conditions)
                if with_facts
                else [None] * len(own)
            )
            for row, (index, job) in enumerate(zip(part, own, strict=True)):
                draft = _draft(job, free[row].cpu().numpy(), values[row].cpu().numpy())
                yield index, draft, facts[row]

    def _start_states(
        self,
        batch: TemplateBatch,
        jobs: list[_Job],
        shake: float,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor, Conditions]:
        free, lattice = self.flow.noise(batch, generator)
        jitter = torch.randn(*free.shape, generator=generator).to(self.device)
        for row, job in enumerate(jobs):
            if job.borrowed is not None:
                known, raw = self._borrowed_state(batch, row, job.borrowed)
                spread = shake / job.borrowed.crystal.volume_per_atom ** (1 / 3)
                free[row] = (known + jitter[row] * spread) * batch.freedom[row]
                lattice[row] = raw
        nothing = float("nan")

        def column(values: Iterable[float]) -> Tensor:
            return torch.tensor(list(values), dtype=torch.float32, device=self.device)

        def given(value: float | None) -> float:
            return nothing if value is None else value

        conditions = Conditions(
            band_gap=column(given(job.targets.band_gap) for job in jobs),
            formation_energy=column(given(job.targets.formation_energy) for job in jobs),
            from_template=column(float(job.borrowed is not None) for job in jobs),
            distance=column(job.borrowed.distance if job.borrowed else 0.0 for job in jobs),
            spread=column(job.borrowed.spread if job.borrowed else 0.0 for job in jobs),
        )
        return free, lattice, conditions

    def _borrowed_state(
        self, batch: TemplateBatch, row: int, borrowed: StartGeometry
    ) -> tuple[Tensor, Tensor]:
        """Free coordinates and standardised lattice of a known geometry."""
        known = torch.zeros(batch.freedom.shape[1:], device=self.device)
        for orbit, values in enumerate(borrowed.crystal.free):
            known[orbit, : len(values)] = torch.from_numpy(values)
        raw = torch.from_numpy(borrowed.coefficients).float()
        single = batch.select(torch.tensor([row], device=self.device))
        return known, self.flow.standardised(single, raw[None].to(self.device))[0].clamp(-6, 6)


def _draft(job: _Job, free: NDArray[np.float32], values: NDArray[np.float32]) -> Draft:
    group = job.template.group
    own = tuple(
        free[row, : group.position(orbit.letter).freedom].astype(float)
        for row, orbit in enumerate(job.template.orbits)
    )
    crystal = SymmetricCrystal(job.template, lattice_parameters(values.astype(float)), own)
    return Draft(
        crystal=crystal,
        origin="noise" if job.borrowed is None else job.borrowed.origin,
        distance=0.0 if job.borrowed is None else job.borrowed.distance,
        sound=is_sound(crystal),
    )
