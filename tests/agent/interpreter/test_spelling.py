import pytest

from crystalsmith.agent.interpreter import interpret

from .view import read


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("perovksite", {"family": "perovskite"}),
        ("semicondutor", {"semiconductor": True}),
        ("orthorombic", {"crystal_system": "orthorhombic"}),
        ("tetragonnal", {"crystal_system": "tetragonal"}),
        ("chalcoginides", {"anion_class": "chalcogenide"}),
        ("magnesuim", {"include": ["Mg"]}),
    ],
)
def test_slips_are_corrected_and_said(word, expected):
    request = interpret(f"stable, {word}")
    assert read(f"stable, {word}") == {"stable": True, **expected}
    assert any(word in clause.words for clause in request.clauses)


def test_the_correction_is_noted():
    assert interpret("cubic perovksite").notes == ("'perovksite' was read as perovskite",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gap betwen 2 and 3 eV", {"band_gap": {"min": 2, "max": 3}}),
        ("gap bellow 3 eV", {"band_gap": {"max": 3}}),
        ("atleast three diferent elemnts", {"n_elements": {"min": 3}}),
        ("lees than 12 atomes", {"n_atoms": {"max": 11}}),
        ("wihtout lead", {"exclude": ["Pb"]}),
    ],
)
def test_slips_in_the_grammars_own_words_are_read_through(text, expected):
    assert read(f"stable, {text}") == {"stable": True, **expected}


@pytest.mark.parametrize(
    "word", ["difference", "fever", "container", "structured", "united", "concluding", "allows"]
)
def test_words_that_only_resemble_the_grammar_are_left_alone(word):
    assert not any("was read as" in note for note in interpret(f"cubic oxide, {word}").notes)


@pytest.mark.parametrize("word", ["insulation", "nitrite", "formatted", "information", "hydrate"])
def test_right_words_are_left_alone(word):
    assert not any("was read as" in note for note in interpret(f"cubic oxide, {word}").notes)
