"""The template network: what it learns, what it can name, and what damages it."""

import json
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition

from crystalsmith.core.crystallography.normaliser import canonical, canonical_letters
from crystalsmith.core.errors import DataError, WeightsError
from crystalsmith.models.composition.model import CompositionModel, TrainedNetwork
from crystalsmith.models.composition.network import CompositionConfig, CompositionNetwork
from crystalsmith.models.constraint.generator import ConstraintGenerator, Wanted
from crystalsmith.models.constraint.records import Record, record_of
from crystalsmith.models.templates.catalogue import Catalogue, Pattern, pattern_of
from crystalsmith.models.templates.model import TemplateModel
from crystalsmith.models.templates.network import (
    ALONE,
    TemplateConfig,
    TemplateNetwork,
    encode,
    log_shares,
    pair_up,
)
from crystalsmith.models.templates.training import TemplateTraining, train, without_itself

ROCK_SALT = Pattern(225, 4, ("a", "b"), (1, 1))
CAESIUM_CHLORIDE = Pattern(221, 1, ("a", "b"), (1, 1))
PEROVSKITE = Pattern(221, 1, ("a", "b", "c"), (1, 1, 3))
CATALOGUE = Catalogue({ROCK_SALT: 9, CAESIUM_CHLORIDE: 1, PEROVSKITE: 3})
TINY = TemplateConfig(width=16, layers=1, heads=2)


@pytest.fixture(scope="module")
def compositions() -> CompositionModel:
    torch.manual_seed(0)
    network = CompositionNetwork(CompositionConfig(width=16, layers=1, heads=2))
    return CompositionModel([TrainedNetwork(network)])


@pytest.fixture(scope="module")
def model() -> TemplateModel:
    torch.manual_seed(0)
    return TemplateModel(TemplateNetwork(TINY, CATALOGUE), CATALOGUE)


letters = st.text("abcdefghA", min_size=1, max_size=6).map(lambda text: "".join(sorted(text)))


@st.composite
def patterns(draw):
    slots = draw(st.lists(st.tuples(letters, st.integers(1, 200)), min_size=1, max_size=10))
    number, units = draw(st.integers(1, 230)), draw(st.integers(1, 96))
    return Pattern(number, units, tuple(a for a, _ in slots), tuple(n for _, n in slots))


@settings(max_examples=50)
@given(st.dictionaries(patterns(), st.integers(0, 5), max_size=8))
def test_a_catalogue_is_read_as_it_was_written(tmp_path_factory, found) -> None:
    folder = tmp_path_factory.mktemp("catalogue")
    Catalogue(found).save(folder)
    read = Catalogue.load(folder).seen
    assert list(read.items()) == [(pattern, min(seen, 3)) for pattern, seen in found.items()]


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"patterns": ["221"]}', '{"patterns": [1]}', '{"patterns": ["x Z1 1a"]}']
)
def test_a_damaged_catalogue_is_refused_in_one_sentence(tmp_path, text) -> None:
    (tmp_path / "catalogue.json").write_text(text)
    with pytest.raises(WeightsError) as caught:
        Catalogue.load(tmp_path)
    assert len(str(caught.value).splitlines()) == 1


def test_only_templates_with_the_formula_are_named(model) -> None:
    rock_salts, perovskites, nothing = model.propose_many(
        [Composition("Na2Cl2"), Composition("SrTiO3"), Composition("Na3Bi5")], [0.0, None, None]
    )
    assert {t.number for t in rock_salts} == {221, 225}
    assert sum(rock_salts.values()) == pytest.approx(1, abs=1e-5)
    assert {t.letters["Ti"] for t in perovskites} == {"a", "b"}  # either metal in the octahedron
    assert {t.composition.reduced_formula for t in perovskites} == {"SrTiO3"}
    assert all(canonical(template)[0] == template for template in [*rock_salts, *perovskites])
    assert nothing == {}


def test_formulas_with_too_many_elements_are_passed_over(model) -> None:
    many = Composition("HLiBeBCNOFNaMgAlSi")
    answers = model.propose_many([many, Composition("KBr")], [None, None])
    assert answers[0] == {}
    assert len(answers[1]) == 2


def test_the_answer_does_not_depend_on_the_company(model) -> None:
    alone = model.propose_many([Composition("KBr")], [0.1])[0]
    together = model.propose_many([Composition("SrTiO3"), Composition("KBr")], [None, 0.1])[1]
    assert together == pytest.approx(alone, abs=1e-5)


