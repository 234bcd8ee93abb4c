"""Whatever the language model says, what comes out can be built and has the formula exactly."""

import math

import pytest
import torch
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.models.constraint.decoding import best_groups, decode
from crystalsmith.models.constraint.language_model import SPACE_GROUP_ADAPTER, WYCKOFF_ADAPTER
from crystalsmith.models.constraint.realisable import allowed_units
from crystalsmith.prompts.constraint import (
    UNITS,
    Question,
    answer_words,
    group_word,
    join,
)

WIDTH = 6

few_examples = hypothesis_settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def questions(draw, largest=12):
    symbols = draw(st.lists(st.sampled_from(ALL_ELEMENTS), min_size=1, max_size=6, unique=True))
    amounts = draw(st.lists(st.integers(1, largest), min_size=len(symbols), max_size=len(symbols)))
    divisor = math.gcd(*amounts)
    return Question(
        tuple(symbols),
        tuple(amount // divisor for amount in amounts),
        stability=draw(st.sampled_from([None, "stable"])),
        band_gap=draw(st.none() | st.floats(0, 8)),
    )


def question(formula):
    pairs = [pair.split(":") for pair in formula.split()]
    return Question(tuple(e for e, _ in pairs), tuple(int(n) for _, n in pairs))


def check(asked, answers, width=WIDTH):
    """Every answer is a template with the formula asked for; the best comes first."""
    assert 0 < len(answers) <= width
    for answer in answers:
        letters = dict(zip(asked.elements, answer.letters, strict=True))
        template = SymmetryTemplate.from_letters(answer.number, letters)  # or it raises
        found = template.composition.get_el_amt_dict()
        assert set(found) == set(asked.elements)
        units = {found[e] / n for e, n in zip(asked.elements, asked.amounts, strict=True)}
        assert len(units) == 1
        assert units.pop().is_integer()
        assert all(list(row) == sorted(row, key=order) for row in answer.letters)
        assert answer.log_probability <= 1e-6
        assert math.isfinite(answer.log_probability)
    scores = [answer.log_probability for answer in answers]
    assert scores == sorted(scores, reverse=True)
    assert len({(a.number, a.letters) for a in answers}) == len(answers)


def order(letter):
    return letter.isupper(), letter


@given(asked=st.lists(questions(), min_size=1, max_size=3))
@few_examples
@example(asked=[question("Na:1")])
@example(asked=[question("Li:7 La:3 Zr:2 O:12")])
@example(asked=[question("Mn:2 O:97")])
@example(asked=[question("H:1 He:2 Li:3 Be:5 B:7 C:11")])
@example(asked=[question("C:60"), question("Na:1 Cl:1")])
@example(asked=[question("Cs:1 I:131")])
def test_only_realisable_templates_come_out(any_lm, asked):
    for one, answers in zip(asked, decode(any_lm, asked, width=WIDTH), strict=True):
        check(one, answers)


@pytest.mark.parametrize("formula", ["C:200", "Mn:199 O:200"])
def test_big_amounts(word_lm, formula):
    asked = question(formula)
    check(asked, decode(word_lm, [asked], width=2)[0], width=2)


@given(asked=questions(6), allowed=st.sets(st.integers(1, 230), max_size=12))
@few_examples
def test_only_allowed_groups_are_used(any_lm, asked, allowed):
    answers = decode(any_lm, [asked], width=WIDTH, allow=allowed.__contains__)[0]
    assert {answer.number for answer in answers} <= allowed
    possible = [number for number in allowed if allowed_units(number, asked.amounts)]
    assert bool(answers) == bool(possible)


def test_nothing_to_say_is_said_with_nothing(any_lm):
    asked = [question("Na:1 Cl:1"), question("Sr:1 Ti:1 O:3")]
    assert decode(any_lm, asked, allow=lambda number: False) == [[], []]
    assert decode(any_lm, []) == []


def test_questions_do_not_disturb_each_other(any_lm):
    """Padding and batching change nothing but rounding."""
    asked = [question("Na:1 Cl:1"), question("Li:7 La:3 Zr:2 O:12"), question("Si:1")]
    together = decode(any_lm, asked, width=4)
    for one, expected in zip(asked, together, strict=True):
        alone = decode(any_lm, [one], width=4)[0]
        assert [(a.number, a.letters) for a in alone] == [(a.number, a.letters) for a in expected]
        scores = [a.log_probability for a in expected]
        assert [a.log_probability for a in alone] == pytest.approx(scores, abs=1e-3)


def test_a_wider_search_finds_nothing_better_missing(word_lm):
    asked = question("Ti:1 O:2")
    narrow, wide = (decode(word_lm, [asked], width=width)[0] for width in (1, 40))
    assert wide[0].log_probability >= narrow[0].log_probability - 1e-6


@torch.no_grad()
def written(model, task, question, text):
    """Probability of each token of an answer after the question, read in one go."""
    prompt = join(question.words())
    model.model.set_adapter(task)
    known = model.tokenizer(prompt, return_tensors="pt")["input_ids"]
    answer = model.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    logits = model.model(input_ids=torch.cat([known, answer], dim=1)).logits[0]
    table = logits[known.shape[1] - 1 : -1].log_softmax(-1)
    return table.gather(1, answer[0][:, None]).squeeze(1)


def test_groups_are_scored_by_the_probability_of_their_words(any_lm):
    """Of words that begin alike (G2, G22, G225) the shorter must not take the longer one's part."""
    asked = question("Na:1 Cl:1")
    found = dict(best_groups(any_lm, [asked], width=230)[0])
    tail = "" if len(any_lm.tokens_of(UNITS)) == 1 else " "
    expected = {
        number: float(
            written(any_lm, SPACE_GROUP_ADAPTER, asked, f" {group_word(number)}{tail}").sum()
        )
        for number in range(1, 231)
    }
    total = torch.tensor(list(expected.values())).logsumexp(0).item()
    for number, score in found.items():
        assert score == pytest.approx(expected[number] - total, abs=1e-3)


def test_a_forced_answer_costs_nothing(any_lm):
    """Where crystallography leaves one way, the model's opinion of it does not count."""
    asked = question("Na:1 Cl:1")
    only = 216
    first = best_groups(any_lm, [asked], width=1, allow=lambda number: number == only)[0][0][1]
    answers = decode(any_lm, [asked], width=50, allow=lambda number: number == only)[0]
    assert sum(math.exp(a.log_probability - first) for a in answers) <= 1 + 1e-3


def test_reading_on_equals_reading_at_once(any_lm):
    """The cache, the padding and the positions of many sequences of unequal length."""
    asked = [question("Na:1 Cl:1"), question("Li:7 La:3 Zr:2 O:12")]
    words = answer_words(62, 4, ("Na", "Cl"), ("c", "c"))
    scores, reading = any_lm.read(WYCKOFF_ADAPTER, [join(q.words()) for q in asked])
    tokens = [token for word in words for token in any_lm.tokens_of(word)]
    total = torch.zeros(2)
    for token in tokens:
        total += scores[:, token]
        scores = any_lm.advance(reading, [0, 1], [[token], [token]])
    for row, one in enumerate(asked):
        at_once = written(any_lm, WYCKOFF_ADAPTER, one, f" {join(words)}").sum()
        assert float(total[row]) == pytest.approx(float(at_once), abs=1e-2)
