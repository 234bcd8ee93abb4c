import pytest

from crystalsmith.agent.interpreter import interpret
from crystalsmith.core.errors import RequestError


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("three oxides", 3),
        ("oxides of lithium, no cobalt. 10 max", 10),
        ("an oxide. My editor would be thrilled with three.", 3),
        ("stable oxides, a handful (say 6)", 6),
        ("An oxide with Ti. Could I see four of those?", 4),
        ("oxides, n_results 30", 30),
        ("5 candidates, oxide", 5),
        ("give me ten oxides", 10),
        ("top 5 nitrides", 5),
        ("oxide, n=4", 4),
        ("oxide\ncandidates: 15", 15),
        ("a dozen borides", 12),
        ("half a dozen sulfides", 6),
        ("a couple of carbides", 2),
        ("3-5 antimonides", 5),
        ("5x stable oxide", 5),
        ("oxide; qty 4", 4),
        ("no more than 6 selenides", 6),
        ("one good candidate: cubic oxide", 1),
        ("a single nitride", 1),
        ("just one oxide", 1),
        ("oxides; ten would be great", 10),
        ("1,000 structures of oxides", 1000),
        ("I need at most three candidates for a spinel", 3),
        ("fewer than 5 oxides", 4),
        ("2 alkali halides", 2),
        ("oxides, 7 suggestions maybe", 7),
        ("find 12 or so phosphides", 12),
        ("could you send a shortlist of 6 ternary nitrides", 6),
        ("the 20 most promising oxides", 20),
        ("three stable, lead-free halide double perovskites", 3),
        ("five of them please, oxides", 5),
    ],
)
def test_counts(text, count):
    request = interpret(text)
    assert request.count == count
    assert request.count_words in text


@pytest.mark.parametrize(
    "text",
    [
        "an oxide",
        "several oxides",
        "ternary oxide with 3 elements",
        "oxide, gap 2 eV",
        "one oxide",
        "oxide in 2 weeks",
        "oxide, 2D",
        "oxide with two sites",
        "oxide, space group 5",
        "1:1:3 oxide",
    ],
)
def test_other_numbers_are_no_counts(text):
    assert interpret(text).count is None


@pytest.mark.parametrize(
    ("text", "message"),
    [("give me 0 oxides", "at least one"), ("5000 oxides", "at most 1000")],
)
def test_impossible_counts(text, message):
    with pytest.raises(RequestError, match=message):
        interpret(text)
