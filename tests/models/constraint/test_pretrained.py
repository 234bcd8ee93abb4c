"""Adapters on bases that others made: spelled in their tokenizers, trained, loaded, realisable."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
import torch
from pymatgen.core import Composition
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from crystalsmith import cli
from crystalsmith.core.errors import CrystalsmithError, WeightsError
from crystalsmith.models.constraint.examples import Example, example, tensors
from crystalsmith.models.constraint.generator import ConstraintGenerator
from crystalsmith.models.constraint.pretrained import (
    AdapterTraining,
    attention_inputs,
    recipe_for,
)
from crystalsmith.models.constraint.records import Record
from crystalsmith.models.constraint.tokenizer import Spelling
from crystalsmith.prompts.constraint import UNITS, Question, join

from .bases import BASES, save_base

QUICK = ["epochs=2", "batch=3", "lora_rank=2", "learning_rate=0.01"]
QUARTZ = Record(("Si", "O"), (1, 2), "database", 154, 3, ("a", "c"), 5.7, -3.0, 0.0)


@pytest.fixture(scope="session", params=BASES)
def base(request, tmp_path_factory):
    return save_base(request.param, tmp_path_factory.mktemp("base") / request.param)


@pytest.fixture
def train(csv_files, tmp_path):
    data, validation = csv_files

    def run(base, *more, out="out"):
        words = ["--data", data, "--validation", validation, "--out", tmp_path / out]
        words += [word for setting in QUICK for word in ("--set", setting)]
        words += ["--base", base, "--device", "cpu", *more]
        return CliRunner().invoke(cli.app, ["train", "constraint", *map(str, words)])

    return run


def test_training_spells_what_decoding_reads(base):
    tokenizer = AutoTokenizer.from_pretrained(base)
    spelling = Spelling(tokenizer)
    words = Question(("Si", "O"), (1, 2), band_gap=5.7, formation_energy=-3.0).words()
    shown = Example([*words, "G154", UNITS], [0.0] * len(words) + [1.0, 0.0])
    batch = tensors([shown], spelling, torch.device("cpu"))
    assert batch["input_ids"][0].tolist() == tokenizer(join(shown.words))["input_ids"]
    counted = batch["input_ids"][0][batch["weights"][0] > 0].tolist()
    assert len(spelling.inside("G154")) > 1
    # where words are spelled, what follows says that the word has ended
    assert counted == [*spelling.inside("G154"), spelling.inside(UNITS)[0]]


def test_the_two_adapters_learn_different_parts(base):
    spelling = Spelling(AutoTokenizer.from_pretrained(base))
    settings = AdapterTraining(elements_share=0.0)

    def counted(task):
        shown = example(QUARTZ, settings, random.Random(0), task)
        batch = tensors([shown], spelling, torch.device("cpu"))
        return batch["input_ids"][0][batch["weights"][0] > 0].tolist()

    group = [*spelling.inside("G154"), spelling.inside(UNITS)[0]]
    letters = [t for word in ["Z3", "Si", "a", "O", "c", "end"] for t in spelling.inside(word)]
    assert counted("space_group") == group
    assert counted("wyckoff") == letters


def test_every_base_trains_loads_and_proposes(base, train, tmp_path):
    result = train(base)
    assert result.exit_code == 0, result.exception
    weights = tmp_path / "out" / "weights"
    assert json.loads((weights / "config.json").read_text())["base"] == str(base)
    assert not (weights / "base").exists()
    generator = ConstraintGenerator.load(weights, device="cpu")
    for formula in ("NaCl", "Li7La3Zr2O12"):
        ranked = generator.propose(Composition(formula), count=5)
        assert len(ranked) == 5
        reduced = {row.template.composition.reduced_formula for row in ranked}
        assert reduced == {Composition(formula).reduced_formula}
    for task in ("space_group", "wyckoff"):
        adapter = load_file(weights / task / "adapter_model.safetensors")
        assert any(tensor.abs().max() > 0 for name, tensor in adapter.items() if "lora_B" in name)


def test_a_checkpoint_leaves_the_base_out(base, train, tmp_path):
    assert train(base).exit_code == 0
    saved = load_file(tmp_path / "out" / "wyckoff" / "checkpoint.safetensors")
    assert saved
    assert all("lora_" in name for name in saved if not name.startswith("optimiser."))


def test_the_loss_falls(train, tmp_path, base):
    def mean_loss(epochs):
        more = ["--set", f"epochs={epochs}", "--set", "learning_rate=0.1"]
        assert train(base, *more, out=f"out-{epochs}").exit_code == 0
        log = (tmp_path / f"out-{epochs}" / "wyckoff" / "log.jsonl").read_text()
        return json.loads(log.splitlines()[0])["loss"]

    assert mean_loss(16) < 0.99 * mean_loss(1)


def test_a_stopped_run_goes_on(train, tmp_path):
    base = save_base("qwen2", tmp_path / "base")
    assert train(base, "--seconds", "0.000001").exit_code == 0
    assert not (tmp_path / "out" / "weights" / "config.json").exists()
    assert json.loads((tmp_path / "out" / "space_group" / "state.json").read_text())["step"] == 0
    assert train(base).exit_code == 0
    adapter = tmp_path / "out" / "weights" / "wyckoff" / "adapter_model.safetensors"
    before = adapter.read_bytes()
    assert train(base).exit_code == 0
    assert adapter.read_bytes() == before
    other = train(base, "--set", "seed=1")
    assert isinstance(other.exception, WeightsError)
    assert "other settings" in str(other.exception)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("qwen2", ["k_proj", "q_proj", "v_proj"]),
        ("glm", ["k_proj", "q_proj", "v_proj"]),
        ("gpt_neox", ["query_key_value"]),
    ],
)
def test_queries_keys_and_values_are_found_in_the_model(name, layers, tmp_path):
    model = AutoModelForCausalLM.from_pretrained(save_base(name, tmp_path))
    assert attention_inputs(model) == layers


def test_a_base_without_attention_is_refused():
    with pytest.raises(WeightsError, match="a Linear has no layers"):
        attention_inputs(torch.nn.Linear(2, 2))


def test_recipes():
    default = recipe_for("somebody/some-model")
    assert default == AdapterTraining()
    for name in ("Qwen/Qwen2.5-7B-Instruct", "meta-llama/Llama-3.1-8B"):
        assert recipe_for(name) == default
    smaller = recipe_for("zai-org/glm-4-9b-chat-hf")
    assert smaller == replace(default, batch=smaller.batch)
    schedule = default.schedule(crystals=3200)
    assert (schedule.steps, schedule.warmup) == (2000, 200)


def refused(result):
    assert isinstance(result.exception, CrystalsmithError), result.exception
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_bad_bases_and_settings_are_one_sentence(train, tmp_path):
    assert "it has no config.json" in refused(train(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert "cannot be loaded" in refused(train(tmp_path))
    base = save_base("qwen2", tmp_path / "base")
    assert "no setting 'steps'" in refused(train(base, "--set", "steps=3"))
    assert "neither true nor false" in refused(train(base, "--set", "recompute=1"))
