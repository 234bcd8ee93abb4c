"""The polymorph network as the constraint generator uses it: known polymorphs in, templates out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from crystalsmith.models.neighbours.prior import rounding
from crystalsmith.models.polymorphs.known import KnownPolymorphs
from crystalsmith.models.polymorphs.network import PolymorphConfig, PolymorphNetwork
from crystalsmith.models.polymorphs.relatives import relatives
from crystalsmith.models.runs import describing, load_config, load_weights, pick_device

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry

SHIPPED = Path(__file__).parent / "weights"
_ASKED_FOR = 0.05  # of the probabilities, where a known crystal has the very energy asked for
_LEAST = 1e-4  # probability below which a template is not worth naming


class PolymorphModel:
    """Templates of further polymorphs.

    Args:
        network: trained.
        known: the known crystals.
        device: torch device.
    """

    def __init__(
        self,
        network: PolymorphNetwork,
        known: KnownPolymorphs,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.known = known

    @classmethod
    def load(
        cls,
        entries: Sequence[Entry],
        folder: Path | None = None,
        device: str | torch.device = "auto",
    ) -> PolymorphModel:
        """Load weights, the shipped ones when no folder is given.

        Args:
            entries: known crystals.
            folder: of the weights.
            device: torch device.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        where = folder or SHIPPED
        config = load_config(where)
        with describing(where, "a polymorph network"):
            network = PolymorphNetwork(PolymorphConfig(**config["network"]))
        load_weights(network, where)
        chosen = pick_device(device) if isinstance(device, str) else device
        return cls(network, KnownPolymorphs(entries), chosen)

    @torch.no_grad()
    def shares(
        self,
        composition: Composition,
        energy: float | None,
        votes: Mapping[SymmetryTemplate, float],
    ) -> dict[SymmetryTemplate, float]:
        """Probabilities of templates that no known crystal of the formula has.

        Nothing is said of formulas without known crystals, nor where no energy is asked for: the
        crystal that is asked for is a known one then.

        Args:
            composition: any multiple of the formula.
            energy: wanted formation energy, eV/atom.
            votes: shares that known crystals give to templates of the formula.

        Returns:
            Probabilities whose sum is less than one: what is left is for any other template.
        """
        if energy is None:
            return {}
        polymorphs = self.known.of(composition)
        if not polymorphs:
            return {}
        found = relatives(self.known, polymorphs, energy, votes)
        if not found.templates:
            return {}
        features = torch.from_numpy(found.features).to(self.device)[None]
        present = torch.ones(features.shape[:2], dtype=torch.bool, device=self.device)
        probabilities = self.network(features, present)[0, :-1].exp().tolist()
        held_back = _ASKED_FOR if _is_known(polymorphs, energy) else 1.0
        return {
            template: held_back * probability
            for template, probability in zip(found.templates, probabilities, strict=True)
            if probability >= _LEAST
        }


def _is_known(polymorphs: Sequence[Entry], energy: float) -> bool:
    """Whether one has the energy asked for, as far as its digits tell."""
    exact = max(rounding(energy), 1e-6)
    energies = [e.formation_energy for e in polymorphs if e.formation_energy is not None]
    return any(abs(own - energy) <= exact for own in energies)
