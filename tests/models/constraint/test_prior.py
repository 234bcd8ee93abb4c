"""Templates of chemically near known crystals, alone and mixed with the language model's."""

from __future__ import annotations

import pytest
from pymatgen.core import Composition

from crystalsmith.core.errors import TemplateError
from crystalsmith.models.constraint.generator import ConstraintGenerator, Wanted
from crystalsmith.models.constraint.prior import NeighbourPrior


@pytest.fixture(scope="module")
def prior(known, held_out):
    return NeighbourPrior([*known, *held_out])


def test_neighbours_with_the_same_ratio_vote(prior):
    votes = prior.propose(Composition("KBr"))
    assert sum(votes.shares.values()) == pytest.approx(1)
    assert 0 < votes.trust < 1
    patterns = {template.pattern for template in votes.shares}
    assert (225, ("a", "b")) in patterns  # rock salt
    assert (221, ("a", "b")) in patterns  # caesium chloride
    assert all(t.composition.reduced_formula == "KBr" for t in votes.shares)
    assert prior.propose(Composition("K2Br2")) == votes
    assert prior.propose(Composition("Al2O3")) == ({}, 0.0, 0.0)


def test_nearer_chemistry_counts_for_more(prior):
    votes = prior.propose(Composition("SrSnO3"))
    by_group = {t.number: vote for t, vote in votes.shares.items()}
    assert by_group.keys() == {221, 99, 62}
    assert by_group[221] == max(by_group.values())  # strontium titanate is the nearest


def test_far_neighbours_are_trusted_less(prior):
    near, far = (prior.propose(Composition(text)).trust for text in ("KCl", "WAu"))
    assert far < near < 1


def test_a_crystal_left_out_does_not_vote(prior, known):
    own = next(entry.crystal.template for entry in known if entry.id == "t-SrTiO3")
    votes = prior.propose(own.composition)
    others = prior.propose(own.composition, without=own)
    assert own in votes.shares
    assert sum(others.shares.values()) == pytest.approx(1)
    assert others.shares.get(own, 0.0) < votes.shares[own]
    assert others.distance == votes.distance > 0  # that of another formula


def test_nobody_votes_where_the_only_known_crystal_is_left_out(known):
    (salt,) = (entry for entry in known if entry.formula == "NaCl")
    alone = NeighbourPrior([salt])
    assert alone.propose(salt.composition).shares == {salt.crystal.template: 1.0}
    assert alone.propose(salt.composition, without=salt.crystal.template) == ({}, 0.0, 0.0)


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
