"""How far the surrogates are from DFT, and whether their uncertainties are honest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from crystalsmith.core.evidence import NORMAL_90
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.properties import METAL_BELOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.entry import Entry
    from crystalsmith.core.evidence import Prediction
    from crystalsmith.evals.cases import Cases
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.surrogates.ensemble import Surrogates


def evaluate_surrogates(
    surrogates: Surrogates, cases: Cases, progress: Progress = silent
) -> dict[str, Any]:
    """Run the benchmark on crystals with DFT values.

    Returns:
        ``n`` and, per property, ``n``, ``mae``, ``unseen_formula_mae``, ``coverage90`` (percent),
        for the band gap also ``metal_accuracy`` (percent) and ``nonmetal_mae``, the error where
        the true gap is open.
    """
    started = time.monotonic()
    structures = [entry.crystal.structure() for entry in cases.entries]
    scored = surrogates.predict(structures, progress)
    seconds = time.monotonic() - started
    failed = sum(item.failure is not None for item in scored)
    return {
        "n": len(scored) - failed,
        "failed": failed,
        **_figures([item.predictions for item in scored], surrogates.properties, cases),
        "structures_per_second": len(scored) / seconds,
    }


def evaluate_composition(model: CompositionModel, cases: Cases) -> dict[str, Any]:
    """The same benchmark for the model that sees the formula alone."""
    started = time.monotonic()
    predictions = model.predict([entry.composition for entry in cases.entries])
    seconds = time.monotonic() - started
    return {
        "n": len(predictions),
        **_figures(predictions, model.network.config.properties, cases),
        "formulas_per_second": len(predictions) / seconds,
    }


def _figures(
    predictions: Sequence[Mapping[str, Prediction] | None], names: Iterable[str], cases: Cases
) -> dict[str, Any]:
    unseen = None if cases.unseen is None else np.array(cases.unseen)
    result: dict[str, Any] = {}
    for name in names:
        truth = _column([_measured(entry, name) for entry in cases.entries])
        mean = _column([p[name].mean if p else None for p in predictions])
        std = _column([p[name].std if p else None for p in predictions])
        known = ~(np.isnan(truth) | np.isnan(mean))
        if not known.any():
            continue
        errors = np.abs(mean - truth)
        figures = {
            "n": int(known.sum()),
            "mae": float(errors[known].mean()),
            "coverage90": 100 * float((errors <= NORMAL_90 * std + 1e-9)[known].mean()),
        }
        if unseen is not None:
            figures["unseen_formula_mae"] = float(errors[known & unseen].mean())
        if name == "band_gap":
            right = (mean < METAL_BELOW) == (truth < METAL_BELOW)
            figures["metal_accuracy"] = 100 * float(right[known].mean())
            figures["nonmetal_mae"] = float(errors[known & (truth >= METAL_BELOW)].mean())
        result[name] = figures
    return result


def _measured(entry: Entry, name: str) -> float | None:
    if name != "hull_energy":
        return getattr(entry, name)
    if entry.formation_energy is None or entry.e_above_hull is None:
        return None
    return entry.formation_energy - entry.e_above_hull


def _column(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
