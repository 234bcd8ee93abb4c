import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition

from crystalsmith.agent.interpreter import interpret
from crystalsmith.agent.interpreter.lexicon import phrases
from crystalsmith.core.errors import FormulaError, RequestError

from .view import view

CORPUS = [
    json.loads(line)
    for line in Path(__file__).with_name("requests.jsonl").read_text("utf-8").splitlines()
]
FIGURES = ("band_gap", "formation_energy", "e_above_hull", "density", "volume_per_atom")


def expected(gold):
    gold = {key: value for key, value in gold.items() if key not in ("unsupported", "applications")}
    for name in (*FIGURES, "bulk_modulus", "shear_modulus"):
        if name in gold:
            gold[name] = {key: round(value, 3) for key, value in gold[name].items()}
    if "formula" in gold:
        gold["formula"] = Composition(gold["formula"]).reduced_formula
    return gold


@pytest.mark.parametrize(
    "row", [r for r in CORPUS if "error" not in r["gold"]], ids=lambda row: row["text"][:60]
)
def test_reads_requests_in_many_voices(row):
    request = interpret(row["text"])
    assert view(request) == expected(row["gold"])
    for words in row["gold"].get("unsupported", []):
        assert any(words in found for found in request.unsupported)
    for words in row["gold"].get("applications", []):
        offers = [item.words for item in request.assumptions]
        assert any(words in found for found in (*offers, *request.notes))


@pytest.mark.parametrize(
    "row", [r for r in CORPUS if "error" in r["gold"]], ids=lambda row: row["text"][:60] or "empty"
)
def test_refuses_in_one_sentence(row):
    with pytest.raises(RequestError) as refusal:
        interpret(row["text"])
    assert row["gold"]["error"] in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "row", [r for r in CORPUS if "error" not in r["gold"]], ids=lambda row: row["text"][:60]
)
def test_words_are_slices_of_the_text(row):
    assert is_quoted(interpret(row["text"]))


def is_quoted(request):
    words = [clause.words for clause in request.clauses]
    others = [*request.unsupported, *request.not_understood, request.count_words]
    return all(words) and all(part in request.text for part in (*words, *others))


def read_or_refused(text):
    """The request, or the sentence that refuses it."""
    try:
        return interpret(text)
    except RequestError as refusal:
        return str(refusal)


def is_read_or_refused(text):
    outcome = read_or_refused(text)
    return bool(outcome) if isinstance(outcome, str) else is_quoted(outcome)


def test_first_example_leaves_nothing_over():
    request = interpret("three lead-free halide double perovskites with a band gap near 1.8 eV")
    assert [clause.words for clause in request.clauses] == [
        "lead-free",
        "halide",
        "double perovskites",
        "band gap near 1.8 eV",
    ]
    assert (request.count, request.count_words) == (3, "three")
    assert request.unsupported == request.not_understood == request.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "stable ternary nitride semiconductor, gap 1-2 eV, no rare earths",
        "SrTiO3 in space group 221",
        "a lead-free double perovskite with a gap near 1.8 eV, stable, not a known compound",
    ],
)
def test_other_examples_leave_nothing_over(text):
    request = interpret(text)
    assert request.unsupported == request.not_understood == request.notes == ()


def test_reading_is_literal():
    assert view(interpret("a perovskite for solar cells")) == {"family": "perovskite"}
    assert view(interpret("lead-free oxide")) == {"exclude": ["Pb"], "anion_class": "oxide"}
    offers = interpret("a perovskite for solar cells").assumptions
    assert [offer.words for offer in offers] == ["solar cells"]


def test_unbalanced_formula_is_allowed_and_said():
    request = interpret("give me NaCl2")
    assert view(request) == {"formula": "NaCl2"}
    assert request.notes == ("NaCl2 has no charge-balanced assignment of common oxidation states",)


def test_nonexistent_element_is_a_formula_error():
    with pytest.raises(FormulaError, match="Xx"):
        interpret("find Xx2O3 with a gap of 2 eV")


def test_very_long_text_is_refused():
    with pytest.raises(RequestError, match="20000"):
        interpret("oxide " * 4000)


def test_same_text_same_reading():
    text = "two stable oxides of Ti, gap 2-3 eV, not known"
    assert interpret(text) == interpret(text)


@pytest.mark.parametrize(
    "unit", ["Pb, ", "P 2 ", "1-", "space group ", "(", "no Pb ", "Li-", "new ", "gap 1 eV ", "A2"]
)
def test_long_repetitive_text_is_read_or_refused(unit):
    assert is_read_or_refused((unit * 20_000)[:20_000])


PIECES = [" ".join(words) for words in phrases()] + [
    "1",
    "2.5",
    "10",
    "eV",
    "meV",
    "nm",
    "-",
    "to",
    "and",
    "or",
    ",",
    ".",
    ";",
    "(",
    ")",
    "<",
    "≥",
    "±",
    "no",
    "only",
    "with",
    "Fe",
    "O",
    "In",
    "I",
    "SrTiO3",
    "ABX3",
    "P2₁/c",
    "Fm3̅m",
    "225",
    "1:1:2",
    "elements",
    "atoms",
    "candidates",
    "\n",
    "钙钛矿",
    "\u202e",
    "\x00",
    "𝟙",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    assert is_read_or_refused(text)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), max_size=25), st.sampled_from([" ", "", ", ", "-"]))
def test_any_mixture_of_known_words_is_read_or_refused(pieces, joint):
    assert is_read_or_refused(joint.join(pieces))
