"""The composition model as users meet it: formulas in, properties with uncertainty out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystalsmith.core.evidence import Prediction
from crystalsmith.models.composition.network import CompositionConfig, CompositionNetwork, encode
from crystalsmith.models.runs import describing, load_config, load_weights, pick_device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymatgen.core import Composition

SHIPPED = Path(__file__).parent / "weights"
_BATCH = 2048  # formulas at once
_UNITS = {"band_gap": "eV", "formation_energy": "eV/atom", "hull_energy": "eV/atom"}


class CompositionModel:
    """Band gap, formation energy and energy of the convex hull from the formula alone.

    The hull energy is what the most stable mixture of phases at that composition would have; a
    crystal's formation energy less it is the crystal's distance to the hull.

    Args:
        network: trained.
        spread: factor per property that calibrates the uncertainty (see `surrogates.ensemble`).
        device: torch device.
    """

    def __init__(
        self,
        network: CompositionNetwork,
        spread: dict[str, float] | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.spread = spread or {}

    @classmethod
    def load(cls, folder: Path | None = None, device: str = "auto") -> CompositionModel:
        """Load weights, the shipped ones when no folder is given.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        where = folder or SHIPPED
        config = load_config(where)
        with describing(where, "a composition model"):
            shape = dict(config["network"])
            shape["properties"] = tuple(shape["properties"])
            network = CompositionNetwork(CompositionConfig(**shape))
        load_weights(network, where)
        return cls(network, config.get("spread"), pick_device(device))

    def heights(
        self, compositions: Sequence[Composition], energies: Sequence[float | None]
    ) -> list[float | None]:
        """Formation energies (eV/atom) as heights above the predicted hull; None stays None."""
        if all(energy is None for energy in energies):
            return list(energies)
        hulls: list[float] = []
        for begin in range(0, len(compositions), _BATCH):
            part = self.predict(compositions[begin : begin + _BATCH])
            hulls += [prediction["hull_energy"].mean for prediction in part]
        return [
            None if energy is None else energy - hull
            for energy, hull in zip(energies, hulls, strict=True)
        ]

    @torch.no_grad()
    def predict(self, compositions: Sequence[Composition]) -> list[dict[str, Prediction]]:
        """Properties of every composition, by name."""
        if not compositions:
            return []
        rows = [[(element.Z, amount) for element, amount in c.items()] for c in compositions]
        most = max(len(row) for row in rows)  # padding beyond costs and says nothing
        elements, shares = (part[:, :most].to(self.device) for part in encode(rows))
        outputs = self.network(elements, shares)
        std: torch.Tensor = self.network.target_std  # type: ignore[assignment]
        means = self.network.in_units(outputs.values).cpu().numpy()
        scales = (outputs.log_scales.exp() * std).cpu().numpy()
        names = self.network.config.properties
        factors = np.array([self.spread.get(name, 1.0) for name in names])
        return [
            {
                name: Prediction(
                    mean=max(0.0, float(mean)) if name == "band_gap" else float(mean),
                    std=float(scale),
                    unit=_UNITS[name],
                    source="composition model",
                )
                for name, mean, scale in zip(names, row, scale_row, strict=True)
            }
            for row, scale_row in zip(means, scales * factors, strict=True)
        ]
