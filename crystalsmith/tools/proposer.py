"""Formulas worth trying for a request: GenMS's first branching, without a language model.

Where formulas come from: the request itself, known crystals and their analogues by ionic
substitution, the site rules of structure families, charge-neutral combinations of elements in
usual ratios, the ratios that the constraint generator writes for sets of elements, and suggestions
of whoever asks, a chat model for one. The
request's clauses prune them, evidence ranks them, and near twins make room for others. The work is
bounded by counts, not by a clock, so that a seed always gives the same list.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.errors import RequestError
from crystalsmith.tools.analogues import analogue_formulas
from crystalsmith.tools.catalogue import Catalogue, catalogue_of
from crystalsmith.tools.drafts import Draft, Formula, composition_of, formula_of
from crystalsmith.tools.element_set_formulas import element_set_formulas
from crystalsmith.tools.family_formulas import family_formulas
from crystalsmith.tools.formula_fit import fits, nearness
from crystalsmith.tools.open_formulas import ionic_formulas, metallic_formulas
from crystalsmith.tools.plausibility import diverse, plausibilities
from crystalsmith.tools.search_space import SearchSpace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pymatgen.core import Composition

    from crystalsmith.core.entry import Entry
    from crystalsmith.core.request import DesignRequest
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.constraint.generator import ConstraintGenerator
    from crystalsmith.tools.known_crystals import KnownCrystals

DEFAULT_LIMIT = 50
_SHORT_LIST = 3000  # drafts that are judged in full
_NO_STRUCTURE = 0.6  # credit of a formula for which no structure is in mind
_CLOSE = 0.4  # support from which an analogue is worth naming before other reasons
_SUGGESTED = 0.8  # credit of a formula that somebody has thought of
_NO_SYMMETRY = 0.3  # the same where the request asks for a symmetry


@dataclass(frozen=True)
class FormulaProposal:
    """A formula worth trying.

    Attributes:
        composition: one reduced formula unit.
        origin: where it comes from, in words.
        plausibility: 0 to 1; for ranking, not a probability.
        parent: the known crystal it derives from, if any.
        family: the structure family it was made for, if any.
        fit: 0 to 1, what the formula alone tells of the properties asked for; 1 without models.
    """

    composition: Composition
    origin: str
    plausibility: float
    parent: Entry | None = None
    family: str | None = None
    fit: float = 1.0

    @property
    def weight(self) -> float:
        """What proposals are ranked by."""
        return self.plausibility * self.fit

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return str(self.composition.reduced_formula)


@dataclass(frozen=True)
class Advisers:
    """What may advise the proposer beside known crystals.

    Attributes:
        compositions: tells gap and energies from formulas.
        constraints: writes ratios for sets of elements.
        seeds: crystals whose analogues are wanted.
        near: a composition that proposals should be like, None when there is none.
        ideas: formulas that a language model or a person has thought of.
    """

    compositions: CompositionModel | None = None
    constraints: ConstraintGenerator | None = None
    seeds: Sequence[Entry] = ()
    near: Composition | None = None
    ideas: Sequence[Composition] = ()


def propose_formulas(
    request: DesignRequest,
    known: KnownCrystals,
    limit: int = DEFAULT_LIMIT,
    seed: int = 0,
    advisers: Advisers | None = None,
    pruned: Counter[str] | None = None,
) -> list[FormulaProposal]:
    """Formulas that satisfy a request as far as a formula can, the most plausible first.

    Args:
        request: what is asked for.
        known: known crystals: sources of analogues and evidence.
        limit: how many proposals at most.
        seed: of the sampling where there are too many combinations to look at all.
        advisers: models that rank and propose, and seed crystals; none when not given.
        pruned: counts the formulas that each clause ruled out, by its wish.

    Returns:
        At least one proposal.

    Raises:
        RequestError: the request contradicts itself, or no formula can satisfy it.
    """
    request.ensure_consistent()
    told = advisers or Advisers()
    space = SearchSpace.of(request)
    catalogue = catalogue_of(known)
    cut: Counter[str] = Counter() if pruned is None else pruned
    found = _drafts(request, space, catalogue, seed, told)
    drafts = _judgeable(found, request, space, catalogue, cut)
    scores, matching = _scores(request, drafts, space, catalogue, told)
    if told.constraints is not None and request.formula is None:
        best = [drafts[i] for i in np.argsort(-scores * matching, kind="stable")]
        spoken = element_set_formulas(best, space, told.constraints)
        more = _judgeable(spoken, request, space, catalogue, cut)
        drafts, scores, matching, more = _taken_out(drafts, scores, matching, more)
        new_scores, new_matching = _scores(request, more, space, catalogue, told)
        drafts += more
        scores, matching = np.append(scores, new_scores), np.append(matching, new_matching)
    if not drafts:
        raise RequestError(_nothing_found(request, space))
    return [
        FormulaProposal(
            composition=composition_of(drafts[index].formula),
            origin=drafts[index].origin,
            plausibility=float(scores[index]),
            parent=drafts[index].parent,
            family=drafts[index].family,
            fit=float(matching[index]),
        )
        for index in diverse(drafts, scores * matching, limit)
    ]


def _scores(
    request: DesignRequest,
    drafts: Sequence[Draft],
    space: SearchSpace,
    catalogue: Catalogue,
    advisers: Advisers,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Plausibilities of drafts, and what the models make of their properties."""
    if not drafts:
        return np.zeros(0), np.zeros(0)
    scores = plausibilities(drafts, catalogue, space, ask_gaps=advisers.compositions is None)
    if advisers.near is not None:
        scores = scores * nearness(drafts, advisers.near)
    if advisers.compositions is None:
        return scores, np.ones(len(drafts))
    return scores, fits(request, drafts, advisers.compositions)


