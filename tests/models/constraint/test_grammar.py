"""The words that constraint generators read and write, and the tokenizer made of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.models.constraint.tokenizer import build_tokenizer
from crystalsmith.prompts.constraint import (
    MAX_AMOUNT,
    MAX_UNITS,
    Near,
    Question,
    amount_word,
    answer_words,
    group_word,
    join,
    number_word,
    stability_word,
    units_word,
    vocabulary,
)

TOKENIZER = build_tokenizer()

elements = st.lists(st.sampled_from(ALL_ELEMENTS), min_size=1, max_size=6, unique=True)
properties = st.none() | st.floats(-20, 20)


def nearby(count):
    letters = st.text("abcdefghijklmnopqrstuvwxyzA", min_size=1, max_size=4)
    rows = st.lists(letters, min_size=count, max_size=count).map(tuple)
    return st.builds(Near, st.floats(0, 1), st.integers(1, 230), st.integers(1, MAX_UNITS), rows)


@st.composite
def questions(draw):
    symbols = draw(elements)
    amounts = st.lists(
        st.integers(1, MAX_AMOUNT), min_size=len(symbols), max_size=len(symbols)
    ).map(tuple)
    return Question(
        tuple(symbols),
        draw(st.none() | amounts),
        source=draw(st.sampled_from(["database", "hypothetical"])),
        stability=draw(st.sampled_from([None, "stable", "metastable", "unstable"])),
        band_gap=draw(properties),
        formation_energy=draw(properties),
        height=draw(properties),
        distance=draw(st.none() | st.floats(0, 2)),
        near=tuple(draw(st.lists(nearby(len(symbols)), max_size=3))),
    )


def test_a_question_and_its_answer_as_text():
    question = Question(("Sr", "Ti", "O"), (1, 1, 3), stability="stable", formation_energy=-3.61)
    assert join(question.words()) == (
        "formula Sr x1 Ti x1 O x3 source database stable energy -3.6 group"
    )
    assert join(answer_words(221, 1, ("Sr", "Ti", "O"), ("a", "b", "c"))) == (
        "G221 units Z1 Sr a Ti b O c end"
    )
    only = Question(("Sr", "O"), None, source="hypothetical", band_gap=3.25)
    assert join(only.words()) == "elements Sr O source hypothetical gap 3.2 ratio"


def test_known_crystals_are_told_of_in_the_words_of_an_answer():
    near = (Near(0.93, 221, 1, ("a", "b", "c")), Near(0.07, 62, 4, ("c", "b", "cd")))
    question = Question(("Sr", "Ti", "O"), (1, 1, 3), height=0.012, distance=0.04, near=near)
    assert join(question.words()) == (
        "formula Sr x1 Ti x1 O x3 source database above 0.1"
        " near 0.4 0.9 G221 Z1 Sr a Ti b O c 0.1 G62 Z4 Sr c Ti b O c d group"
    )
    assert Question(("O",), (1,), distance=0.04).context_words() == []


def test_every_word_is_one_token_of_our_own():
    words = vocabulary()
    assert len(words) == len(set(words))
    assert not any(" " in word or not word for word in words)
    for word in words:
        assert TOKENIZER.tokenize(word) == [word]
    assert len(TOKENIZER) == len(words) + 3


@given(question=questions())
def test_questions_survive_the_tokenizer(question):
    words = question.words()
    ids = TOKENIZER(join(words))["input_ids"]
    assert ids[0] == TOKENIZER.bos_token_id
    assert TOKENIZER.convert_ids_to_tokens(ids[1:]) == words
    assert TOKENIZER.unk_token_id not in ids


@given(
    number=st.integers(1, 230),
    units=st.integers(1, MAX_UNITS),
    symbols=elements,
    letters=st.text("abcdefghijklmnopqrstuvwxyzA", min_size=1, max_size=9),
)
def test_answers_survive_the_tokenizer(number, units, symbols, letters):
    words = answer_words(number, units, symbols, [letters] * len(symbols))
    ids = TOKENIZER(join(words), add_special_tokens=False)["input_ids"]
    assert TOKENIZER.convert_ids_to_tokens(ids) == words
    assert words[-1] == TOKENIZER.eos_token


@given(value=st.floats(-1000, 1000))
def test_every_number_has_a_word_near_it(value):
    word = number_word(value)
    assert word in vocabulary()
    assert abs(float(word) - min(max(value, -5.0), 12.0)) <= 0.0501


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.0, "0.0"), (-0.04, "0.0"), (0.04, "0.0"), (-3.6, "-3.6"), (99, "12.0"), (-99, "-5.0")],
)
def test_numbers_are_rounded_and_clamped(value, word):
    assert number_word(value) == word


@pytest.mark.parametrize(
    ("distance", "word"),
    [
        (-0.1, "stable"),
        (0.0, "stable"),
        (0.001, "stable"),
        (0.02, "metastable"),
        (0.1, "metastable"),
        (0.101, "unstable"),
    ],
)
def test_distances_to_the_hull_in_words(distance, word):
    assert stability_word(distance) == word


def test_words_for_everything_that_can_come_up():
    words = set(vocabulary())
    assert {group_word(n) for n in range(1, 231)} <= words
    assert {amount_word(n) for n in range(1, MAX_AMOUNT + 1)} <= words
    assert {units_word(n) for n in range(1, MAX_UNITS + 1)} <= words
    assert set(ALL_ELEMENTS) <= words


def test_texts_are_padded_on_the_left():
    ids = TOKENIZER(["formula Na x1", "formula Na x1 Cl x1"], padding=True)["input_ids"]
    assert ids[0][:2] == [TOKENIZER.pad_token_id] * 2
    assert ids[0][-1] == TOKENIZER.convert_tokens_to_ids("x1")
