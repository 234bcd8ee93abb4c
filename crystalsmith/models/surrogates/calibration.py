"""Turning trained members into a shipped ensemble: calibration and the trained range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from crystalsmith.core.evidence import NORMAL_90
from crystalsmith.core.properties import PROPERTIES
from crystalsmith.models.runs import load_config, load_weights, save_weights, write_json
from crystalsmith.models.surrogates.ensemble import Ensemble, TrainedRange, shortest_contact
from crystalsmith.models.surrogates.gap import GapRule, fit_gap_rule
from crystalsmith.models.surrogates.graph import collate_graphs
from crystalsmith.models.surrogates.network import SurrogateConfig, SurrogateNetwork
from crystalsmith.models.training_data import targets_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from crystalsmith.core.entry import Entry
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.surrogates.graph import CrystalGraph

_SEEN_OFTEN = 10
_BATCH = 256


def ship(
    members: Sequence[Path],
    folder: Path,
    train: Sequence[CrystalGraph],
    held_out: Sequence[tuple[Entry, CrystalGraph]],
    compositions: CompositionModel | None = None,
    unseen_formulas: int = 0,
) -> Ensemble:
    """Collect trained members into one folder, calibrated on held-out crystals.

    Args:
        members: folders of finished training runs, exported weights inside.
        folder: where the ensemble goes.
        train: what the members were trained on, for the trained range.
        held_out: crystals for the calibration, with their graphs; never test crystals.
        compositions: whose band gaps are weighed in; None leaves them out.
        unseen_formulas: so many of the first held-out crystals were held out from the composition
            model as well; the band gap is calibrated on them alone.
    """
    networks = []
    names = []
    for index, member in enumerate(members):
        config = load_config(member)
        network = SurrogateNetwork(SurrogateConfig.from_dict(config["network"]))
        load_weights(network, member)
        networks.append(network)
        names.append(f"member-{index}")
        save_weights(folder / names[-1], network.state_dict(), config)
    trained = trained_range(train)
    ensemble = Ensemble(networks, {}, trained)
    entries = [entry for entry, _ in held_out]
    graphs = [graph for _, graph in held_out]
    ensemble.spread = calibrate(ensemble, entries, graphs)
    if compositions is not None and unseen_formulas and "band_gap" in ensemble.properties:
        entries, graphs = entries[:unseen_formulas], graphs[:unseen_formulas]
        gaps = compositions.means([entry.composition for entry in entries], "band_gap")
        ensemble.gap_rule = gap_rule(ensemble, entries, graphs, gaps)
        found = calibrate(ensemble, entries, graphs, gaps)
        ensemble.spread["band_gap"] = found["band_gap"]
    rule = {"gap_rule": ensemble.gap_rule.as_dict()} if ensemble.gap_rule else {}
    write_json(
        folder / "config.json",
        {
            "model": "surrogates",
            "members": names,
            "properties": [PROPERTIES[name].as_dict() for name in ensemble.properties],
            "spread": ensemble.spread,
            **rule,
            "trained_range": {
                "elements": sorted(trained.elements),
                "volume": list(trained.volume),
                "distance": trained.distance,
            },
        },
    )
    return ensemble


def calibrate(
    ensemble: Ensemble,
    held_out: Sequence[Entry],
    graphs: Sequence[CrystalGraph],
    formula_gaps: NDArray[np.float64] | None = None,
) -> dict[str, float]:
    """Factor per property that makes 90 % intervals hold 90 % of the held-out crystals."""
    before = ensemble.spread
    ensemble.spread = {}
    means, stds = ensemble.raw_predictions(graphs, formula_gaps)
    ensemble.spread = before
    truth = targets_of(held_out, ensemble.properties)
    ratios = np.abs(truth - means) / stds
    return {
        name: float(np.nanquantile(ratios[:, column], 0.9) / NORMAL_90)
        for column, name in enumerate(ensemble.properties)
        if not np.isnan(truth[:, column]).all()
    }


@torch.no_grad()
def gap_rule(
    ensemble: Ensemble,
    held_out: Sequence[Entry],
    graphs: Sequence[CrystalGraph],
    formula_gaps: NDArray[np.float64],
) -> GapRule:
    """How to weigh the networks' gap against the formula's, from held-out crystals."""
    column = ensemble.properties.index("band_gap")
    gaps, logits = [], []
    for begin in range(0, len(graphs), _BATCH):
        batch = collate_graphs(graphs[begin : begin + _BATCH], ensemble.device)
        values, _, metal = ensemble.votes(batch)
        gaps.append(np.maximum(values[:, :, column], 0.0).mean(0))
        logits.append(metal)
    truth = targets_of(held_out, ["band_gap"])[:, 0]
    known = ~np.isnan(truth)
    own, metal = np.concatenate(gaps), np.concatenate(logits)
    return fit_gap_rule(own[known], metal[known], formula_gaps[known], truth[known])


def trained_range(graphs: Sequence[CrystalGraph]) -> TrainedRange:
    """What a set of crystals covers."""
    elements, counts = np.unique(
        np.concatenate([np.unique(graph.elements) for graph in graphs]), return_counts=True
    )
    volumes = np.array([graph.volume for graph in graphs])
    contacts = np.array([shortest_contact(graph) for graph in graphs])
    low, high = np.quantile(volumes, [0.001, 0.999])
    return TrainedRange(
        frozenset(int(z) for z in elements[counts >= _SEEN_OFTEN]),
        (float(low), float(high)),
        float(np.quantile(contacts, 0.001)),
    )
