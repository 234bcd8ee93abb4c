import pytest

from crystalsmith.agent.interpreter import interpret
from crystalsmith.core.errors import RequestError

from .view import read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a metal", {"metallic": True}),
        ("metallic", {"metallic": True}),
        ("gapless", {"metallic": True}),
        ("not a metal", {"metallic": False}),
        ("nonmetallic", {"metallic": False}),
        ("semiconducting", {"semiconductor": True}),
        ("insulator", {"insulator": True}),
        ("wide-bandgap semiconductor", {"wide_gap": True, "semiconductor": True}),
        ("with a large band gap", {"wide_gap": True}),
        ("stable", {"stable": True}),
        ("thermodynamically stable", {"stable": True}),
        ("near the convex hull", {"stable": True}),
        ("metastable", {"metastable": True}),
        ("on the hull", {"e_above_hull": {"max": 0.0}}),
        ("new", {"novel": True}),
        ("novel", {"novel": True}),
        ("not a known compound", {"novel": True}),
        ("not in the ICSD", {"novel": True}),
        ("nobody has made before", {"novel": True}),
        ("not been reported in the ICSD", {"novel": True}),
        ("already known", {"novel": False}),
        ("in the Materials Project", {"novel": False}),
        ("not new", {"novel": False}),
    ],
)
def test_wishes(text, expected):
    assert read(f"cubic oxide, {text}") == {
        "anion_class": "oxide",
        "crystal_system": "cubic",
        **expected,
    }


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("double perovskites", "double perovskite"),
        ("rock-salt", "rock salt"),
        ("NaCl-type", "rock salt"),
        ("NaCl structure", "rock salt"),
        ("CsCl structure", "cscl-type"),
        ("zincblende", "zinc blende"),
        ("Heusler alloys", "full heusler"),
        ("TMDs", "transition metal dichalcogenide"),
        ("尖晶石", "spinel"),
        ("max phases", "max phase"),
        ("lithium niobate structure", "lithium niobate"),
    ],
)
def test_families(text, name):
    assert read(text) == {"family": name}


def test_the_special_family_makes_the_general_one_redundant():
    assert read("double perovskites; the perovskite should be stable") == {
        "family": "double perovskite",
        "stable": True,
    }


def test_a_compounds_name_is_no_family():
    assert read("lithium niobate") == {"include": ["Li", "Nb", "O"]}


def test_a_family_named_by_its_chemistry_is_the_family_alone():
    assert read("transition metal dichalcogenides") == {"family": "transition metal dichalcogenide"}
    assert read("transition metal chalcogenides") == {
        "include_groups": ["transition metal"],
        "anion_class": "chalcogenide",
    }


@pytest.mark.parametrize(
    "text", ["not a perovskite", "not stable", "metal or semiconductor", "spinel or garnet"]
)
def test_what_no_clause_can_say_is_said_back(text):
    request = interpret(f"cubic oxide, {text}")
    assert request.unsupported == (text,)
    assert len(request.clauses) == 2


@pytest.mark.parametrize("text", ["new to this", "a new student asks", "stable job wanted"])
def test_new_and_stable_may_be_about_something_else(text):
    assert read(f"{text}; cubic oxide") == {"anion_class": "oxide", "crystal_system": "cubic"}


def test_a_figure_for_the_gap_decides_where_semiconductors_end():
    assert read("semiconductor with a 3.4 eV gap") == {
        "semiconductor": True,
        "band_gap": {"target": 3.4},
    }


@pytest.mark.parametrize(
    "text",
    ["a metal with a 2 eV gap", "a wide-gap metal", "a metallic insulator", "known and new oxide"],
)
def test_contradictions(text):
    with pytest.raises(RequestError, match="contradicts itself"):
        interpret(text)


def test_a_wider_hull_distance_says_what_stable_means():
    request = interpret("stable oxide (hull distance below 0.15 eV/atom)")
    assert read(request.text) == {
        "anion_class": "oxide",
        "stable": True,
        "e_above_hull": {"max": 0.15},
    }
    assert next(c.limit for c in request.clauses if c.kind == "stable") == 0.15