def test_shares_of_every_formula_sum_to_one() -> None:
    pairs = pair_up([CATALOGUE.candidates(amounts) for amounts in ((1, 1), (7, 5), (1, 1, 3))])
    logs = log_shares(torch.randn(len(pairs.rows)) * 50, pairs)
    sums = torch.zeros(3).index_add(0, pairs.rows, logs.exp())
    assert sums.tolist() == pytest.approx([1, 0, 1])


def test_elements_of_known_templates_may_change_places() -> None:
    anti = CATALOGUE.candidates((3, 1, 1))
    assert [pattern.letters for pattern in anti.patterns] == [("c", "a", "b"), ("c", "b", "a")]
    assert all(sorted(p.letters) == ["a", "b", "c"] for p in anti.patterns)
    assert anti.seen.tolist() == [0] * len(anti.patterns)
    assert CATALOGUE.candidates((1, 1, 3)).seen.tolist() == [3, 0]


@given(st.permutations([(1, "a"), (1, "b"), (1, "c"), (2, "d"), (4, "dd")]))
def test_what_is_reached_by_changing_places_is_canonical_and_has_the_amounts(slots) -> None:
    letters = canonical_letters(62, tuple(own for _, own in slots))
    pattern = Pattern(62, 4, letters, tuple(amount for amount, _ in slots))
    found = Catalogue({pattern: 1}).candidates((4, 1, 1, 2, 1)).patterns
    assert found
    for one in found:
        assert one.letters == canonical_letters(62, one.letters)
        assert sorted("".join(one.letters)) == sorted("".join(found[0].letters))


def test_a_crystal_does_not_count_for_its_own_pattern() -> None:
    def record(elements: tuple[str, str, str], pattern: Pattern) -> Record:
        return Record(elements, pattern.amounts, "database", *pattern[:3])

    anti = Pattern(221, 1, ("c", "b", "a"), (3, 1, 1))
    lone = Pattern(216, 4, ("a", "b", "c"), (1, 1, 1))
    seen = {PEROVSKITE: 7, anti: 1, lone: 1}
    catalogue = Catalogue(seen)
    records = [
        record(("Sr", "Ti", "O"), PEROVSKITE),
        record(("Ca", "Sn", "N"), anti),
        record(("Li", "Mg", "As"), lone),
    ]
    found = [catalogue.candidates(tuple(item.amounts)) for item in records]
    pairs = without_itself(pair_up(found), records, catalogue, seen)
    told = [
        own[one.patterns.index(pattern)].item()
        for own, one, pattern in zip(
            pairs.seen.split(pairs.counts.tolist()), found, (PEROVSKITE, anti, lone), strict=True
        )
    ]
    assert told == [3, 0, ALONE]  # often; only with its elements in other places; not at all


def test_it_learns_which_chemistry_takes_which_template(compositions, tmp_path) -> None:
    rng = random.Random(0)
    records = [
        Record((metal, anion), (1, 1), "database", p.number, p.units, p.letters, None, -2.0, 0.0)
        for metals, anion, p in (
            (("Li", "Na", "K", "Rb"), "Cl", ROCK_SALT),
            (("Li", "Na", "K", "Rb"), "Br", ROCK_SALT),
            (("Ni", "Co", "Fe", "Mn"), "Al", CAESIUM_CHLORIDE),
            (("Ni", "Co", "Fe", "Mn"), "Ga", CAESIUM_CHLORIDE),
        )
        for metal in metals
    ]
    rng.shuffle(records)
    unseen = [r for r in records if r.elements in {("K", "Br"), ("Fe", "Al")}]
    seen = [r for r in records if r not in unseen]
    own = TemplateTraining(steps=150, batch=8, learning_rate=1e-2, network=TINY)
    train(seen, unseen, compositions, tmp_path, own, device="cpu")
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log[-1]["template_top1"] == 100
    loaded = TemplateModel.load(tmp_path / "weights", device="cpu")
    for formula, number in (("KBr", 225), ("FeAl", 221)):
        named = loaded.propose_many([Composition(formula)], [0.0])[0]
        assert max(named, key=lambda t: named[t]).number == number


