"""Flow matching over free coordinates (on the torus) and lattice coefficients.

A crystal is reached along the straight way from a start to its nearest equivalent description; the
network learns the velocity (Lipman et al. 2023, arXiv:2210.02747). The start is noise or the
geometry of a known crystal, slightly shaken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from crystalsmith.models.structure.equivalence import mean_drift
from crystalsmith.models.structure.geometry import shortest_distances
from crystalsmith.models.structure.lattice import VOLUME, matrices
from crystalsmith.models.structure.network import MAX_Z, FlowConfig, FlowNetwork

if TYPE_CHECKING:
    from torch import Tensor

    from crystalsmith.models.structure.batch import TemplateBatch
    from crystalsmith.models.structure.network import Conditions


_OWN_DISTANCE = 0.1  # of elements, told where a draft from noise is settled like a known crystal
MANY_FREE = 24  # free parameters that are worth more steps on the way from a known geometry


class Pass(NamedTuple):
    """Once along the way, or along its last part.

    Attributes:
        steps: Euler steps.
        begin: time to begin at.
        speed: see `SamplerSettings`.
        kept: how much of the lattice's change is kept.
        as_known: the flow is told that it starts from a known geometry.
    """

    steps: int
    begin: float = 0.0
    speed: float = 0.0
    kept: float = 1.0
    as_known: bool = False


@dataclass(frozen=True)
class SamplerSettings:
    """How a sample is drawn.

    Attributes:
        steps: Euler steps from noise.
        known_steps: Euler steps from a known geometry.
        many_steps: the same with `MANY_FREE` free parameters or more.
        volume_steps: Euler steps where nothing but the volume is free.
        restarts: how often what noise became is sent over the last part of the way again; errors
            that the first pass gathered are mended so.
        restart_time: where on the way they begin.
        restart_steps: Euler steps of each.
        settle_steps: Euler steps after them, which take what noise became for a known geometry.
        noise_tries: random starts of which the one whose atoms are farthest apart is taken.
        rivals: so many such starts set out together; the one goes on whose end, as the flow
            foresees it on the way, is the least crowded.
        rival_steps: after how many of the steps from noise that is decided.
        guidance: weight of classifier-free guidance; 1 is plain conditioning.
        speed: from noise, velocities of coordinates are multiplied by ``1 + speed * t``, which
            sharpens the distribution (the lattice's are not: its volume would suffer).
        shake: noise on a template start, Å.
        caution: how unlike the elements of a known geometry are where half of the flow's move is
            taken; where they are alike the geometry is left alone.
        centre_caution: the same for a centre of the codebook.
    """

    steps: int = 14
    known_steps: int = 2
    many_steps: int = 6
    volume_steps: int = 2
    restarts: int = 3
    restart_time: float = 0.6
    restart_steps: int = 5
    settle_steps: int = 4
    noise_tries: int = 8
    rivals: int = 16
    rival_steps: int = 6
    guidance: float = 1.0
    speed: float = 3.0
    shake: float = 0.0
    caution: float = 0.05
    centre_caution: float = 0.5

    @property
    def together(self) -> int:
        """Steps that rivals take together."""
        return min(self.rival_steps, self.steps) if self.rivals > 1 else 0

    def hurried(self) -> SamplerSettings:
        """For drafts among which few start from noise: they take fewer steps there."""
        return replace(
            self,
            steps=min(self.steps, _HURRIED.steps),
            restarts=min(self.restarts, _HURRIED.restarts),
            restart_steps=min(self.restart_steps, _HURRIED.restart_steps),
            settle_steps=min(self.settle_steps, _HURRIED.settle_steps),
            noise_tries=min(self.noise_tries, _HURRIED.noise_tries),
            rivals=min(self.rivals, _HURRIED.rivals),
            rival_steps=min(self.rival_steps, _HURRIED.rival_steps),
        )

    def passes(self, from_known: bool, still: bool, many: bool = False) -> list[Pass]:
        """How the way is gone.

        Args:
            from_known: the start is a known geometry, not noise.
            still: nothing but the volume is free.
            many: at least `MANY_FREE` parameters are free.
        """
        if still:
            return [Pass(steps=self.volume_steps)]
        if from_known:
            return [Pass(steps=self.many_steps if many else self.known_steps)]
        again = Pass(self.restart_steps, begin=self.restart_time, speed=self.speed, kept=0.5)
        found = [Pass(self.steps, speed=self.speed), *[again] * self.restarts]
        if self.settle_steps:
            found.append(Pass(self.settle_steps, kept=0.5, as_known=True))
        return found


_HURRIED = SamplerSettings(
    steps=8,
    restarts=1,
    restart_steps=3,
    settle_steps=3,
    noise_tries=4,
    rivals=2,
    rival_steps=2,
)


class CrystalFlow(nn.Module):
    """The network together with the scales that its inputs and outputs are measured in."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.network = FlowNetwork(config)
        self.register_buffer("atomic_volume", torch.full((MAX_Z,), 15.0))
        self.register_buffer("lattice_mean", torch.zeros(231, 6))
        self.register_buffer("lattice_std", torch.ones(231, 6))

    def reference(self, batch: TemplateBatch) -> Tensor:
        """``(B, 6)`` lattice coefficients to measure from: fixed ones, mean shape, expected volume.

        The expected volume adds up one learned volume per element.
        """
        volumes: Tensor = self.atomic_volume[batch.elements]  # type: ignore[index]
        weights = batch.multiplicity
        per_atom = (volumes * weights).sum(1) / weights.sum(1)
        mean: Tensor = self.lattice_mean[batch.group]  # type: ignore[index]
        values = torch.where(batch.lattice_mask, mean, batch.lattice_constant)
        expected = (per_atom * batch.conventional_atoms).log() / 3
        return torch.cat([values[:, :VOLUME], values[:, VOLUME:] + expected[:, None]], dim=1)

    def scale(self, batch: TemplateBatch) -> Tensor:
        """``(B, 6)`` standard deviation of every coefficient, zero where it is fixed."""
        std: Tensor = self.lattice_std[batch.group]  # type: ignore[index]
        return std * batch.lattice_mask

    def standardised(self, batch: TemplateBatch, coefficients: Tensor) -> Tensor:
        """Coefficients ``(B, 6)`` in units of their spread."""
        scale = self.scale(batch)
        gaps = coefficients - self.reference(batch)
        return torch.where(scale > 0, gaps / scale.clamp_min(1e-6), 0.0)

    def coefficients(self, batch: TemplateBatch, standardised: Tensor) -> Tensor:
        """The inverse of `standardised`."""
        return self.reference(batch) + standardised * self.scale(batch)

    @torch.no_grad()
    def noise(
        self, batch: TemplateBatch, generator: torch.Generator | None = None, tries: int = 1
    ) -> tuple[Tensor, Tensor]:
        """A random start: uniform coordinates, standard normal lattice. Drawn on the CPU.

        Args:
            batch: the templates.
            generator: of the noise.
            tries: coordinates to choose from; those whose nearest atoms are farthest apart are
                taken, because crystals have no atoms on top of each other.
        """
        free = torch.rand(*batch.freedom.shape, generator=generator).to(batch.device)
        lattice = torch.randn(len(batch), 6, generator=generator).to(batch.device)
        free, lattice = free * batch.freedom, lattice * batch.lattice_mask
        if tries > 1 and batch.freedom.any():
            cells = matrices(self.coefficients(batch, lattice))
            apart = shortest_distances(batch, free, cells)
            for _ in range(tries - 1):
                other = torch.rand(*batch.freedom.shape, generator=generator).to(batch.device)
                gaps = shortest_distances(batch, other * batch.freedom, cells)
                better = (gaps > apart)[:, None, None]
                free = torch.where(better, other * batch.freedom, free)
                apart = torch.maximum(apart, gaps)
        return free, lattice

    def velocity(
        self,
        batch: TemplateBatch,
        free: Tensor,
        lattice: Tensor,
        time: Tensor,
        conditions: Conditions,
    ) -> tuple[Tensor, Tensor]:
        """Velocities of free coordinates and lattice, without drift of polar origins."""
        raw = self.coefficients(batch, lattice)
        free_velocity, lattice_velocity = self.network(batch, free, raw, time, conditions)
        return free_velocity - mean_drift(batch, free_velocity), lattice_velocity

    def sample(
        self,
        batch: TemplateBatch,
        start: Tensor,
        start_lattice: Tensor,
        conditions: Conditions,
        settings: SamplerSettings,
        gone: int = 0,
    ) -> tuple[Tensor, Tensor]:
        """Follow the flow.

        Args:
            batch: the templates.
            start: ``(B, n, 3)`` free coordinates.
            start_lattice: ``(B, 6)`` standardised lattice.
            conditions: properties asked for and kind of start, noise or known for all.
            settings: steps, guidance and speed.
            gone: steps that have been taken already; see `set_out`.

        Returns:
            ``(B, n, 3)`` free coordinates in [0, 1) and ``(B, 6)`` lattice coefficients.
        """
        # weights are rounded once for all steps: what is cached lives as long as the outer context
        with torch.inference_mode(), torch.autocast(start.device.type, enabled=False):
            return self._followed(batch, start, start_lattice, conditions, settings, gone)

    def set_out(
        self,
        batch: TemplateBatch,
        start: Tensor,
        start_lattice: Tensor,
        conditions: Conditions,
        settings: SamplerSettings,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The steps from noise that rivals take together; for the arguments see `sample`.

        Returns:
            Free coordinates and standardised lattice after them, then the free coordinates and
            lattice coefficients that the flow foresees for the end.
        """
        with torch.inference_mode(), torch.autocast(start.device.type, enabled=False):
            free, lattice, stride = start, start_lattice, 1.0 / settings.steps
            for step in range(settings.together):
                now = step * stride
                v_free, v_lattice = self._guided(batch, free, lattice, now, conditions, settings)
                end, cell = free + (1.0 - now) * v_free, lattice + (1.0 - now) * v_lattice
                free = free + stride * (1.0 + settings.speed * now) * v_free
                lattice = (lattice + stride * v_lattice).clamp(-6.0, 6.0)
            return free, lattice, end, self.coefficients(batch, cell.clamp(-6.0, 6.0))

    def _followed(
        self,
        batch: TemplateBatch,
        start: Tensor,
        start_lattice: Tensor,
        conditions: Conditions,
        settings: SamplerSettings,
        gone: int,
    ) -> tuple[Tensor, Tensor]:
        free, lattice = start, start_lattice
        from_known = bool(conditions.from_template.any())
        still = int(batch.free_parameters.max()) == 1
        many = int(batch.free_parameters.min()) >= MANY_FREE
        for once in settings.passes(from_known, still, many):
            told = conditions.as_known(_OWN_DISTANCE) if once.as_known else conditions
            before, stride = lattice, (1.0 - once.begin) / once.steps
            for step in range(gone, once.steps):
                now = once.begin + step * stride
                v_free, v_lattice = self._guided(batch, free, lattice, now, told, settings)
                free = free + stride * (1.0 + once.speed * now) * v_free
                lattice = (lattice + stride * v_lattice).clamp(-6.0, 6.0)
            lattice, gone = before + once.kept * (lattice - before), 0
        return (free % 1.0) * batch.freedom, self.coefficients(batch, lattice)

    def _guided(
        self,
        batch: TemplateBatch,
        free: Tensor,
        lattice: Tensor,
        now: float,
        conditions: Conditions,
        settings: SamplerSettings,
    ) -> tuple[Tensor, Tensor]:
        """Velocities at a time, with classifier-free guidance where it is asked for."""
        time = torch.full((len(batch),), now, device=free.device)
        v_free, v_lattice = self.velocity(batch, free, lattice, time, conditions)
        if settings.guidance == 1.0:
            return v_free, v_lattice
        plain = conditions.without_properties()
        p_free, p_lattice = self.velocity(batch, free, lattice, time, plain)
        return (
            p_free + settings.guidance * (v_free - p_free),
            p_lattice + settings.guidance * (v_lattice - p_lattice),
        )


def flow_loss(
    flow: CrystalFlow,
    batch: TemplateBatch,
    start: Tensor,
    start_lattice: Tensor,
    displacement: Tensor,
    lattice_displacement: Tensor,
    time: Tensor,
    conditions: Conditions,
) -> tuple[Tensor, Tensor]:
    """Squared velocity errors.

    Returns:
        ``(B,)`` error of atom positions, in squared units of the cube root of the volume per atom,
        and ``(B,)`` error of the standardised lattice.
    """
    free = start + time[:, None, None] * displacement
    lattice = start_lattice + time[:, None] * lattice_displacement
    v_free, v_lattice = flow.velocity(batch, free, lattice, time, conditions)
    arrived = flow.coefficients(batch, start_lattice + lattice_displacement)
    cells = matrices(arrived)
    errors = torch.einsum("bnij,bnj,bik->bnk", batch.orbit_map, v_free - displacement, cells)
    length = torch.exp(arrived[:, VOLUME]) / batch.conventional_atoms ** (1 / 3)
    share = batch.multiplicity / batch.multiplicity.sum(1, keepdim=True)
    positions = ((errors**2).sum(-1) * share).sum(1) / length**2
    shapes = ((v_lattice - lattice_displacement) ** 2 * batch.lattice_mask).sum(1)
    return positions, shapes
