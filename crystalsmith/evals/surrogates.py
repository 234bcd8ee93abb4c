"""How far the surrogates are from DFT, and whether their uncertainties are honest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from crystalsmith.core.evidence import NORMAL_90
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.properties import METAL_BELOW, PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.evidence import Prediction
    from crystalsmith.evals.cases import Cases
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.surrogates.surrogates import Scored, Surrogates


def evaluate_surrogates(
    properties: Sequence[str], scored: Sequence[Scored], seconds: float, cases: Cases
) -> dict[str, Any]:
    """Run the benchmark on crystals with DFT values.

    Returns:
        ``n`` and, per property, ``n``, ``mae``, ``unseen_formula_mae``, ``coverage90`` (percent),
        ``flagged_percent`` (outside the trained range), for the band gap also ``metal_accuracy``
        (percent) and ``nonmetal_mae``, the error where the true gap is open. Errors of logarithmic
        properties are in decades, with ``mae_in_unit`` beside them.
    """
    failed = sum(item.failure is not None for item in scored)
    predictions = [item.predictions for item in scored]
    return {
        "n": len(scored) - failed,
        "failed": failed,
        **_figures(predictions, properties, cases),
        "structures_per_second": len(scored) / seconds,
    }


def predictions_for(
    surrogates: Surrogates, cases: Cases, progress: Progress = silent
) -> tuple[list[Scored], float]:
    """Score all test crystals; also the seconds that it took."""
    structures = [entry.crystal.structure() for entry in cases.entries]
    started = time.monotonic()
    scored = surrogates.predict(structures, progress)
    return scored, time.monotonic() - started


def evaluate_composition(model: CompositionModel, cases: Cases) -> dict[str, Any]:
    """The same benchmark for the model that sees the formula alone."""
    started = time.monotonic()
    predictions = model.predict([entry.composition for entry in cases.entries])
    seconds = time.monotonic() - started
    return {
        "n": len(predictions),
        **_figures(predictions, model.properties, cases),
        "formulas_per_second": len(predictions) / seconds,
    }


def _figures(
    predictions: Sequence[Mapping[str, Prediction] | None], names: Iterable[str], cases: Cases
) -> dict[str, Any]:
    unseen = None if cases.unseen is None else np.array(cases.unseen)
    result: dict[str, Any] = {}
    for name in names:
        truth = _column([entry.value(name) for entry in cases.entries])
        mean = _column([p[name].mean if p else None for p in predictions])
        std = _column([p[name].std if p else None for p in predictions])
        known = ~(np.isnan(truth) | np.isnan(mean))
        if not known.any():
            continue
        in_unit = np.abs(mean - truth)
        if logarithmic := name in PROPERTIES and PROPERTIES[name].logarithmic:
            known &= truth > 0
            truth, mean, std = in_decades(truth, mean, std)
        errors = np.abs(mean - truth)
        figures: dict[str, Any] = {
            "n": int(known.sum()),
            "mae": float(errors[known].mean()),
            "coverage90": 100 * float((errors <= NORMAL_90 * std + 1e-9)[known].mean()),
        }
        if unseen is not None:
            rows = known & unseen
            figures["unseen_formula_mae"] = float(errors[rows].mean()) if rows.any() else None
        if logarithmic:
            figures["mae_in_unit"] = float(in_unit[known].mean())
        if name == "band_gap":
            right = (mean < METAL_BELOW) == (truth < METAL_BELOW)
            figures["metal_accuracy"] = 100 * float(right[known].mean())
            figures["nonmetal_mae"] = float(errors[known & (truth >= METAL_BELOW)].mean())
        flagged = [p is not None and name in p and not p[name].reliable for p in predictions]
        figures["flagged_percent"] = 100 * float(np.array(flagged)[known].mean())
        result[name] = figures
    return result


def in_decades(
    truth: NDArray[np.float64], mean: NDArray[np.float64], std: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Values and spreads of a logarithmic property in decades, NaN where there are none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.log10(truth), np.log10(mean), std / mean / np.log(10)


def _column(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
