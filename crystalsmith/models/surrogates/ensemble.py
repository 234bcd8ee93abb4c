"""Networks that agree more or less: their mean is the prediction, their spread its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystalsmith.core.properties import register
from crystalsmith.models.runs import describing, load_config, load_weights, pick_device
from crystalsmith.models.surrogates.gap import GapRule
from crystalsmith.models.surrogates.graph import CrystalGraph, collate_graphs
from crystalsmith.models.surrogates.network import SurrogateConfig, SurrogateNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from crystalsmith.models.surrogates.graph import GraphBatch

_BATCH = 256


@dataclass(frozen=True)
class TrainedRange:
    """What the training crystals cover; outside of it predictions are marked as unreliable.

    Attributes:
        elements: atomic numbers seen at least ten times.
        volume: lowest and highest Å³ per atom (0.1 and 99.9 percentile).
        distance: shortest distance between neighbours, Å (0.1 percentile).
    """

    elements: frozenset[int]
    volume: tuple[float, float]
    distance: float

    def covers(self, graph: CrystalGraph) -> bool:
        """Whether a crystal lies inside."""
        shortest = shortest_contact(graph)
        return (
            set(graph.elements.tolist()) <= self.elements
            and self.volume[0] <= graph.volume <= self.volume[1]
            and shortest >= self.distance
        )


def shortest_contact(graph: CrystalGraph) -> float:
    """Shortest distance between neighbours, Å; the view's end when there are none."""
    lengths = np.linalg.norm(graph.vectors, axis=-1)
    return float(np.where(graph.neighbours >= 0, lengths, np.inf).min(initial=np.inf))


class Ensemble:
    """Networks trained for the same properties.

    Args:
        members: trained networks.
        spread: factor per property that turns the ensemble's raw spread into a standard deviation
            (fitted on held-out crystals so that 90 % intervals hold 90 % of them).
        trained: what the training data cover.
        gap_rule: how the formula's gap is weighed in; None leaves it out.
        device: torch device.
    """

    def __init__(
        self,
        members: Sequence[SurrogateNetwork],
        spread: dict[str, float],
        trained: TrainedRange,
        gap_rule: GapRule | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.members = [member.to(self.device).eval() for member in members]
        self.spread, self.trained, self.gap_rule = spread, trained, gap_rule
        self.properties = members[0].config.properties
        self.needs_chgnet = any(member.config.known for member in members)

    @classmethod
    def load(cls, where: Path, device: str = "auto") -> Ensemble:
        """Load the weights of one ensemble, and make its properties known.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        config = load_config(where)
        with describing(where, "surrogates"):
            shapes = [load_config(where / name)["network"] for name in config["members"]]
            members = [SurrogateNetwork(SurrogateConfig.from_dict(shape)) for shape in shapes]
            covered = config["trained_range"]
            trained = TrainedRange(
                frozenset(covered["elements"]), tuple(covered["volume"]), covered["distance"]
            )
            spread = {name: float(value) for name, value in config["spread"].items()}
            rule = GapRule(**config["gap_rule"]) if "gap_rule" in config else None
            for definition in config.get("properties", ()):
                register(definition)
        for name, member in zip(config["members"], members, strict=True):
            load_weights(member, where / name)
        return cls(members, spread, trained, rule, pick_device(device))

    @torch.no_grad()
    def raw_predictions(
        self, graphs: Sequence[CrystalGraph], formula_gaps: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means and calibrated standard deviations, ``(graphs, properties)`` each.

        Logarithmic properties are in decades. ``formula_gaps`` are the band gaps that the formulas
        alone suggest, eV, for the gap rule.
        """
        means = np.zeros((len(graphs), len(self.properties)))
        stds = np.zeros_like(means)
        for begin in range(0, len(graphs), _BATCH):
            batch = collate_graphs(graphs[begin : begin + _BATCH], self.device)
            span = slice(begin, begin + batch.size)
            gaps = None if formula_gaps is None else formula_gaps[span]
            means[span], stds[span] = self._predict(batch, gaps)
        factors = [self.spread.get(name, 1.0) for name in self.properties]
        return means, stds * np.array(factors)

    def votes(
        self, batch: GraphBatch
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Values and expected errors ``(members, B, P)``, and logits of being a metal, mean."""
        values, scales, metals = [], [], []
        for member in self.members:
            outputs = member(batch)
            std: torch.Tensor = member.target_std  # type: ignore[assignment]
            values.append(member.in_units(outputs.values, batch))
            scales.append(outputs.log_scales.exp() * std)
            metals.append(outputs.metal)
        stacked = [torch.stack(part).cpu().double().numpy() for part in (values, scales, metals)]
        return stacked[0], stacked[1], stacked[2].mean(0)

    def _predict(
        self, batch: GraphBatch, formula_gaps: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        values, scales, metal = self.votes(batch)
        mean = values.mean(0)
        std = np.sqrt(values.var(0) + scales.mean(0) ** 2)
        if "band_gap" in self.properties:
            column = self.properties.index("band_gap")
            rule = self.gap_rule if formula_gaps is not None else None
            mean[:, column], std[:, column] = (rule or GapRule()).apply(
                np.maximum(values[:, :, column], 0.0).mean(0), std[:, column], metal, formula_gaps
            )
        return mean, std
