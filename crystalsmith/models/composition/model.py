"""The composition model as users meet it: formulas in, properties with uncertainty out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from crystalsmith.core.evidence import Prediction, predicted
from crystalsmith.core.properties import PROPERTIES, Property
from crystalsmith.models.composition.network import CompositionConfig, CompositionNetwork, encode
from crystalsmith.models.runs import (
    describing,
    load_config,
    load_weights,
    pick_device,
    weights_folders,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray
    from pymatgen.core import Composition
    from torch import Tensor

SHIPPED = Path(__file__).parent / "weights"
LEARNABLE = PROPERTIES | {
    "hull_energy": Property("hull_energy", "eV/atom", "energy of the hull", 0.1)
}
SOURCE = "composition model"
_BATCH = 2048  # formulas at once


class Estimates(NamedTuple):
    """A property of many formulas, as networks learn it: decades where it is logarithmic.

    Attributes:
        means: ``(n,)``.
        stds: ``(n,)`` standard deviations.
    """

    means: NDArray[np.float64]
    stds: NDArray[np.float64]


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with what calibrates it.

    Attributes:
        network: trained.
        spread: factor per property that calibrates the uncertainty (see `surrogates.ensemble`).
    """

    network: CompositionNetwork
    spread: dict[str, float] = field(default_factory=dict)

    @property
    def properties(self) -> tuple[str, ...]:
        """What it predicts."""
        return self.network.config.properties

    @classmethod
    def load(cls, folder: Path) -> TrainedNetwork:
        """Load weights.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        config = load_config(folder)
        with describing(folder, "a composition model"):
            shape = dict(config["network"])
            shape["properties"] = tuple(shape["properties"])
            network = CompositionNetwork(CompositionConfig(**shape))
        load_weights(network, folder)
        return cls(network, config.get("spread") or {})


class CompositionModel:
    """What the formula alone tells of a crystal.

    Band gap, formation energy, volume per atom, bulk and shear modulus, and the energy of the
    convex hull: what the most stable mixture of phases at that composition would have. A crystal's
    formation energy less it is the crystal's distance to the hull.

    Args:
        parts: networks; a property is taken from the first that predicts it.
        device: torch device.
    """

    def __init__(self, parts: Sequence[TrainedNetwork], device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.parts = list(parts)
        for part in self.parts:
            part.network.to(self.device).eval()

    @classmethod
    def load(cls, folder: Path | None = None, device: str = "auto") -> CompositionModel:
        """Load weights: one's own first, then the shipped ones for the remaining properties.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        parts: list[TrainedNetwork] = []
        for place in (SHIPPED,) if folder is None else (folder, SHIPPED):
            known = {name for part in parts for name in part.properties}
            found = [TrainedNetwork.load(one) for one in weights_folders(place)]
            parts += [part for part in found if not known >= set(part.properties)]
        return cls(parts, pick_device(device))

    @property
    def properties(self) -> tuple[str, ...]:
        """What it predicts."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.properties))

    def network_of(self, name: str) -> CompositionNetwork:
        """The network that predicts a property."""
        return next(part.network for part in self.parts if name in part.properties)

    def heights(
        self, compositions: Sequence[Composition], energies: Sequence[float | None]
    ) -> list[float | None]:
        """Formation energies (eV/atom) as heights above the predicted hull; None stays None."""
        if all(energy is None for energy in energies):
            return list(energies)
        hulls = self.means(compositions, "hull_energy").tolist()
        return [
            None if energy is None else energy - hull
            for energy, hull in zip(energies, hulls, strict=True)
        ]

    def means(self, compositions: Sequence[Composition], name: str) -> NDArray[np.float64]:
        """``(n,)`` one property of every composition, without its uncertainty; see `Estimates`."""
        parts = [
            self.estimates(compositions[begin : begin + _BATCH], (name,))[name].means
            for begin in range(0, len(compositions), _BATCH)
        ]
        return np.concatenate([np.zeros(0), *parts])

    def predict(
        self, compositions: Sequence[Composition], names: Collection[str] | None = None
    ) -> list[dict[str, Prediction]]:
        """Properties of every composition, by name; for ``names`` see `estimates`."""
        if not compositions:
            return []
        told = self.estimates(compositions, names)
        return [
            {
                name: predicted(LEARNABLE[name], float(means[row]), float(stds[row]), SOURCE)
                for name, (means, stds) in told.items()
            }
            for row in range(len(compositions))
        ]

    @torch.no_grad()
    def estimates(
        self, compositions: Sequence[Composition], names: Collection[str] | None = None
    ) -> dict[str, Estimates]:
        """Properties of many formulas at once, by name.

        Args:
            compositions: at least one.
            names: properties that are needed, for speed; all when not given. Others that come
                along with them are told as well.
        """
        rows = [[(element.Z, amount) for element, amount in c.items()] for c in compositions]
        most = max(len(row) for row in rows)  # padding beyond costs and says nothing
        elements, shares = (part[:, :most].to(self.device) for part in encode(rows))
        told: dict[str, Estimates] = {}
        for part in self.parts:
            if names is None or set(names) & set(part.properties):
                told = _told(part, elements, shares) | told
        return told


def _told(part: TrainedNetwork, elements: Tensor, shares: Tensor) -> dict[str, Estimates]:
    outputs = part.network(elements, shares)
    std: Tensor = part.network.target_std  # type: ignore[assignment]
    means = part.network.in_units(outputs.values).cpu().numpy().astype(float)
    scales = (outputs.log_scales.exp() * std).cpu().numpy().astype(float)
    told = {}
    for column, name in enumerate(part.properties):
        mean = np.maximum(means[:, column], 0.0 if name == "band_gap" else -np.inf)
        told[name] = Estimates(mean, scales[:, column] * part.spread.get(name, 1.0))
    return told
