"""From elements alone: reduced ratios, templates made of the elements, votes of the alike."""

import math

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pymatgen.core import Composition

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.crystallography.template import SymmetryTemplate, ordered_amounts
from crystalsmith.core.errors import TemplateError
from crystalsmith.models.constraint.element_sets import (
    propose_from_element_sets,
    ratios_of_sets,
)
from crystalsmith.models.constraint.generator import ConstraintGenerator, Wanted
from crystalsmith.models.constraint.language_model import SPACE_GROUP_ADAPTER
from crystalsmith.models.constraint.ratio import MAX_RATIO_AMOUNT, decode_ratios
from crystalsmith.models.constraint.set_prior import SetPrior, SetPriorSettings
from crystalsmith.models.neighbours.prior import NeighbourPrior
from crystalsmith.prompts.constraint import GROUP, Question, amount_word, join

element_sets = st.lists(st.sampled_from(ALL_ELEMENTS), min_size=1, max_size=5, unique=True)


@pytest.fixture(scope="module")
def shipped():
    return ConstraintGenerator.load(device="cpu")


@given(sets=st.lists(element_sets, min_size=1, max_size=3))
@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ratios_are_reduced_and_of_every_element(any_lm, sets):
    questions = [Question(tuple(elements), None) for elements in sets]
    for elements, found in zip(sets, decode_ratios(any_lm, questions, width=8), strict=True):
        assert 0 < len(found) <= 8
        assert len({ratio.amounts for ratio in found}) == len(found)
        for ratio in found:
            assert len(ratio.amounts) == len(elements)
            assert math.gcd(*ratio.amounts) == 1
            assert all(1 <= amount <= MAX_RATIO_AMOUNT for amount in ratio.amounts)
        chances = [ratio.probability for ratio in found]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) <= 1 + 1e-3


def test_ratios_of_two_elements_against_trying_all(word_lm):
    question = Question(("Na", "Cl"), None, band_gap=5.0)
    amounts = range(1, MAX_RATIO_AMOUNT + 1)
    expected = {}
    first, _ = word_lm.read(SPACE_GROUP_ADAPTER, [join([*question.words(), "Na"])])
    first = first[0, [word_lm.tokens_of(amount_word(n))[0] for n in amounts]].softmax(0)
    for left in amounts:
        text = join([*question.words(), "Na", amount_word(left), "Cl"])
        scores, _ = word_lm.read(SPACE_GROUP_ADAPTER, [text])
        allowed = [n for n in amounts if math.gcd(left, n) == 1]
        shares = scores[0, [word_lm.tokens_of(amount_word(n))[0] for n in allowed]].softmax(0)
        for right, share in zip(allowed, shares.tolist(), strict=True):
            expected[left, right] = float(first[left - 1]) * share
    found = decode_ratios(word_lm, [question], width=1000)[0]
    assert {ratio.amounts: ratio.probability for ratio in found} == pytest.approx(
        expected, rel=1e-3
    )
    assert join(question.words()).endswith("ratio")
    assert GROUP not in question.words()


@given(elements=element_sets)
@hypothesis_settings(max_examples=8)
def test_templates_are_made_of_the_elements(shipped, elements):
    found = shipped.propose_from_elements(elements, count=5)
    assert 0 < len(found) <= 5
    for item in found:
        assert set(item.template.letters) == set(elements)
        assert 0 < item.probability <= 1
    chances = [item.probability for item in found]
    assert chances == sorted(chances, reverse=True)


def test_the_order_of_the_elements_does_not_matter(shipped):
    first, second = (
        shipped.propose_from_elements(e) for e in (["O", "Ti", "Sr"], ["Sr", "Ti", "O"])
    )
    assert [item.template for item in first] == [item.template for item in second]
    assert "SrTiO3" in {item.template.composition.reduced_formula for item in first}


