"""Templates for a set of elements: the ratio first, then symmetry for the most probable ratios."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pymatgen.core import Composition

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.crystallography.template import electropositive_first
from crystalsmith.core.errors import TemplateError
from crystalsmith.models.constraint.generator import (
    ConstraintGenerator,
    RankedTemplate,
    Wanted,
)
from crystalsmith.models.constraint.ratio import (
    RankedRatio,
    decode_ratios,
    ranked,
)
from crystalsmith.models.constraint.set_prior import SetVotes
from crystalsmith.prompts.constraint import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crystalsmith.core.crystallography.template import SymmetryTemplate

MAX_ELEMENTS = 8  # in one set; no known crystal that taught the generators has more
_RATIO_WIDTH = 40  # beams
_NO_VOTES = SetVotes({}, {}, 0.0)
# Known crystals lie near the hull: heights (eV/atom) above the predicted one, in the middle and
# how far they scatter, the error of the prediction included; and the weight of any other height.
_HEIGHT, _SCATTER, _ELSEWHERE = 0.02, 0.05, 0.02


@dataclass(frozen=True)
class ElementSetAnswer:
    """What is proposed for one set of elements.

    Attributes:
        elements: electropositive first.
        ratios: amounts of the elements in that order, most probable first.
        templates: of the most probable ratios, most probable first.
    """

    elements: tuple[str, ...]
    ratios: list[RankedRatio]
    templates: list[RankedTemplate]


def propose_from_element_sets(
    generator: ConstraintGenerator,
    sets: Sequence[Sequence[str]],
    wanted: Sequence[Wanted],
    *,
    count: int = 20,
    ratios: int = 10,
    allow: Callable[[int], bool] | None = None,
    atoms: Callable[[int], bool] | None = None,
) -> list[ElementSetAnswer]:
    """Ratios and templates for sets of elements.

    Args:
        generator: language model, neighbours, or both.
        sets: symbols of each set, in any order.
        wanted: properties and stability to aim for, one per set.
        count: templates per set at most.
        ratios: how many ratios of each set are followed to templates.
        allow: space groups that may be used; all when not given.
        atoms: numbers of atoms that the primitive cell may hold; all when not given.

    Raises:
        TemplateError: an element is unknown or named twice, or a set is empty or too large.
    """
    ordered = [_ordered(elements) for elements in sets]
    prior = generator.set_prior
    votes = [prior.votes(elements) if prior else _NO_VOTES for elements in ordered]
    tables = _ratios(generator, ordered, wanted, votes)
    votes = [
        own._replace(templates=_voted(generator, told, own))
        for told, own in zip(wanted, votes, strict=True)
    ]
    followed = [table[:ratios] for table in tables]
    compositions, told, owners = [], [], []
    for owner, (elements, table) in enumerate(zip(ordered, followed, strict=True)):
        for ratio in table:
            compositions.append(Composition(dict(zip(elements, ratio.amounts, strict=True))))
            told.append(wanted[owner])
            owners.append((owner, ratio.probability))
    answers = generator.propose_many(
        compositions, told, count=max(count, generator.width), allow=allow, atoms=atoms
    )
    templates: dict[int, list[RankedTemplate]] = defaultdict(list)
    for (owner, share), found in zip(owners, answers, strict=True):
        templates[owner] += [_scaled(item, share) for item in found]

    def allowed(template: SymmetryTemplate) -> bool:
        return (allow is None or allow(template.number)) and (
            atoms is None or atoms(template.n_atoms)
        )

    return [
        ElementSetAnswer(elements, table, _best(templates[owner], votes[owner], allowed)[:count])
        for owner, (elements, table) in enumerate(zip(ordered, tables, strict=True))
    ]


def ratios_of_sets(
    generator: ConstraintGenerator, sets: Sequence[Sequence[str]], wanted: Wanted | None = None
) -> list[list[RankedRatio]]:
    """The ratios alone, most probable first; amounts follow the elements, electropositive first.

    Args:
        generator: language model, neighbours, or both.
        sets: symbols of each set, in any order.
        wanted: properties and stability to aim for; stable when not given.

    Raises:
        TemplateError: an element is unknown or named twice, or a set is empty or too large.
    """
    ordered = [_ordered(elements) for elements in sets]
    prior = generator.set_prior
    votes = [prior.votes(elements) if prior else _NO_VOTES for elements in ordered]
    told = wanted or Wanted(stability="stable")
    return _ratios(generator, ordered, [told] * len(ordered), votes)


def _ordered(elements: Sequence[str]) -> tuple[str, ...]:
    """The elements in the order of formulas, checked."""
    unknown = sorted(set(elements) - set(ALL_ELEMENTS))
    if unknown or not elements:
        raise TemplateError(f"not chemical elements: {', '.join(unknown) or 'none given'}")
    if len(set(elements)) < len(elements):
        raise TemplateError(f"an element is named twice in {', '.join(elements)}")
    if len(elements) > MAX_ELEMENTS:
        raise TemplateError(
            f"{len(elements)} elements at once are more than the {MAX_ELEMENTS} that the"
            " constraint generator can find ratios for"
        )
    return tuple(sorted(elements, key=electropositive_first))


def _ratios(
    generator: ConstraintGenerator,
    sets: Sequence[tuple[str, ...]],
    wanted: Sequence[Wanted],
    votes: Sequence[SetVotes],
) -> list[list[RankedRatio]]:
    """Ratios of every set by language model, neighbours and energy, most probable first."""
    spoken: list[list[RankedRatio]] = [[] for _ in sets]
    if generator.model is not None and generator.weight > 0:
        questions = [
            Question(
                elements,
                None,
                stability=told.stability,
                band_gap=told.band_gap,
                formation_energy=told.formation_energy,
            )
            for elements, told in zip(sets, wanted, strict=True)
        ]
        spoken = decode_ratios(generator.model, questions, width=_RATIO_WIDTH)
    mixed = [_mixed(table, own) for table, own in zip(spoken, votes, strict=True)]
    return _near_hull(generator, sets, wanted, mixed)


def _near_hull(
    generator: ConstraintGenerator,
    sets: Sequence[tuple[str, ...]],
    wanted: Sequence[Wanted],
    tables: list[list[RankedRatio]],
) -> list[list[RankedRatio]]:
    """The ratios weighed by where an energy asked for would lie: far from the hull is unlikely."""
    chances = iter(
        _likelihoods(
            generator,
            [
                Composition(dict(zip(elements, ratio.amounts, strict=True)))
                for elements, table in zip(sets, tables, strict=True)
                for ratio in table
            ],
            [told for told, table in zip(wanted, tables, strict=True) for _ in table],
        )
    )
    return [
        ranked({ratio.amounts: ratio.probability * next(chances) for ratio in table})
        for table in tables
    ]


def _voted(
    generator: ConstraintGenerator, told: Wanted, votes: SetVotes
) -> dict[SymmetryTemplate, float]:
    """The neighbours' templates, weighed like the ratios."""
    templates = list(votes.templates)
    chances = _likelihoods(generator, [t.composition for t in templates], [told] * len(templates))
    pairs = zip(templates, chances, strict=True)
    table = {template: votes.templates[template] * chance for template, chance in pairs}
    total = sum(table.values()) or 1.0
    return {template: vote / total for template, vote in table.items()}


