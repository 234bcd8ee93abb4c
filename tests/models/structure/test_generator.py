"""Whatever the network says, composition and space group are those of the template."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from crystalsmith.core.crystallography.crystal import SymmetricCrystal
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.errors import WeightsError
from crystalsmith.models.runs import save_weights
from crystalsmith.models.structure.drafts import Targets
from crystalsmith.models.structure.generator import SHIPPED, StructureGenerator
from crystalsmith.models.structure.library import TemplateLibrary
from crystalsmith.models.structure.soundness import found_space_group, is_sound, shortest_distance
from tests.models.structure.conftest import TINY, random_flow
from tests.strategies import crystals, random_crystal, seeds, templates

GENERATOR = StructureGenerator(random_flow())


def check(template, drafts):
    for draft in drafts:
        assert draft.crystal.template == template
        structure = draft.crystal.structure(primitive=False)
        assert structure.composition == template.composition
        assert draft.crystal.structure().composition * template.group.centring == (
            template.composition
        )
        assert has_symmetry(structure, template.group)
        assert draft.sound == is_sound(draft.crystal)
        if draft.sound:
            assert found_space_group(structure) == template.number
            assert shortest_distance(structure) >= 0.7


def has_symmetry(structure, group):
    """Every operation of the group maps the crystal onto itself, and the lattice has its form."""
    general = list(group.positions.values())[-1]
    points, metric = structure.frac_coords, structure.lattice.metric_tensor
    kinds = np.array([site.specie.Z for site in structure])
    for rotation, shift in zip(general.maps, general.shifts, strict=True):
        if not np.allclose(rotation.T @ metric @ rotation, metric, rtol=1e-3, atol=1e-2):
            return False
        gaps = (points @ rotation.T + shift)[:, None] - points[None]
        close = np.abs(gaps - gaps.round()).max(-1) < 1e-3
        if not (close & (kinds[:, None] == kinds[None])).any(1).all():
            return False
    return True


@given(template=templates())
@settings(max_examples=25)
def test_composition_and_space_group_hold_by_construction(template):
    (drafts,) = GENERATOR.generate([template], samples=2, start="noise")
    assert len(drafts) == 2
    assert {draft.origin for draft in drafts} == {"noise"}
    check(template, drafts)


@given(template=templates(generic=True), seed=seeds)
@settings(max_examples=10)
def test_the_seed_decides_everything(template, seed):
    first, again = (GENERATOR.generate([template], seed=seed)[0][0] for _ in range(2))
    assert np.array_equal(first.crystal.lattice, again.crystal.lattice)
    for one, other in zip(first.crystal.free, again.crystal.free, strict=True):
        assert np.array_equal(one, other)
    other = GENERATOR.generate([template], seed=seed + 1)[0][0]
    assert not np.array_equal(first.crystal.lattice, other.crystal.lattice)


def test_many_templates_at_once(known):
    wanted = [entry.crystal.template for entry in known]
    told = []
    drafts = GENERATOR.generate(
        wanted,
        [Targets(band_gap=1.0, formation_energy=-1.0)] * len(wanted),
        samples=2,
        progress=lambda *step: told.append(step),
    )
    assert [len(row) for row in drafts] == [2] * len(wanted)
    for template, row in zip(wanted, drafts, strict=True):
        check(template, row)
    assert told[-1] == ("building crystals", 2 * len(wanted), 2 * len(wanted))
    assert GENERATOR.generate([]) == []


def test_known_geometries_come_first(known, held_out):
    generator = StructureGenerator(random_flow(), TemplateLibrary([*known, *held_out]))
    template = known[0].crystal.template  # rock salt; magnesia has the same
    (drafts,) = generator.generate([template], samples=3)
    assert [draft.origin for draft in drafts] == ["t-NaCl", "t-MgO", "noise"]
    assert 0 == drafts[0].distance < drafts[1].distance
    (only,) = generator.generate([template], samples=3, start="template")
    assert [draft.origin for draft in only] == ["t-NaCl", "t-MgO"]
    (others,) = generator.generate([template], samples=1, exclude_formulas=["NaCl"])
    assert [draft.origin for draft in others] == ["t-MgO"]
    (noise,) = generator.generate([template], samples=2, start="noise")
    assert [draft.origin for draft in noise] == ["noise", "noise"]
    assert GENERATOR.generate([template], start="template") == [[]]
    check(template, [*drafts, *only, *others, *noise])


def test_weights_from_a_folder_draw_the_same(known, tmp_path):
    flow = random_flow()
    flow.network.rounded = True  # as loaded ones are
    save_weights(tmp_path, flow.state_dict(), {"network": TINY.as_dict()}, torch.float32)
    template = known[-1].crystal.template
    loaded = StructureGenerator.load(tmp_path, device="cpu").generate([template], seed=5)
    direct = StructureGenerator(flow).generate([template], seed=5)
    assert np.allclose(loaded[0][0].crystal.lattice, direct[0][0].crystal.lattice)


@pytest.mark.parametrize("config", [{}, {"network": {"size": 3}}, {"network": None}])
def test_a_config_of_something_else_is_refused(tmp_path, config):
    save_weights(tmp_path, random_flow().state_dict(), config)
    with pytest.raises(WeightsError, match="does not describe a structure generator"):
        StructureGenerator.load(tmp_path, device="cpu")


def test_sizes_that_do_not_fit_the_weights_are_refused(tmp_path):
    config = {"network": TINY.as_dict() | {"width": 32}}
    save_weights(tmp_path, random_flow().state_dict(), config)
    with pytest.raises(WeightsError, match="belong to another model"):
        StructureGenerator.load(tmp_path, device="cpu")


@pytest.mark.skipif(not (SHIPPED / "model.safetensors").exists(), reason="no weights shipped yet")
def test_the_shipped_weights_load_and_draw(known):
    template = known[0].crystal.template
    check(template, StructureGenerator.load(device="cpu").generate([template])[0])


@given(crystal=crystals())
@settings(max_examples=15)
def test_shortest_distances_count_images(crystal):
    structure = crystal.structure()
    shortest = shortest_distance(structure)
    doubled = structure * (2, 1, 1)
    assert shortest_distance(doubled) == pytest.approx(shortest, abs=1e-6)
    near = structure.get_all_neighbors(shortest + 1e-4)
    assert any(near)
    assert not any(structure.get_all_neighbors(shortest - 1e-3))


def test_atoms_on_top_of_each_other_and_too_much_symmetry_are_not_sound(known):
    assert all(is_sound(entry.crystal) for entry in known)
    rutile = SymmetryTemplate.from_letters(136, {"Ti": "a", "O": "f"})
    crystal = random_crystal(rutile)
    squeezed = SymmetricCrystal(rutile, crystal.lattice, (crystal.free[0], np.array([0.01])))
    assert not is_sound(squeezed)
    cubic_in_disguise = SymmetryTemplate.from_letters(123, {"Cs": "a", "Cl": "d"})
    cell = np.array([4.1, 4.1, 4.1, 90, 90, 90])
    nothing = np.zeros(0)
    assert not is_sound(SymmetricCrystal(cubic_in_disguise, cell, (nothing, nothing)))


def test_atoms_far_nearer_than_their_radii_are_on_top_of_each_other():
    template = SymmetryTemplate.from_letters(221, {"Cs": "a", "Cl": "b"})
    real, squeezed = (
        SymmetricCrystal(template, np.array([a, a, a, 90.0, 90.0, 90.0]), (np.zeros(0),) * 2)
        for a in (4.1, 1.8)
    )

    assert is_sound(real)
    assert shortest_distance(squeezed.structure()) > 0.7
    assert not is_sound(squeezed)
