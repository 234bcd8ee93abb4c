"""What those who know say of formulas whose structures nobody has told.

Known crystals name templates for chemically near formulas, trained networks for all; what they
agree on is learned by the models that ship, from many more formulas than there are crystals at
hand (self-training with an ensemble as teacher). Nothing but shares of templates is passed on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.constraint.context import context_of, near_of
from crystalsmith.models.constraint.records import composition_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.constraint.records import Record
    from crystalsmith.models.neighbours.model import NeighbourModel
    from crystalsmith.models.neighbours.prior import NeighbourPrior, Votes
    from crystalsmith.models.templates.model import TemplateModel
    from crystalsmith.prompts.constraint import Near

_NEIGHBOURS_WEIGHT = 0.6  # of neighbours that surely know the template
_LEAST = 0.002  # share below which a template is not passed on
_BATCH = 256


def taught(
    formulas: Sequence[Record],
    prior: NeighbourPrior,
    voter: NeighbourModel,
    networks: Sequence[TemplateModel],
    compositions: CompositionModel,
    progress: Progress = silent,
) -> list[Record]:
    """The formulas with what neighbours and networks say of them; each formula once.

    Args:
        formulas: without structures.
        prior: of known crystals.
        voter: weighs their votes.
        networks: template networks, whose shares are averaged.
        compositions: predicts the hull that heights are measured from.
        progress: told about finished formulas.
    """
    rows = _once(formulas)
    found: list[Record] = []
    for begin in range(0, len(rows), _BATCH):
        part = rows[begin : begin + _BATCH]
        asked = [composition_of(row) for row in part]
        heights = compositions.heights(asked, [row.formation_energy for row in part])
        named = [network.propose_many(asked, heights) for network in networks]
        weighed = voter.votes([prior.around(formula) for formula in asked], heights)
        for index, (row, height) in enumerate(zip(part, heights, strict=True)):
            shares = _agreed(weighed[index], [tables[index] for tables in named])
            context = context_of(prior.propose(asked[index]), row.elements)
            found.append(
                replace(
                    row,
                    height=height,
                    distance=context.distance,
                    near=context.near,
                    taught=_passed_on(shares, row.elements),
                )
            )
        progress("asking the teachers", len(found), len(rows))
    return found


def _once(formulas: Sequence[Record]) -> list[Record]:
    """Every formula once, with its formation energy where one of its rows tells it."""
    rows: dict[tuple[tuple[str, ...], tuple[int, ...]], Record] = {}
    for row in formulas:
        known = rows.setdefault((row.elements, row.amounts), row)
        if known.formation_energy is None:
            rows[row.elements, row.amounts] = row
    return list(rows.values())


def _agreed(
    votes: Votes, named: Sequence[dict[SymmetryTemplate, float]]
) -> dict[SymmetryTemplate, float]:
    """Shares of all templates: the networks' mean, and the neighbours' by how much they know."""
    spoken = [table for table in named if table]
    weight = _NEIGHBOURS_WEIGHT * votes.trust if spoken else 1.0
    shares: dict[SymmetryTemplate, float] = defaultdict(float)
    for table in spoken:
        for template, share in table.items():
            shares[template] += (1 - weight) * share / len(spoken)
    for template, share in votes.shares.items():
        shares[template] += weight * share
    total = sum(shares.values())
    return {t: share / total for t, share in shares.items() if share >= _LEAST * total}


def _passed_on(shares: dict[SymmetryTemplate, float], elements: Sequence[str]) -> tuple[Near, ...]:
    total = sum(shares.values())
    ranked = sorted(shares.items(), key=lambda item: (-item[1], str(item[0])))
    return tuple(near_of(template, share / total, elements) for template, share in ranked)
