"""Many drafts at once: threads do not matter, and what is drawn again is counted."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crystalsmith.core.crystallography.crystal import SymmetricCrystal
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.entry import Entry
from crystalsmith.models.structure.batch import size_batches
from crystalsmith.models.structure.generator import StructureGenerator
from crystalsmith.models.structure.library import TemplateLibrary
from crystalsmith.models.structure.soundness import Soundness, found_space_group, soundness_of
from tests.models.structure.conftest import random_flow

sizes = st.tuples(st.integers(0, 2), st.integers(1, 20), st.integers(1, 60))


@given(sizes=st.lists(sizes, max_size=120))
@settings(max_examples=40)
def test_batches_hold_everything_once_and_little_padding(sizes):
    batches = size_batches(dict(enumerate(sizes)), list(range(len(sizes))))
    assert sorted(index for batch in batches for index in batch) == list(range(len(sizes)))
    for batch in batches:
        kinds, orbits, atoms = zip(*(sizes[index] for index in batch), strict=True)
        assert len(set(kinds)) == 1
        padded = len(batch) * max(orbits) * max(atoms)
        real = sum(n * m for n, m in zip(orbits, atoms, strict=True))
        assert len(batch) == 1 or padded - real <= max(1000, 0.25 * real)
        assert len(batch) == 1 or padded <= 8000


def test_the_number_of_threads_does_not_change_what_is_drawn(known):
    generator = StructureGenerator(random_flow())
    wanted = [entry.crystal.template for entry in known] * 8
    before = torch.get_num_threads()
    drawn = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            drawn.append(generator.generate(wanted, seed=4))
    finally:
        torch.set_num_threads(before)
    for (one,), (other,) in zip(*drawn, strict=True):
        assert np.allclose(one.crystal.lattice, other.crystal.lattice, rtol=1e-4)


def test_atoms_on_top_of_each_other_are_drawn_again_and_counted():
    flow = random_flow()
    flow.atomic_volume.fill_(0.01)  # all cells are far too small
    crowded = SymmetryTemplate.from_letters(136, {"Ti": "a", "O": "f"})
    ((draft,),) = StructureGenerator(flow).generate([crowded])
    assert not draft.sound
    assert draft.redraws == 3
    assert draft.overlaps == 4
    flow.atomic_volume.fill_(15.0)
    rock_salt = SymmetryTemplate.from_letters(225, {"Na": "a", "Cl": "b"})
    ((draft,),) = StructureGenerator(flow).generate([rock_salt])
    assert (draft.sound, draft.redraws, draft.overlaps) == (True, 0, 0)


def test_where_only_the_volume_is_free_the_pattern_decides_the_group():
    nothing = (np.zeros(0), np.zeros(0))

    def cubic(letters, length):
        template = SymmetryTemplate.from_letters(*letters)
        cell = np.array([length, length, length, 90.0, 90.0, 90.0])
        return SymmetricCrystal(template, cell, nothing)

    blende = cubic((216, {"Zn": "a", "S": "c"}), 5.4)
    assert soundness_of(blende) is Soundness.SOUND
    assert soundness_of(cubic((216, {"Zn": "a", "S": "c"}), 1.0)) is Soundness.TOO_NEAR
    disguised = cubic((216, {"Na": "a", "Cl": "b"}), 5.7)  # rock salt in a subgroup
    assert soundness_of(disguised) is Soundness.OTHER_GROUP
    for crystal in (blende, disguised):
        assert (soundness_of(crystal) is Soundness.SOUND) == (
            found_space_group(crystal.structure()) == crystal.template.number
        )


def test_a_geometry_is_left_alone_as_far_as_its_elements_are_alike():
    """The crystal itself stays where it is; the less alike the elements, the more it moves."""
    template = SymmetryTemplate.from_letters(136, {"Ti": "a", "O": "f"})
    place = np.array([0.305])
    free = tuple(place if orbit.element == "O" else np.zeros(0) for orbit in template.orbits)
    crystal = SymmetricCrystal(template, np.array([4.6, 4.6, 2.95, 90, 90, 90]), free)
    rutile = Entry("t-rutile", "test", crystal)
    generator = StructureGenerator(random_flow(), TemplateLibrary([rutile]))

    def moved(metal: str) -> float:
        asked = template.with_elements({"Ti": metal})
        ((draft,),) = generator.generate([asked], redraws=0)
        assert draft.origin == "t-rutile"
        (own,) = draft.crystal.free[[o.element for o in draft.crystal.template.orbits].index("O")]
        return abs(min(own, 1 - own) - place[0])

    assert moved("Ti") < 1e-6 < moved("Zr") < moved("Mg")