def test_masks_are_obeyed_by_model_and_neighbours(shipped, known):
    prior = NeighbourPrior(known)
    for generator in (
        ConstraintGenerator(shipped.model, prior),
        ConstraintGenerator(None, prior),
    ):
        found = generator.propose_from_elements(
            ["Sr", "Ti", "O"], allow=lambda number: number > 194, atoms=lambda count: count == 5
        )
        assert found
        for item in found:
            assert item.template.number > 194
            assert item.template.n_atoms == 5


def test_an_energy_asked_for_tells_ratios_apart(shipped):
    """Far above the hull for one ratio may be on the hull for another."""
    oxides = {(1, 1): Composition("TiO"), (1, 2): Composition("TiO2")}
    for amounts, composition in oxides.items():
        prediction = shipped.compositions.predict([composition])[0]["hull_energy"].mean
        wanted = Wanted(formation_energy=prediction)
        (told,) = ratios_of_sets(shipped, [["Ti", "O"]], wanted)
        (untold,) = ratios_of_sets(shipped, [["Ti", "O"]])
        chance, before = (
            next(ratio.probability for ratio in table if ratio.amounts == amounts)
            for table in (told, untold)
        )
        assert chance > before
        assert sum(ratio.probability for ratio in told) == pytest.approx(1)
        first = shipped.propose_from_elements(["Ti", "O"], wanted)[0]
        assert first.template.composition.reduced_formula == composition.reduced_formula


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ([], "none given"),
        (["Na", "Xx"], "not chemical elements: Xx"),
        (["Na", "Cl", "Na"], "named twice"),
        (list(ALL_ELEMENTS[:9]), "more than the 8"),
    ],
)
def test_sets_that_cannot_be_are_refused_in_words(elements, message):
    with pytest.raises(TemplateError, match=message):
        ConstraintGenerator(None).propose_from_elements(elements)


ROCK_SALT = SymmetryTemplate.from_letters(225, {"Na": "a", "Cl": "b"})
FLUORITE = SymmetryTemplate.from_letters(225, {"Ca": "a", "F": "c"})


def test_the_nearest_elements_vote_with_ratio_and_template():
    prior = SetPrior([ROCK_SALT, FLUORITE], SetPriorSettings(softness=0.02))
    votes = prior.votes(["K", "Br"])
    assert max(votes.ratios, key=votes.ratios.__getitem__) == (1, 1)
    best = max(votes.templates, key=votes.templates.__getitem__)
    assert best.letters == {"K": "a", "Br": "b"}
    votes = prior.votes(["Sr", "F"])
    assert max(votes.ratios, key=votes.ratios.__getitem__) == (1, 2)
    assert sum(votes.ratios.values()) == pytest.approx(1)
    assert sum(votes.templates.values()) == pytest.approx(1)


def test_known_crystals_of_the_very_elements_count_for_less_and_far_ones_for_little():
    other = ROCK_SALT.with_elements({"Na": "K"})
    votes = SetPrior([FLUORITE, other.with_elements({"K": "Ca", "Cl": "F"})]).votes(["Ca", "F"])
    assert votes.ratios[1, 2] == pytest.approx(0.5)
    near, far = (SetPrior([ROCK_SALT]).votes(e).share for e in (["K", "Cl"], ["Pt", "Xe"]))
    assert far < near < 0.5
    assert SetPrior([ROCK_SALT]).votes(["Na", "Cl", "O"]).share == 0


def test_neighbours_alone_answer_too(known):
    generator = ConstraintGenerator(None, NeighbourPrior(known))
    answers = propose_from_element_sets(generator, [["Mg", "S"]], [Wanted()])
    assert answers[0].elements == ("Mg", "S")
    assert answers[0].ratios[0].amounts == (1, 1)
    assert ordered_amounts(answers[0].templates[0].template.composition)[1] == (1, 1)
    assert ConstraintGenerator(None).propose_from_elements(["Mg", "S"]) == []
