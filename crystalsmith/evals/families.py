"""Members of every structure family, found by the search and judged by their structure.

GenMS's Table 1 (Yang et al. 2024): so many structures of a family, how many belong to it, are
sound, and have a formula that nobody knows. Every family is asked for in the same way: new members,
a budget a little larger than the number wanted, and the first ones that the search offers count.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from crystalsmith.agent.budgets import Budget
from crystalsmith.agent.search import search
from crystalsmith.core.chemistry.families import family_names
from crystalsmith.core.clauses import FamilyClause, Novel
from crystalsmith.core.errors import CrystalsmithError, DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.request import DesignRequest
from crystalsmith.models.structure.soundness import shortest_distance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.results import Candidate

_LEAST_DISTANCE = 0.5  # Å, as in GenMS and CDVAE
_SPARE = 2.5  # formulas and structures looked at for each one wanted, at most
_RESERVE = 1.1  # structures that satisfy everything for each one wanted, to stop early
_WAVES = 5


class _Member(NamedTuple):
    """What one structure is."""

    member: bool
    compared: bool
    valid_geometry: bool
    smact_valid: bool
    novel: bool


def checked_families(names: Sequence[str]) -> tuple[str, ...]:
    """Families to measure: those named, or all.

    Raises:
        DataError: a name is none.
    """
    unknown = [name for name in names if name not in family_names()]
    if unknown:
        raise DataError(f"there is no family {', '.join(unknown)}; see docs/families.md")
    return tuple(names) or family_names()


def evaluate_families(
    toolbox: Toolbox,
    names: Sequence[str],
    *,
    limit: int = 100,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        toolbox: models, and the known crystals that formulas must be new to.
        names: of the families.
        limit: structures of each.
        seed: of the search.
        progress: told about finished families.

    Returns:
        ``families`` (how many), and under ``all`` and each family's name: ``structures`` found,
        and in percent ``member`` (template and geometry, `FamilyClause`), ``compared`` (with a
        prototype, elements aside), ``valid_geometry``, ``smact_valid``, ``novel``.
    """
    figures: dict[str, Any] = {"families": len(names), "all": {}}
    everything: list[_Member] = []
    for done, name in enumerate(names, start=1):
        found = _members(name, toolbox, limit, seed)
        everything += found
        figures[name] = _figures(found)
        progress("searching families", done, len(names))
    figures["all"] = _figures(everything)
    return figures


def _members(name: str, toolbox: Toolbox, limit: int, seed: int) -> list[_Member]:
    wanted = ceil(_SPARE * limit)
    budget = Budget(
        proposals=2 * wanted,
        formulas=wanted,
        templates=2,
        drafts=1,
        finalists=ceil(_RESERVE * limit),
        waves=_WAVES,
        most_structures=wanted,
        enough=ceil(_RESERVE * limit),
    )
    clause = FamilyClause(name=name)
    request = DesignRequest(text=f"new {name}", clauses=(clause, Novel()))
    try:
        found = search(request, toolbox, budget, seed=seed, progress=silent)
    except CrystalsmithError:
        return []
    return [_judged(candidate, clause, toolbox) for candidate in found.candidates[:limit]]


def _judged(candidate: Candidate, clause: FamilyClause, toolbox: Toolbox) -> _Member:
    from smact.screening import smact_validity

    return _Member(
        member=clause.check(candidate.evidence).likelihood == 1.0,
        compared=clause.name in candidate.evidence.family_fits,
        valid_geometry=shortest_distance(candidate.structure) >= _LEAST_DISTANCE,
        smact_valid=bool(smact_validity(candidate.formula)),
        novel=not toolbox.known.known_formula(candidate.formula),
    )


def _figures(found: Sequence[_Member]) -> dict[str, Any]:
    figures: dict[str, Any] = {"structures": len(found)}
    for position, field in enumerate(_Member._fields):
        shares = [float(row[position]) for row in found]
        figures[field] = 100 * sum(shares) / len(shares) if shares else None
    return figures
