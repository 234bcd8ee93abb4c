"""The surrogate network: what is known of every atom, messages between atoms, a mean over them.

Atoms may start from CHGNet's features (``known``); a formation energy is then learnt as what
CHGNet's energy, less fitted energies of the elements, leaves open. Without them the network learns
from the elements and the geometry alone, by messages.

Scalar features only. Each layer sums gated messages from the neighbours (as CGCNN does, Xie &
Grossman 2018) and the power spectrum of learned densities around the atom in spherical harmonics up
to l = 3 (the two-body part of an atomic cluster expansion, Drautz 2019), which brings in the angles
without ever forming triples.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from crystalsmith.models.surrogates.graph import CUTOFF

if TYPE_CHECKING:
    from torch import Tensor

    from crystalsmith.models.surrogates.graph import GraphBatch

MAX_Z = 104
_DEGREES = (3, 5, 7)  # components of l = 1, 2, 3


@dataclass(frozen=True)
class SurrogateConfig:
    """Sizes of one network.

    Attributes:
        width: features per atom.
        channels: learned densities per layer.
        layers: rounds of messages between atoms.
        radial: Gaussians that describe a distance.
        known: features per atom that are given (CHGNet's), 0 for none.
        blocks: perceptrons per atom after the messages.
        dropout: of atom and crystal features while training.
        properties: names of the predicted properties, in the order of the outputs.
    """

    width: int = 128
    channels: int = 32
    layers: int = 0
    radial: int = 32
    known: int = 128
    blocks: int = 2
    dropout: float = 0.1
    properties: tuple[str, ...] = ("band_gap", "formation_energy")

    def as_dict(self) -> dict[str, Any]:
        """For ``config.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SurrogateConfig:
        """What `as_dict` gave, as JSON gives it back."""
        return cls(**(values | {"properties": tuple(values["properties"])}))


class Outputs(NamedTuple):
    """Raw predictions.

    Attributes:
        values: ``(B, P)`` standardised property values.
        log_scales: ``(B, P)`` logarithm of the expected absolute error, standardised.
        metal: ``(B,)`` logit of having no band gap.
    """

    values: Tensor
    log_scales: Tensor
    metal: Tensor


class MessageLayer(nn.Module):
    """One round of messages."""

    def __init__(self, config: SurrogateConfig) -> None:
        super().__init__()
        width = config.width
        self.norm = nn.LayerNorm(width)
        self.receiver = nn.Linear(width, width)
        self.sender = nn.Linear(width, width, bias=False)
        self.distance = nn.Linear(config.radial, width, bias=False)
        self.gate = nn.Linear(width, width)
        self.density = nn.Linear(width, config.channels)
        self.update = nn.Sequential(
            nn.Linear(2 * width + len(_DEGREES) * config.channels, width),
            nn.SiLU(),
            nn.Linear(width, width),
        )

    def forward(
        self, h: Tensor, radial: Tensor, fading: Tensor, harmonics: Tensor, batch: GraphBatch
    ) -> Tensor:
        """New atom features ``(N, width)``."""
        x = self.norm(h)
        pair = nn.functional.silu(
            self.receiver(x)[:, None] + self.sender(x)[batch.neighbours] + self.distance(radial)
        )
        message = pair * torch.sigmoid(self.gate(pair)) * fading[..., None]
        density = self.density(pair) * fading[..., None]
        moments = torch.einsum("nkc,nky->ncy", density, harmonics)
        spectrum = [part.square().sum(-1) for part in moments.split(_DEGREES, dim=-1)]
        angular = torch.cat(spectrum, dim=-1)
        angular = torch.sign(angular) * torch.log1p(angular)
        return h + self.update(torch.cat([x, message.sum(1) / 8.0, angular], dim=-1))


class SurrogateNetwork(nn.Module):
    """Properties of crystals from their graphs."""

    def __init__(self, config: SurrogateConfig) -> None:
        super().__init__()
        self.config = config
        width, outputs = config.width, len(config.properties)
        self.element = nn.Embedding(MAX_Z, width)
        if config.known:
            self.knowledge = nn.Sequential(
                nn.LayerNorm(config.known),
                nn.Linear(config.known, width),
                nn.SiLU(),
                nn.Dropout(config.dropout),
                nn.Linear(width, width),
            )
        self.layers = nn.ModuleList(MessageLayer(config) for _ in range(config.layers))
        self.blocks = nn.ModuleList(_block(width, config.dropout) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(width)
        self.attention = nn.Linear(width, 1)
        self.trunk = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU())
        self.drop = nn.Dropout(config.dropout)
        self.value = nn.Linear(width, outputs)
        self.scale = nn.Linear(width, outputs)
        self.metal = nn.Linear(width, 1)
        self.register_buffer("target_mean", torch.zeros(outputs))
        self.register_buffer("target_std", torch.ones(outputs))
        if config.known:  # eV/atom of the elements on CHGNet's scale
            self.register_buffer("element_mean", torch.zeros(MAX_Z))

    def forward(self, batch: GraphBatch) -> Outputs:
        """Standardised predictions for every crystal of the batch."""
        pooled = self.drop(self.pooled(batch))
        return Outputs(
            self.value(pooled), self.scale(pooled).clamp(-5, 3), self.metal(pooled).squeeze(-1)
        )

    def in_units(self, values: Tensor, batch: GraphBatch) -> Tensor:
        """Standardised values as eV, eV/atom or, for logarithmic properties, decades."""
        std: Tensor = self.target_std  # type: ignore[assignment]
        mean: Tensor = self.target_mean  # type: ignore[assignment]
        return values * std + mean + self.baseline(batch)

    def baseline(self, batch: GraphBatch) -> Tensor:
        """``(B, P)`` what is known before learning: the formation energy that CHGNet says."""
        rows = batch.weights.new_zeros(batch.size, len(self.config.properties))
        if self.config.known and "formation_energy" in self.config.properties:
            elements: Tensor = self.element_mean  # type: ignore[assignment]
            shares = elements[batch.elements] * batch.weights
            reference = rows.new_zeros(batch.size).index_add_(0, batch.crystal, shares)
            column = self.config.properties.index("formation_energy")
            rows[:, column] = batch.energies - reference
        return rows

    def pooled(self, batch: GraphBatch) -> Tensor:
        """Crystal features ``(B, width)``: mean over atoms beside a learned weighting of them."""
        h = self.element(batch.elements)
        if self.config.known:
            h = h + self.knowledge(batch.known)
        if len(self.layers):
            h = self._messages(h, batch)
        for block in self.blocks:
            h = h + block(h)
        h = self.norm(h)
        importance = batch.weights[:, None] * torch.exp(self.attention(h).clamp(-8, 8))
        rows = torch.cat([h * batch.weights[:, None], h * importance, importance], dim=1).float()
        sums = rows.new_zeros(batch.size, rows.shape[1]).index_add_(0, batch.crystal, rows)
        mean, weighted, total = sums.split([h.shape[1], h.shape[1], 1], dim=1)
        return self.trunk(torch.cat([mean, weighted / total.clamp_min(1e-6)], dim=1))

    def _messages(self, h: Tensor, batch: GraphBatch) -> Tensor:
        distances = batch.vectors.norm(dim=-1).clamp_min(1e-6)
        relative = (distances / batch.reach[:, None]).clamp(max=1.0)
        fading = 0.5 * (torch.cos(torch.pi * relative) + 1.0) * batch.mask
        radial = _gaussians(distances, self.config.radial)
        harmonics = _harmonics(batch.vectors / distances[..., None])
        for layer in self.layers:
            h = layer(h, radial, fading, harmonics, batch)
        return h


def _block(width: int, dropout: float) -> nn.Module:
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Linear(width, 2 * width),
        nn.SiLU(),
        nn.Dropout(dropout),
        nn.Linear(2 * width, width),
    )


def _gaussians(distances: Tensor, count: int) -> Tensor:
    centres = torch.linspace(0.8, CUTOFF, count, device=distances.device)
    width = (CUTOFF - 0.8) / (count - 1)
    return torch.exp(-0.5 * ((distances[..., None] - centres) / width) ** 2)


def _harmonics(unit: Tensor) -> Tensor:
    """Real spherical harmonics of l = 1, 2, 3 (15 components), each l normalised to unit power."""
    x, y, z = unit.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    first = [x, y, z]
    second = [
        3**0.5 * x * y,
        3**0.5 * y * z,
        0.5 * (3 * zz - 1),
        3**0.5 * x * z,
        0.5 * 3**0.5 * (xx - yy),
    ]
    third = [
        0.25 * 10**0.5 * y * (3 * xx - yy),
        15**0.5 * x * y * z,
        0.25 * 6**0.5 * y * (5 * zz - 1),
        0.5 * z * (5 * zz - 3),
        0.25 * 6**0.5 * x * (5 * zz - 1),
        0.5 * 15**0.5 * z * (xx - yy),
        0.25 * 10**0.5 * x * (xx - 3 * yy),
    ]
    return torch.stack([*first, *second, *third], dim=-1)
