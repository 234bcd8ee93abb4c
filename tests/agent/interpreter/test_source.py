import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalsmith.agent.interpreter.source import Source, singulars


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Li₇La₃Zr₂O₁₂", "Li7La3Zr2O12"),
        ("Fm3̅m", "Fm-3m"),
        (r"$Fm\bar{3}m$", "Fm-3m"),
        (r"F{\bar 4}3m", "F-43m"),
        ("P6_3/mmc and P6_{3}/mmc", "P63/mmc and P63/mmc"),
        ("Cs$_2$AgBiBr$_6$", "Cs2AgBiBr6"),
        ("TiO<sub>2</sub>", "TiO2"),
        ("1.0–1.6 eV, −2", "1.0-1.6 eV, -2"),
        ("ＳｒＴｉＯ３", "SrTiO3"),
        ("a\u200bb\u202ec", "abc"),
        ("gap ≈ 2 eV, ⩾ 1", "gap ~ 2 eV, ≥ 1"),
        ("**bold** `code`", "bold code"),
    ],
)
def test_plain_spelling(text, plain):
    assert Source(text).plain == plain


def test_words_go_back_to_the_text():
    source = Source("  TiO<sub>2</sub> in P4₂/mnm ")
    start = source.plain.index("P42")
    assert source.words(start, start + 7) == "P4₂/mnm"
    assert source.words(0, source.plain.index(" in")) == "TiO<sub>2"


@given(st.text(max_size=80))
def test_every_span_is_a_slice(text):
    source = Source(text)
    for start in range(len(source.plain)):
        assert source.words(start, len(source.plain)) in text


def test_claimed_text_is_blanked_out():
    source = Source("no lead")
    source.claim(0, 2)
    assert source.open == "\x00\x00 lead"
    assert source.open_between(1, 4) == "\x00 l"
    assert not source.is_open(1, 4)
    assert source.is_open(3, 7)


def test_sentences():
    source = Source("An oxide, e.g. of Ti. Gap 2.5 eV")
    assert source.same_sentence(0, source.plain.index("Ti"))
    assert not source.same_sentence(0, source.plain.index("Gap"))
    assert source.plain[source.sentence_start(25) :].strip() == "Gap 2.5 eV"


def test_respelling_keeps_the_users_words():
    source = Source("a perovksite, cubic")
    source.respell([(source.tokens[1], "perovskite")])
    assert source.plain == "a perovskite, cubic"
    assert source.words(2, 12) == "perovksite"


@pytest.mark.parametrize(
    ("word", "singular"),
    [("oxides", "oxide"), ("batteries", "battery"), ("phases", "phase"), ("classes", "class")],
)
def test_singulars(word, singular):
    assert singular in singulars(word)


@pytest.mark.parametrize("word", ["gas", "glass", "lotus", "oxide"])
def test_words_without_plural_ending_stay(word):
    assert singulars(word) == ()
