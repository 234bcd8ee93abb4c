"""The flow network: from a half-finished crystal to the velocity of everything that is still free.

A transformer over orbits. Each layer lets every orbit's representative attend to all atoms of the
primitive cell through pair features, then to the conditions (properties, space group, time) by
multi-head cross-attention. The pieces follow CrystalGF (Huang et al. 2024, arXiv:2411.08464, eqs.
B2-B4) and Uni-MDM's crystal DiT; that only orbits, not atoms, carry features is ours.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from crystalsmith.models.structure.batch import gather_orbits
from crystalsmith.models.structure.geometry import (
    N_COARSE,
    PAIR_FEATURES,
    pair_geometry,
    products,
)
from crystalsmith.models.structure.lattice import VOLUME, matrices

if TYPE_CHECKING:
    from torch import Tensor

    from crystalsmith.models.structure.batch import TemplateBatch
    from crystalsmith.models.structure.geometry import PairGeometry

MAX_Z = 104
_SITE_FEATURES = 9 + 6 + 2


@dataclass(frozen=True)
class FlowConfig:
    """Sizes of the network and the property ranges it was trained on.

    Attributes:
        width: features per orbit.
        pair_width: features per pair.
        layers: number of transformer layers.
        heads: attention heads.
        gap_range: eV covered by the band-gap embedding.
        energy_range: eV/atom covered by the formation-energy embedding.
        grid: Gaussians per property embedding.
    """

    width: int = 160
    pair_width: int = 64
    layers: int = 5
    heads: int = 4
    gap_range: tuple[float, float] = (0.0, 9.0)
    energy_range: tuple[float, float] = (-4.5, 1.5)
    grid: int = 32

    def as_dict(self) -> dict[str, Any]:
        """For ``config.json``."""
        return asdict(self)


@dataclass
class Conditions:
    """What the flow is told beside the template.

    Attributes:
        band_gap: ``(B,)`` eV, NaN where not given.
        formation_energy: ``(B,)`` eV/atom, NaN where not given.
        from_template: ``(B,)`` 1 where the start is a known crystal's geometry, 0 where it is
            noise.
        distance: ``(B,)`` how unlike the elements of that known crystal are.
        spread: ``(B,)`` how far the crystals lie apart whose mean the start is, 0 for one crystal.
    """

    band_gap: Tensor
    formation_energy: Tensor
    from_template: Tensor
    distance: Tensor
    spread: Tensor

    def select(self, index: Tensor) -> Conditions:
        """Some rows."""
        return Conditions(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def without_properties(self) -> Conditions:
        """The same start, no property asked for (for classifier-free guidance)."""
        nothing = torch.full_like(self.band_gap, torch.nan)
        return Conditions(nothing, nothing, self.from_template, self.distance, self.spread)

    def as_known(self, distance: float) -> Conditions:
        """The same properties, as if the start were a known crystal's geometry."""
        ones, zeros = torch.ones_like(self.distance), torch.zeros_like(self.spread)
        return Conditions(self.band_gap, self.formation_energy, ones, ones * distance, zeros)


class PropertyEmbedding(nn.Module):
    """Gaussian RBF expansion and MLP of one property (CrystalGF eq. B2)."""

    def __init__(self, low: float, high: float, grid: int, width: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(low, high, grid), persistent=False)
        self.spacing = (high - low) / (grid - 1)
        self.mlp = nn.Sequential(nn.Linear(grid, width), nn.SiLU(), nn.Linear(width, width))
        self.none = nn.Parameter(torch.zeros(width))

    def forward(self, values: Tensor) -> Tensor:
        """``(B,)`` values, NaN for none, to ``(B, width)``; values beyond the grid are clamped."""
        given = ~torch.isnan(values)
        centres: Tensor = self.centres  # type: ignore[assignment]
        known = values.nan_to_num(0.0).clamp(float(centres[0]), float(centres[-1]))
        features = torch.exp(-0.5 * ((known[:, None] - centres) / self.spacing) ** 2)
        return torch.where(given[:, None], self.mlp(features), self.none)


