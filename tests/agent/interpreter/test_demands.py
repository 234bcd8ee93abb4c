"""What cannot be scored is said back in the words and to the extent of the user."""

import pytest

from .view import said_and_wishes as wishes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a gate dielectric that must survive 1000 °C anneal on Si",
            ["survive 1000 °C anneal on Si"],
        ),
        ("tin halide perovskite that won't oxidise in air", ["won't oxidise in air"]),
        ("an oxide, stable in acid", ["stable in acid"]),
        ("an acid-stable oxide", ["acid-stable"]),
        ("a water-insoluble iodide", ["water-insoluble"]),
        ("a patent-free silicide with Mn", ["patent-free"]),
        ("infinite-layer nickelates with Nd", ["infinite-layer"]),
        ("a phosphate with resistance to radiation damage", ["resistance to radiation damage"]),
        ("a boride with the highest possible bulk modulus", ["highest possible bulk modulus"]),
        ("nitride, maximise the shear modulus", ["maximise the shear modulus"]),
        ("an oxide, k above 25", ["k above 25"]),
        ("a hydride with Mg, above 10 wt% hydrogen", ["above 10 wt% hydrogen"]),
        ("an oxide you could make in a kitchen microwave", ["make in a kitchen microwave"]),
        ("a stable oxide or oxyfluoride", ["oxide or oxyfluoride"]),
        ("三元、稳定的氧化物，越轻越好", ["越轻越好"]),
        ("含锂的硫化物，离子电导率高，耐辐照", ["离子电导率高", "耐辐照"]),
    ],
)
def test_demands_are_said_back_whole(text, said):
    assert wishes(text)["unsupported"] == said


@pytest.mark.parametrize(
    "text",
    [
        "please check cubic nitrides",
        "Build wurtzite GaN for me",
        "Subject: an oxide with Zr, thanks a lot for your patience",
        "We can tolerate up to 80 meV/atom above the hull: a nitride",
        "we can make 10 samples of a carbide",
    ],
)
def test_talk_is_not_said_back(text):
    assert "unsupported" not in wishes(text)
