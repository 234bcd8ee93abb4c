"""A served model says what the same model says in process, or why it cannot."""

from __future__ import annotations

import json
import socket

import pytest
import torch
from pymatgen.core import Composition
from typer.testing import CliRunner

from crystalsmith import cli
from crystalsmith.core.errors import ServerError, WeightsError
from crystalsmith.core.settings import settings
from crystalsmith.models.constraint import served
from crystalsmith.models.constraint.decoding import decode
from crystalsmith.models.constraint.generator import ConstraintGenerator
from crystalsmith.models.constraint.language_model import (
    SPACE_GROUP_ADAPTER,
    WYCKOFF_ADAPTER,
    ConstraintLM,
)
from crystalsmith.models.constraint.served import ServedLM
from crystalsmith.models.constraint.tokenizer import build_tokenizer
from crystalsmith.prompts.constraint import Question, join, vocabulary

from .loopback import Loopback, RefusedError, serving

QUESTIONS = [
    Question(("Sr", "Ti", "O"), (1, 1, 3), formation_energy=-3.5),
    Question(("Na", "Cl"), (1, 1)),
]
TEXTS = [join(question.words()) for question in QUESTIONS]


@pytest.fixture(params=["whole vocabulary", "tokens by name"])
def way(request, monkeypatch):
    """Both ways of asking; the second one is meant for the vocabularies of big models."""
    if request.param == "tokens by name":
        monkeypatch.setattr(served, "_SMALL", 0)


@pytest.fixture
def shipped_like(weights_folder):
    """A weights folder, and the model in it."""
    return weights_folder, ConstraintLM.load(weights_folder / "base", weights_folder, "cpu")


def test_the_same_templates_as_in_process(any_lm, way):
    with serving(Loopback(any_lm)) as url:
        there = decode(ServedLM(url, any_lm.tokenizer), QUESTIONS, width=4)
    here = decode(any_lm, QUESTIONS, width=4)
    for left, right in zip(here, there, strict=True):
        assert [(t.number, t.letters) for t in left] == [(t.number, t.letters) for t in right]
        scores = [t.log_probability for t in left]
        assert [t.log_probability for t in right] == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("task", [SPACE_GROUP_ADAPTER, WYCKOFF_ADAPTER])
def test_probabilities_of_all_words_of_the_grammar(any_lm, way, task):
    with serving(Loopback(any_lm)) as url:
        model = ServedLM(url + "/v1/", any_lm.tokenizer)
        there, reading = model.read(task, TEXTS)
        step = any_lm.tokens_of("G225")[0]
        there_next = model.advance(reading, [1, 0, 1], [[step]] * 3)
    here, own = any_lm.read(task, TEXTS)
    here_next = any_lm.advance(own, [1, 0, 1], [[step]] * 3)
    tokens = sorted({token for word in vocabulary() for token in any_lm.tokens_of(word)})
    assert torch.allclose(here[:, tokens], there[:, tokens], atol=1e-4)
    assert torch.allclose(here_next[:, tokens], there_next[:, tokens], atol=1e-4)


def test_many_prompts_are_sent_in_parts(word_lm, monkeypatch):
    monkeypatch.setattr(served, "_PROMPTS", 2)
    answers = Loopback(word_lm)
    with serving(answers) as url:
        table, _ = ServedLM(url, word_lm.tokenizer).read(WYCKOFF_ADAPTER, TEXTS * 3)
    assert answers.prompts == 6
    assert torch.allclose(table[:2], table[4:], atol=1e-5)
    assert not torch.allclose(table[0], table[1], atol=1e-3)


def test_the_generator_with_a_server(shipped_like):
    folder, model = shipped_like
    here = ConstraintGenerator.load(folder, device="cpu").propose(Composition("NaCl"), count=4)
    answers = Loopback(model)
    with serving(answers) as url:
        generator = ConstraintGenerator.load(folder, url=url)
        there = generator.propose(Composition("NaCl"), count=4)
    assert answers.prompts > 20
    assert [row.template for row in there] == [row.template for row in here]


