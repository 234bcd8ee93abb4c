"""Clauses about predicted properties: boundaries, likelihoods, want of evidence, words."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crystalsmith.core.clauses import ElectronicClass, PropertyRange, Stable
from crystalsmith.core.evidence import Evidence, Prediction, Status
from crystalsmith.core.properties import PROPERTIES


def judged(clause, mean, std=0.1, name="band_gap", reliable=True):
    prediction = Prediction(mean=mean, std=std, unit="eV", source="surrogate", reliable=reliable)
    return clause.check(Evidence(None, None, 1, {name: prediction}))


@pytest.mark.parametrize(
    ("values", "inside", "outside"),
    [
        ({"target": 1.5, "tolerance": 0.25}, [1.25, 1.5, 1.75], [1.2499, 1.7501]),
        ({"target": 1.5}, [1.2, 1.8], [1.19, 1.81]),  # the default tolerance is 0.3 eV
        ({"target": 1.5, "tolerance": 0.0}, [1.5], [1.4999]),
        ({"minimum": 2.0}, [2.0, 9.0], [1.9999]),
        ({"maximum": 2.0}, [-1.0, 0.0, 2.0], [2.0001]),
        ({"minimum": 1.0, "maximum": 2.0}, [1.0, 2.0], [0.9999, 2.0001]),
        ({"target": 1.5, "minimum": 1.4}, [1.4, 1.8], [1.39, 1.81]),
        ({"target": 1.5, "maximum": 1.6}, [1.2, 1.6], [1.61]),
    ],
)
def test_boundaries_belong_to_the_range(values, inside, outside):
    clause = PropertyRange(name="band_gap", **values)
    for mean in inside:
        assert judged(clause, mean).status is Status.PASS, mean
    for mean in outside:
        assert judged(clause, mean).status is Status.FAIL, mean


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("metallic", [0.0, 0.0499], [0.0501, 2.0]),
        ("non_metallic", [0.06, 9.0], [0.04, 0.0]),
        ("semiconductor", [0.06, 2.99], [0.0, 3.01]),
        ("insulator", [3.01, 8.0], [2.99, 0.0]),
        ("wide_gap", [2.01, 8.0], [1.99]),
    ],
)
def test_electronic_classes(name, inside, outside):
    clause = ElectronicClass(name=name)
    for mean in inside:
        assert judged(clause, mean).status is Status.PASS, mean
    for mean in outside:
        assert judged(clause, mean).status is Status.FAIL, mean


def test_a_figure_beside_the_class_only_leaves_the_gap():
    clause = ElectronicClass(name="semiconductor", beside_figure=True)
    assert judged(clause, 4.0).status is Status.PASS
    assert judged(clause, 0.0).status is Status.FAIL
    assert judged(ElectronicClass(name="metallic", beside_figure=True), 0.0).status is Status.PASS


def test_stable_is_a_tenth_of_an_ev_at_most():
    assert judged(Stable(), 0.1, name="e_above_hull").status is Status.PASS
    assert judged(Stable(), -0.02, name="e_above_hull").status is Status.PASS
    assert judged(Stable(), 0.11, name="e_above_hull").status is Status.FAIL


@pytest.mark.parametrize(
    "clause", [PropertyRange(name="density", minimum=1), ElectronicClass(name="metallic"), Stable()]
)
def test_without_a_prediction_nothing_is_checked(clause):
    verdict = clause.check(Evidence(None, None, 1))
    assert verdict.status is Status.NOT_CHECKED
    assert verdict.likelihood == 0.5
    assert verdict.reason == f"no prediction of the {PROPERTIES[clause.property_name].words}"


def test_the_reason_tells_value_source_and_doubt():
    clause = PropertyRange(name="band_gap", minimum=1.0)
    assert judged(clause, 1.234).reason == "1.23 ± 0.10 eV (surrogate)"
    assert judged(clause, 1.234, reliable=False).reason.endswith(", outside the training range")


def test_likelihood_follows_the_uncertainty():
    clause = PropertyRange(name="band_gap", target=1.5, tolerance=0.3)
    assert judged(clause, 1.5, std=0.3).likelihood == pytest.approx(0.683, abs=1e-3)
    assert judged(clause, 1.8, std=0.1).likelihood == pytest.approx(0.5, abs=1e-3)
    assert judged(clause, 1.5, std=1e-9).likelihood == pytest.approx(1.0)
    assert judged(clause, 1.5, std=0.0).likelihood == 1.0
    assert judged(clause, 3.0, std=0.0).likelihood == 0.0
    assert judged(clause, 1.9, std=0.1).likelihood < judged(clause, 1.9, std=0.3).likelihood


@given(
    mean=st.floats(-10, 10),
    std=st.floats(0, 5),
    low=st.floats(-10, 10) | st.just(-inf),
    width=st.floats(0, 5) | st.just(inf),
)
def test_probabilities_are_probabilities_and_add_up(mean, std, low, width):
    prediction = Prediction(mean=mean, std=std, unit="eV", source="test")
    high = low + width if low > -inf else 0.0
    inside = prediction.probability_within(low, high)
    assert 0.0 <= inside <= 1.0
    if std > 0:
        rest = prediction.probability_within(-inf, low) if low > -inf else 0.0
        rest += prediction.probability_within(high, inf) if high < inf else 0.0
        assert inside + rest == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "aim"),
    [
        ({"target": 1.5}, 1.5),
        ({"minimum": 1.0, "maximum": 2.0}, 1.5),
        ({"minimum": 1.0}, 1.0),
        ({"maximum": 2.0}, 2.0),
        ({"target": 1.5, "maximum": 1.6}, 1.5),
    ],
)
def test_what_a_generator_is_steered_to(values, aim):
    assert PropertyRange(name="band_gap", **values).aim == aim


@pytest.mark.parametrize(
    ("clause", "wish"),
    [
        (PropertyRange(name="band_gap", target=1.8), "band gap 1.8 ± 0.3 eV"),
        (PropertyRange(name="band_gap", target=1.8, tolerance=0.05), "band gap 1.8 ± 0.05 eV"),
        (PropertyRange(name="band_gap", minimum=1.0), "band gap at least 1 eV"),
        (
            PropertyRange(name="formation_energy", maximum=-1.5),
            "formation energy at most -1.5 eV/atom",
        ),
        (PropertyRange(name="density", minimum=1, maximum=2.5), "density 1 to 2.5 g/cm³"),
        (
            PropertyRange(name="band_gap", target=1.8, minimum=1.7),
            "band gap near 1.8, 1.7 to 2.1 eV",
        ),
        (ElectronicClass(name="metallic"), "metallic (gap below 0.05 eV)"),
        (ElectronicClass(name="wide_gap"), "wide gap (gap from 2 eV)"),
        (ElectronicClass(name="semiconductor"), "semiconductor (gap 0.05 to 3 eV)"),
        (Stable(), "stable (at most 0.1 eV/atom above the hull)"),
    ],
)
def test_wishes(clause, wish):
    assert clause.wish() == wish


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "give a minimum, a maximum or a target"),
        ({"tolerance": 0.1}, "give a minimum, a maximum or a target"),
        ({"minimum": 3.0, "maximum": 1.0}, "minimum 3.0 is above the maximum 1.0"),
        ({"target": 1.0, "tolerance": -0.1}, "tolerance -0.1 is negative"),
    ],
)
def test_nonsense_is_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        PropertyRange(name="band_gap", **values)


def test_unknown_properties_are_refused():
    with pytest.raises(ValidationError):
        PropertyRange(name="colour", minimum=1)


def test_an_interval_is_only_about_its_own_property():
    clause = PropertyRange(name="band_gap", minimum=1.0)
    assert clause.interval("band_gap") == (1.0, inf)
    assert clause.interval("density") is None
