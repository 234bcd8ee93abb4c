"""The search: a tree of formulas, templates and structures, pruned by the clauses on every level.

GenMS's hierarchical search (Yang et al. 2024, arXiv:2409.06762) without a language model: waves of
structures are drawn where formula, template and what was found so far promise most, and finished
crystals are ranked by all evidence together. Energies are one part of that evidence: they count
softly, since differences within the surrogates' error decide nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from crystalsmith.agent.branching import close, open_formulas, plant
from crystalsmith.agent.frontier import next_draws
from crystalsmith.agent.judging import (
    Finished,
    gather_evidence,
    judge,
    score,
    with_known_crystals,
)
from crystalsmith.agent.patience import Patience
from crystalsmith.agent.ranking import ranked, suspicion, too_high
from crystalsmith.agent.tree import SearchTree, StructureNode
from crystalsmith.core.clauses import FamilyClause, PropertyRange
from crystalsmith.core.results import Candidate, Provenance
from crystalsmith.models.structure.drafts import NOISE, Targets
from crystalsmith.tools.family_prototypes import prototype_ids, textbook_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymatgen.core import Composition

    from crystalsmith.agent.budgets import Budget
    from crystalsmith.agent.seeds import Seed
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.agent.tree import FormulaNode, TemplateNode
    from crystalsmith.core.evidence import Evidence
    from crystalsmith.core.progress import Progress
    from crystalsmith.core.request import DesignRequest

_FIRST_SHARE = 0.5  # of the formulas that are followed, opened before anything is drawn
_REDRAWS = 1  # of a draft that is not sound; other templates promise more than its third try


@dataclass(frozen=True)
class Found:
    """What a search returns.

    Attributes:
        candidates: best first; more than were asked for.
        tree: all that was looked at.
        remarks: sentences about what could not be done as asked.
    """

    candidates: list[Candidate]
    tree: SearchTree
    remarks: tuple[str, ...] = ()


def search(
    request: DesignRequest,
    toolbox: Toolbox,
    budget: Budget,
    *,
    seed: int,
    progress: Progress,
    like: Seed | None = None,
    ideas: Sequence[Composition] = (),
) -> Found:
    """Find crystals for a request.

    Args:
        request: what is wanted.
        toolbox: models and known crystals.
        budget: how much to look at.
        seed: of everything random.
        progress: told about every stage.
        like: a crystal that the answer is to be like; its wishes are already in the request.
        ideas: formulas to try beside those that the proposer finds.

    Raises:
        RequestError: no formula can satisfy the request.
    """
    started = time.monotonic()
    progress("proposing formulas", 0, 1)
    tree = plant(request, toolbox, budget, seed, like, ideas)
    progress("proposing formulas", 1, 1)
    waves = _Waves(request, toolbox, budget, seed, like, tree)
    patience = Patience(budget)
    reason = "every wave of the budget was drawn"
    for wave in range(budget.waves):
        if budget.seconds is not None and time.monotonic() - started > budget.seconds:
            reason = f"the {budget.seconds:g} seconds were used up"
            break
        if budget.enough is not None and tree.satisfied_formulas(budget.sure) >= budget.enough:
            reason = f"{budget.enough} formulas satisfy everything"
            break
        if not waves.go_on(wave, progress):
            reason = "nothing was left that could still be drawn"
            break
        if patience.is_spent(tree):
            reason = "further structures bettered nothing that would be shown"
            break
    close(tree, reason)
    finalists = _finalists(request, toolbox, tree, budget.finalists, like, progress)
    return Found(finalists, tree, tuple(waves.remarks))


class _Waves:
    """The state of a search between its waves."""

    def __init__(
        self,
        request: DesignRequest,
        toolbox: Toolbox,
        budget: Budget,
        seed: int,
        like: Seed | None,
        tree: SearchTree,
    ) -> None:
        self.request, self.toolbox, self.budget = request, toolbox, budget
        self.seed, self.like, self.tree = seed, like, tree
        self.families = [clause.name for clause in request.of_kind(FamilyClause)]
        seeds = [] if like is None else [like.entry]
        books = textbook_entries(self.families)
        first = [entry.id for entry in (*seeds, *books)] + prototype_ids(self.families)
        self.structures = toolbox.structures
        if first:
            self.structures = toolbox.structures.knowing([*seeds, *books], first)
        self.targets, self.remarks = toolbox.structures.reachable(_targets(request))
        self.drawn = self.noisy = 0

    def go_on(self, wave: int, progress: Progress) -> bool:
        """Open more formulas, draw one wave and judge it; False when nothing is left to draw."""
        self._open(wave, progress)
        left = self.budget.waves - wave
        count = ceil((self.budget.structures - self.drawn) / left)
        orders = next_draws(
            self.tree.kept_templates(),
            count,
            self.budget.drafts,
            self.budget.order,
            self.structures.geometries,
            None if self.budget.noise is None else self.budget.noise - self.noisy,
        )
        if not orders:
            return any(not node.opened for node in self._followed())
        nodes = self._draw(orders, wave, progress)
        self._judge(nodes, progress)
        return True

    def _followed(self) -> list[FormulaNode]:
        return self.tree.formulas[: self.budget.formulas]

    def _open(self, wave: int, progress: Progress) -> None:
        followed = self._followed()
        waiting = [node for node in followed if not node.opened]
        if self.budget.order == "best-first" and self.budget.waves > 1:
            share = _FIRST_SHARE + (1 - _FIRST_SHARE) * wave / (self.budget.waves - 1)
            opened = len(followed) - len(waiting)
            waiting = waiting[: max(0, ceil(share * len(followed)) - opened)]
        open_formulas(
            self.request, waiting, self.toolbox, self.budget.templates, self.like, progress
        )

    def _draw(
        self, orders: Sequence[tuple[TemplateNode, int]], wave: int, progress: Progress
    ) -> list[tuple[TemplateNode, StructureNode]]:
        """Draw what was ordered; drafts of a template go on where its earlier ones ended."""
        found = []
        groups = self.structures.generate(
            [node.template for node, _ in orders],
            [self.targets] * len(orders),
            samples=[more for _, more in orders],
            skip=[len(node.structures) for node, _ in orders],
            seed=self.seed + wave,
            redraws=_REDRAWS,
            progress=progress,
        )
        for (node, _), drafts in zip(orders, groups, strict=True):
            for draft in drafts:
                self.drawn += 1
                self.noisy += draft.origin == NOISE
                drawn = StructureNode(self.drawn, draft)
                if not draft.sound:
                    drawn.cut = "atoms too close, or not in the space group of its template"
                node.structures.append(drawn)
                found.append((node, drawn))
        return found

    def _judge(
        self, nodes: Sequence[tuple[TemplateNode, StructureNode]], progress: Progress
    ) -> None:
        sound = [pair for pair in nodes if pair[1].cut is None]
        finished = [
            Finished(item.draft.crystal.structure(), item.draft.crystal.template)
            for _, item in sound
        ]
        evidence = gather_evidence(
            finished, self.toolbox, progress, preliminary=True, families=self.families
        )
        for (branch, item), known in zip(sound, evidence, strict=True):
            if known is None:
                item.cut = "its properties could not be predicted"
            else:
                item.candidate = _candidate(self.request, branch, item, known)
                item.cut = suspicion(known) or too_high(known)


def _targets(request: DesignRequest) -> Targets:
    def aim(clause: PropertyRange | None) -> float | None:
        return None if clause is None else clause.aim

    return Targets(
        aim(request.property_range("band_gap")), aim(request.property_range("formation_energy"))
    )


def _candidate(
    request: DesignRequest, branch: TemplateNode, item: StructureNode, evidence: Evidence
) -> Candidate:
    judged = judge(request, evidence)
    return Candidate(
        id="",
        evidence=evidence,
        judged=judged,
        score=score(judged, evidence, branch.prior),
        provenance=Provenance(
            formula=branch.formula.proposal.origin,
            plausibility=branch.formula.proposal.plausibility,
            template=branch.origin,
            template_probability=branch.probability,
            structure=item.draft.origin,
            prior=branch.prior,
            number=item.number,
        ),
    )


def rejudged(request: DesignRequest, candidate: Candidate, evidence: Evidence) -> Candidate:
    """The candidate with its verdicts and score renewed on new evidence."""
    judged = judge(request, evidence)
    renewed = score(judged, evidence, candidate.provenance.prior)
    return replace(candidate, evidence=evidence, judged=judged, score=renewed)


def _finalists(
    request: DesignRequest,
    toolbox: Toolbox,
    tree: SearchTree,
    count: int,
    like: Seed | None,
    progress: Progress,
) -> list[Candidate]:
    """Look closer at the best that stand, each crystal once, and put them in order."""
    nodes = {
        node.candidate.provenance.number: node
        for node in tree.structures()
        if node.candidate is not None
    }
    standing = [node.candidate for node in nodes.values() if node.candidate and node.cut is None]
    if not standing:  # what was asked for may lie outside of all that is trusted
        standing = [node.candidate for node in nodes.values() if node.candidate]
    seen: list[Candidate] = []
    for candidate in ranked(standing):
        if len(seen) == count:
            break
        repeat = _repeats(candidate, seen, like)
        if repeat is None:
            seen.append(candidate)
        else:
            nodes[candidate.provenance.number].cut = repeat
    closer = []
    for done, candidate in enumerate(seen, start=1):
        known = with_known_crystals(candidate.evidence, toolbox)
        closer.append(rejudged(request, candidate, known))
        progress("comparing with known crystals", done, len(seen))
    return ranked(closer)


def _repeats(candidate: Candidate, seen: Sequence[Candidate], like: Seed | None) -> str | None:
    """Why a crystal adds nothing to better ones of its formula, if it does not."""
    from crystalsmith.tools.novelty import same_structure

    of_seed = like is not None and candidate.formula == like.entry.formula
    if like and of_seed and same_structure(candidate.structure, like.entry.crystal.structure()):
        return "the seed structure itself"
    for other in seen:
        if other.formula != candidate.formula:
            continue
        number = other.provenance.number
        if other.template == candidate.template:
            return f"structure {number}, of the same template, scored better"
        if same_structure(candidate.structure, other.structure):
            return f"the same structure as number {number}"
    return None
