"""A small transformer over the elements of a formula."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

MAX_Z = 104
MAX_ELEMENTS = 10


@dataclass(frozen=True)
class CompositionConfig:
    """Sizes of the network.

    Attributes:
        width: features per element.
        layers: transformer layers.
        heads: attention heads.
        fractions: Gaussians that describe an element's share of the atoms.
        properties: names of the outputs, in order.
    """

    width: int = 128
    layers: int = 3
    heads: int = 4
    fractions: int = 24
    properties: tuple[str, ...] = ("band_gap", "formation_energy", "hull_energy")

    def as_dict(self) -> dict[str, Any]:
        """For ``config.json``."""
        return asdict(self)


class CompositionOutputs(NamedTuple):
    """Raw predictions.

    Attributes:
        values: ``(B, P)`` standardised property values.
        log_scales: ``(B, P)`` logarithm of the expected absolute error, standardised.
    """

    values: Tensor
    log_scales: Tensor


class CompositionNetwork(nn.Module):
    """Properties from elements and their shares of the atoms."""

    def __init__(self, config: CompositionConfig) -> None:
        super().__init__()
        self.config = config
        width, outputs = config.width, len(config.properties)
        self.element = nn.Embedding(MAX_Z, width)
        self.share = nn.Linear(config.fractions, width)
        layer = nn.TransformerEncoderLayer(
            width, config.heads, 2 * width, dropout=0.05, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.trunk = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU())
        self.value = nn.Linear(width, outputs)
        self.scale = nn.Linear(width, outputs)
        self.register_buffer("target_mean", torch.zeros(outputs))
        self.register_buffer("target_std", torch.ones(outputs))

    def forward(self, elements: Tensor, shares: Tensor) -> CompositionOutputs:
        """Standardised predictions.

        Args:
            elements: ``(B, MAX_ELEMENTS)`` atomic numbers, 0 where padded.
            shares: ``(B, MAX_ELEMENTS)`` share of all atoms, 0 where padded.
        """
        tokens = self.element(elements) + self.share(_gaussians(shares, self.config.fractions))
        hidden = self.encoder(tokens, src_key_padding_mask=elements == 0)
        pooled = self.trunk((hidden * shares[..., None]).sum(1))
        return CompositionOutputs(self.value(pooled), self.scale(pooled).clamp(-5, 3))

    def in_units(self, values: Tensor) -> Tensor:
        """Standardised values as eV and eV/atom."""
        std: Tensor = self.target_std  # type: ignore[assignment]
        mean: Tensor = self.target_mean  # type: ignore[assignment]
        return values * std + mean


def encode(
    formulas: Sequence[Sequence[tuple[int, float]]],
) -> tuple[Tensor, Tensor]:
    """Formulas, each as pairs of atomic number and amount, as padded tensors."""
    elements = np.zeros((len(formulas), MAX_ELEMENTS), np.int64)
    shares = np.zeros((len(formulas), MAX_ELEMENTS), np.float32)
    for row, formula in enumerate(formulas):
        largest = sorted(formula, key=lambda pair: -pair[1])[:MAX_ELEMENTS]
        total = sum(amount for _, amount in largest)
        for column, (z, amount) in enumerate(largest):
            elements[row, column], shares[row, column] = z, amount / total
    return torch.from_numpy(elements), torch.from_numpy(shares)


def _gaussians(shares: Tensor, count: int) -> Tensor:
    centres = torch.linspace(0.0, 1.0, count, device=shares.device)
    return torch.exp(-0.5 * ((shares[..., None] - centres) * (count - 1)) ** 2)
