"""The fast reading of our own base says what transformers and PEFT say, and the search the same."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.models.constraint.decoding import best_groups, decode
from crystalsmith.models.constraint.generator import SHIPPED
from crystalsmith.models.constraint.language_model import (
    SPACE_GROUP_ADAPTER,
    WYCKOFF_ADAPTER,
    ConstraintLM,
)
from crystalsmith.models.constraint.merged import MergedLM, load_language_model
from crystalsmith.models.constraint.realisable import Unfinished, allowed_units, letters_of
from crystalsmith.prompts.constraint import END, UNITS, Question, group_word, join, units_word

FORMULAS = [
    (("Na", "Cl"), (1, 1)),
    (("Sr", "Ti", "O"), (1, 1, 3)),
    (("Li", "La", "Zr", "O"), (7, 3, 2, 12)),
    (("Si",), (1,)),
]


@pytest.fixture(scope="module")
def shipped():
    """The shipped model as transformers and PEFT run it, and merged."""
    fast = load_language_model(SHIPPED / "base", SHIPPED, "cpu")
    assert isinstance(fast, MergedLM)
    return ConstraintLM.load(SHIPPED / "base", SHIPPED, "cpu"), fast


def plain_search(model, question, width):
    """Beam search without short cuts: every token of every hypothesis is asked for."""
    beams = []
    for number, score in best_groups(model, [question], width=width)[0]:
        text = [*question.words(), group_word(number), UNITS]
        beams.append((score, text, number, None, -1, ()))
    finished = []
    while beams:
        options = []
        scores, _ = model.read(WYCKOFF_ADAPTER, [join(beam[1]) for beam in beams])
        for beam, row in zip(beams, scores, strict=True):
            following = list(followers(question, *beam[2:]))
            ids = [model.tokens_of(word)[0] for word, _ in following]
            values = row[ids].log_softmax(0).tolist()
            for (word, state), value in zip(following, values, strict=True):
                options.append((beam[0] + value, [*beam[1], word], beam[2], *state))
        options.sort(key=lambda option: -option[0])
        kept = options[:width]
        finished += [beam for beam in kept if beam[1][-1] == END]
        best = sorted((beam[0] for beam in finished), reverse=True)
        worst = best[width - 1] if len(best) >= width else -math.inf
        beams = [beam for beam in kept if beam[1][-1] != END and beam[0] > worst]
    finished.sort(key=lambda beam: -beam[0])
    return [(beam[2], beam[5], beam[0]) for beam in finished[:width]]


def followers(question, number, state, element, letters):
    """Words that may come next with what is known once they are written."""
    amounts, names = question.amounts, letters_of(number).names
    if state is None:
        for units in allowed_units(number, amounts):
            counts = tuple(units * amount for amount in amounts)
            yield units_word(units), (Unfinished(number, counts), -1, ())
    elif element >= 0 and state.counts[0] > 0:
        for index in state.options():
            row = (*letters[:-1], letters[-1] + names[index])
            yield names[index], (state.with_letter(index), element, row)
    elif element + 1 < len(amounts):
        rest = state if element < 0 else state.next_element()
        yield question.elements[element + 1], (rest, element + 1, (*letters, ""))
    else:
        yield END, (state, element, letters)


def said(answers):
    return [(number, tuple(letters)) for number, letters, _ in answers]


@pytest.mark.parametrize(("elements", "amounts"), FORMULAS)
def test_the_search_finds_what_one_without_short_cuts_finds(shipped, elements, amounts):
    plain, fast = shipped
    question = Question(elements, amounts, formation_energy=-1.5)
    expected = plain_search(plain, question, 8)
    for model in (plain, fast):
        found = decode(model, [question], width=8)[0]
        assert said(found) == said(expected)
        scores = [score for _, _, score in expected]
        assert [a.log_probability for a in found] == pytest.approx(scores, abs=1e-3)


@st.composite
def readings(draw):
    """Texts, and steps of rows with the tokens that each appends; some rows wait."""
    text = st.lists(st.sampled_from([*ALL_ELEMENTS, "formula", "x1", "x3", "a"]), min_size=1)
    texts = [" ".join(words[:12]) for words in draw(st.lists(text, min_size=1, max_size=4))]
    steps, count = [], len(texts)
    for _ in range(draw(st.integers(1, 4))):
        rows = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=6))
        run = st.lists(st.integers(3, 600), max_size=3)
        runs = draw(st.lists(run, min_size=len(rows), max_size=len(rows)))
        runs[0] = runs[0] or [3]  # at least one goes on
        steps.append((rows, runs))
        count = len(rows)
    return texts, steps


@given(case=readings(), task=st.sampled_from([SPACE_GROUP_ADAPTER, WYCKOFF_ADAPTER]))
@hypothesis_settings(max_examples=25)
def test_probabilities_are_those_of_the_plain_model(shipped, case, task):
    texts, steps = case
    tables = []
    for model in shipped:
        scores, reading = model.read(task, texts)
        tables.append([scores, *(model.advance(reading, *step) for step in steps)])
    for plain, fast in zip(*tables, strict=True):
        assert torch.allclose(plain, fast, atol=1e-3)


def test_other_bases_are_left_to_transformers(weights_folder):
    config = weights_folder / "base" / "config.json"
    assert isinstance(load_language_model(weights_folder / "base", weights_folder, "cpu"), MergedLM)
    values = json.loads(config.read_text())
    config.write_text(json.dumps(values | {"attention_bias": True}))
    other = load_language_model(weights_folder / "base", weights_folder, "cpu")
    assert isinstance(other, ConstraintLM)
