"""Prototypes of families: every family has one, and geometries that differ in kind are told."""

from __future__ import annotations

import pytest
from pymatgen.core import Lattice, Structure

from crystalsmith.core.chemistry.families import family_names
from crystalsmith.core.chemistry.textbook import textbook_crystals
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.tools.family_prototypes import family_fits, prototype_ids, textbook_entries


def rutile(x: float, ratio: float = 0.644) -> Structure:
    return Structure.from_spacegroup(
        "P4_2/mnm",
        Lattice.tetragonal(4.6, 4.6 * ratio),
        ["Sn", "O"],
        [[0, 0, 0], [x, x, 0]],
    )


def test_every_family_has_a_prototype() -> None:
    books = {name for row in textbook_crystals() for name in row.families}
    assert [n for n in family_names() if n not in books and not prototype_ids([n])] == []


@pytest.mark.parametrize(("structure", "fits"), [(rutile(0.306), True), (rutile(0.11), False)])
def test_geometry_is_compared_elements_aside(structure: Structure, fits: bool) -> None:
    template = describe(structure).template
    assert family_fits(structure, template, ["rutile"]) == {"rutile": fits}


def test_a_family_that_the_template_is_not_in_has_nothing_to_compare() -> None:
    structure = rutile(0.306)
    assert family_fits(structure, describe(structure).template, ["spinel"]) == {}


def test_textbook_crystals_serve_as_starts() -> None:
    entries = textbook_entries(["monazite", "brookite"])
    assert {entry.formula for entry in entries} == {"LaPO4", "TiO2"}
    assert len({entry.id for entry in entries}) == 2


def test_textbook_crystals_are_physical() -> None:
    for row in textbook_crystals():
        distances = row.structure.distance_matrix
        near = distances[distances > 1e-3].min()
        assert near > 0.9, row.families
