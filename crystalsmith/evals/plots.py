"""Parity and calibration of property predictors as an interactive page."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from crystalsmith.agent.report.page.build import page, write_page
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crystalsmith.evals.cases import Cases
    from crystalsmith.models.surrogates.surrogates import Scored

_SHARES = np.linspace(0.05, 0.95, 19)  # of the probability that an interval is to hold
_LINE = {"color": "#555", "dash": "dot"}


def save_plots(path: Path, title: str, cases: Cases, scored: Sequence[Scored]) -> None:
    """Write predicted against true values, and how often intervals hold, for every property.

    Raises:
        OutputError: the file cannot be written.
    """
    plots = []
    for name in PROPERTIES:
        rows = [
            (true, one.predictions[name].mean, one.predictions[name].std, entry.formula)
            for entry, one in zip(cases.entries, scored, strict=True)
            if name in one.predictions and (true := entry.value(name)) is not None
        ]
        if rows:
            figures = np.array([row[:3] for row in rows], dtype=float)
            plots.append(_parity(name, figures[:, 0], figures[:, 1], [row[3] for row in rows]))
            plots.append(_calibration(name, *figures.T))
    write_page(path, page(title, [], plots))


def _parity(
    name: str, true: np.ndarray, mean: np.ndarray, formulas: Sequence[str]
) -> dict[str, Any]:
    item = PROPERTIES[name]
    ends = [float(min(true.min(), mean.min())), float(max(true.max(), mean.max()))]
    scale = "log" if item.logarithmic else "linear"
    return {
        "title": f"{item.words}: predicted against DFT",
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{len(true)} crystals",
                "x": true.round(4).tolist(),
                "y": mean.round(4).tolist(),
                "text": list(formulas),
                "marker": {"size": 5, "opacity": 0.5},
            },
            {"type": "scatter", "mode": "lines", "name": "equal", "x": ends, "y": ends,
             "line": _LINE},
        ],
        "layout": {
            "xaxis": {"title": {"text": f"DFT, {item.unit}"}, "type": scale},
            "yaxis": {"title": {"text": f"predicted, {item.unit}"}, "type": scale},
        },
    }  # fmt: skip


def _calibration(name: str, true: np.ndarray, mean: np.ndarray, std: np.ndarray) -> dict[str, Any]:
    """How often the true value lies within the interval that is to hold so often."""
    item = PROPERTIES[name]
    if item.logarithmic:  # the error is a factor
        good = (true > 0) & (mean > 0)
        true, mean, std = np.log(true[good]), np.log(mean[good]), std[good] / mean[good]
    errors = np.abs(true - mean) / np.maximum(std, 1e-9)
    widths = [NormalDist().inv_cdf(0.5 + share / 2) for share in _SHARES]
    held = [float(np.mean(errors <= width)) for width in widths]
    return {
        "title": f"{item.words}: do the uncertainties hold?",
        "data": [
            {"type": "scatter", "mode": "lines+markers", "name": "observed",
             "x": _SHARES.round(2).tolist(), "y": held},
            {"type": "scatter", "mode": "lines", "name": "ideal", "x": [0, 1], "y": [0, 1],
             "line": _LINE},
        ],
        "layout": {
            "xaxis": {"title": {"text": "share of true values that the interval is to hold"}},
            "yaxis": {"title": {"text": "share that it holds"}, "range": [0, 1]},
        },
    }  # fmt: skip
