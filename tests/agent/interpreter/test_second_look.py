"""A text that contradicts itself is looked at again: a part of it may only tell."""

import pytest

from .view import said_and_wishes as wishes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Density-functional theory suggests that Mg-Zn alloys are light. "
            "Find intermetallics of Mg with Ca.",
            {"anion_class": "intermetallic", "include": ["Ca", "Mg"]},
        ),
        (
            "I read that CsPbBr3 is unstable. Give me bromides without lead.",
            {"anion_class": "bromide", "exclude": ["Pb"]},
        ),
    ],
)
def test_what_is_told_is_left_out(text, expected):
    assert wishes(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "NaCl without chlorine",
        "An oxide made only of titanium and nitrogen",
        "gap at least 5 eV but the material should be metallic",
        "A lead halide perovskite. It must not contain lead.",
        "five elements, but only K, Mn and F are allowed",
    ],
)
def test_what_is_asked_stays_a_contradiction(text):
    assert wishes(text)["contradiction"]
