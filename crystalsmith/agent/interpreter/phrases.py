"""Asks the phrase model whether words that no list has ask something of a material."""

from __future__ import annotations

from functools import lru_cache

from crystalsmith.models.phrases.model import PhraseModel


@lru_cache(maxsize=4096)
def asks_something(words: str, sure: float = 0.5) -> bool:
    """Whether a few unread words are a wish; the model is loaded when first asked.

    Args:
        words: as they stand in the text.
        sure: how probable it has to be.
    """
    return _model().probability(words) > sure


@lru_cache(maxsize=1)
def _model() -> PhraseModel:
    return PhraseModel.load()
