"""Letters tell before they ask: what is only told is no wish."""

import pytest

from .view import said_and_wishes as wishes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The last batch of Cs2AgBiBr6 went brown. I need a lead-free double perovskite.",
            {"family": "double perovskite", "exclude": ["Pb"]},
        ),
        (
            "We tested CsPbI3 last year and it failed. Find an iodide without lead.",
            {"anion_class": "iodide", "exclude": ["Pb"]},
        ),
        (
            "As you know, GaN has a gap of 3.4 eV. I need a nitride with 4.0 to 5.0 eV.",
            {"anion_class": "nitride", "band_gap": {"min": 4, "max": 5}},
        ),
        (
            "Diamond is well known, but I would like a boride, metallic.",
            {"anion_class": "boride", "metallic": True},
        ),
        (
            "Background: everybody uses Pb. Request: a cubic sulfide.",
            {"crystal_system": "cubic", "anion_class": "sulfide"},
        ),
        (
            "For the conductivity tests I'd need a tetragonal oxide.",
            {"crystal_system": "tetragonal", "anion_class": "oxide"},
        ),
        (
            "a nitride with Mg, because Zn is too expensive",
            {"anion_class": "nitride", "include": ["Mg"]},
        ),
    ],
)
def test_what_is_told_is_no_wish(text, expected):
    assert wishes(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "We had lead in mind. Pb",
        "It was a perovskite",
        "I tried everything with cobalt: cobalt oxide",
        "We only have Zn, Sn, N in the chamber",
    ],
)
def test_a_text_that_only_tells_is_read_as_before(text):
    assert wishes(text) != {}


def test_a_sentence_that_asks_stays_whatever_else_it_tells():
    found = wishes(
        "We were given an old furnace, so it must be a sulfide of copper. Stable, please."
    )
    assert found == {"anion_class": "sulfide", "include": ["Cu"], "stable": True}


@pytest.mark.parametrize(
    "told",
    [
        "Our electron microscope has a tungsten filament.",
        "The thermometer contains mercury and our technician hates it.",
        "Our lamp emits at 254 nm.",
    ],
)
def test_sentences_about_the_laboratory_are_no_wishes(told):
    expected = {"anion_class": "sulfide", "include": ["Ag"], "band_gap": {"target": 2}}
    assert wishes(f"{told} I need a sulfide with silver and a gap of 2 eV.") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I work on garnets with cerium. Three candidates please.", "garnet"),
        ("My supervisor suggested that I look at half-Heusler compounds. No Hf.", "half-heusler"),
    ],
)
def test_a_sentence_that_names_the_material_is_read(text, expected):
    assert wishes(text)["family"] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("borosilicate... I mean silicate, with Zr", {"include": ["O", "Si", "Zr"]}),
        ("a cubic, sorry, trigonal telluride", {"crystal_system": "trigonal"}),
    ],
)
def test_what_is_taken_back_at_once_is_no_wish(text, expected):
    assert expected.items() <= wishes(text).items()