def test_a_stopped_run_goes_on(compositions, known, held_out, tmp_path) -> None:
    records = [record_of(entry, "database") for entry in known]
    checks = [record_of(entry, "database") for entry in held_out]
    own = TemplateTraining(steps=6, batch=4, network=TINY)
    train(records, checks, compositions, tmp_path, own, device="cpu", seconds=1e-9)
    assert json.loads((tmp_path / "state.json").read_text())["step"] < 6
    train(records, checks, compositions, tmp_path, own, device="cpu")
    assert json.loads((tmp_path / "state.json").read_text())["step"] == 6
    catalogue = Catalogue.load(tmp_path / "weights")
    assert set(catalogue.seen) == {pattern_of(record) for record in records}


def test_nothing_to_learn_from_is_said(compositions, tmp_path) -> None:
    formula_only = Record(("Na", "Cl"), (1, 1), "database", band_gap=5.0)
    with pytest.raises(DataError, match="no crystal"):
        train([formula_only], [], compositions, tmp_path, TemplateTraining(network=TINY))


def test_a_height_asked_for_changes_the_answer_once_learned() -> None:
    torch.manual_seed(3)
    network = TemplateNetwork(TINY, CATALOGUE).eval()
    pairs = pair_up([CATALOGUE.candidates((1, 1))] * 3)
    formulas = encode([(("Na", "Cl"), (1, 1))] * 3, [None, 0.0, 0.5])
    with torch.no_grad():
        told = log_shares(network(formulas, pairs), pairs).view(3, 2)
    assert not torch.allclose(told[0], told[1])
    assert not torch.allclose(told[1], told[2])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "no model weights"),
        ("catalogue.json", "catalogue.json"),
        ("model.safetensors", "model.safetensors"),
    ],
)
def test_missing_weights_are_named(compositions, known, held_out, tmp_path, name, message) -> None:
    records = [record_of(entry, "database") for entry in known]
    own = TemplateTraining(steps=1, batch=4, network=TINY)
    checks = [record_of(entry, "database") for entry in held_out]
    train(records, checks, compositions, tmp_path, own, device="cpu")
    (tmp_path / "weights" / name).unlink()
    with pytest.raises(WeightsError, match=message):
        TemplateModel.load(tmp_path / "weights", device="cpu")


def test_it_starts_from_what_the_composition_model_knows_of_elements() -> None:
    other = CompositionNetwork(CompositionConfig(width=16, layers=1, heads=2))
    network = TemplateNetwork(TINY, CATALOGUE)
    assert not torch.equal(network.element.weight, other.element.weight)
    network.start_from(other)
    assert torch.equal(network.element.weight, other.element.weight)
    network.start_from(CompositionNetwork(CompositionConfig(width=32, layers=1, heads=2)))
    assert torch.equal(network.element.weight, other.element.weight)  # other sizes: left alone


def test_the_constraint_generator_mixes_it_in_and_obeys_masks(model) -> None:
    generator = ConstraintGenerator(None, None, model)
    both = generator.propose(Composition("NaCl"))
    assert {item.template.number for item in both} == {221, 225}
    assert sum(item.probability for item in both) == pytest.approx(1)
    assert all(item.by_neighbours == 0 for item in both)
    cubic_p = generator.propose(Composition("NaCl"), allow=lambda number: number == 221)
    assert [item.template.number for item in cubic_p] == [221]
    assert cubic_p[0].probability == pytest.approx(1)
    assert generator.propose(Composition("NaCl"), atoms=lambda n: n > 8) == []


def test_an_energy_asked_for_counts_from_the_hull(model, compositions) -> None:
    generator = ConstraintGenerator(None, None, model, compositions)
    salt = Composition("NaCl")
    hull = compositions.predict([salt])[0]["hull_energy"].mean
    stable = generator.propose(salt, Wanted(stability="stable"))
    on_hull = generator.propose(salt, Wanted(formation_energy=hull))
    far = generator.propose(salt, Wanted(formation_energy=hull + 0.5))
    assert stable[0].probability == pytest.approx(on_hull[0].probability, abs=1e-4)
    assert far[0].probability != pytest.approx(on_hull[0].probability, abs=1e-4)


def test_without_a_hull_no_height_is_told(model) -> None:
    generator = ConstraintGenerator(None, None, model)
    wanted = (Wanted(), Wanted(formation_energy=-1.0), Wanted(stability="stable"))
    answers = [generator.propose(Composition("NaCl"), told) for told in wanted]
    assert answers[0] == answers[1] == answers[2]


def test_shipped_patterns_are_canonical() -> None:
    patterns = list(TemplateModel.load(device="cpu").catalogue.seen)
    odd = [p for p in patterns[::7] if canonical_letters(p.number, p.letters) != p.letters]
    assert odd == []
