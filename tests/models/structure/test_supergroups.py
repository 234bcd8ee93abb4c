"""Crystals described in subgroups stay the same crystals, and give templates a start."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher

from crystalsmith.core.crystallography.crystal import SymmetricCrystal
from crystalsmith.core.crystallography.normaliser import canonical
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.entry import Entry
from crystalsmith.models.structure.generator import StructureGenerator
from crystalsmith.models.structure.library import TemplateLibrary
from crystalsmith.models.structure.supergroups import Supergroups, descents_to
from tests.models.structure.conftest import random_flow
from tests.strategies import random_crystal, seeds

NOTHING = np.zeros(0)
SAME = StructureMatcher(ltol=0.01, stol=0.01, angle_tol=0.5, scale=False)
STEPS = [
    (136, {"Ti": "a", "O": "f"}, 58),
    (221, {"Sr": "a", "Ti": "b", "O": "c"}, 123),
    (221, {"Sr": "a", "Ti": "b", "O": "c"}, 166),
    (225, {"Na": "a", "Cl": "b"}, 166),
    (227, {"Mg": "a", "Al": "d", "O": "e"}, 141),
    (194, {"Zn": "c", "O": "f"}, 186),
    (139, {"Ba": "a", "Al": "ce"}, 69),
    (62, {"Fe": "c", "Si": "c"}, 14),
    (221, {"Sr": "a", "Ti": "b", "O": "c"}, 225),  # a doubled cell
]


@given(step=st.sampled_from(STEPS), seed=seeds)
@settings(max_examples=25)
def test_a_crystal_in_a_subgroup_is_the_same_crystal(step, seed):
    number, letters, below = step
    crystal = random_crystal(SymmetryTemplate.from_letters(number, letters), seed)
    ways = [descent for descent in descents_to(below) if descent.number == number]
    assert ways
    for descent in ways:
        lowered = descent.lowered(crystal)
        assert lowered is not None
        assert lowered.template.number == below
        split = {e: descent.split(row) for e, row in crystal.template.letters.items()}
        assert lowered.template == canonical(SymmetryTemplate.from_letters(below, split))[0]
        assert lowered.volume_per_atom == pytest.approx(crystal.volume_per_atom)
        assert SAME.fit(lowered.structure(), crystal.structure())


def test_what_a_template_may_descend_from():
    rutile = SymmetryTemplate.from_letters(136, {"Ti": "a", "O": "f"})
    higher = Supergroups([rutile.pattern])
    marcasite = canonical(SymmetryTemplate.from_letters(58, {"Ca": "a", "Cl": "g"}))[0]
    found = list(higher.above(marcasite))
    assert found
    assert {template for template, _ in found} == {
        SymmetryTemplate.from_letters(136, {"Ca": "a", "Cl": "f"})
    }
    assert not list(higher.above(SymmetryTemplate.from_letters(225, {"Na": "a", "Cl": "b"})))
    assert not list(Supergroups([]).above(marcasite))


def test_a_distorted_relative_of_a_known_crystal_may_start_from_it():
    rutile = SymmetryTemplate.from_letters(136, {"Ti": "a", "O": "f"})
    cell = np.array([4.6, 4.6, 2.96, 90.0, 90.0, 90.0])
    entry = Entry("t-rutile", "t", SymmetricCrystal(rutile, cell, (NOTHING, np.array([0.305]))))
    generator = StructureGenerator(random_flow(), TemplateLibrary([entry]))
    template = canonical(SymmetryTemplate.from_letters(58, {"Ca": "a", "Cl": "g"}))[0]
    (drafts,) = generator.generate([template], start="template")
    assert [draft.origin for draft in drafts] == ["t-rutile"]
    assert drafts[0].crystal.template == template
    (auto,) = generator.generate([template])  # noise does as well, where there is one draft
    assert [draft.origin for draft in auto] == ["noise"]
    (many,) = generator.generate([template], samples=6)
    assert [draft.origin for draft in many] == ["t-rutile", *["noise"] * 5]
