"""Clauses that no list knows: what asks something is said back, talk is not."""

import pytest

from .view import said_and_wishes as wishes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Nitrides of Ti, rock salt. Friction coefficient below 0.3 preferred.", "friction"),
        ("ferroelectric nitrides with a coercive field below 2 MV/cm", "coercive field"),
        ("Fluorides with Ca, congruent melting is a must.", "congruent melting"),
        ("yttrium vanadate crystals, tetragonal, thermal conduction good", "thermal conduction"),
        ("稀土氟化物，四方晶系，声子能量低", "声子能量低"),
        ("含钼的硒化物，能剥离", "能剥离"),
        ("sulfide spinels with copper, nothing that smells of H2S when wet", "smells of H2S"),
        ("a telluride with zinc that can be doped with Nd", "doped with Nd"),
    ],
)
def test_unknown_wishes_are_said_back(text, said):
    found = wishes(text)
    assert any(said in words.lower() or said in words for words in found["unsupported"])
    assert "contradiction" not in found


@pytest.mark.parametrize(
    "talk",
    [
        "Subject: next campaign.",
        "Thickness of the layer is not important.",
        "The sputtering chamber is free from Thursday.",
        "Band gap doesn't matter.",
    ],
)
def test_talk_is_not_said_back(talk):
    assert wishes(f"{talk} I need a ternary nitride with zinc.") == {
        "n_elements": {"min": 3, "max": 3},
        "anion_class": "nitride",
        "include": ["Zn"],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dense fluorides, more than 5 g/cm3", None),
        ("dense fluorides", ["dense"]),
        ("soft sulfides (bulk modulus under 40 GPa)", None),
    ],
)
def test_an_adjective_that_a_figure_explains_is_read(text, said):
    assert wishes(text).get("unsupported") == said
