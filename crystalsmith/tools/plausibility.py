"""How plausible drafted formulas are, and which of them to keep so that they differ.

Evidence, never gates: charge balance by usual oxidation states, nearness to known compounds of
the same ratio, the reason a formula was thought of, and the gaps of similar known crystals when a
gap is asked for. On 425 stable formulas that the catalogue did not hold, against charge-neutral
formulas drawn at random, nearness alone ranks the real one higher in 79 % (ternary ionic), 81 %
(quaternary ionic) and 92 % (ternary metallic) of pairs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.tools.catalogue import vectors_of
from crystalsmith.tools.drafts import composition_of
from crystalsmith.tools.ions import balanced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from crystalsmith.tools.catalogue import Catalogue
    from crystalsmith.tools.drafts import Draft, Formula
    from crystalsmith.tools.search_space import SearchSpace

_REACH = 0.12  # composition distance over which a known neighbour loses its weight
_FAR = 0.3  # what is left for a formula unlike any known one
_OTHERWISE = 0.5  # for one that is known, but not with the structure asked for
_JUDGED_BY_GAP = 1000
_SCREENED = 500  # best formulas that SMACT is asked about, which takes a millisecond each
_FAILS_SMACT = 0.6  # what is left of one that fails: so do 17 % of real crystals
_ALIKE = 0.08  # composition distance below which two proposals are near twins
_TWIN = 0.75  # largest share of its rank that a twin of a chosen formula loses


def plausibilities(
    drafts: Sequence[Draft], catalogue: Catalogue, space: SearchSpace, ask_gaps: bool = True
) -> NDArray[np.float64]:
    """``(n,)`` plausibility of each draft, 0 to 1.

    Args:
        drafts: formulas with their reasons.
        catalogue: the known crystals to compare with.
        space: what was asked for.
        ask_gaps: let the gaps of similar known crystals speak where a gap is asked for; False when
            a composition model does.
    """
    formulas = [draft.formula for draft in drafts]
    balance = [balanced(dict(formula)).evidence for formula in formulas]
    near = _FAR + (1 - _FAR) * np.exp(-catalogue.distances(formulas) / _REACH)
    for index, draft in enumerate(drafts):
        if draft.formula in catalogue.known:
            settled = space.symmetry_matters or space.families
            near[index] = _OTHERWISE if settled and not draft.is_parent else 1.0
    support = np.array([draft.support for draft in drafts])
    score = np.sqrt(np.sqrt(balance) * near * support)
    if ask_gaps and space.gap is not None:
        # neighbours are dear to ask, so only the best are judged by them
        best = np.argsort(-score, kind="stable")[:_JUDGED_BY_GAP]
        shares = catalogue.share_with_gap([formulas[index] for index in best], *space.gap)
        judged = np.zeros(len(score))
        judged[best] = score[best] * np.sqrt(shares)
        score = judged
    best = np.argsort(-score, kind="stable")[:_SCREENED]
    for index in best:
        if not _passes_smact(formulas[index]):
            score[index] *= _FAILS_SMACT
    return np.clip(score, 0.0, 1.0)


@lru_cache(maxsize=20_000)
def _passes_smact(formula: Formula) -> bool:
    """SMACT's screening by charge and electronegativity (Davies et al. 2019), alloys passing."""
    from smact.screening import smact_validity

    return bool(smact_validity(composition_of(formula)))


def diverse(drafts: Sequence[Draft], scores: NDArray[np.float64], limit: int) -> list[int]:
    """Indices of good drafts that are unlike each other, best first.

    The best draft comes first; every later one loses rank the more it resembles a chosen one.
    """
    vectors = vectors_of([draft.formula for draft in drafts])
    rank = scores.copy()
    chosen: list[int] = []
    for _ in range(min(limit, len(drafts))):
        best = int(rank.argmax())
        chosen.append(best)
        squares = ((vectors - vectors[best]) ** 2).sum(axis=1)
        rank = rank * (1 - _TWIN * np.exp(-squares / (2 * _ALIKE**2)))
        rank[best] = -1.0
    return chosen
