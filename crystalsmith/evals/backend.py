"""Whether a served constraint model says the same as the one in process."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.constraint.generator import ConstraintGenerator, RankedTemplate, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.core.entry import Entry

_BATCH = 32


def compare_backends(
    here: ConstraintGenerator,
    served: ConstraintGenerator,
    entries: Sequence[Entry],
    progress: Progress = silent,
) -> dict[str, Any]:
    """Ask both for templates of the same formulas, with the formation energy told.

    Args:
        here: generator in process; only its language model is asked.
        served: the same with a server; only its language model is asked.
        entries: crystals whose formulas are asked about.
        progress: told about finished formulas.

    Returns:
        Numbers of formulas with the same first template, the same set and the same ranked list;
        the largest difference of a template's log-probability; seconds of each.
    """
    seconds = [0.0, 0.0]
    pairs: list[tuple[list[RankedTemplate], list[RankedTemplate]]] = []
    for begin in range(0, len(entries), _BATCH):
        batch = entries[begin : begin + _BATCH]
        answers = []
        for index, generator in enumerate((here, served)):
            started = time.monotonic()
            answers.append(_answers(generator, batch))
            seconds[index] += time.monotonic() - started
        pairs += zip(*answers, strict=True)
        progress("comparing backends", len(pairs), len(entries))
    return {
        "formulas": len(pairs),
        "same_first_template": sum(_templates(a)[:1] == _templates(b)[:1] for a, b in pairs),
        "same_templates": sum(set(_templates(a)) == set(_templates(b)) for a, b in pairs),
        "same_ranked_list": sum(_templates(a) == _templates(b) for a, b in pairs),
        "largest_log_probability_difference": max(
            (_difference(a, b) for a, b in pairs), default=0.0
        ),
        "seconds_in_process": seconds[0],
        "seconds_served": seconds[1],
    }


def _answers(
    generator: ConstraintGenerator, entries: Sequence[Entry]
) -> list[list[RankedTemplate]]:
    alone = ConstraintGenerator(generator.model, width=generator.width)
    wanted = [Wanted(formation_energy=entry.formation_energy) for entry in entries]
    compositions = [entry.composition for entry in entries]
    return alone.propose_many(compositions, wanted, count=generator.width)


def _templates(ranked: Sequence[RankedTemplate]) -> list[Any]:
    return [item.template for item in ranked]


def _difference(left: Sequence[RankedTemplate], right: Sequence[RankedTemplate]) -> float:
    """Largest difference of log-probabilities among templates that both propose."""
    by_left = {item.template: math.log(item.by_model) for item in left}
    return max(
        (
            abs(math.log(item.by_model) - by_left[item.template])
            for item in right
            if item.template in by_left
        ),
        default=0.0,
    )
