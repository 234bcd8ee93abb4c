import pytest

from crystalsmith.agent.interpreter.quantities import find_quantities
from crystalsmith.agent.interpreter.source import Source

NAMES = {"minimum": "min", "maximum": "max", "target": "target", "tolerance": "tol"}


def quantities(text):
    rows = find_quantities(Source(text))
    return [
        {short: getattr(q, name) for name, short in NAMES.items() if getattr(q, name) is not None}
        for q in rows
    ]


@pytest.mark.parametrize(
    "text",
    [
        "1-2 eV",
        "1 to 2 eV",
        "between 1 and 2 eV",
        "from 1 eV to 2 eV",
        "1 eV – 2 eV",
        "2–1 eV",
        "in the range of 1 to 2 eV",
        "[1, 2] eV",
        "from 1 eV up to 2 eV",
        "1...2 eV",
        "1000 meV to 2 eV",
        "one to two eV",
    ],
)
def test_ranges(text):
    (found,) = quantities(text)
    factor = {"1000 meV to 2 eV": 1}.get(text, 1)
    assert found == {"min": 1.0 * factor, "max": 2.0}


@pytest.mark.parametrize(
    "text",
    [
        "at least 2 eV",
        "> 2 eV",
        ">= 2 eV",
        "≥2 eV",
        "more than 2 eV",
        "above 2 eV",
        "2 eV or more",
        "no less than 2 eV",
        "not below 2 eV",
        "minimum 2 eV",
        "2 eV min",
        "2+ eV",
        "exceeding 2 eV",
        "starting at 2 eV",
        "greater than or equal to 2 eV",
        "in excess of 2 eV",
        "2 eV < Eg",
    ],
)
def test_lower_bounds(text):
    assert quantities(text) == [{"min": 2.0}]


@pytest.mark.parametrize(
    "text",
    [
        "at most 2 eV",
        "< 2 eV",
        "<= 2 eV",
        "≤2 eV",
        "less than 2 eV",
        "below 2 eV",
        "2 eV or less",
        "no more than 2 eV",
        "not above 2 eV",
        "maximum 2 eV",
        "2 eV max",
        "up to 2 eV",
        "under 2 eV",
        "does not exceed 2 eV",
        "doesn't exceed 2 eV",
        "within 2 eV",
        "2 eV at most",
        "sub-2 eV",
        "capped at 2 eV",
    ],
)
def test_upper_bounds(text):
    assert quantities(text) == [{"max": 2.0}]


@pytest.mark.parametrize(
    "text",
    [
        "1.5 ± 0.1 eV",
        "1.5 eV ± 0.1 eV",
        "1.5 +/- 0.1 eV",
        "1.5+-0.1 eV",
        "1.5 eV +/-0.1",
        "within 0.1 eV of 1.5 eV",
        "1.5 eV (± 0.1)",
        "1.5 eV, tolerance 0.1 eV",
        "1.5 eV with a tolerance of 0.1 eV",
        "1.5 eV give or take 0.1",
        "1.5 eV ± 100 meV",
        "1.5 plus or minus 0.1 eV",
        "within 0.1 of 1.5 eV",
    ],
)
def test_tolerances(text):
    (found,) = quantities(text)
    assert found == {"target": 1.5, "tol": pytest.approx(0.1)}


def test_tolerance_in_percent():
    assert quantities("2 eV ± 10%") == [{"target": 2.0, "tol": pytest.approx(0.2)}]


@pytest.mark.parametrize(
    "text", ["2 eV", "around 2 eV", "~2 eV", "about 2 eV", "close to 2 eV", "2 eV or so", "= 2 eV"]
)
def test_targets(text):
    assert quantities(text) == [{"target": 2.0}]


def test_bounds_that_follow_each_other_share_the_unit():
    first, second = find_quantities(Source("above 500 but below 900 meV"))
    assert first.unit == second.unit
    assert second.chained


def test_a_counted_noun_takes_no_unit():
    assert find_quantities(Source("1.4 eV, max 4 elements"))[1].unit is None


def test_inverting_a_bound():
    (quantity,) = find_quantities(Source("more than four elements"))
    inverted = quantity.inverted()
    assert (inverted.minimum, inverted.maximum, inverted.strict) == (None, 4.0, False)
    (target,) = find_quantities(Source("four elements"))
    assert not target.inverted().says_something
