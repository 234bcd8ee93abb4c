"""Tiny surrogates with random weights."""

from __future__ import annotations

import torch

from crystalsmith.models.surrogates.ensemble import Ensemble, TrainedRange
from crystalsmith.models.surrogates.network import SurrogateConfig, SurrogateNetwork

TINY = SurrogateConfig(width=16, channels=4, layers=2, radial=8, known=0, blocks=0, dropout=0.0)
EVERYTHING = TrainedRange(frozenset(range(1, 104)), (0.0, 1000.0), 0.0)


def random_ensemble(members: int = 2, trained: TrainedRange = EVERYTHING) -> Ensemble:
    """Networks that disagree, none of which calls anything a metal."""
    networks = []
    for seed in range(members):
        torch.manual_seed(seed)
        network = SurrogateNetwork(TINY)
        with torch.no_grad():
            for parameter in network.layers.parameters():  # so that geometry matters
                parameter.copy_(torch.randn_like(parameter) * 0.4)
            network.metal.bias.fill_(-20.0)
            network.value.bias.fill_(2.0)
        networks.append(network)
    return Ensemble(networks, {}, trained)
