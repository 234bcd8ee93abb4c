"""Figures about answers, against hand counts."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.errors import OutputError
from crystalsmith.evals.answers import (
    answer_text,
    calibration_error,
    groups_in_order,
    rouge,
)
from crystalsmith.evals.confusion import confusion_matrix, save_confusion
from crystalsmith.models.constraint.generator import RankedTemplate

ROCK_SALT = SymmetryTemplate.from_letters(225, {"Na": "a", "Cl": "b"})
CESIUM_CHLORIDE = SymmetryTemplate.from_letters(221, {"Na": "a", "Cl": "b"})


def test_the_answer_is_what_the_generator_writes():
    assert " ".join(answer_text(ROCK_SALT)) == "G225 units Z4 Na a Cl b end"
    whole = answer_text(ROCK_SALT, with_ratio=True)
    assert " ".join(whole) == "Na x1 Cl x1 group G225 units Z4 Na a Cl b end"


def test_rouge_of_two_words_exchanged_by_hand():
    """Six of eight words, four of seven pairs, and six words in order."""
    figures = rouge(answer_text(CESIUM_CHLORIDE), answer_text(ROCK_SALT))
    assert figures["rouge_1"] == pytest.approx(100 * 6 / 8)
    assert figures["rouge_2"] == pytest.approx(100 * 4 / 7)
    assert figures["rouge_l"] == pytest.approx(100 * 6 / 8)
    assert rouge(["a", "b"], ["b", "a"]) == {"rouge_1": 100, "rouge_2": 0, "rouge_l": 50}
    assert rouge([], answer_text(ROCK_SALT)) == {"rouge_1": 0, "rouge_2": 0, "rouge_l": 0}


words = st.lists(st.sampled_from("abcd"), max_size=12)


@given(left=words, right=words)
def test_rouge_is_symmetric_bounded_and_whole_for_equals(left, right):
    figures = rouge(left, right)
    assert figures == pytest.approx(rouge(right, left))
    assert all(0 <= value <= 100 for value in figures.values())
    assert figures["rouge_l"] <= figures["rouge_1"] + 1e-9
    if len(left) > 1:
        assert set(rouge(left, left).values()) == {100}


def test_calibration_error_by_hand():
    assert calibration_error([0.9, 0.9, 0.9, 0.9], [1, 1, 1, 0]) == pytest.approx(15)
    assert calibration_error([0.25, 0.25, 0.75, 0.75], [1, 0, 1, 0]) == pytest.approx(25)
    assert calibration_error([1.0, 0.0], [1, 0]) == 0


def test_groups_count_all_their_templates():
    other = SymmetryTemplate.from_letters(221, {"Na": "b", "Cl": "a"})
    ranked = [
        RankedTemplate(ROCK_SALT, 0.4, 0.4, 0),
        RankedTemplate(CESIUM_CHLORIDE, 0.35, 0.35, 0),
        RankedTemplate(other, 0.25, 0.25, 0),
    ]
    assert groups_in_order(ranked) == [221, 225]
    assert groups_in_order([]) == []


def test_the_confusion_matrix_is_written_as_table_and_picture(tmp_path):
    guesses = [(225, 225), (225, 221), (225, 221), (1, 230), (2, 0)]
    assert confusion_matrix(guesses).sum() == 4
    save_confusion(tmp_path / "new", guesses)
    rows = list(csv.DictReader((tmp_path / "new" / "confusion.csv").open()))
    assert len(rows) == 230
    assert rows[224]["true"] == "225"
    assert (rows[224]["221"], rows[224]["225"], rows[0]["230"], rows[1]["1"]) == (
        "2",
        "1",
        "1",
        "0",
    )
    assert (tmp_path / "new" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_confusion(tmp_path / "file", guesses)
