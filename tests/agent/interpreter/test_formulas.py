import pytest

from crystalsmith.agent.interpreter import interpret
from crystalsmith.core.errors import FormulaError, RequestError

from .view import read


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("SrTiO₃", "SrTiO3"),
        ("Li₇La₃Zr₂O₁₂", "Li7La3Zr2O12"),
        ("Ca3(PO4)2", "Ca3(PO4)2"),
        ("CO2", "CO2"),
        ("HfO2", "HfO2"),
        ("PbI2", "PbI2"),
        ("GaN", "GaN"),
        ("BN", "BN"),
        ("NiO", "NiO"),
        ("SiC", "SiC"),
        ("(SrTiO3)", "SrTiO3"),
        ("SrTiO3.", "SrTiO3"),
        ("K3[Fe(CN)6]", "K3Fe(CN)6"),
        ("CuSO4·5H2O", "CuH10SO9"),
        ("srtio3", "SrTiO3"),
        ("licoo2", "LiCoO2"),
        ("formula NO", "NO"),
        ("I'd like NaCl", "NaCl"),
        ("generate TiO2 structures", "TiO2"),
        ("Mg(OH)2", "Mg(HO)2"),
    ],
)
def test_formulas(text, formula):
    assert read(text) == {"formula": formula}


@pytest.mark.parametrize(
    "text",
    [
        "OK",
        "As a chemist I want",
        "In general",
        "HSE06 and PBE0",
        "Be brief",
        "No hurry",
        "He and I",
        "on an H100 with MP20",
        "DFT, XRD and SEM",
        "LaTeX",
        "NO LEAD",
        "As you can see",
        "Can we have",
        "PhD level",
        "UV and IR",
    ],
)
def test_ordinary_words_are_no_formulas(text):
    found = read(f"{text}; a nitride")
    assert "formula" not in found
    assert "include" not in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Xx2O3", "Xx"),
        ("a stable Qz3N4", "Qz"),
        ("NaXx", "Xx"),
        ("contains Xx", "Xx"),
        ("in the Li-Xx-O system", "Xx"),
        ("La0.7Sr0.3MnO3", "fractional"),
        ("Li1-xCoO2", "amounts open"),
        ("(Cs,Rb)PbI3 perovskite", "mixes elements"),
    ],
)
def test_formulas_that_cannot_be(text, message):
    with pytest.raises(RequestError, match=message):
        interpret(text)


def test_nonexistent_elements_raise_the_formula_error():
    with pytest.raises(FormulaError):
        interpret("Xx2O3")


def test_two_formulas_are_one_too_many():
    with pytest.raises(RequestError, match=r"NaCl.*one formula at a time|one formula at a time"):
        interpret("NaCl and KCl")


@pytest.mark.parametrize(
    "text",
    [
        "like SrTiO3",
        "SrTiO3-based",
        "similar to SrTiO3",
        "instead of SrTiO3",
        "SrTiO3 analogue",
        "not SrTiO3",
        "grown on SrTiO3",
        "SrTiO3 substrate",
    ],
)
def test_comparisons_name_no_target(text):
    request = interpret(f"an oxide, {text}")
    assert request.unsupported == (text,)
    assert request.formula is None


def test_organic_cations_cannot_be_built():
    request = interpret("MAPbI3 perovskite")
    assert request.unsupported == ("MAPbI3",)
    assert "organic cation" in request.notes[0]


def test_elements_of_the_formula_are_not_repeated():
    assert read("SrTiO3, a titanate with Sr") == {"formula": "SrTiO3"}


def test_the_formula_must_satisfy_the_other_wishes():
    with pytest.raises(RequestError, match="CsPbI3 does not satisfy 'no Pb'"):
        interpret("lead-free CsPbI3")
