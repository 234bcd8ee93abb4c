"""Wishes known by how they are built, and notations of programs."""

import pytest

from .view import read, said_and_wishes


@pytest.mark.parametrize(
    "words",
    [
        "which nobody has reported before",
        "never before made",
        "nothing thats been published already",
        "that aren't in any database yet",
        "not listed in the ICSD",
        "yet to be synthesised",
    ],
)
def test_what_nobody_made_is_new(words):
    assert read(f"oxides with titanium, {words}")["novel"] is True


@pytest.mark.parametrize(
    "text", ["oxides not made from lead", "the results could not be published. An oxide, please."]
)
def test_what_is_not_said_of_a_crystal_makes_nothing_new(text):
    assert "novel" not in read(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5<=natoms<=10, oxide", {"n_atoms": {"min": 5, "max": 10}}),
        ("oxide, 1 < Eg < 2 eV", {"band_gap": {"min": 1, "max": 2}}),
        ("oxide, sg -> 225", {"space_group": 225}),
        ("oxide, excl. {Cd, Hg}", {"exclude": ["Cd", "Hg"]}),
        ("cubic & oxide & !Pb", {"exclude": ["Pb"], "crystal_system": "cubic"}),
        (
            "oxide; 'Ti' IN elements AND 'Pb' NOT IN elements",
            {"include": ["Ti"], "exclude": ["Pb"]},
        ),
        ('{"anion": "oxide", "e_hull_max_meV": 40}', {"e_above_hull": {"max": 0.04}}),
        (
            '{"anion": "oxide", "n_atoms": {"min": 2, "max": 40}}',
            {"n_atoms": {"min": 2, "max": 40}},
        ),
        ("oxide, is_metal == False and nsites <= 20", {"metallic": False, "n_atoms": {"max": 20}}),
        ("oxide, 1) cubic 2) no lead", {"crystal_system": "cubic", "exclude": ["Pb"]}),
    ],
)
def test_notations_of_programs(text, expected):
    assert read(text) == {"anion_class": "oxide", **expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Laves phase: Mn yes, V no",
         {"family": "laves phase", "include": ["Mn"], "exclude": ["V"]}),
        (
            "monazite phosphates with Gd, in which Th and U are not existing",
            {"family": "monazite", "include": ["Gd", "O", "P"], "exclude": ["Th", "U"]},
        ),
        ("carbides; vanadium must be absent and so must cobalt",
         {"anion_class": "carbide", "exclude": ["Co", "V"]}),
        ("Antimony is OK but arsenic isn't. Skutterudites.",
         {"family": "skutterudite", "exclude": ["As"]}),
        ("an oxide; lead was studied already, so please avoid it",
         {"anion_class": "oxide", "exclude": ["Pb"]}),
        ("nitrides without lead in it, or anything toxic",
         {"anion_class": "nitride", "exclude": ["Pb"], "exclude_groups": ["toxic"]}),
        ("Zn, Sn, N. Nothing else.", {"only": ["N", "Sn", "Zn"]}),
    ],
)  # fmt: skip
def test_what_is_said_behind_the_elements(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "unsupported"),
    [
        ("safe, i.e. no toxic elements; oxide", None),
        ("Permanent magnets: nitride with iron", None),
        ("nitride magnet with iron", ["magnet"]),
        ("We machine drone frames. A boride, please.", None),
        ("a carbide harder than tungsten carbide", ["harder than tungsten carbide"]),
    ],
)
def test_what_defines_or_tells_is_no_wish_of_its_own(text, unsupported):
    assert said_and_wishes(text).get("unsupported") == unsupported


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nitrides; beryllium is forbidden in our shop", {"exclude": ["Be"]}),
        ("Nitrides. Noble metals are out of budget.", {"exclude_groups": ["noble metal"]}),
        (
            "A nitride. Platinum metals are too pricey, steer clear of them.",
            {"exclude_groups": ["platinum group metal"]},
        ),
        ("nitrides, 12 atoms per cell is my limit", {"n_atoms": {"max": 12}}),
        ("nitrides, four elements at the very most", {"n_elements": {"max": 4}}),
        ("Can you do 8? I want nitrides.", {"count": 8}),
        ("For a probe in a hot cell I'd want nitrides", {}),
        ("第一次用这个系统，氮化物，给10个", {"count": 10}),
    ],
)
def test_what_strangers_say_around_their_wishes(text, expected):
    assert said_and_wishes(text) == {"anion_class": "nitride", **expected}
