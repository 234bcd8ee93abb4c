"""Seed structures: answers that are like a given crystal in family, chemistry or properties."""

from __future__ import annotations

import pytest
from pymatgen.core import Composition, Lattice, Structure

import crystalsmith
from crystalsmith.agent.interpreter import interpret
from crystalsmith.agent.seeds import likeness_named, read_seed, seed_of
from crystalsmith.cli import main
from crystalsmith.core.errors import DataError, RequestError

pytestmark = pytest.mark.usefixtures("small_budget")


@pytest.fixture
def spinel(structure_named) -> Structure:
    return structure_named("MgAl2O4")


def test_same_family(toolbox, spinel):
    result = crystalsmith.design("a sulfide", 2, seed_structure=spinel, toolbox=toolbox)
    wishes = [clause.wish() for clause in result.request.clauses]
    assert wishes == ["a sulfide", "spinel structure"]
    assert result.complete
    assert all("S" in candidate.composition for candidate in result.candidates)


def test_similar_chemistry_without_the_seed_itself(toolbox, spinel, structure_named):
    request = interpret("a stable crystal")
    result = crystalsmith.design(
        request, 2, seed_structure=spinel, like="chemistry", toolbox=toolbox
    )
    assert [c.kind for c in result.request.clauses] == ["stable", "anion_class", "n_elements"]
    for candidate in result.candidates:
        assert "O" in candidate.composition
        assert len(candidate.composition) == 3
        assert (candidate.formula, candidate.evidence.space_group) != ("MgAl2O4", 227)


def test_similar_properties(toolbox, structure_named):
    seed = seed_of(structure_named("NaCl"), "properties", toolbox.surrogates, "NaCl")
    names = [clause.name for clause in seed.clauses]
    assert names == ["band_gap", "formation_energy", "bulk_modulus"]
    assert seed.clauses[0].target == pytest.approx(5.0, abs=1.0)
    metal = seed_of(structure_named("Fe"), "properties", toolbox.surrogates, "Fe")
    assert metal.clauses[0].name == "metallic"


def test_a_crystal_of_no_family_gives_its_stoichiometry_and_space_group(toolbox, structure_named):
    seed = seed_of(structure_named("triclinic"), "family", toolbox.surrogates, "x")
    assert [clause.kind for clause in seed.clauses] == ["ratio", "space_group"]
    assert seed.templates_for(Composition("NaBiS"))[0].composition.reduced_formula == "NaBiS"
    assert seed.templates_for(Composition("NaCl")) == []


def test_words_come_before_the_seed(toolbox, spinel):
    seed = seed_of(spinel, "family", toolbox.surrogates, "spinel")
    request = interpret("a perovskite with the formula SrTiO3")
    assert seed.narrowed(request) == request


def test_files_that_cannot_be_used_are_refused_in_a_sentence(toolbox, tmp_path):
    missing = tmp_path / "none.cif"
    with pytest.raises(DataError, match="cannot be read"):
        read_seed(missing, "family", toolbox.surrogates)
    broken = tmp_path / "broken.cif"
    broken.write_text("data_x\n_cell_length_a nonsense\n")
    with pytest.raises(DataError, match="unreadable"):
        read_seed(broken, "family", toolbox.surrogates)
    mixed = Structure(Lattice.cubic(5.6), [{"Na": 0.5, "K": 0.5}, "Cl"], [[0] * 3, [0.5] * 3])
    with pytest.raises(DataError, match="disordered"):
        seed_of(mixed, "family", toolbox.surrogates, "mixed")
    with pytest.raises(RequestError, match="family, chemistry, properties"):
        likeness_named("colour")


def test_nothing_to_go_by_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["design"])
    assert stop.value.code == 2
    assert "--seed-structure" in capsys.readouterr().err
