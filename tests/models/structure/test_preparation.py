"""Crystals as training arrays, and geometries borrowed from their relatives."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from crystalsmith.core.crystallography.crystal import equivalent_descriptions
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.entry import Entry
from crystalsmith.models.structure.arrays import TrainingArrays
from crystalsmith.models.structure.lattice import VOLUME, coefficients
from crystalsmith.models.structure.library import (
    TemplateLibrary,
    borrowed_coefficients,
    expected_volume,
)
from crystalsmith.models.structure.preparation import (
    MAX_ATOMS,
    fit_atomic_volumes,
    padded_free,
    prepare,
)
from tests.strategies import random_crystal


def test_arrays_hold_every_description_of_every_crystal(known, tmp_path):
    told = []
    arrays = prepare(known, progress=lambda *step: told.append(step))
    assert len(arrays) == len(known)
    assert told[-1] == ("preparing crystals", len(known), len(known))
    rows = 0
    for index, entry in enumerate(known):
        assert arrays.number[index] == entry.crystal.template.number
        span = slice(arrays.descriptions[index], arrays.descriptions[index + 1])
        options = equivalent_descriptions(entry.crystal)[:16]
        expected = np.array([coefficients(one.lattice) for one in options])
        assert arrays.lattice[span] == pytest.approx(expected, abs=1e-5)
        for one in options:
            count = len(one.free)
            assert np.array_equal(arrays.free[rows : rows + count], padded_free(one))
            rows += count
    assert rows == len(arrays.free)
    assert arrays.band_gap == pytest.approx([entry.band_gap for entry in known])
    arrays.save(tmp_path / "arrays.npz")
    loaded = TrainingArrays.load(tmp_path / "arrays.npz")
    for field in fields(TrainingArrays):
        assert np.array_equal(getattr(loaded, field.name), getattr(arrays, field.name)), field


def test_what_is_unknown_is_not_a_number(known):
    arrays = prepare([replace(known[0], band_gap=None), known[1]])
    assert np.isnan(arrays.band_gap).tolist() == [True, False]


def test_crystals_that_are_too_large_are_left_out(known):
    template = SymmetryTemplate.from_letters(47, {"Na": "A" * 6, "Cl": "A"})
    assert template.n_atoms > MAX_ATOMS
    large = Entry("large", "test", random_crystal(template))
    assert len(prepare([large, *known])) == len(known)


def test_volumes_of_elements_add_up_to_those_of_crystals(known, held_out):
    volumes = fit_atomic_volumes(known)
    for entry in known:
        volume = expected_volume(entry.crystal.template, volumes)
        assert volume == pytest.approx(entry.crystal.volume_per_atom, rel=0.35)
    assert volumes.min() > 0
    assert volumes[37] == pytest.approx(18.0)  # no rubidium among them: the usual value


def test_geometries_come_from_the_chemically_nearest(known, held_out):
    library = TemplateLibrary([*known, *held_out])
    by_id = {entry.id: entry.crystal.template for entry in library.entries}
    strontium = by_id["t-SrTiO3"]
    assert strontium in library
    first = library.nearest(strontium, 3)[0]
    assert (first.id, first.distance) == ("t-SrTiO3", 0.0)
    assert library.nearest(strontium, 3, exclude_formula="SrTiO3") == []
    asked = by_id["t-NaCl"].with_elements({"Na": "K"})
    nearest = library.nearest(asked, 5)
    assert [geometry.id for geometry in nearest] == ["t-NaCl", "t-MgO"]
    assert nearest[0].distance < nearest[1].distance
    assert all(geometry.crystal.template == asked for geometry in nearest)
    assert SymmetryTemplate.from_letters(225, {"Na": "c"}) not in library


def test_borrowed_cells_are_rescaled_to_their_new_elements(known, held_out):
    library = TemplateLibrary([*known, *held_out])
    volumes = fit_atomic_volumes(library.entries)
    template = library.entries[0].crystal.template
    (geometry,) = library.nearest(template, 5, exclude_formula="NaCl")
    values = borrowed_coefficients(geometry, volumes)
    ratio = expected_volume(template, volumes) / expected_volume(
        geometry.original.template, volumes
    )
    grown = 3 * (values - coefficients(geometry.crystal.lattice))
    assert grown[VOLUME] == pytest.approx(np.log(ratio))
    assert grown[:VOLUME] == pytest.approx(0, abs=1e-9)
    assert ratio > 1.5  # NaCl is roomier than MgO


def test_training_never_borrows_from_the_same_formula(known):
    arrays = prepare(known)
    assert arrays.borrowed[-1] == len(arrays.borrowed_distance)
    assert (arrays.borrowed_distance > 0).all()
    twins = [known[0], replace(known[0], id="twin")]
    assert prepare(twins).borrowed[-1] == 0
