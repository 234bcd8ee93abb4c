"""Members of every structure family, found by the search and judged by their structure.

GenMS's Table 1 (Yang et al. 2024): so many structures of a family, how many belong to it, are
sound, and have a formula that nobody knows. Every family is asked for in the same way: new members,
a budget a little larger than the number wanted, and the first ones that the search offers count.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from crystalsmith.agent.budgets import Budget
from crystalsmith.agent.report.files import cif_text
from crystalsmith.agent.search import search
from crystalsmith.core.chemistry.families import family_names
from crystalsmith.core.clauses import FamilyClause, Novel
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.errors import CrystalsmithError, DataError
from crystalsmith.core.evidence import Evidence, Status
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.request import DesignRequest
from crystalsmith.models.structure.soundness import shortest_distance
from crystalsmith.tools.family_prototypes import family_fits

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


class _Found(NamedTuple):
    """What a search offered, and whether each structure that it drew is a member."""

    offered: list[_Member]
    drawn: list[bool]


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
        ``families`` (how many), and under ``all`` and each family's name: ``structures`` that the
        search offers as satisfying everything, and in percent of them ``member`` (template and
        geometry, found anew in the CIF), ``compared`` (with a prototype, elements aside),
        ``valid_geometry``, ``smact_valid``, ``novel``; beside them ``member_as_drawn``, of all
        structures that were drawn, before the search chose.
    """
    figures: dict[str, Any] = {"families": len(names), "all": {}}
    every = _Found([], [])
    for done, name in enumerate(names, start=1):
        found = _found(name, toolbox, limit, seed)
        every = _Found(every.offered + found.offered, every.drawn + found.drawn)
        figures[name] = _figures(found)
        progress("searching families", done, len(names))
    figures["all"] = _figures(every)
    return figures


def _found(name: str, toolbox: Toolbox, limit: int, seed: int) -> _Found:
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
        return _Found([], [])
    offered = [candidate for candidate in found.candidates if candidate.satisfied][:limit]
    drawn = [node.candidate for node in found.tree.structures() if node.candidate is not None]
    return _Found(
        [_judged(candidate, clause, toolbox) for candidate in offered],
        [clause.check(candidate.evidence).status is Status.PASS for candidate in drawn],
    )


def _judged(candidate: Candidate, clause: FamilyClause, toolbox: Toolbox) -> _Member:
    """What the crystal is once it has been written and read again."""
    from pymatgen.core import Structure
    from smact.screening import smact_validity

    structure = Structure.from_str(cif_text(candidate), fmt="cif")
    template = describe(structure).template
    fits = family_fits(structure, template, [clause.name])
    evidence = Evidence(structure, template, template.number, family_fits=fits)
    return _Member(
        member=clause.check(evidence).status is Status.PASS,
        compared=clause.name in fits,
        valid_geometry=shortest_distance(structure) >= _LEAST_DISTANCE,
        smact_valid=bool(smact_validity(candidate.formula)),
        novel=not toolbox.known.known_formula(candidate.formula),
    )


def _figures(found: _Found) -> dict[str, Any]:
    figures: dict[str, Any] = {"structures": len(found.offered)}
    for position, field in enumerate(_Member._fields):
        figures[field] = _percent([row[position] for row in found.offered])
    return figures | {"member_as_drawn": _percent(found.drawn)}


def _percent(verdicts: Sequence[bool]) -> float | None:
    return 100 * sum(verdicts) / len(verdicts) if verdicts else None
