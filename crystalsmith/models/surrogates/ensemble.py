"""The surrogates as users meet them: structures in, properties with calibrated uncertainty out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from crystalsmith.core.errors import CrystalsmithError, WeightsError
from crystalsmith.core.evidence import Prediction
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.properties import PROPERTIES
from crystalsmith.models.runs import load_config, load_weights, pick_device
from crystalsmith.models.surrogates.graph import CrystalGraph, collate_graphs, crystal_graph
from crystalsmith.models.surrogates.network import SurrogateConfig, SurrogateNetwork

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from pymatgen.core import Structure

SHIPPED = Path(__file__).parent / "weights"
_BATCH = 128
_NOT_A_METAL = 0.5  # probability above which a crystal counts as a metal


class Scored(NamedTuple):
    """The properties of one structure, or why it could not be scored.

    Attributes:
        predictions: by property name; empty on failure.
        failure: one sentence, None on success.
    """

    predictions: dict[str, Prediction]
    failure: str | None = None


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


class Surrogates:
    """An ensemble of networks that agree more or less.

    Args:
        members: trained networks.
        spread: factor per property that turns the ensemble's raw spread into a standard deviation
            (fitted on held-out crystals so that 90 % intervals hold 90 % of them).
        trained: what the training data cover.
        device: torch device.
    """

    def __init__(
        self,
        members: Sequence[SurrogateNetwork],
        spread: dict[str, float],
        trained: TrainedRange,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.members = [member.to(self.device).eval() for member in members]
        self.spread, self.trained = spread, trained
        self.properties = members[0].config.properties

    @classmethod
    def load(cls, folder: Path | None = None, device: str = "auto") -> Surrogates:
        """Load weights, the shipped ones when no folder is given.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        where = folder or SHIPPED
        config = load_config(where)
        try:
            network = dict(config["network"])
            network["properties"] = tuple(network["properties"])
            members = [SurrogateNetwork(SurrogateConfig(**network)) for _ in config["members"]]
            covered = config["trained_range"]
            trained = TrainedRange(
                frozenset(covered["elements"]), tuple(covered["volume"]), covered["distance"]
            )
            spread = {name: float(value) for name, value in config["spread"].items()}
        except (KeyError, TypeError) as error:
            raise WeightsError(
                f"{where / 'config.json'} does not describe surrogates ({error});"
                " reinstall crystalsmith or train them again"
            ) from None
        for name, member in zip(config["members"], members, strict=True):
            load_weights(member, where / name)
        return cls(members, spread, trained, pick_device(device))

    def predict(self, structures: Iterable[Structure], progress: Progress = silent) -> list[Scored]:
        """Score structures; one that cannot be scored does not stop the others."""
        graphs: list[CrystalGraph | None] = []
        failures: list[str | None] = []
        for structure in structures:
            try:
                graphs.append(crystal_graph(structure))
                failures.append(None)
            except CrystalsmithError as error:
                graphs.append(None)
                failures.append(str(error))
        good = [graph for graph in graphs if graph is not None]
        means, stds = self.raw_predictions(good, progress)
        results = []
        row = 0
        for graph, failure in zip(graphs, failures, strict=True):
            if graph is None:
                results.append(Scored({}, failure))
                continue
            reliable = self.trained.covers(graph)
            predictions = {
                name: Prediction(
                    mean=float(means[row, column]),
                    std=float(stds[row, column]),
                    unit=PROPERTIES[name].unit,
                    source="surrogate",
                    reliable=reliable,
                )
                for column, name in enumerate(self.properties)
            }
            results.append(Scored(predictions))
            row += 1
        return results

    @torch.no_grad()
    def raw_predictions(
        self, graphs: Sequence[CrystalGraph], progress: Progress = silent
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means and calibrated standard deviations, ``(graphs, properties)`` each."""
        means = np.zeros((len(graphs), len(self.properties)))
        stds = np.zeros_like(means)
        for begin in range(0, len(graphs), _BATCH):
            batch = collate_graphs(graphs[begin : begin + _BATCH], self.device)
            span = slice(begin, begin + batch.size)
            means[span], stds[span] = self._ensemble(batch)
            progress("scoring", min(begin + _BATCH, len(graphs)), len(graphs))
        factors = [self.spread.get(name, 1.0) for name in self.properties]
        return means, stds * np.array(factors)

    def _ensemble(self, batch: object) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means over the members, and the spread of members and of their expected errors."""
        values, scales, metals = [], [], []
        for member in self.members:
            outputs = member(batch)
            std: torch.Tensor = member.target_std  # type: ignore[assignment]
            values.append(member.in_units(outputs.values))
            scales.append(outputs.log_scales.exp() * std)
            metals.append(torch.sigmoid(outputs.metal))
        stacked = torch.stack(values)
        if "band_gap" in self.properties:
            column = self.properties.index("band_gap")
            metal = torch.stack(metals).mean(0) > _NOT_A_METAL
            stacked[:, :, column] = stacked[:, :, column].clamp_min(0.0)
            stacked[:, metal, column] = 0.0
        mean = stacked.mean(0)
        between = stacked.var(0, unbiased=False)
        within = torch.stack(scales).mean(0) ** 2
        return mean.cpu().double().numpy(), (between + within).sqrt().cpu().double().numpy()
