"""Turning trained members into a shipped ensemble: calibration and the trained range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.evidence import NORMAL_90
from crystalsmith.models.runs import load_config, load_weights, save_weights, write_json
from crystalsmith.models.surrogates.ensemble import Surrogates, TrainedRange, shortest_contact
from crystalsmith.models.surrogates.graph import crystal_graph
from crystalsmith.models.surrogates.network import SurrogateConfig, SurrogateNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crystalsmith.core.entry import Entry
    from crystalsmith.models.surrogates.graph import CrystalGraph

_SEEN_OFTEN = 10


def ship(
    members: Sequence[Path], folder: Path, train: Sequence[Entry], held_out: Sequence[Entry]
) -> Surrogates:
    """Collect trained members into one folder, calibrated on held-out crystals.

    Args:
        members: folders of finished training runs, exported weights inside.
        folder: where the ensemble goes.
        train: what the members were trained on, for the trained range.
        held_out: crystals for the calibration; never test crystals.
    """
    networks = []
    names = []
    config = load_config(members[0])
    shape = dict(config["network"])
    shape["properties"] = tuple(shape["properties"])
    for index, member in enumerate(members):
        network = SurrogateNetwork(SurrogateConfig(**shape))
        load_weights(network, member)
        networks.append(network)
        names.append(f"member-{index}")
        save_weights(folder / names[-1], network.state_dict(), load_config(member))
    trained = trained_range([crystal_graph(entry.crystal.structure()) for entry in train])
    ensemble = Surrogates(networks, {}, trained)
    ensemble.spread = calibrate(ensemble, held_out)
    write_json(
        folder / "config.json",
        {
            "model": "surrogates",
            "network": config["network"],
            "training": config["training"],
            "members": names,
            "spread": ensemble.spread,
            "trained_range": {
                "elements": sorted(trained.elements),
                "volume": list(trained.volume),
                "distance": trained.distance,
            },
        },
    )
    return ensemble


def calibrate(ensemble: Surrogates, held_out: Sequence[Entry]) -> dict[str, float]:
    """Factor per property that makes 90 % intervals hold 90 % of the held-out crystals."""
    graphs = [crystal_graph(entry.crystal.structure()) for entry in held_out]
    means, stds = ensemble.raw_predictions(graphs)
    factors = {}
    for column, name in enumerate(ensemble.properties):
        truth = np.array([getattr(entry, name) for entry in held_out], dtype=float)
        known = ~np.isnan(truth)
        ratios = np.abs(truth - means[:, column])[known] / stds[known, column]
        factors[name] = float(np.quantile(ratios, 0.9) / NORMAL_90)
    return factors


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
