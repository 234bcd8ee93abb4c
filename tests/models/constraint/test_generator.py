"""Templates of the language model and of known crystals, alone and mixed."""

from __future__ import annotations

import pytest
from pymatgen.core import Composition

from crystalsmith.core.errors import TemplateError
from crystalsmith.models.constraint.generator import ConstraintGenerator, Wanted
from crystalsmith.models.neighbours.prior import NeighbourPrior


def test_neighbours_alone(prior):
    generator = ConstraintGenerator(None, prior)
    ranked = generator.propose(Composition("KBr"))
    votes = prior.propose(Composition("KBr"))
    assert {row.template: row.probability for row in ranked} == pytest.approx(votes.shares)
    assert all(row.by_model == 0 for row in ranked)
    assert [row.template.number for row in generator.propose(Composition("KBr"), count=1)] == [
        ranked[0].template.number
    ]
    assert generator.propose(Composition("Al2O3")) == []


def test_the_model_alone(word_lm):
    generator = ConstraintGenerator(word_lm, None, width=5)
    ranked = generator.propose(Composition("SrTiO3"), Wanted("stable", 2.0, -3.0))
    probabilities = [row.probability for row in ranked]
    assert 0 < len(ranked) <= 5
    assert sum(probabilities) == pytest.approx(1)
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(row.by_neighbours == 0 for row in ranked)
    assert all(row.template.composition.reduced_formula == "SrTiO3" for row in ranked)
    assert len({row.template for row in ranked}) == len(ranked)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_both_are_mixed(word_lm, prior, weight):
    generator = ConstraintGenerator(word_lm, prior, weight=weight, width=5)
    ranked = generator.propose(Composition("SrTiO3"))
    assert sum(row.probability for row in ranked) == pytest.approx(1)
    neighbours = {row.template.number for row in ranked if row.by_neighbours > 0}
    assert neighbours == (set() if weight == 1 else {221, 99, 62})
    assert any(row.by_model > 0 for row in ranked) == (weight > 0)


def test_only_allowed_groups_are_proposed(word_lm, prior):
    generator = ConstraintGenerator(word_lm, prior, width=5)
    ranked = generator.propose(Composition("SrTiO3"), allow=lambda number: number >= 195)
    assert ranked
    assert all(row.template.number >= 195 for row in ranked)
    assert generator.propose(Composition("SrTiO3"), allow=lambda number: False) == []


def test_many_compositions_at_once_are_each_as_alone(word_lm, prior):
    generator = ConstraintGenerator(word_lm, prior, width=4)
    asked = [Composition(text) for text in ("NaCl", "SrTiO3", "Si", "TiO2")]
    together = generator.propose_many(asked, [Wanted()] * 4)
    for composition, rows in zip(asked, together, strict=True):
        alone = generator.propose(composition)
        assert {r.template: r.probability for r in rows} == pytest.approx(
            {r.template: r.probability for r in alone}, abs=1e-4
        )
    assert generator.propose_many([], []) == []


def test_formulas_beyond_the_grammar_are_refused_in_words(word_lm):
    with pytest.raises(TemplateError, match="more than 200 atoms of one element"):
        ConstraintGenerator(word_lm).propose(Composition("C300H"))


@pytest.mark.parametrize(("energy", "group"), [(-2.1, 225), (-2.0, 221)])
def test_the_first_guess_is_the_polymorph_with_the_energy_asked_for(salts, energy, group):
    generator = ConstraintGenerator(None, NeighbourPrior(salts))
    ranked = generator.propose(Composition("NaCl"), Wanted(formation_energy=energy))
    assert [row.template.number for row in ranked] == [group, 446 - group]  # none is lost