def _taken_out(
    drafts: list[Draft],
    scores: NDArray[np.float64],
    matching: NDArray[np.float64],
    more: Sequence[Draft],
) -> tuple[list[Draft], NDArray[np.float64], NDArray[np.float64], list[Draft]]:
    """Drafts without those that more is known of now, and the latter with all their reasons."""
    rows = {draft.formula: row for row, draft in enumerate(drafts)}
    joined = [_merged(drafts[rows[d.formula]], d) if d.formula in rows else d for d in more]
    gone = {rows[draft.formula] for draft in more if draft.formula in rows}
    stays = [row for row in range(len(drafts)) if row not in gone]
    return [drafts[row] for row in stays], scores[stays], matching[stays], joined


def _drafts(
    request: DesignRequest,
    space: SearchSpace,
    catalogue: Catalogue,
    seed: int,
    advisers: Advisers,
) -> list[Draft]:
    rng = np.random.default_rng(seed)
    if request.formula is not None:
        amounts = {e.symbol: round(n) for e, n in request.formula.items()}
        parent = _entry_of(amounts, catalogue)
        return [Draft(formula_of(amounts), "asked for", 1.0, parent, is_parent=True)]
    drafts = analogue_formulas(catalogue, space)
    if advisers.seeds:
        drafts += analogue_formulas(Catalogue(advisers.seeds), space)
    drafts += [_idea(composition, catalogue) for composition in advisers.ideas]
    for item in space.fitting_families():
        drafts += family_formulas(item, space, rng)
    if not space.families:
        credit = _NO_SYMMETRY if space.symmetry_matters else _NO_STRUCTURE
        drafts += ionic_formulas(space, rng, credit) + metallic_formulas(space, rng, credit)
    return drafts


def _idea(composition: Composition, catalogue: Catalogue) -> Draft:
    """A formula that was suggested, with the known crystal that has it."""
    amounts = {e.symbol: round(n) for e, n in composition.items()}
    parent = _entry_of(amounts, catalogue)
    return Draft(formula_of(amounts), "suggested", _SUGGESTED, parent, is_parent=parent is not None)


def _entry_of(amounts: dict[str, int], catalogue: Catalogue) -> Entry | None:
    """The most stable known crystal of a formula."""
    formula = formula_of(amounts)
    if formula not in catalogue.known:
        return None
    rows = zip(catalogue.entries, catalogue.formulas, strict=True)
    entries = [entry for entry, other in rows if other == formula]
    return min(entries, key=lambda e: (e.e_above_hull is None, e.e_above_hull or 0.0, e.id))


def _judgeable(
    drafts: list[Draft],
    request: DesignRequest,
    space: SearchSpace,
    catalogue: Catalogue,
    pruned: Counter[str],
) -> list[Draft]:
    """One draft of every formula that the clauses allow, of the best few thousand formulas."""
    merged: dict[Formula, Draft] = {}
    for draft in drafts:
        other = merged.get(draft.formula)
        merged[draft.formula] = draft if other is None else _merged(draft, other)
    ranked = sorted(merged.values(), key=lambda draft: (-draft.support, draft.formula))
    found = []
    for draft in ranked:
        is_known = draft.formula in catalogue.known
        if request.formula is None and space.novel is not None and is_known == space.novel:
            pruned["a known formula" if is_known else "not a known formula"] += 1
            continue
        composition = composition_of(draft.formula)
        broken = next((c for c in request.clauses if not c.allows_composition(composition)), None)
        if broken is not None:
            pruned[f"not {broken.wish()}"] += 1
            continue
        found.append(draft)
        if len(found) == _SHORT_LIST:
            break
    return found


def _merged(first: Draft, second: Draft) -> Draft:
    """Two reasons for one formula: the more telling one, with the better support of both."""
    telling = max(first, second, key=_tellingness)
    if telling.is_parent:
        return telling  # what is known of the crystal itself outweighs what is likely
    return replace(telling, support=max(first.support, second.support))


def _tellingness(draft: Draft) -> tuple[bool, bool, float]:
    """A known crystal tells most, then a close relative of one, then the better support."""
    close = draft.parent is not None and draft.support >= _CLOSE
    return draft.is_parent, close, draft.support


def _nothing_found(request: DesignRequest, space: SearchSpace) -> str:
    wishes = "; ".join(clause.wish() for clause in request.clauses) or "nothing"
    if not space.allowed:
        return f"no element is left to build from: the request asks for {wishes}"
    return f"no formula was found that satisfies all of the request's wishes: {wishes}"