def test_eval_backend_counts_agreement(shipped_like, csv_files, tmp_path, monkeypatch):
    folder, model = shipped_like
    monkeypatch.setenv("CRYSTALSMITH_CONSTRAINT_WEIGHTS", str(folder))
    options = ["eval", "backend", "--data", str(csv_files[1]), "--json", str(tmp_path / "out.json")]
    settings.cache_clear()
    try:
        with serving(Loopback(model)) as url:
            monkeypatch.setenv("CRYSTALSMITH_CONSTRAINT_URL", url)
            settings.cache_clear()
            result = CliRunner().invoke(cli.app, [*options, "--limit", "2"])
        monkeypatch.delenv("CRYSTALSMITH_CONSTRAINT_URL")
        settings.cache_clear()
        unset = CliRunner().invoke(cli.app, options)
    finally:
        settings.cache_clear()
    assert result.exit_code == 0, result.exception
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["formulas"] == figures["same_first_template"] == figures["same_templates"] == 2
    assert figures["largest_log_probability_difference"] < 1e-3
    assert isinstance(unset.exception, ServerError)
    assert "CRYSTALSMITH_CONSTRAINT_URL" in str(unset.exception)


def refused(url, tokenizer):
    """The one sentence that says why nothing came of it."""
    with pytest.raises(ServerError) as error:
        ServedLM(url, tokenizer).read(WYCKOFF_ADAPTER, TEXTS)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_no_server(word_lm):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    sentence = refused(f"http://127.0.0.1:{port}", word_lm.tokenizer)
    assert f"127.0.0.1:{port}" in sentence
    assert "unset CRYSTALSMITH_CONSTRAINT_URL" in sentence


@pytest.mark.parametrize("url", ["localhost:8000", "", "ftp://example.org", "http://"])
def test_what_is_no_address(word_lm, url):
    assert "is no address of a server" in refused(url, word_lm.tokenizer)


def test_a_server_without_the_adapters(word_lm):
    with serving(Loopback(word_lm, names=("base", "space_group"))) as url:
        sentence = refused(url, word_lm.tokenizer)
    assert "serves base, space_group, not wyckoff" in sentence


def test_a_server_that_tells_too_little(word_lm):
    with serving(Loopback(word_lm, max_logprobs=20)) as url:
        sentence = refused(url, word_lm.tokenizer)
    assert "greater than max allowed: 20" in sentence
    assert sentence.endswith("start vLLM with --max-logprobs -1")


def test_a_server_with_another_base(word_lm, spelling_lm):
    with serving(Loopback(spelling_lm)) as url:
        sentence = refused(url, word_lm.tokenizer)
    assert "out of vocabulary" in sentence
    with serving(Loopback(word_lm)) as url:
        longer = build_tokenizer()
        known = len(longer)
        longer.add_tokens(["another", "word"])
        sentence = refused(url, longer)
    assert f"tells {known} of {known + 2} probabilities" in sentence


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<html>hello</html>", "no OpenAI-compatible server"),
        ({"choices": []}, "no OpenAI-compatible server"),
        ({"choices": [{"index": 0, "logprobs": None}]}, "no OpenAI-compatible server"),
        (RefusedError(500, "out of memory\nat line 3"), "(500: out of memory)"),
    ],
)
def test_a_server_that_answers_something_else(word_lm, content, words):
    class Odd(Loopback):
        def completions(self, body):
            if isinstance(content, RefusedError):
                raise content
            return content

    with serving(Odd(word_lm)) as url:
        assert words in refused(url, word_lm.tokenizer)


def test_the_tokenizer_is_needed_here(tmp_path):
    with pytest.raises(WeightsError, match=r"the tokenizer in .* cannot be loaded"):
        ServedLM.connect("http://127.0.0.1:1", tmp_path)
