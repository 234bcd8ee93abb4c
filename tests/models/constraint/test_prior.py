"""Templates of chemically near known crystals, alone and mixed with the language model's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from crystalsmith.core.errors import TemplateError
from crystalsmith.models.constraint.generator import ConstraintGenerator, Wanted
from crystalsmith.models.constraint.prior import NeighbourPrior
from tests.models.conftest import textbook_entry

if TYPE_CHECKING:
    from crystalsmith.core.entry import Entry


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


@pytest.fixture
def salts(known) -> tuple[Entry, Entry]:
    """Rock salt, and the same formula in the structure of caesium chloride 0.1 eV/atom above."""
    salt, other = (next(e for e in known if e.formula == name) for name in ("NaCl", "CsCl"))
    template = other.crystal.template.with_elements({"Cs": "Na"})
    crystal = replace(other.crystal, template=template)
    return salt, replace(salt, id="dense", crystal=crystal, formation_energy=-2.0)


def test_an_energy_asked_for_tells_known_polymorphs_apart(salts, known):
    prior = NeighbourPrior([*salts, *known])
    rock_salt, dense = (entry.crystal.template for entry in salts)
    asked = Composition("Na2Cl2")
    assert prior.agreement(asked, None) == prior.agreement(Composition("KF"), -2.1) == {}
    assert prior.agreement(asked, -2.101) == {rock_salt: 1, dense: pytest.approx(0.1)}
    assert prior.agreement(asked, -2.0) == {rock_salt: pytest.approx(0.1), dense: 1}


@given(st.floats(-5, 1), st.floats(0, 1))
def test_a_known_polymorph_counts_for_less_the_farther_its_energy(energy, gap):
    entry = replace(textbook_entry("NaCl"), formation_energy=energy)
    prior, own = NeighbourPrior([entry]), entry.crystal.template
    weights = [prior.agreement(entry.composition, energy + g)[own] for g in (0, gap / 2, gap)]
    assert 1 == weights[0] >= weights[1] >= weights[2] >= 0.1


def test_an_energy_counts_as_exactly_as_it_was_asked_for():
    entry = replace(textbook_entry("NaCl"), formation_energy=-2.1049)
    prior, own = NeighbourPrior([entry]), entry.crystal.template
    weights = [prior.agreement(entry.composition, e)[own] for e in (-2.1, -2.10, -2.11, -2.1001)]
    assert weights == [1, 1, pytest.approx(1 / (1 + 0.1 / 2)), pytest.approx(1 / (1 + 2.8 / 2))]


def test_crystals_without_energy_are_no_polymorphs(salts):
    prior = NeighbourPrior([replace(entry, formation_energy=None) for entry in salts])
    assert prior.agreement(Composition("NaCl"), -2.1) == {}


@pytest.mark.parametrize(("energy", "group"), [(-2.1, 225), (-2.0, 221)])
def test_the_first_guess_is_the_polymorph_with_the_energy_asked_for(salts, energy, group):
    generator = ConstraintGenerator(None, NeighbourPrior(salts))
    ranked = generator.propose(Composition("NaCl"), Wanted(formation_energy=energy))
    assert [row.template.number for row in ranked] == [group, 446 - group]  # none is lost