class FlowLayer(nn.Module):
    """Pair attention over atoms, cross-attention to the conditions, feed-forward."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.norm_pair = nn.LayerNorm(width, elementwise_affine=False)
        self.norm_cross = nn.LayerNorm(width)
        self.norm_forward = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 4 * width)
        self.receiver = nn.Linear(width, width)
        self.sender = nn.Linear(width, width, bias=False)
        self.pair = nn.Linear(config.pair_width, width, bias=False)
        self.weight = nn.Linear(width, config.heads)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.cross = nn.MultiheadAttention(width, config.heads, batch_first=True)
        self.forward_mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )
        for last in (self.modulation, self.out, self.forward_mlp[2]):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(
        self, h: Tensor, pairs: Tensor, tokens: Tensor, state: Tensor, batch: TemplateBatch
    ) -> Tensor:
        """One update of the orbit features ``(B, n, width)``."""
        scale1, shift1, scale2, shift2 = self.modulation(state)[:, None].chunk(4, dim=-1)
        x = self.norm_pair(h) * (1 + scale1) + shift1
        h = h + self.out(self._attend(x, pairs, batch))
        h = h + self._ask(self.norm_cross(h), tokens)
        x = self.norm_forward(h) * (1 + scale2) + shift2
        return h + self.forward_mlp(x)

    def _ask(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Cross-attention: what ``cross(x, tokens, tokens)`` gives, in half the time.

        There are four tokens, too few for PyTorch's own kernels to be worth their overhead.
        """
        own, both = self.cross.in_proj_weight.split([x.shape[-1], 2 * x.shape[-1]])
        own_bias, both_bias = self.cross.in_proj_bias.split([x.shape[-1], 2 * x.shape[-1]])
        query = nn.functional.linear(x, own, own_bias).unflatten(-1, (self.heads, -1))
        known = nn.functional.linear(tokens, both, both_bias)
        key, value = known.unflatten(-1, (2, self.heads, -1)).unbind(2)
        scale = query.shape[-1] ** -0.5
        weights = (query.transpose(1, 2) * scale) @ key.permute(0, 2, 3, 1)
        pooled = weights.softmax(-1).to(value.dtype) @ value.transpose(1, 2)
        answer: Tensor = self.cross.out_proj(pooled.transpose(1, 2).flatten(2))
        return answer

    def _attend(self, x: Tensor, pairs: Tensor, batch: TemplateBatch) -> Tensor:
        senders = gather_orbits(self.sender(x), batch.atom_orbit)
        mixed = _mixed(self.receiver(x), senders, self.pair(pairs))
        weights = self.weight(mixed).masked_fill(~batch.atom_mask[:, None, :, None], -1e4)
        weights = weights.softmax(dim=2)
        # weights first, values after: the same sum, with one projection per orbit, not per pair
        pooled = weights.to(mixed.dtype).transpose(2, 3) @ mixed
        matrix = self.value.weight.unflatten(0, (self.heads, -1))
        return torch.einsum("bnhw,hdw->bnhd", pooled, matrix).flatten(-2) + self.value.bias


