"""What the language model is shown, that it learns, and what damaged weights look like."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from pymatgen.core import Composition

from crystalsmith.core.errors import WeightsError
from crystalsmith.models.constraint.examples import Sequences, example, tensors, usable
from crystalsmith.models.constraint.generator import SHIPPED, ConstraintGenerator
from crystalsmith.models.constraint.records import Record, read_records, record_of, write_records
from crystalsmith.models.constraint.tokenizer import Spelling, build_tokenizer
from crystalsmith.models.constraint.training import base_model, weighted_loss
from crystalsmith.prompts.constraint import GROUP, MAX_AMOUNT, NEAR, UNITS, Near, join

SPELLING = Spelling(build_tokenizer())
PEROVSKITE = Record(
    ("Sr", "Ti", "O"), (1, 1, 3), "database", 221, 1, ("a", "b", "c"), 1.8, -3.5, 0.0
)


def test_records_survive_files(known, tmp_path):
    records = [record_of(entry, "database") for entry in known]
    records.append(Record(("Ga", "N"), (1, 1), "hypothetical", band_gap=1.7))
    write_records(tmp_path / "records.jsonl", records)
    assert read_records(tmp_path / "records.jsonl") == records


def test_the_record_of_a_crystal(known):
    (entry,) = [entry for entry in known if entry.id == "t-SrTiO3"]
    record = record_of(entry, "database")
    assert (record.elements, record.amounts) == (("Sr", "Ti", "O"), (1, 1, 3))
    assert (record.group, record.units) == (221, 1)
    letters = dict(zip(record.elements, record.letters, strict=True))
    assert letters == entry.crystal.template.letters


def test_records_with_context_survive_files(tmp_path):
    near = (Near(0.75, 221, 1, ("a", "b", "c")), Near(0.25, 62, 4, ("c", "b", "cd")))
    record = replace(PEROVSKITE, height=0.01, distance=0.05, near=near)
    write_records(tmp_path / "records.jsonl", [record])
    assert read_records(tmp_path / "records.jsonl") == [record]


def test_context_is_read_and_never_written(tiny_settings):
    near = (Near(1.0, 221, 1, ("a", "b", "c")),)
    record = replace(PEROVSKITE, height=0.01, distance=0.05, near=near)
    told = replace(
        tiny_settings, keep_property=1.0, elements_share=0.0, keep_context=1.0, keep_neighbour=1.0
    )
    shown = example(record, told, random.Random(0))
    assert join(shown.words) == (
        "formula Sr x1 Ti x1 O x3 source database stable gap 1.8 energy -3.5 above 0.1"
        " near 0.5 1.0 G221 Z1 Sr a Ti b O c group G221 units Z1 Sr a Ti b O c end"
    )
    begin = shown.words.index(NEAR)
    end = shown.words.index(GROUP)
    assert shown.weights[begin:end] == [0.0] * (end - begin)
    assert shown.weights[begin - 1] == shown.weights[end] == told.prompt_weight
    assert shown.weights[end + 1 :] == [1.0] * (len(shown.words) - end - 1)
    alone = replace(told, keep_context=0.0)
    assert NEAR not in example(record, alone, random.Random(0)).words
    only_elements = replace(told, elements_share=1.0)
    assert NEAR not in example(record, only_elements, random.Random(0)).words


def test_everything_told_comes_before_the_answer(tiny_settings):
    told = replace(tiny_settings, keep_property=1.0, elements_share=0.0)
    words = example(PEROVSKITE, told, random.Random(0)).words
    assert join(words) == (
        "formula Sr x1 Ti x1 O x3 source database stable gap 1.8 energy -3.5 group"
        " G221 units Z1 Sr a Ti b O c end"
    )
    quiet = replace(tiny_settings, keep_property=0.0, elements_share=1.0)
    words = example(PEROVSKITE, quiet, random.Random(0)).words
    assert join(words) == (
        "elements Sr Ti O source database ratio"
        " Sr x1 Ti x1 O x3 group G221 units Z1 Sr a Ti b O c end"
    )


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_each_adapter_learns_its_own_part(tiny_settings, share):
    told = replace(tiny_settings, elements_share=share)
    shown = example(PEROVSKITE, told, random.Random(0), "wyckoff")
    counted = [w for w, weight in zip(shown.words, shown.weights, strict=True) if weight]
    assert join(counted) == "Z1 Sr a Ti b O c end"
    shown = example(PEROVSKITE, told, random.Random(0), "space_group")
    counted = [w for w, weight in zip(shown.words, shown.weights, strict=True) if weight]
    assert counted[-1] == "G221"
    assert UNITS not in counted
    if share:
        assert join(counted) == "Sr x1 Ti x1 O x3 group G221"


def test_formulas_without_structure_teach_properties(tiny_settings):
    record = Record(("Ga", "N"), (1, 1), "database", band_gap=1.7, formation_energy=-0.6)
    shown = example(record, tiny_settings, random.Random(0))
    assert join(shown.words) == "formula Ga x1 N x1 source database gap 1.7 energy -0.6 end"
    assert GROUP not in shown.words
    assert len(shown.weights) == len(shown.words)


def test_records_beyond_the_grammar_are_left_out():
    assert usable(PEROVSKITE)
    assert not usable(replace(PEROVSKITE, amounts=(1, 1, MAX_AMOUNT + 1)))
    assert not usable(replace(PEROVSKITE, units=97))
    assert not usable(replace(PEROVSKITE, letters=("a", "b", "c" * 61)))


def test_every_record_comes_once_before_any_comes_again(tiny_settings):
    records = [replace(PEROVSKITE, units=units) for units in range(1, 65)]
    settings = replace(tiny_settings, batch=4)
    sequences = Sequences(records, [], settings, SPELLING, seed=0)
    names = {token: word for word, token in build_tokenizer().get_vocab().items()}
    seen = []
    for _ in range(16):
        ids = sequences.batch("base", torch.device("cpu"))["input_ids"]
        seen += [names[int(i)] for row in ids for i in row if names[int(i)].startswith("Z")]
    units = sorted(int(word[1:]) for word in seen if word[1:].isdigit())
    assert units == list(range(1, 65))


def test_padding_does_not_count(tiny_settings):
    torch.manual_seed(0)
    model = base_model(tiny_settings).eval()
    told = replace(tiny_settings, elements_share=0.0, keep_property=0.0)
    short = example(PEROVSKITE, told, random.Random(0), "wyckoff")
    long = example(replace(PEROVSKITE, letters=("a", "b", "cdefgh")), told, random.Random(0))
    with torch.no_grad():
        alone = weighted_loss(model, tensors([short], SPELLING, torch.device("cpu")))
        batch = tensors([short, long], SPELLING, torch.device("cpu"))
        batch["weights"][1] = 0
        beside = weighted_loss(model, batch)
    assert float(alone) == pytest.approx(float(beside), abs=1e-5)


def test_the_loss_falls(tiny_settings, known):
    settings = replace(tiny_settings, elements_share=0.0, keep_property=0.0)
    records = [record_of(entry, "database") for entry in known]
    torch.manual_seed(0)
    model = base_model(settings)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    sequences = Sequences(records, [], settings, SPELLING, seed=0)
    losses = []
    for _ in range(40):
        loss = weighted_loss(model, sequences.batch("wyckoff", torch.device("cpu")))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(loss))
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_weights_from_a_folder(weights_folder):
    generator = ConstraintGenerator.load(weights_folder, device="cpu")
    assert generator.weight == 0.25
    ranked = generator.propose(Composition("NaCl"), count=2)
    assert len(ranked) == 2
    again = ConstraintGenerator.load(weights_folder, device="cpu")
    assert again.propose(Composition("NaCl"), count=2) == ranked


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "base/model.safetensors",
        "base/tokenizer.json",
        "space_group/adapter_model.safetensors",
        "wyckoff/adapter_config.json",
    ],
)
@pytest.mark.parametrize("damage", ["missing", "half"])
def test_damaged_weights_are_refused_in_words(weights_folder, name, damage):
    path = weights_folder / name
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError) as error:
        ConstraintGenerator.load(weights_folder, device="cpu")
    assert str(weights_folder) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not (SHIPPED / "config.json").exists(), reason="no weights shipped yet")
def test_the_shipped_weights_load_and_propose():
    ranked = ConstraintGenerator.load(device="cpu").propose(Composition("NaCl"), count=3)
    assert len(ranked) == 3
    assert all(row.template.composition.reduced_formula == "NaCl" for row in ranked)
