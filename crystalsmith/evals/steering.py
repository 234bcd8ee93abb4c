"""What telling the structure generator a property is worth.

For the true templates of test crystals, structures are drawn with several targets, and a judge that
no part of crystalsmith asks predicts what they have. A formula and its symmetry settle most of a
property, so beside the plain correlation stands the one within templates: of how the prediction
moves, with how the target moves. Hits are counted with and without telling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.structure.drafts import Targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.entry import Entry
    from crystalsmith.evals.cases import Cases
    from crystalsmith.models.structure.generator import Start, StructureGenerator
    from crystalsmith.models.structure.steering import Strategy
    from crystalsmith.models.surrogates.surrogates import Surrogates

# Con-CDVAE's targets, and half its distance between them as what counts as a hit
SWEEPS = {"band_gap": (0.0, 3.0, 6.0), "formation_energy": (0.0, -2.0, -4.0)}
HITS = {"band_gap": 1.0, "formation_energy": 0.5}


def property_named(name: str) -> str:
    """A property that can be steered to, checked.

    Raises:
        DataError: it is none of those.
    """
    if name in SWEEPS:
        return name
    raise DataError(f"--property must be {' or '.join(SWEEPS)}, not {name!r}")


def evaluate_steering(
    generator: StructureGenerator,
    judge: Surrogates,
    cases: Cases,
    *,
    name: str,
    strategy: Strategy = "default",
    guidances: Sequence[float] = (1.0,),
    start: Start = "auto",
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Figures per guidance weight, and those of structures that were told nothing.

    Args:
        generator: to be steered.
        judge: predicts what the structures have.
        cases: whose templates are filled.
        name: ``band_gap`` or ``formation_energy``.
        strategy: how the flow is told; *full* takes the other property from the crystal itself.
        guidances: weights of classifier-free guidance.
        start: where drafts start from.
        seed: of the noise; the same for all targets.
        progress: told about structures.
    """
    entries = cases.entries
    if strategy == "full":
        entries = [e for e in entries if None not in (e.band_gap, e.formation_energy)]
    templates = [entry.crystal.template for entry in entries]
    sweep = SWEEPS[name]
    goals = np.tile(sweep, (len(entries), 1))

    def predicted(column: Sequence[Targets] | None, guidance: float) -> NDArray[np.float64]:
        drawn = generator.generate(
            templates,
            column,
            start=start,
            strategy=strategy,
            guidance=guidance,
            seed=seed,
            progress=progress,
        )
        scored = judge.predict((row[0].crystal.structure() for row in drawn), progress)
        means = [one.predictions.get(name) for one in scored]
        return np.array([np.nan if mean is None else mean.mean for mean in means])

    plain = predicted(None, 1.0)
    figures: dict[str, Any] = {
        "n": len(entries),
        "property": name,
        "strategy": strategy,
        "targets": list(sweep),
        "told nothing": _figures(goals, np.tile(plain[:, None], (1, len(sweep))), HITS[name]),
    }
    for guidance in guidances:
        columns = [
            predicted([_told(entry, name, value, strategy) for entry in entries], guidance)
            for value in sweep
        ]
        found = np.stack(columns, axis=1)
        figures[f"guidance {guidance:g}"] = _figures(goals, found, HITS[name])
    return figures


def _told(entry: Entry, name: str, value: float, strategy: Strategy) -> Targets:
    if name == "band_gap":
        return Targets(value, entry.formation_energy if strategy == "full" else None)
    return Targets(entry.band_gap if strategy == "full" else None, value)


def _figures(
    goals: NDArray[np.float64], found: NDArray[np.float64], tolerance: float
) -> dict[str, float]:
    """Correlations and hits of predictions ``(crystals, targets)`` with their goals."""
    whole = ~np.isnan(found).any(1)
    goals, found = goals[whole], found[whole]
    moved = found - found.mean(1, keepdims=True)
    within = goals - goals.mean(1, keepdims=True)
    spread = float(np.mean(found[:, -1] - found[:, 0])) if len(found) else float("nan")
    return {
        "correlation": _correlation(goals, found),
        "correlation within templates": _correlation(within, moved),
        "hit rate": 100 * float(np.mean(np.abs(found - goals) <= tolerance)),
        "moved from first to last target": spread,
    }


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    if one.size < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
