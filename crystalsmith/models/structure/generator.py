"""The structure generator: from a symmetry template to crystals that have it exactly."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.runs import describing, load_config, load_weights, pick_device
from crystalsmith.models.structure.codebook import Codebook
from crystalsmith.models.structure.drafts import Draft, Drawn, Job, Targets
from crystalsmith.models.structure.drawing import REDRAWS, draw_jobs
from crystalsmith.models.structure.flow import CrystalFlow, SamplerSettings
from crystalsmith.models.structure.library import TemplateLibrary
from crystalsmith.models.structure.network import FlowConfig
from crystalsmith.models.structure.selection import Energies, Selector, shipped_energies
from crystalsmith.models.structure.starts import StartGeometry, known_starts
from crystalsmith.models.structure.steering import (
    Expectations,
    Strategy,
    completed,
    within_reach,
)
from crystalsmith.models.structure.supergroups import Supergroups

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry

SHIPPED = Path(__file__).parent / "weights"
Start = Literal["auto", "noise", "template"]
_FREE_SHAPE = 3  # free parameters from which geometries of one template can differ in kind
_NOISE_SHARE = 3  # of many drafts, one in so many starts from noise at least
_MANY = 6  # drafts


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
        expectations: what the *less* strategy draws properties from that were not asked for; the
            shipped composition model when not given.
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
        expectations: Expectations | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.flow = flow.to(self.device).eval()
        self.library = library or TemplateLibrary([])
        self.codebook = codebook or Codebook.empty()
        self.selector = selector
        self.preferred: frozenset[str] = frozenset()
        if energies is not None:
            self.energies = energies
        if expectations is not None:
            self.expectations = expectations
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
        with describing(where, "a structure generator"):
            flow = CrystalFlow(FlowConfig(**config["network"]))
        load_weights(flow, where)
        library, codebook = TemplateLibrary(entries), Codebook.load(where)
        selector = Selector.load(where)
        return cls(flow, library, device=pick_device(device), codebook=codebook, selector=selector)

    def knowing(
        self, entries: Sequence[Entry], preferred: Collection[str] = ()
    ) -> StructureGenerator:
        """A generator that can also start from the geometries of further known crystals.

        Args:
            entries: those crystals.
            preferred: ids of crystals to start from first, where more is free than the cell.
        """
        other = copy.copy(self)
        if entries:
            other.library = TemplateLibrary([*self.library.entries, *entries])
            other.__dict__.pop("supergroups", None)  # of fewer crystals
        other.preferred = frozenset(preferred)
        return other

    @cached_property
    def energies(self) -> Energies:
        """Predicts eV/atom, by the surrogates unless told otherwise; loaded when first used."""
        return shipped_energies(self.device)

    @cached_property
    def expectations(self) -> Expectations:
        """What formulas are expected to have, by the composition model unless told otherwise."""
        from crystalsmith.models.composition.model import CompositionModel

        return CompositionModel.load(device=str(self.device)).predict

    @cached_property
    def supergroups(self) -> Supergroups:
        """Of all patterns that there are geometries for."""
        return Supergroups([*self.library.patterns, *self.codebook.patterns])

    def geometries(self, template: SymmetryTemplate) -> int:
        """How many known geometries a canonical template may start from; more start from noise."""
        return self.library.size_of(template) + self.codebook.size_of(template)

    def reachable(self, targets: Targets) -> tuple[Targets, list[str]]:
        """Targets within what the flow has learned, and a sentence for each that was not."""
        return within_reach(targets, self.flow.network.config)

    def generate(
        self,
        templates: Sequence[SymmetryTemplate],
        targets: Sequence[Targets] | None = None,
        *,
        samples: int | Sequence[int] = 1,
        drafts: int = 1,
        start: Start = "auto",
        strategy: Strategy = "default",
        guidance: float | None = None,
        seed: int = 0,
        skip: Sequence[int] | None = None,
        exclude_formulas: Sequence[str | None] | None = None,
        redraws: int = REDRAWS,
        progress: Progress = silent,
    ) -> list[list[Draft]]:
        """Draw crystals.

        Args:
            templates: canonical templates.
            targets: properties to steer to, one per template; those beyond what the flow has
                learned are moved to its limits (`reachable` says so).
            samples: drafts per template to return, or one number for each template.
            drafts: drafts per template to choose from; with more of them than samples, the selector
                ranks them.
            start: ``template`` starts from known geometries as far as there are any, ``noise``
                never does, ``auto`` takes known geometries first and noise for what is left; of
                many samples it leaves a third to noise.
            strategy: whether the flow is told what is asked for alone, or all properties; see
                `steering`.
            guidance: weight of classifier-free guidance towards the targets; the settings' own when
                not given.
            seed: of the noise.
            skip: per template, how many of its starts earlier calls have used up.
            exclude_formulas: per template, a formula whose crystals may not be borrowed from.
            redraws: how often at most a draft that is not sound is drawn again.
            progress: told about finished drafts.

        Returns:
            Per template up to ``samples`` drafts: the likeliest first where the selector ranked
            them, those from the nearest known geometry first where it did not.
            Drafts that are not sound after the redraws are marked, not dropped.

        Raises:
            DataError: the full strategy was not told every property.
        """
        counts = [samples] * len(templates) if isinstance(samples, int) else list(samples)
        ranked = self.selector is not None and drafts > max(counts, default=drafts)
        drawn = self.draw(
            templates,
            targets,
            samples=[drafts] * len(counts) if ranked else counts,
            mixed=ranked or (isinstance(samples, int) and samples >= _MANY),
            with_facts=ranked,
            start=start,
            strategy=strategy,
            guidance=guidance,
            seed=seed,
            skip=skip,
            exclude_formulas=exclude_formulas,
            redraws=redraws,
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
        strategy: Strategy = "default",
        guidance: float | None = None,
        seed: int = 0,
        skip: Sequence[int] | None = None,
        exclude_formulas: Sequence[str | None] | None = None,
        redraws: int = REDRAWS,
        progress: Progress = silent,
    ) -> list[list[Drawn]]:
        """`generate` without a choice; ``mixed`` keeps some starts for noise in any case."""
        asked = [self.reachable(target)[0] for target in targets or [Targets()] * len(templates)]
        wanted = completed(asked, templates, strategy, lambda c: self.expectations(c), seed)
        wanted = [self.reachable(target)[0] for target in wanted]
        excluded = exclude_formulas or [None] * len(templates)
        counts = [samples] * len(templates) if isinstance(samples, int) else samples
        used = skip or [0] * len(templates)
        jobs = [
            Job(template, target, owner, borrowed)
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
        settings = self.settings if guidance is None else replace(self.settings, guidance=guidance)
        if start == "auto" and not mixed:  # a noise start is then the exception
            settings = settings.hurried()
        drawn = draw_jobs(
            self.flow,
            jobs,
            settings,
            seed,
            with_facts=with_facts,
            done=lambda count: progress("building crystals", count, len(jobs)),
            redraws=redraws,
        )
        result: list[list[Drawn]] = [[] for _ in templates]
        for job, one in zip(jobs, drawn, strict=True):
            result[job.owner].append(one)
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
        # one draft had better start from noise than from too high a symmetry
        higher = self.supergroups if mixed or start == "template" else None
        starts: list[StartGeometry | None] = list(self._known(template, most, excluded, higher))
        if start == "template":
            return starts
        return starts + [None] * (samples - len(starts))

    def _known(
        self,
        template: SymmetryTemplate,
        most: int,
        excluded: str | None,
        higher: Supergroups | None,
    ) -> list[StartGeometry]:
        """Known geometries, preferred ones first where a template leaves enough free."""
        sources = self.library, self.codebook, self._volumes, excluded, higher
        if not self.preferred or template.free_parameters < _FREE_SHAPE:
            return known_starts(template, most, *sources)
        starts = known_starts(template, len(self.library), *sources)
        return sorted(starts, key=lambda start: start.origin not in self.preferred)[:most]
