"""Centres of free parameters: what crystals of one pattern share, and no crystal itself."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from crystalsmith.core.crystallography.crystal import SymmetricCrystal, recanonicalised
from crystalsmith.core.crystallography.normaliser import canonical, slot_orders
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.entry import Entry
from crystalsmith.core.errors import WeightsError
from crystalsmith.models.structure.codebook import Codebook
from crystalsmith.models.structure.codebook_building import CentresWithout, build_codebook
from crystalsmith.models.structure.generator import StructureGenerator
from crystalsmith.models.structure.starts import CODEBOOK
from crystalsmith.models.structure.wyckoff_table import WyckoffTable
from tests.models.structure.conftest import random_flow

VOLUMES = np.full(104, 15.0)
RUTILE = SymmetryTemplate.from_letters(136, {"Ti": "a", "O": "f"})
FORMULAS = (("Ti", "O"), ("Sn", "O"), ("Ge", "O"), ("Mg", "F"), ("Zn", "F"))
PLACES = (0.305, 0.307, 0.306, 0.303, 0.304)


def rutile(metal: str, anion: str, place: float, width: float = 4.6) -> Entry:
    """A rutile, its anions at ``place``."""
    template = RUTILE.with_elements({"Ti": metal, "O": anion})
    free = {metal: np.zeros(0), anion: np.array([place])}
    own = tuple(free[orbit.element] for orbit in template.orbits)
    crystal = SymmetricCrystal(template, np.array([width, width, 2.95, 90, 90, 90]), own)
    return Entry(f"t-{metal}{anion}", "test", crystal)


def rutiles(count: int = 5) -> list[Entry]:
    """Rutiles of a few elements; every other one is described from the other anion of its orbit."""
    rows = zip(FORMULAS, PLACES, strict=True)
    return [
        rutile(metal, anion, place if index % 2 else 1 - place, 4.6 + 0.02 * index)
        for index, ((metal, anion), place) in enumerate(rows)
    ][:count]


@pytest.fixture(scope="module")
def table():
    return WyckoffTable.of_groups([136], self_maps=True)


@pytest.fixture(scope="module")
def book(table):
    return build_codebook(rutiles(), VOLUMES, table)[0]


def test_one_centre_stands_for_crystals_that_only_look_different(book):
    assert (len(book), int(book.count[0])) == (1, 5)
    asked = RUTILE.with_elements({"Ti": "Pb"})
    (centre,) = book.nearest(asked, VOLUMES, 3)
    assert centre.crystal.template == asked
    (place,) = centre.crystal.free[[orbit.element for orbit in asked.orbits].index("O")]
    assert min(place, 1 - place) == pytest.approx(np.mean(PLACES), abs=2e-3)
    assert centre.crystal.lattice[2] / centre.crystal.lattice[0] == pytest.approx(
        2.95 / 4.64, abs=5e-3
    )
    assert centre.crystal.volume_per_atom == pytest.approx(
        15.0 * np.exp(3 * float(book.lattice[0, 5])), rel=1e-3
    )
    assert 0 < centre.spread < 0.1


def test_other_elements_are_further_away(book):
    near = book.nearest(RUTILE, VOLUMES)[0].distance
    far = book.nearest(RUTILE.with_elements({"Ti": "Cs", "O": "I"}), VOLUMES)[0].distance
    assert near < far
    assert RUTILE in book
    other = SymmetryTemplate.from_letters(136, {"Ti": "a", "O": "g"})
    assert other not in book
    assert book.nearest(other, VOLUMES) == []


def test_the_centre_whose_crystals_have_such_elements_comes_first(table):
    rows = [("Ti", "O", 0.30), ("Sn", "O", 0.30), ("Ge", "O", 0.30)]
    rows += [("Ca", "Cl", 0.42), ("Ca", "Br", 0.42), ("Sr", "Cl", 0.42), ("Cd", "Cl", 0.42)]
    book, _ = build_codebook([rutile(*row) for row in rows], VOLUMES, table)
    assert len(book) == 2
    for metal, anion, place in (("Pb", "O", 0.30), ("Mn", "Cl", 0.42), ("Sr", "Br", 0.42)):
        template = RUTILE.with_elements({"Ti": metal, "O": anion})
        first = book.nearest(template, VOLUMES, 2)[0].crystal
        (own,) = first.free[[orbit.element for orbit in first.template.orbits].index(anion)]
        assert min(own, 1 - own) == pytest.approx(place, abs=2e-3)


def test_a_codebook_of_an_older_version_is_refused_in_words(book, tmp_path):
    book.save(tmp_path)
    file = tmp_path / "codebook.safetensors"
    save_file({k: v for k, v in load_file(file).items() if k != "likings"}, file)
    with pytest.raises(WeightsError, match="no likings: it was made by an older crystalsmith"):
        Codebook.load(tmp_path)


def test_two_crystals_are_too_few(table):
    book, groups = build_codebook(rutiles(2), VOLUMES, table)
    assert (len(book), groups) == (0, {})


def test_training_never_sees_the_crystal_in_its_own_centre(table):
    entries = rutiles()
    book, groups = build_codebook(entries, VOLUMES, table)
    without = CentresWithout(book, groups, entries, VOLUMES)
    moved = Entry("t-far", "test", entries[0].crystal)
    (centre,) = without.nearest(moved, 1)
    assert centre.size == 4
    assert book.nearest(entries[0].crystal.template, VOLUMES)[0].size == 5


def test_it_survives_the_disk_and_starts_drafts(book, tmp_path):
    book.save(tmp_path)
    loaded = Codebook.load(tmp_path)
    assert np.array_equal(loaded.free, book.free)
    assert len(Codebook.load(tmp_path / "nowhere")) == 0
    generator = StructureGenerator(random_flow(), codebook=loaded)
    (drafts,) = generator.generate([RUTILE], samples=2)
    assert [draft.origin for draft in drafts] == [CODEBOOK, "noise"]


def test_elements_in_any_allowed_slots_make_the_same_template():
    template, _ = canonical(
        SymmetryTemplate.from_letters(216, {"Li": "a", "Mg": "b", "Ge": "c", "O": "d"})
    )
    number, rows = template.pattern
    symbols = [symbol for _, symbol in sorted((row, s) for s, row in template.letters.items())]
    orders = slot_orders(template.pattern)
    assert orders[0] == tuple(range(len(rows)))
    assert len(orders) > 4  # the normaliser permutes all four positions
    for order in orders:
        orbits = [(symbols[slot], row) for slot, row in zip(order, rows, strict=True)]
        crystal = SymmetricCrystal.assembled(
            number, np.array([6.0, 6.0, 6.0, 90, 90, 90]), orbits, [np.zeros(0)] * len(orbits)
        )
        assert recanonicalised(crystal).template == template
