"""Property targets made ready for the flow: kept within what it has learned, gaps filled.

Con-CDVAE (Ye et al. 2024, arXiv:2403.12478) tells its generator either the wanted property alone
(*default*), all properties (*full*), or all of them with those that were not asked for drawn at
random (*less*). It draws them from its training crystals; here they are drawn from what the
composition model expects of the formula, so that a fresh machine can do it too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Literal, cast, get_args

import numpy as np

from crystalsmith.core.errors import DataError
from crystalsmith.core.properties import PROPERTIES
from crystalsmith.models.structure.drafts import Targets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.evidence import Prediction
    from crystalsmith.models.structure.network import FlowConfig

Strategy = Literal["default", "full", "less"]
# what formulas without structure are expected to have
Expectations = Callable[["Sequence[Composition]"], "list[dict[str, Prediction]]"]
_NAMES = tuple(field.name for field in fields(Targets))


def strategy_named(name: str) -> Strategy:
    """Strategy, checked.

    Raises:
        DataError: there is no such strategy.
    """
    if name in get_args(Strategy):
        return cast("Strategy", name)
    raise DataError(f"the strategy must be default, full or less, not {name!r}")


def within_reach(targets: Targets, config: FlowConfig) -> tuple[Targets, list[str]]:
    """Targets within the ranges that a flow was trained on, and a sentence for each one moved."""
    ranges: Mapping[str, tuple[float, float]] = {
        "band_gap": config.gap_range,
        "formation_energy": config.energy_range,
    }
    kept, remarks = targets, []
    for name in _NAMES:
        value = getattr(targets, name)
        if value is None:
            continue
        low, high = ranges[name]
        nearest = min(max(value, low), high)
        if nearest != value:
            known = PROPERTIES[name]
            remarks.append(
                f"a {known.words} of {value:g} {known.unit} is outside what the structure generator"
                f" has learned ({low:g} to {high:g} {known.unit}); it aims for {nearest:g}"
            )
            kept = replace(kept, **{name: nearest})
    return kept, remarks


def completed(
    targets: Sequence[Targets],
    templates: Sequence[SymmetryTemplate],
    strategy: Strategy,
    expectations: Expectations,
    seed: int = 0,
) -> list[Targets]:
    """Targets as a strategy wants them told.

    Args:
        targets: what is asked for, one per template; those that ask for nothing stay so.
        templates: to be filled.
        strategy: see the module.
        expectations: gives the properties that formulas are expected to have.
        seed: of what is drawn at random.

    Raises:
        DataError: ``full`` needs every property, and one was not given.
    """
    if strategy == "default":
        return list(targets)
    partly = [index for index, target in enumerate(targets) if _asked(target)]
    lacking = [index for index in partly if len(_asked(targets[index])) < len(_NAMES)]
    if strategy == "full" and lacking:
        missing = [n for n in _NAMES if n not in _asked(targets[lacking[0]])]
        words = " and ".join(PROPERTIES[name].words for name in missing)
        raise DataError(f"the full strategy is told every property; give the {words} too")
    if not lacking:
        return list(targets)
    expected = expectations([templates[index].composition for index in lacking])
    rng = np.random.default_rng(seed)
    result = list(targets)
    for index, known in zip(lacking, expected, strict=True):
        asked = _asked(targets[index])
        drawn = {
            name: known[name].mean + known[name].std * float(rng.standard_normal())
            for name in _NAMES
            if name not in asked and name in known
        }
        if "band_gap" in drawn:
            drawn["band_gap"] = max(0.0, drawn["band_gap"])
        result[index] = replace(targets[index], **drawn)
    return result


def _asked(targets: Targets) -> list[str]:
    return [name for name in _NAMES if getattr(targets, name) is not None]
