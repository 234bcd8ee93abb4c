"""Con-CDVAE's *full* and *less* strategies on our structure generator, for its tables 2 and B1.

Their generator starts from what is told of a crystal: the class alone (*default*), all that is
known of a crystal of the class (*full*), or the class with the rest drawn at random from what
crystals of the class are like (*less*). A design request is our default. Here *full* tells formula,
symmetry, band gap and formation energy of a test crystal, and *less* draws them from what our
models expect of the class.
"""

from __future__ import annotations

import random
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.agent.judging import Finished, gather_evidence, judge
from crystalsmith.core.request import DesignRequest
from crystalsmith.core.results import likelihood
from crystalsmith.models.constraint.generator import Wanted
from crystalsmith.models.structure.drafts import Targets
from crystalsmith.tools.proposer import Advisers, propose_formulas

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pymatgen.core import Composition, Structure

    from crystalsmith.core.clauses import AnyClause
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry
    from crystalsmith.evals.papers.run import Bench

FILTERED = 5  # drafts for each crystal that the predictors keep; theirs are 100
_FORMULAS = 200  # that *less* draws from


def drawn_entries(bench: Bench, belongs: Callable[[Entry], bool]) -> list[Entry]:
    """Test crystals of a class with known gap and energy, as many as designs are asked for."""
    known = [
        entry
        for entry in bench.everything("mp20").entries
        if None not in (entry.band_gap, entry.formation_energy) and belongs(entry)
    ]
    return random.Random(bench.seed).sample(known, min(bench.designs, len(known)))


def told_everything(bench: Bench, entries: Sequence[Entry]) -> list[Structure]:
    """Crystals of the *full* strategy, one for each of these whose properties are known."""
    drawn = bench.toolbox.structures.generate(
        [entry.crystal.template for entry in entries],
        [Targets(entry.band_gap, entry.formation_energy) for entry in entries],
        strategy="full",
        seed=bench.seed,
        progress=bench.progress,
    )
    return [row[0].crystal.structure() for row in drawn]


def told_the_class(bench: Bench, clauses: Sequence[AnyClause]) -> list[Structure]:
    """Crystals of the *less* strategy.

    Formulas are drawn by how well they fit the class, templates by their probability; the generator
    is told a gap of the class and draws the energy itself. Where the class says something of a
    property, the search's predictors keep the likeliest of `FILTERED` drafts for each crystal.
    """
    request = DesignRequest(text="", clauses=tuple(clauses))
    filtered = any(c.interval(n) for c in clauses for n in ("band_gap", "formation_energy"))
    count = bench.designs * (FILTERED if filtered else 1)
    templates = _templates(bench, request, count)
    drawn = bench.toolbox.structures.generate(
        templates,
        _gaps(bench, request, templates),
        strategy="less",
        seed=bench.seed,
        progress=bench.progress,
    )
    crystals = [
        Finished(row[0].crystal.structure(), template)
        for row, template in zip(drawn, templates, strict=True)
    ]
    if filtered:
        evidence = gather_evidence(crystals, bench.toolbox, bench.progress, preliminary=True)
        chances = [0.0 if e is None else likelihood(judge(request, e)) for e in evidence]
        crystals = [crystals[i] for i in np.argsort(chances, kind="stable")[::-1]]
    return [item.structure for item in crystals[: bench.designs]]


def _templates(bench: Bench, request: DesignRequest, count: int) -> list[SymmetryTemplate]:
    """So many templates at random that the clauses allow."""
    tools = bench.toolbox
    advisers = Advisers(tools.compositions, tools.constraints)
    proposals = propose_formulas(request, tools.known, _FORMULAS, bench.seed, advisers)
    answers = tools.constraints.propose_many(
        [item.composition for item in proposals],
        [Wanted(stability="stable")] * len(proposals),
        allow=lambda number: all(c.allows_space_group(number) for c in request.clauses),
    )

    def allowed(template: SymmetryTemplate) -> bool:
        return all(clause.allows_template(template) for clause in request.clauses)

    possible = [[row for row in answer if allowed(row.template)] for answer in answers]
    weights = [p.weight * bool(own) for p, own in zip(proposals, possible, strict=True)]
    if not any(weights):
        return []
    draw = random.Random(bench.seed)
    formulas = draw.choices(possible, weights, k=count)
    return [
        draw.choices(options, [option.probability for option in options])[0].template
        for options in formulas
    ]


def _gaps(
    bench: Bench, request: DesignRequest, templates: Sequence[SymmetryTemplate]
) -> list[Targets]:
    """The gap that each formula is expected to have, moved into the class."""
    low, high = -inf, inf
    for clause in request.clauses:
        low, high = clause.interval("band_gap") or (low, high)
    compositions: list[Composition] = [template.composition for template in templates]
    expected = bench.toolbox.compositions.means(compositions, "band_gap").tolist()
    return [Targets(band_gap=min(max(gap, low), high)) for gap in expected]