class FlowNetwork(nn.Module):
    """Velocities of free coordinates and lattice coefficients at time t of the flow."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        self.rounded = True  # features in bfloat16 where that is faster
        width = config.width
        self.element = nn.Embedding(MAX_Z, width)
        self.group = nn.Embedding(231, width)
        self.site = nn.Linear(_SITE_FEATURES, width)
        self.time = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width))
        self.start = nn.Linear(4, width)
        self.shape = nn.Linear(12, width)
        self.gap = PropertyEmbedding(*config.gap_range, config.grid, width)
        self.energy = PropertyEmbedding(*config.energy_range, config.grid, width)
        self.pair_input = nn.Sequential(
            nn.Linear(PAIR_FEATURES, config.pair_width),
            nn.SiLU(),
            nn.Linear(config.pair_width, config.pair_width),
        )
        self.layers = nn.ModuleList(FlowLayer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.coordinate_head = nn.Linear(width, 3)
        self.lattice_head = nn.Sequential(
            nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, 6)
        )
        self.push_receiver = nn.Linear(width, config.pair_width)
        self.push_sender = nn.Linear(width, config.pair_width)
        self.push_pair = nn.Linear(config.pair_width, config.pair_width)
        self.push = nn.Linear(config.pair_width, 2 * N_COARSE)
        self.strain = nn.Linear(6, 6, bias=False)
        for last in (self.coordinate_head, self.lattice_head[2], self.push):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(
        self,
        batch: TemplateBatch,
        free: Tensor,
        coefficients: Tensor,
        time: Tensor,
        conditions: Conditions,
    ) -> tuple[Tensor, Tensor]:
        """Velocities.

        Args:
            batch: the templates.
            free: ``(B, n, 3)`` free coordinates now.
            coefficients: ``(B, 6)`` lattice coefficients now (see `lattice`).
            time: ``(B,)`` 0 at the start, 1 at the crystal.
            conditions: properties asked for and kind of start.

        Returns:
            ``(B, n, 3)`` velocity of the free coordinates, zero where nothing is free, and
            ``(B, 6)`` velocity of the lattice coefficients in standardised units.
        """
        lattices = matrices(coefficients)
        geometry = pair_geometry(batch, free, lattices)
        # features may be rounded, places and distances may not
        rounded = self.rounded and has_bfloat16(free.device)
        with torch.autocast(free.device.type, torch.bfloat16, enabled=rounded):
            state, tokens = self._conditions(batch, coefficients, time, conditions)
            pairs = self.pair_input(geometry.features)
            h = self.element(batch.elements) + self.group(batch.group)[:, None]
            h = h + self.site(_site_features(batch)) + state[:, None]
            for layer in self.layers:
                h = layer(h, pairs, tokens, state, batch)
            h = self.norm(h)
            push = self.push(self._contacts(h, pairs, batch)).float().flatten(0, 2)
            shift = self.coordinate_head(h).float()
            pooled = (h * _share(batch)[..., None]).sum(1)
            shape = self.lattice_head(torch.cat([pooled, state], dim=1)).float()
        cartesian, strain = _moves(push, geometry, batch)
        fractional = cartesian @ torch.linalg.inv(lattices) + shift
        velocity = torch.einsum("bnij,bnj->bni", batch.orbit_inverse, fractional) * batch.freedom
        return velocity, (shape + self.strain(strain)) * batch.lattice_mask

    def _conditions(
        self, batch: TemplateBatch, coefficients: Tensor, time: Tensor, conditions: Conditions
    ) -> tuple[Tensor, Tensor]:
        """A summary vector ``(B, width)`` and the tokens of cross-attention ``(B, 4, width)``."""
        volume = coefficients[:, VOLUME] - batch.conventional_atoms.log() / 3
        shape = torch.cat([coefficients[:, :VOLUME], volume[:, None], batch.lattice_mask], dim=1)
        spread = conditions.spread
        origin = [conditions.from_template, conditions.distance, (spread > 0).float(), 4 * spread]
        start = self.start(torch.stack(origin, dim=1))
        clock = self.time(_sinusoids(time)) + start
        gap, energy = self.gap(conditions.band_gap), self.energy(conditions.formation_energy)
        state = nn.functional.silu(clock + self.shape(shape) + gap + energy)
        tokens = torch.stack([clock, self.group(batch.group), gap, energy], dim=1)
        return state, tokens

    def _contacts(self, h: Tensor, pairs: Tensor, batch: TemplateBatch) -> Tensor:
        senders = gather_orbits(self.push_sender(h), batch.atom_orbit)
        return _mixed(self.push_receiver(h), senders, self.push_pair(pairs))


def _mixed(receivers: Tensor, senders: Tensor, pairs: Tensor) -> Tensor:
    """What a pair, its receiver ``(B, n, w)`` and its sender ``(B, N, w)`` make together.

    The pairs are the largest tensors there are: where nothing is learned, they are written over.
    """
    if torch.is_grad_enabled():
        return nn.functional.silu(receivers[:, :, None] + senders[:, None] + pairs)
    pairs.add_(receivers[:, :, None]).add_(senders[:, None])
    return nn.functional.silu(pairs, inplace=True)


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies matrices faster in bfloat16."""
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported())
    return device.type == "cuda"


def _moves(push: Tensor, geometry: PairGeometry, batch: TemplateBatch) -> tuple[Tensor, Tensor]:
    """Add up what contacts do: Cartesian pushes ``(B, n, 3)`` and strains of the cell ``(B, 6)``.

    Args:
        push: ``(pairs, 2 N_COARSE)`` strength along each contact, for places and for strain.
        geometry: the contacts.
        batch: the templates.
    """
    size, n_orbits = batch.orbit_mask.shape
    along, across = push[geometry.pair].chunk(2, dim=-1)
    receiver = geometry.pair // batch.atom_mask.shape[1]  # flat index of the orbit
    pushes = (along * geometry.coarse).sum(-1, keepdim=True) * geometry.unit
    cartesian = push.new_zeros(size * n_orbits, 3).index_add(0, receiver, pushes)
    stress = (across * geometry.coarse).sum(-1) * _share(batch).flatten()[receiver]
    strain = push.new_zeros(size, 6).index_add(
        0, receiver // n_orbits, stress[:, None] * products(geometry.unit)
    )
    return cartesian.view(size, n_orbits, 3), strain


def _share(batch: TemplateBatch) -> Tensor:
    """``(B, n)`` share of the atoms that are in each orbit."""
    return batch.multiplicity / batch.multiplicity.sum(1, keepdim=True)


def _site_features(batch: TemplateBatch) -> Tensor:
    angles = 2 * torch.pi * batch.orbit_shift
    size = torch.stack([batch.multiplicity.clamp_min(1).log(), batch.freedom.sum(-1).float()], -1)
    maps = batch.orbit_map.flatten(-2)
    return torch.cat([maps, angles.sin(), angles.cos(), size], dim=-1)


def _sinusoids(time: Tensor) -> Tensor:
    frequencies = torch.exp(torch.linspace(0.0, 6.0, 32, device=time.device))
    angles = time[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)
