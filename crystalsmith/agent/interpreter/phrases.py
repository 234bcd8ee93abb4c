"""Asks the phrase model whether words that no list has ask something of a material."""

from __future__ import annotations

from functools import lru_cache

from crystalsmith.models.phrases.model import PhraseModel

_SURE = 0.5


@lru_cache(maxsize=4096)
def asks_something(words: str) -> bool:
    """Whether a few unread words are a wish; the model is loaded when first asked."""
    return _model().probability(words) > _SURE


@lru_cache(maxsize=1)
def _model() -> PhraseModel:
    return PhraseModel.load()
