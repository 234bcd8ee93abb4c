"""What known crystals say of a formula, as the language model is told it.

Retrieval-augmented generation with templates: the votes of chemically near crystals, written in the
grammar of the answer. While training, a crystal and its copies do not vote for themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.constraint.records import composition_of, template_of
from crystalsmith.prompts.constraint import Near

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.constraint.records import Record
    from crystalsmith.models.neighbours.prior import NeighbourPrior, Votes

_TEMPLATES = 3  # told of at most
_LETTERS = 24  # all of them together; the few longer contexts would set the size of whole batches


class Context(NamedTuple):
    """What a question is told of known crystals; see `Question`."""

    distance: float | None = None
    near: tuple[Near, ...] = ()


def context_of(votes: Votes, elements: Sequence[str]) -> Context:
    """The templates with most votes, as many as are worth reading.

    Args:
        votes: of the neighbours of a composition.
        elements: of the composition, electropositive first.
    """
    ranked = sorted(votes.shares.items(), key=lambda item: (-item[1], str(item[0])))
    near: list[Near] = []
    letters = 0
    for template, share in ranked[:_TEMPLATES]:
        known = near_of(template, share, elements)
        letters += sum(len(own) for own in known.letters)
        if letters > _LETTERS:
            break
        near.append(known)
    return Context(votes.distance, tuple(near)) if near else Context()


def informed(
    records: Sequence[Record],
    prior: NeighbourPrior,
    compositions: CompositionModel,
    progress: Progress = silent,
) -> list[Record]:
    """Crystals' records with what the other known crystals say, and heights above the hull.

    Args:
        records: with structures.
        prior: of known crystals, the records' own among them or not.
        compositions: predicts the hull.
        progress: told about finished records.
    """
    formulas = [composition_of(record) for record in records]
    heights = compositions.heights(formulas, [record.formation_energy for record in records])
    found = []
    for record, formula, height in zip(records, formulas, heights, strict=True):
        votes = prior.propose(formula, without=template_of(record))
        context = context_of(votes, record.elements)
        found.append(replace(record, height=height, distance=context.distance, near=context.near))
        progress("asking the neighbours", len(found), len(records))
    return found


def near_of(template: SymmetryTemplate, share: float, elements: Sequence[str]) -> Near:
    """A template with its share, letters in the order of the elements."""
    letters = template.letters
    return Near(
        share, template.number, template.formula_units, tuple(letters[el] for el in elements)
    )
