"""The template network as the constraint generator uses it: formulas in, templates out."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from crystalsmith.core.crystallography.template import SymmetryTemplate, ordered_amounts
from crystalsmith.models.runs import describing, load_config, load_weights, pick_device
from crystalsmith.models.templates.catalogue import MAX_ELEMENTS, Catalogue
from crystalsmith.models.templates.network import (
    TemplateConfig,
    TemplateNetwork,
    encode,
    log_shares,
    pair_up,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pymatgen.core import Composition

    from crystalsmith.models.templates.catalogue import Pattern

SHIPPED = Path(__file__).parent / "weights"
_LEAST = 1e-4  # probability below which a template is not worth naming
_MOST = 40  # templates named per formula


class TemplateModel:
    """Probabilities of the known patterns for a formula.

    Args:
        network: trained.
        catalogue: the patterns it ranks.
        device: torch device.
    """

    def __init__(
        self,
        network: TemplateNetwork,
        catalogue: Catalogue,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.network = network.to(self.device).eval()
        self.catalogue = catalogue

    @classmethod
    def load(cls, folder: Path | None = None, device: str | torch.device = "auto") -> TemplateModel:
        """Load weights, the shipped ones when no folder is given.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        where = folder or SHIPPED
        config = load_config(where)
        catalogue = Catalogue.load(where)
        with describing(where, "a template network"):
            network = TemplateNetwork(TemplateConfig(**config["network"]), catalogue)
        load_weights(network, where)
        chosen = pick_device(device) if isinstance(device, str) else device
        return cls(network, catalogue, chosen)

    @torch.no_grad()
    def propose_many(
        self, compositions: Sequence[Composition], heights: Sequence[float | None]
    ) -> list[dict[SymmetryTemplate, float]]:
        """Probabilities of templates per composition; none where no pattern fits.

        Args:
            compositions: any multiples of the formulas.
            heights: wanted energies above the hull in eV/atom, None where nothing is wanted.
        """
        formulas = [ordered_amounts(composition) for composition in compositions]
        fitting = [i for i, (symbols, _) in enumerate(formulas) if len(symbols) <= MAX_ELEMENTS]
        results: list[dict[SymmetryTemplate, float]] = [{} for _ in compositions]
        if not fitting:
            return results
        chosen = [formulas[i] for i in fitting]
        found = [self.catalogue.candidates(amounts) for _, amounts in chosen]
        pairs = pair_up(found).to(self.device)
        encoded = encode(chosen, [heights[i] for i in fitting]).to(self.device)
        logs = log_shares(self.network(encoded, pairs), pairs)
        for i, own, known in zip(
            fitting, logs.exp().split(pairs.counts.tolist()), found, strict=True
        ):
            best = own.topk(min(_MOST, len(own)))
            patterns = [known.patterns[number] for number in best.indices.tolist()]
            results[i] = _named(formulas[i][0], zip(patterns, best.values.tolist(), strict=True))
        return results


def _named(
    symbols: Sequence[str], shares: Iterable[tuple[Pattern, float]]
) -> dict[SymmetryTemplate, float]:
    table: dict[SymmetryTemplate, float] = defaultdict(float)
    for pattern, share in shares:
        if share >= _LEAST:
            table[_template(pattern, symbols)] += share
    return dict(table)


def _template(pattern: Pattern, symbols: Sequence[str]) -> SymmetryTemplate:
    letters = dict(zip(symbols, pattern.letters, strict=True))
    return SymmetryTemplate.from_letters(pattern.number, letters)  # canonical, as patterns are
