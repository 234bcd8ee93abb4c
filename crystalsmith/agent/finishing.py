"""Relaxing finalists, and scoring them again as they are then."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crystalsmith.agent.judging import Finished, gather_evidence, with_known_crystals
from crystalsmith.agent.ranking import ranked
from crystalsmith.agent.search import rejudged
from crystalsmith.core.clauses import FamilyClause
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.relaxation import DEFAULT_CALCULATOR, Relaxed, relax_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.request import DesignRequest
    from crystalsmith.core.results import Candidate


def relax_candidates(
    request: DesignRequest,
    candidates: Sequence[Candidate],
    toolbox: Toolbox,
    *,
    calculator: str = DEFAULT_CALCULATOR,
    workers: int = 1,
    progress: Progress = silent,
) -> list[Candidate]:
    """Relax candidates within their symmetry and rank them anew.

    A candidate whose relaxation fails keeps its structure; its provenance says so.
    """
    outcomes = relax_many(
        [candidate.structure for candidate in candidates],
        calculator=calculator,
        workers=workers,
        progress=progress,
    )
    return ranked(
        [
            _renewed(request, candidate, outcome, calculator, toolbox)
            for candidate, outcome in zip(candidates, outcomes, strict=True)
        ]
    )


def _renewed(
    request: DesignRequest,
    candidate: Candidate,
    outcome: Relaxed,
    calculator: str,
    toolbox: Toolbox,
) -> Candidate:
    provenance = replace(candidate.provenance, relaxation=_in_words(outcome, calculator))
    candidate = replace(candidate, provenance=provenance)
    if outcome.failure is not None:
        return candidate
    try:
        template = describe(outcome.structure).template
    except CrystalsmithError:
        return candidate
    names = [clause.name for clause in request.of_kind(FamilyClause)]
    finished = [Finished(outcome.structure, template)]
    evidence = gather_evidence(finished, toolbox, silent, families=names)[0]
    if evidence is None:
        return candidate
    return rejudged(request, candidate, with_known_crystals(evidence, toolbox))


def _in_words(outcome: Relaxed, calculator: str) -> dict[str, Any]:
    if outcome.failure is not None:
        return {"calculator": calculator, "failure": outcome.failure}
    return {
        "calculator": calculator,
        "energy_ev_per_atom": round(outcome.energy, 4),
        "largest_force_ev_per_angstrom": round(outcome.force, 4),
        "steps": outcome.steps,
        "volume_change_percent": round(100 * outcome.volume_change, 2),
        "rmsd_angstrom": round(outcome.rmsd, 4),
        "space_group_kept": outcome.space_group_kept,
        "converged": outcome.converged,
    }
