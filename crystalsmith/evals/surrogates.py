"""How far the surrogates are from DFT, and whether their uncertainties are honest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from crystalsmith.core.evidence import NORMAL_90
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.properties import METAL_BELOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crystalsmith.evals.cases import Cases
    from crystalsmith.models.surrogates.ensemble import Surrogates


def evaluate_surrogates(
    surrogates: Surrogates, cases: Cases, progress: Progress = silent
) -> dict[str, Any]:
    """Run the benchmark on crystals with DFT values.

    Returns:
        ``n`` and, per property, ``n``, ``mae``, ``unseen_formula_mae``, ``coverage90`` (percent),
        for the band gap also ``metal_accuracy``.
    """
    started = time.monotonic()
    structures = [entry.crystal.structure() for entry in cases.entries]
    scored = surrogates.predict(structures, progress)
    seconds = time.monotonic() - started
    failed = sum(item.failure is not None for item in scored)
    result: dict[str, Any] = {"n": len(scored) - failed, "failed": failed}
    unseen = None if cases.unseen is None else np.array(cases.unseen)
    for name in surrogates.properties:
        truth = _column([getattr(entry, name) for entry in cases.entries])
        mean = _column([s.predictions[name].mean if s.predictions else None for s in scored])
        std = _column([s.predictions[name].std if s.predictions else None for s in scored])
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
        result[name] = figures
    result["structures_per_second"] = len(scored) / seconds
    return result


def _column(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
