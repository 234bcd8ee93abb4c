import pytest

from .view import read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ABX3", {"ratio": "ABX3"}),
        ("A2BB'X6", {"ratio": "A2BB'X6"}),
        ("A₂BB′X₆", {"ratio": "A2BB'X6"}),
        ("abx3", {"ratio": "ABX3"}),
        ("MX2", {"ratio": "MX2"}),
        ("1:1:2", {"ratio": "1:1:2"}),
        ("1 : 1 : 3", {"ratio": "1:1:3"}),
        ("stoichiometry 1:12", {"ratio": "1:12"}),
        ("a 1-2-2 compound", {"ratio": "1:2:2"}),
        ("composition AB", {"ratio": "AB"}),
        ("ABO3", {"ratio": "ABO3", "include": ["O"]}),
        ("AB2O4", {"ratio": "AB2O4", "include": ["O"]}),
        ("LiMO2", {"ratio": "LiMO2", "include": ["Li", "O"]}),
        ("Ln2O3", {"ratio": "Ln2O3", "include": ["O"], "include_groups": ["lanthanide"]}),
        ("KMF3", {"ratio": "KMF3", "include": ["F", "K"]}),
        ("X2YZ", {"ratio": "X2YZ"}),
    ],
)
def test_patterns(text, expected):
    assert read(f"{text}, stable, cubic") == {**expected, "stable": True, "crystal_system": "cubic"}


@pytest.mark.parametrize(
    "text", ["at 10:30", "PM2 sensors", "MP3 player", "RTX4090", "the MX team", "AB testing"]
)
def test_other_words_are_no_patterns(text):
    assert "ratio" not in read(f"a cubic oxide, {text}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Li-M-X", {"include": ["Li"], "n_elements": {"min": 3, "max": 3}}),
        ("Li-M-O", {"include": ["Li", "O"], "n_elements": {"min": 3, "max": 3}}),
        (
            "Na-Ln-S",
            {
                "include": ["Na", "S"],
                "include_groups": ["lanthanide"],
                "n_elements": {"min": 3, "max": 3},
            },
        ),
        (
            "Li-TM-P-O",
            {
                "include": ["Li", "O", "P"],
                "include_groups": ["transition metal"],
                "n_elements": {"min": 4, "max": 4},
            },
        ),
        (
            "Li-M-X with M a transition metal and X a halogen",
            {
                "include": ["Li"],
                "include_groups": ["halogen", "transition metal"],
                "n_elements": {"min": 3, "max": 3},
            },
        ),
        ("Li-Fe-O", {"only": ["Fe", "Li", "O"]}),
    ],
)
def test_wildcards_name_so_many_elements(text, expected):
    assert read(f"stable {text} compounds, cubic") == {
        **expected,
        "stable": True,
        "crystal_system": "cubic",
    }


def test_layers_are_no_wildcards():
    assert "n_elements" not in read("an oxide with A-B-A stacking")
