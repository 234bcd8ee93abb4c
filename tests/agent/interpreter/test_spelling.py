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


@pytest.mark.parametrize("word", ["insulation", "nitrite", "formatted", "information", "hydrate"])
def test_right_words_are_left_alone(word):
    assert not any("was read as" in note for note in interpret(f"cubic oxide, {word}").notes)
