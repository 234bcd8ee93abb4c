"""Choosing among drafts: facts do not depend on the description, and what is learned is used."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings

from crystalsmith.core.crystallography.crystal import equivalent_descriptions
from crystalsmith.models.structure.flow import SamplerSettings
from crystalsmith.models.structure.generator import StructureGenerator
from crystalsmith.models.structure.selection import (
    FACTS,
    Selector,
    crowding,
    draft_facts,
    scores_of_templates,
    shared_facts,
)
from crystalsmith.models.structure.selection_training import fit_selector
from tests.models.structure.conftest import batch_of, no_conditions, random_flow, state_of
from tests.strategies import crystals

FLOW = random_flow()


def facts_of(*some):
    batch = batch_of([crystal.template for crystal in some])
    free, values = state_of(some)
    return draft_facts(FLOW, batch, free, free, values, no_conditions(len(some)))


@given(crystal=crystals(generic=True))
@settings(max_examples=10)
def test_equal_crystals_have_equal_fingerprints(crystal):
    other = equivalent_descriptions(crystal)[-1]
    larger = crystal.scaled_to(1.2 * crystal.volume_per_atom)
    first, second, third = facts_of(crystal, other, larger)
    assert np.allclose(first.fingerprint, second.fingerprint, rtol=1e-2, atol=1e-2)
    assert np.allclose(first.fingerprint, third.fingerprint, rtol=1e-2, atol=1e-2)
    contact = FACTS.index("shortest contact over the radii")
    assert second.values[contact] == np.float32(first.values[contact]) or np.isclose(
        second.values[contact], first.values[contact], rtol=1e-3
    )


def test_crowding_is_what_lacks_to_the_sum_of_two_radii(known):
    crystal = known[0].crystal
    some = [crystal.scaled_to(share * crystal.volume_per_atom) for share in (50.0, 1.0, 0.3, 0.1)]
    free, values = state_of(some)
    wide, own, tight, tighter = crowding(
        batch_of([one.template for one in some]), free, values
    ).tolist()
    assert wide == 0
    assert own < tight < tighter


def test_facts_of_one_draft_and_of_failed_energies(known):
    drafts = facts_of(*[known[0].crystal] * 2)
    alone = shared_facts(drafts[:1], np.array([np.nan]))
    both = shared_facts(drafts, np.array([0.1, np.nan]))
    assert alone.shape == (1, len(FACTS))
    assert np.isfinite(alone).all()
    assert np.isfinite(both).all()
    assert both[0, FACTS.index("agreement")] > 0.99


def test_a_selector_learns_to_prefer_low_energies(tmp_path):
    rng = np.random.default_rng(0)
    facts = rng.normal(size=(2000, len(FACTS))).astype(np.float32)
    column = FACTS.index("energy above the lowest")
    selector = fit_selector(facts, (facts[:, column] < 0).astype(float))
    told = torch.zeros(2, len(FACTS))
    told[:, column] = torch.tensor([-1.0, 1.0])
    with torch.no_grad():
        low, high = selector(told).sigmoid().tolist()
    assert low > 0.8
    assert high < 0.2
    selector.save(tmp_path)
    loaded = Selector.load(tmp_path)
    assert loaded is not None
    assert torch.allclose(loaded(told), selector(told))
    assert Selector.load(tmp_path / "nowhere") is None


def test_the_likeliest_draft_comes_first(known):
    generator = StructureGenerator(
        FLOW,
        settings=SamplerSettings(steps=2, restarts=1, restart_steps=1),
        selector=Selector(),
        energies=lambda crystals, progress: np.array([c.volume_per_atom for c in crystals]),
    )
    template = next(e.crystal.template for e in known if e.crystal.template.free_parameters > 1)
    (chosen,) = generator.generate([template], samples=2, drafts=5)
    assert len(chosen) == 2
    chances = [draft.match_probability for draft in chosen]
    assert None not in chances
    if all(draft.sound for draft in chosen):
        assert chances == sorted(chances, reverse=True)
    (plain,) = generator.generate([template], samples=2)
    assert [draft.match_probability for draft in plain] == [None, None]


def test_energy_is_a_soft_term_beside_the_template():
    likely = np.array([0.9, 0.1])
    same = np.zeros(2)
    assert scores_of_templates(likely, same, np.array([0.02, 0.0])).argmax() == 0
    assert scores_of_templates(likely, same, np.array([0.9, 0.0])).argmax() == 1
    assert scores_of_templates(likely, same, np.array([np.nan, np.nan])).argmax() == 0
