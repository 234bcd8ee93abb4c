"""Parity plots: predicted against true values, for the model cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from crystalsmith.core.errors import OutputError
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crystalsmith.evals.cases import Cases
    from crystalsmith.models.surrogates.surrogates import Scored

_INCHES, _DPI = 3.2, 90


def save_parity(folder: Path, cases: Cases, scored: Sequence[Scored]) -> list[Path]:
    """One small picture per property that both sides know: ``parity_<property>.png``.

    Raises:
        OutputError: the files cannot be written.
    """
    written = []
    names = [name for name in PROPERTIES if any(name in one.predictions for one in scored)]
    for name in names:
        pairs = [
            (true, one.predictions[name].mean)
            for entry, one in zip(cases.entries, scored, strict=True)
            if one.failure is None and (true := entry.value(name)) is not None
        ]
        if not pairs:
            continue
        path = folder / f"parity_{name}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _draw(path, name, np.array(pairs))
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror}") from None
        written.append(path)
    return written


def _draw(path: Path, name: str, pairs: np.ndarray) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    item = PROPERTIES[name]
    if item.logarithmic:
        pairs = pairs[(pairs > 0).all(axis=1)]
    low, high = float(pairs.min()), float(pairs.max())
    figure = Figure(figsize=(_INCHES, _INCHES), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    scale: Literal["log", "linear"] = "log" if item.logarithmic else "linear"
    axes.hexbin(
        pairs[:, 0],
        pairs[:, 1],
        gridsize=45,
        bins="log",
        mincnt=1,
        cmap="viridis",
        linewidths=0,
        xscale=scale,
        yscale=scale,
    )
    axes.plot([low, high], [low, high], color="black", linewidth=0.7)
    axes.set_xlabel(f"DFT {item.words} ({item.unit})")
    axes.set_ylabel(f"predicted ({item.unit})")
    figure.savefig(path)
