"""A small perceptron that says how probable each relative of the known polymorphs is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from crystalsmith.models.polymorphs.relatives import N_FEATURES

if TYPE_CHECKING:
    from torch import Tensor

_RARE = -4.0  # logarithm of what a relative counts with before anything is learned


@dataclass(frozen=True)
class PolymorphConfig:
    """Size of the network.

    Attributes:
        hidden: of the perceptron.
    """

    hidden: int = 16

    def as_dict(self) -> dict[str, Any]:
        """For ``config.json``."""
        return asdict(self)


class PolymorphNetwork(nn.Module):
    """Probabilities of the relatives, beside that of none of them being the crystal."""

    features_mean: Tensor
    features_std: Tensor

    def __init__(self, config: PolymorphConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("features_mean", torch.zeros(N_FEATURES))
        self.register_buffer("features_std", torch.ones(N_FEATURES))
        last = nn.Linear(config.hidden, 1)
        nn.init.constant_(last.bias, _RARE)
        self.layers = nn.Sequential(nn.Linear(N_FEATURES, config.hidden), nn.SiLU(), last)

    def scale_to(self, features: Tensor) -> None:
        """Take mean and spread from features ``(N, N_FEATURES)``."""
        self.features_mean.copy_(features.mean(0))
        self.features_std.copy_(features.std(0) + 1e-3)

    def forward(self, features: Tensor, present: Tensor) -> Tensor:
        """Logarithms of probabilities ``(B, N + 1)``; the last column is for none of them.

        Args:
            features: ``(B, N, N_FEATURES)``.
            present: ``(B, N)`` False where padded.
        """
        scaled = (features - self.features_mean) / self.features_std
        scores = self.layers(scaled)[..., 0].masked_fill(~present, -torch.inf)
        nobody = torch.zeros(len(scores), 1, device=scores.device)
        return torch.cat((scores, nobody), 1).log_softmax(1)
