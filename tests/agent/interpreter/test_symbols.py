import pytest

from .view import read


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("with In and Ga", ["Ga", "In"]),
        ("contains As", ["As"]),
        ("Cs, Sn and I", ["Cs", "I", "Sn"]),
        ("C, N and O", ["C", "N", "O"]),
        ("containing I", ["I"]),
        ("Y-based", ["Y"]),
        ("La and H", ["H", "La"]),
        ("Cs Ag Bi Br", ["Ag", "Bi", "Br", "Cs"]),
    ],
)
def test_symbols_in_company(text, elements):
    assert read(f"cubic; {text}") == {"crystal_system": "cubic", "include": elements}


@pytest.mark.parametrize(
    "text",
    [
        "I want it cubic",
        "In short: cubic",
        "As said, cubic",
        "cubic. No idea more",
        "Be so kind: cubic",
        "cubic; type I",
        "B-site cubic",
        "cubic, phase I",
        "the U.S. office, cubic",
        "cubic, I-V curve",
        "Hi Al, cubic",
        "Dear Prof. Li, cubic",
        "cubic\nBest,\nIn-Ho",
        "cubic, n-type",
        "HE SAID CUBIC",
    ],
)
def test_words_and_names_are_no_symbols(text):
    assert read(text) == {"crystal_system": "cubic"}


@pytest.mark.parametrize("symbol", ["O", "Fe", "I"])
def test_a_symbol_alone(symbol):
    assert read(symbol) == {"include": [symbol]}