def _likelihoods(
    generator: ConstraintGenerator, compositions: Sequence[Composition], wanted: Sequence[Wanted]
) -> list[float]:
    """How likely known crystals have the energies asked for, up to a factor; 1 without any."""
    energies = [told.formation_energy for told in wanted]
    if generator.compositions is None:
        return [1.0] * len(energies)
    heights = generator.compositions.heights(compositions, energies)
    return [
        1.0
        if height is None
        else math.exp(-0.5 * ((height - _HEIGHT) / _SCATTER) ** 2) + _ELSEWHERE
        for height in heights
    ]


def _mixed(by_model: Sequence[RankedRatio], votes: SetVotes) -> list[RankedRatio]:
    """The model's ratios with the neighbours' votes mixed in, most probable first."""
    share = votes.share if by_model else 1.0
    table: dict[tuple[int, ...], float] = defaultdict(float)
    for ratio, probability in by_model:
        table[ratio] += (1 - share) * probability
    for ratio, vote in votes.ratios.items():
        table[ratio] += share * vote
    return ranked(table)


def _scaled(item: RankedTemplate, share: float) -> RankedTemplate:
    return item._replace(
        probability=item.probability * share,
        by_model=item.by_model * share,
        by_neighbours=item.by_neighbours * share,
    )


def _best(
    templates: list[RankedTemplate], votes: SetVotes, allowed: Callable[[SymmetryTemplate], bool]
) -> list[RankedTemplate]:
    """Templates of all ratios with the neighbours' votes mixed in, most probable first."""
    table = {item.template: _scaled(item, 1 - votes.share) for item in templates}
    for template, vote in votes.templates.items():
        if allowed(template):
            found = table.get(template, RankedTemplate(template, 0.0, 0.0, 0.0))
            own = votes.share * vote
            table[template] = found._replace(
                probability=found.probability + own, by_neighbours=found.by_neighbours + own
            )
    total = sum(item.probability for item in table.values()) or 1.0
    scaled = [item._replace(probability=item.probability / total) for item in table.values()]
    return sorted(scaled, key=lambda item: (-item.probability, str(item.template)))
