"""Targets are kept within what the flow has learned, and completed as the strategy says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.errors import DataError
from crystalsmith.models.composition.model import CompositionModel
from crystalsmith.models.structure.drafts import Targets
from crystalsmith.models.structure.generator import StructureGenerator
from crystalsmith.models.structure.steering import completed, strategy_named, within_reach
from tests.models.structure.conftest import TINY, random_flow

RUTILE = SymmetryTemplate.from_letters(136, {"Ti": "a", "O": "f"})
EXPECTED = CompositionModel.load(device="cpu").predict
values = st.none() | st.floats(-100, 100)


@given(gap=values, energy=values)
@settings(max_examples=40)
def test_what_is_out_of_reach_is_moved_to_the_limit_and_said(gap, energy):
    kept, remarks = within_reach(Targets(gap, energy), TINY)
    moved = 0
    for asked, got, (low, high) in (
        (gap, kept.band_gap, TINY.gap_range),
        (energy, kept.formation_energy, TINY.energy_range),
    ):
        assert (asked is None) == (got is None)
        if asked is not None:
            assert got == min(max(asked, low), high)
            moved += got != asked
    assert len(remarks) == moved


def test_remarks_name_the_value_the_range_and_what_is_aimed_for():
    (remark,) = within_reach(Targets(band_gap=25.0), TINY)[1]
    assert "band gap of 25 eV" in remark
    assert "0 to 9 eV" in remark
    assert remark.endswith("it aims for 9")


def test_the_three_strategies():
    asked, nothing = Targets(band_gap=2.0), Targets()
    told = [asked, nothing]
    assert completed(told, [RUTILE] * 2, "default", EXPECTED) == told
    with pytest.raises(DataError, match="give the formation energy too"):
        completed(told, [RUTILE] * 2, "full", EXPECTED)
    both = Targets(2.0, -3.0)
    assert completed([both], [RUTILE], "full", EXPECTED) == [both]
    first, second = completed(told, [RUTILE] * 2, "less", EXPECTED)
    assert first.band_gap == 2.0
    assert first.formation_energy is not None
    assert second == nothing
    drawn = [
        completed([asked], [RUTILE], "less", EXPECTED, seed)[0].formation_energy
        for seed in range(40)
    ]
    expected = EXPECTED([RUTILE.composition])[0]["formation_energy"]
    assert abs(np.mean(drawn) - expected.mean) < expected.std
    assert completed([asked], [RUTILE], "less", EXPECTED, 3)[0].formation_energy == drawn[3]
    with pytest.raises(DataError, match="default, full or less"):
        strategy_named("more")


def test_telling_guidance_and_strategies_change_what_is_drawn():
    generator = StructureGenerator(random_flow(), expectations=EXPECTED)

    def cell(targets=None, **options):
        return generator.generate([RUTILE], targets and [targets], seed=1, **options)[0][0].crystal

    low, high = (cell(Targets(formation_energy=value)) for value in (-4.0, 1.0))
    assert not np.allclose(low.lattice, high.lattice, atol=1e-6)
    guided = cell(Targets(formation_energy=-4.0), guidance=4.0)
    assert not np.allclose(low.lattice, guided.lattice, atol=1e-6)
    less = cell(Targets(formation_energy=-4.0), strategy="less")
    assert not np.allclose(low.lattice, less.lattice, atol=1e-6)
    beyond, limit = (cell(Targets(formation_energy=value)) for value in (-40.0, -4.5))
    assert np.allclose(beyond.lattice, limit.lattice)
