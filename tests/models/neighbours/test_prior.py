"""Votes of chemically near known crystals, and what an energy asked for makes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from crystalsmith.models.neighbours.prior import NeighbourPrior
from tests.models.conftest import textbook_entry


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
    many_digits = energy + 1.2345e-7  # a round number is taken for a less exact one
    asked = [many_digits + apart for apart in (0, gap / 2, gap)]
    weights = [prior.agreement(entry.composition, one)[own] for one in asked]
    assert 1 == weights[0] >= weights[1] >= weights[2] >= 0.1


def test_an_energy_counts_as_exactly_as_it_was_asked_for():
    entry = replace(textbook_entry("NaCl"), formation_energy=-2.1049)
    prior, own = NeighbourPrior([entry]), entry.crystal.template
    weights = [prior.agreement(entry.composition, e)[own] for e in (-2.1, -2.10, -2.11, -2.1001)]
    assert weights == [1, 1, pytest.approx(1 / (1 + 0.1 / 4)), pytest.approx(1 / (1 + 2.8 / 4))]


def test_crystals_without_energy_are_no_polymorphs(salts):
    prior = NeighbourPrior([replace(entry, formation_energy=None) for entry in salts])
    assert prior.agreement(Composition("NaCl"), -2.1) == {}
