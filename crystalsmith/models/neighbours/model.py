"""The neighbour network as the constraint generator uses it: known crystals in, votes out."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from crystalsmith.core.crystallography.template import SymmetryTemplate, electropositive_first
from crystalsmith.models.neighbours.network import NeighbourConfig, NeighbourNetwork, collate
from crystalsmith.models.neighbours.prior import Votes
from crystalsmith.models.runs import describing, load_config, load_weights, pick_device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.models.neighbours.prior import Neighbours

SHIPPED = Path(__file__).parent / "weights"
_LEAST = 1e-4  # share of the votes below which a template is not worth naming
_SAME_FORMULA = 0.3  # of the votes, for the known crystals of the very formula
_DECISION = 2.0  # factor on the evidence that the neighbours know: a sparse store is not trusted


class NeighbourModel:
    """Learned votes of known crystals.

    Args:
        network: trained.
        device: torch device.
    """

    def __init__(self, network: NeighbourNetwork, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()

    @classmethod
    def load(
        cls, folder: Path | None = None, device: str | torch.device = "auto"
    ) -> NeighbourModel:
        """Load weights, the shipped ones when no folder is given.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        where = folder or SHIPPED
        config = load_config(where)
        with describing(where, "a neighbour network"):
            network = NeighbourNetwork(NeighbourConfig(**config["network"]))
        load_weights(network, where)
        return cls(network, pick_device(device) if isinstance(device, str) else device)

    @torch.no_grad()
    def votes(
        self, circles: Sequence[Neighbours | None], heights: Sequence[float | None]
    ) -> list[Votes]:
        """What the crystals around each formula say; no shares where there is none.

        Crystals of the very formula are known polymorphs, which the network knows nothing of: they
        have three tenths of the votes, all of them when nobody else votes.

        Args:
            circles: of each formula, see `NeighbourPrior.around`.
            heights: wanted energies above the hull in eV/atom, None where nothing is wanted.
        """
        answers = [Votes({}) if own is None else _polymorphs(own) for own in circles]
        pairs = zip(circles, heights, strict=True)
        asked = [
            (row, own, height)
            for row, (own, height) in enumerate(pairs)
            if own is not None and own.letters
        ]
        if not asked:
            return answers
        batch = collate([own for _, own, _ in asked], [height for *_, height in asked])
        logs, useful = self.network(batch.to(self.device))
        rows = zip(asked, logs.exp().cpu(), (_DECISION * useful).sigmoid().tolist(), strict=True)
        for (row, own, _), shares, trust in rows:
            table = _summed(own, shares.tolist())
            same = _SAME_FORMULA if own.same else 0.0
            mixed = {template: (1 - same) * share for template, share in table.items()}
            for template, share in answers[row].shares.items():
                mixed[template] = mixed.get(template, 0.0) + same * share
            answers[row] = Votes(mixed, 0.0, trust)
        return answers


def _polymorphs(circle: Neighbours) -> Votes:
    """What the known crystals of the formula say if nobody else votes."""
    if not circle.same:
        return Votes({})
    share = 1 / len(circle.same)
    table: dict[SymmetryTemplate, float] = defaultdict(float)
    for template in circle.same:
        table[template] += share
    return Votes(dict(table), 0.0, 1.0)


def _summed(circle: Neighbours, votes: Sequence[float]) -> dict[SymmetryTemplate, float]:
    """Votes per template; a padded row's last votes are nobody's."""
    shares: dict[tuple[int, tuple[str, ...]], float] = defaultdict(float)
    for key, vote in zip(circle.letters, votes, strict=False):
        shares[key] += vote
    symbols = sorted(circle.symbols, key=electropositive_first)
    named = {key: share for key, share in shares.items() if share >= _LEAST}
    total = sum(named.values())
    return {
        SymmetryTemplate.from_letters(number, dict(zip(symbols, letters, strict=True))): share
        / total
        for (number, letters), share in named.items()
    }
