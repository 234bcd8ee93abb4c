"""What known crystals say of a formula, as the language model is told it."""

from __future__ import annotations

import pytest
from pymatgen.core import Composition

from crystalsmith.core.crystallography.template import ordered_amounts
from crystalsmith.models.composition.model import CompositionModel
from crystalsmith.models.constraint.context import Context, context_of, informed
from crystalsmith.models.constraint.generator import ConstraintGenerator
from crystalsmith.models.constraint.records import record_of, template_of
from crystalsmith.models.neighbours.prior import Votes


def test_the_most_voted_templates_come_first(prior):
    composition = Composition("SrSnO3")
    votes = prior.propose(composition)
    elements, _ = ordered_amounts(composition)
    context = context_of(votes, elements)
    assert context.distance == votes.distance
    assert [known.share for known in context.near] == sorted(votes.shares.values(), reverse=True)
    best = max(votes.shares, key=lambda template: votes.shares[template])
    first = context.near[0]
    assert (first.group, first.units) == (best.number, best.formula_units)
    assert dict(zip(elements, first.letters, strict=True)) == best.letters


def test_nobody_known_is_nothing_to_tell():
    assert context_of(Votes({}), ("Na", "Cl")) == Context() == (None, ())


def test_long_contexts_are_cut(prior):
    many = {
        template: 0.25
        for text in ("SrSnO3", "KBr")
        for template in prior.propose(Composition(text)).shares
        if len(template.letters) == len(Composition(text))
    }
    votes = Votes({t: s for t, s in many.items() if len(t.letters) == 3}, 0.1, 0.5)
    assert 0 < len(context_of(votes, ordered_amounts(Composition("SrSnO3"))[0]).near) <= 3


def test_a_crystal_does_not_hear_of_itself(prior, known):
    records = [record_of(entry, "database") for entry in known]
    told = informed(records, prior, CompositionModel.load(device="cpu"))
    assert [template_of(record) for record in told] == [e.crystal.template for e in known]
    (salt,) = (record for record in told if record.elements == ("Na", "Cl"))
    own = prior.propose(Composition("NaCl")).shares[template_of(salt)]
    heard = {(near.group, near.letters): near.share for near in salt.near}
    assert heard.get((salt.group, salt.letters), 0.0) != pytest.approx(own)
    for record, entry in zip(told, known, strict=True):
        if entry.formation_energy is None:
            assert record.height is None
        else:
            assert record.height is not None


def test_the_store_changes_what_the_model_says(word_lm, prior):
    silver = Composition("AgCl")
    alone = ConstraintGenerator(word_lm, None, weight=1.0, width=5).propose(silver)
    told = ConstraintGenerator(word_lm, prior, weight=1.0, width=5).propose(silver)
    assert all(item.by_neighbours == 0 for item in (*alone, *told))
    assert [item.probability for item in alone] != [item.probability for item in told]
