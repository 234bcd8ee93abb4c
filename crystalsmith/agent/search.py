"""The search: formulas, then templates, then structures, each level pruned by the clauses.

GenMS's hierarchical search (Yang et al. 2024, arXiv:2409.06762) without a language model: the best
survivors of a level are followed, and finished crystals are ranked by all evidence together.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from crystalsmith.agent.judging import (
    Finished,
    gather_evidence,
    judge,
    score,
    with_known_crystals,
)
from crystalsmith.core.clauses import FamilyClause, Novel, PropertyRange
from crystalsmith.core.results import Candidate, Provenance
from crystalsmith.models.constraint.generator import RankedTemplate, Wanted
from crystalsmith.models.structure.generator import Draft, Targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.agent.budgets import Budget
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.evidence import Evidence
    from crystalsmith.core.progress import Progress
    from crystalsmith.core.request import DesignRequest
    from crystalsmith.tools.proposer import FormulaProposal

_LEAST = 0.02  # a formula's property estimate can cost it at most this factor
_FAMILY_SHARE = 0.5  # weight of a family's own structure types against the constraint generator
_FAR_ABOVE_HULL = 0.2  # eV/atom above the hull, less the uncertainty, that drops a crystal
_KNOWN_SHARE = 0.5  # weight of known structures of the very formula


@dataclass(frozen=True)
class Branch:
    """A formula with one of its templates.

    Attributes:
        proposal: the formula and why it was tried.
        formula_weight: 0 to 1, how well the formula fits what was asked for.
        template: the template.
        probability: of the template among those of its formula.
        origin: why the template was tried, in words.
    """

    proposal: FormulaProposal
    formula_weight: float
    template: SymmetryTemplate
    probability: float
    origin: str


@dataclass(frozen=True)
class Found:
    """What a search returns.

    Attributes:
        candidates: best first; more than were asked for.
        counts: what was looked at on each level.
    """

    candidates: list[Candidate]
    counts: dict[str, int]


def search(
    request: DesignRequest, toolbox: Toolbox, budget: Budget, *, seed: int, progress: Progress
) -> Found:
    """Find crystals for a request.

    Raises:
        RequestError: no formula can satisfy the request.
    """
    from crystalsmith.tools.proposer import propose_formulas

    progress("proposing formulas", 0, 1)
    proposals = propose_formulas(request, toolbox.known, budget.proposals, seed)
    progress("proposing formulas", 1, 1)
    weighted = weigh_formulas(request, proposals, toolbox)[: budget.formulas]
    branches = grow_templates(request, weighted, toolbox, budget.templates, progress)
    drafts = toolbox.structures.generate(
        [branch.template for branch in branches],
        [_targets(request)] * len(branches),
        samples=budget.drafts,
        seed=seed,
        progress=progress,
    )
    pairs = [
        (branch, draft)
        for branch, group in zip(branches, drafts, strict=True)
        for draft in group
        if draft.sound
    ]
    candidates = _judged(request, pairs, toolbox, budget.finalists, progress)
    counts = {
        "formulas proposed": len(proposals),
        "formulas followed": len(weighted),
        "templates": len(branches),
        "structures": sum(len(group) for group in drafts),
        "structures sound": len(pairs),
    }
    return Found(candidates, counts)


def weigh_formulas(
    request: DesignRequest, proposals: Sequence[FormulaProposal], toolbox: Toolbox
) -> list[tuple[FormulaProposal, float]]:
    """Proposals with a weight from plausibility and from what the formula tells of properties."""
    estimates = toolbox.compositions.predict([proposal.composition for proposal in proposals])
    weighted = []
    for proposal, properties in zip(proposals, estimates, strict=True):
        weight = proposal.plausibility
        for clause in request.clauses:
            for name, prediction in properties.items():
                interval = clause.interval(name)
                if interval is not None:
                    weight *= max(_LEAST, prediction.probability_within(*interval))
        weighted.append((proposal, weight))
    return sorted(weighted, key=lambda pair: (-pair[1], pair[0].formula))


def grow_templates(
    request: DesignRequest,
    weighted: Sequence[tuple[FormulaProposal, float]],
    toolbox: Toolbox,
    width: int,
    progress: Progress,
) -> list[Branch]:
    """The most probable templates of every formula that the clauses allow."""
    wanted = _wanted(request)
    branches = []
    for done, (proposal, weight) in enumerate(weighted, start=1):
        ranked = toolbox.constraints.propose(
            proposal.composition,
            wanted,
            allow=lambda number: all(c.allows_space_group(number) for c in request.clauses),
            atoms=lambda count: all(c.allows_atom_count(count) for c in request.clauses),
        )
        options = _with_own_types(request, proposal, ranked, toolbox)
        options = [item for item in options if request.allows_template(item[0])]
        total = sum(probability for _, probability, _ in options)
        for template, probability, origin in sorted(options, key=lambda o: (-o[1], str(o[0])))[
            :width
        ]:
            branches.append(Branch(proposal, weight, template, probability / total, origin))
        progress("choosing symmetry", done, len(weighted))
    return branches


def _with_own_types(
    request: DesignRequest,
    proposal: FormulaProposal,
    ranked: Sequence[RankedTemplate],
    toolbox: Toolbox,
) -> list[tuple[SymmetryTemplate, float, str]]:
    """Mix in the structure types of the family asked for, and known structures of the formula."""
    from crystalsmith.core.chemistry.families import family

    table: dict[SymmetryTemplate, float] = defaultdict(float)
    origins: dict[SymmetryTemplate, str] = {}
    for item in ranked:
        table[item.template] += item.probability
        source = "neighbours" if item.by_neighbours > item.by_model else "constraint generator"
        origins[item.template] = f"{source}, probability {item.probability:.2f}"
    names = {clause.name for clause in request.of_kind(FamilyClause)}
    if proposal.family is not None:
        names.add(proposal.family)
    for name in sorted(names):
        own = family(name).templates_for(proposal.composition)
        for rank, template in enumerate(own, start=1):
            table[template] += _FAMILY_SHARE / rank**2
            origins.setdefault(template, f"structure type of the {name} family")
    if not any(not clause.known for clause in request.of_kind(Novel)):
        known = toolbox.known.with_formula(proposal.composition.reduced_formula)
        for entry in known:
            table[entry.crystal.template] += _KNOWN_SHARE / len(known)
            origins[entry.crystal.template] = f"known structure {entry.id}"
    return [(template, weight, origins[template]) for template, weight in table.items()]


def _wanted(request: DesignRequest) -> Wanted:
    gap = request.property_range("band_gap")
    energy = request.property_range("formation_energy")
    return Wanted(
        stability="stable",
        band_gap=None if gap is None else gap.aim,
        formation_energy=None if energy is None else energy.aim,
    )


def _targets(request: DesignRequest) -> Targets:
    def aim(clause: PropertyRange | None) -> float | None:
        return None if clause is None else clause.aim

    return Targets(
        aim(request.property_range("band_gap")), aim(request.property_range("formation_energy"))
    )


def _judged(
    request: DesignRequest,
    pairs: Sequence[tuple[Branch, Draft]],
    toolbox: Toolbox,
    finalists: int,
    progress: Progress,
) -> list[Candidate]:
    """Score all drafts, look closer at the best, and put them in order."""
    finished = [Finished(draft.crystal.structure(), draft.crystal.template) for _, draft in pairs]
    evidence = gather_evidence(finished, toolbox, progress)
    first: list[Candidate] = [
        _candidate(request, branch, draft, known)
        for (branch, draft), known in zip(pairs, evidence, strict=True)
        if known is not None
    ]
    best = distinct(ranked(worth_showing(first)))
    closer = []
    for done, candidate in enumerate(best[:finalists], start=1):
        known = with_known_crystals(candidate.evidence, toolbox)
        closer.append(rejudged(request, candidate, known))
        progress("comparing with known crystals", done, min(finalists, len(best)))
    return ranked(closer)


def _candidate(
    request: DesignRequest, branch: Branch, draft: Draft, evidence: Evidence
) -> Candidate:
    judged = judge(request, evidence)
    prior = branch.formula_weight * branch.probability
    return Candidate(
        id="",
        evidence=evidence,
        judged=judged,
        score=score(judged, evidence, prior),
        provenance=Provenance(
            formula=branch.proposal.origin,
            plausibility=branch.proposal.plausibility,
            template=branch.origin,
            template_probability=branch.probability,
            structure=draft.origin,
            prior=prior,
        ),
    )


def rejudged(request: DesignRequest, candidate: Candidate, evidence: Evidence) -> Candidate:
    """The candidate with its verdicts and score renewed on new evidence."""
    judged = judge(request, evidence)
    renewed = score(judged, evidence, candidate.provenance.prior)
    return replace(candidate, evidence=evidence, judged=judged, score=renewed)


def worth_showing(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Leave out what is most likely far above the hull, unless nothing better was found."""

    def hopeless(candidate: Candidate) -> bool:
        above = candidate.predictions["e_above_hull"]
        return above.mean - above.std > _FAR_ABOVE_HULL

    return [candidate for candidate in candidates if not hopeless(candidate)] or list(candidates)


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Fewest failed clauses first, then fewest unchecked ones, then the best score."""
    return sorted(
        candidates,
        key=lambda c: (len(c.failed), len(c.unchecked), -c.score, c.formula, str(c.template)),
    )


def distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best candidate of each formula first, then the others with another template."""
    seen_formulas: set[str] = set()
    seen: set[SymmetryTemplate] = set()
    leading: list[Candidate] = []
    following: list[Candidate] = []
    for candidate in candidates:
        if candidate.template in seen:
            continue
        seen.add(candidate.template)
        (following if candidate.formula in seen_formulas else leading).append(candidate)
        seen_formulas.add(candidate.formula)
    return [*leading, *following]
