import pytest

from crystalsmith.agent.interpreter.numbers import find_numbers
from crystalsmith.agent.interpreter.source import Source


def numbers(text):
    return [(n.value, n.unit and n.unit.dimension) for n in find_numbers(Source(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5 eV", [(1.5, "energy")]),
        ("1,5 eV", [(1.5, "energy")]),
        ("2,000 °C", [(2000.0, "other")]),
        (".5eV", [(0.5, "energy")]),
        ("-3e-2 eV/atom", [(-0.03, "energy_per_atom")]),
        ("minus 1.5 eV per atom", [(-1.5, "energy_per_atom")]),
        ("1-2 eV", [(1.0, None), (2.0, "energy")]),
        ("1.0...2.0", [(1.0, None), (2.0, None)]),
        ("half an eV", [(0.5, "energy")]),
        ("two and a half eV", [(2.5, "energy")]),
        ("a dozen", [(12.0, None)]),
        ("-250 kJ mol-1", [(-250.0, "molar_energy")]),
        ("5 g cm-3, 4500 kg/m3", [(5.0, "density"), (4500.0, "density")]),
        ("12 Å^3/atom", [(12.0, "volume_per_atom")]),
        ("200 GPa", [(200.0, "pressure")]),
        ("2 eV/f.u.", [(2.0, "energy_per_formula")]),
        ("1.1 µm", [(1.1, "wavelength")]),
    ],
)
def test_numbers_with_units(text, expected):
    assert numbers(text) == expected


@pytest.mark.parametrize("text", ["3d metals", "10:30", "P21", "v2x", "SrTiO3", "anyone"])
def test_parts_of_words_are_no_numbers(text):
    assert numbers(text) == []


def test_a_plus_leaves_the_upper_end_open():
    assert [n.open_ended for n in find_numbers(Source("2+ eV, 3 eV+, 2 +/- 1"))] == [
        True,
        True,
        False,
        False,
    ]
