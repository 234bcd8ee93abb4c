"""Asks the phrase models: do words that no list has ask something, does a sentence only tell?"""

from __future__ import annotations

from functools import lru_cache

from crystalsmith.models.phrases.model import PASSAGES, PhraseModel


@lru_cache(maxsize=4096)
def asks_something(words: str, sure: float = 0.5) -> bool:
    """Whether a few unread words are a wish; the model is loaded when first asked.

    Args:
        words: as they stand in the text.
        sure: how probable it has to be.
    """
    return _model().probability(words) > sure


@lru_cache(maxsize=2048)
def only_tells(passage: str, sure: float = 0.75) -> bool:
    """Whether a sentence tells something and asks nothing of a material.

    Args:
        passage: a sentence, or a part of one between two turns.
        sure: how probable it has to be.
    """
    return 1.0 - _passages().probability(passage) > sure


@lru_cache(maxsize=1)
def _passages() -> PhraseModel:
    return PhraseModel.load(PASSAGES)


@lru_cache(maxsize=1)
def _model() -> PhraseModel:
    return PhraseModel.load()
