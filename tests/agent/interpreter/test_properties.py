import pytest

from crystalsmith.agent.interpreter import interpret
from crystalsmith.core.clauses import PropertyRange
from crystalsmith.core.errors import RequestError

from .view import read


@pytest.mark.parametrize(
    ("text", "name", "figures"),
    [
        ("gap below 400 meV", "band_gap", {"max": 0.4}),
        ("absorption edge below 400 nm", "band_gap", {"min": 3.1}),
        ("absorbs up to 900 nm", "band_gap", {"min": 1.378}),
        ("emission between 500 and 620 nm", "band_gap", {"min": 2.0, "max": 2.48}),
        ("1.24 µm gap", "band_gap", {"target": 1.0}),
        ("gap of 500 nm ± 50 nm", "band_gap", {"target": 2.48, "tolerance": 0.25}),
        ("band gap (eV): 1.2-1.4", "band_gap", {"min": 1.2, "max": 1.4}),
        ("Eg 2", "band_gap", {"target": 2.0}),
        ("a gap that should be no wider than 1", "band_gap", {"max": 1.0}),
        ("formation enthalpy of -96.485 kJ/mol", "formation_energy", {"target": -1.0}),
        ("heat of formation under -23 kcal/mol", "formation_energy", {"max": -0.997}),
        ("formation energy: -1", "formation_energy", {"target": -1.0}),
        ("negative formation energy", "formation_energy", {"max": 0.0}),
        ("formation energy must be negative", "formation_energy", {"max": 0.0}),
        ("-2 eV/atom", "formation_energy", {"target": -2.0}),
        ("50 meV above hull", "e_above_hull", {"max": 0.05}),
        ("hull distance about 50 meV/atom", "e_above_hull", {"target": 0.05}),
        ("within 0.03 eV/atom of the convex hull", "e_above_hull", {"max": 0.03}),
        ("e_above_hull<=0.02", "e_above_hull", {"max": 0.02}),
        ("density 5 g/cc", "density", {"target": 5.0}),
        ("heavier than water: density > 1000 kg/m3", "density", {"min": 1.0}),
        ("volume per atom around 15 Å3", "volume_per_atom", {"target": 15.0}),
        ("bulk modulus over 1.5 Mbar", "bulk_modulus", {"min": 150.0}),
        ("shear modulus 50 to 70 GPa", "shear_modulus", {"min": 50.0, "max": 70.0}),
        ("avoid compounds with gaps below 1 eV", "band_gap", {"min": 1.0}),
    ],
)
def test_figures(text, name, figures):
    assert read(f"{text}, oxide") == {name: figures, "anion_class": "oxide"}


def test_each_figure_finds_its_property():
    assert read("1.5 eV gap, hull distance 0.05 eV, formation energy below -1 and density 4-5") == {
        "band_gap": {"target": 1.5},
        "e_above_hull": {"max": 0.05},
        "formation_energy": {"max": -1.0},
        "density": {"min": 4.0, "max": 5.0},
    }


def test_stable_with_its_figure():
    found = read("stable (< 25 meV/atom) oxide")
    assert found == {"stable": True, "e_above_hull": {"max": 0.025}, "anion_class": "oxide"}


def test_two_bounds_are_one_range_with_all_its_words():
    (clause,) = interpret("gap above 1 eV and below 2 eV").of_kind(PropertyRange)
    assert (clause.minimum, clause.maximum) == (1.0, 2.0)
    assert clause.words == "gap above 1 eV and below 2 eV"


def test_the_same_target_twice_is_one():
    (clause,) = interpret("a bandgap of 2.26 eV (i.e. 549 nm), oxide").of_kind(PropertyRange)
    assert clause.words == "bandgap of 2.26 eV"


def test_a_gap_without_figure():
    assert read("an oxide with a band gap") == {"anion_class": "oxide", "metallic": False}
    assert interpret("an oxide with a small band gap").unsupported == ("small band gap",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("melting point above 2000 °C", "melting point above 2000 °C"),
        ("ionic conductivity > 1 mS/cm", "ionic conductivity > 1 mS/cm"),
        ("superconductor above 77 K", "superconductor above 77 K"),
        ("Young's modulus of 400 GPa", "Young's modulus of 400 GPa"),
        ("formation energy of 2 eV per formula unit", "formation energy of 2 eV per formula unit"),
        ("50 nm thick", "50 nm thick"),
    ],
)
def test_other_figures_are_said_back(text, words):
    assert interpret(f"an oxide, {text}").unsupported == (words,)


def test_contradicting_bounds():
    with pytest.raises(RequestError, match="band gap"):
        interpret("oxide, gap above 3 eV and below 1 eV")
