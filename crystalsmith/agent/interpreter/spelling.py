"""Corrects misspelt words of the vocabulary and the grammar: perovksite, semicondutor, betwen."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.lexicon import phrases, stop_words
from crystalsmith.agent.interpreter.source import singulars
from crystalsmith.agent.interpreter.tables import table

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.source import Source, Token

_SHORTEST = 5
_LONG = 8
_VERY_LONG = 11
_LONGEST = 24
_MAX_WORDS = 400
_CORRECTED_KINDS = frozenset(
    {"element", "group", "anion", "ions", "family", "system", "electronic", "stable", "property",
     "element_number", "centrosymmetric", "polar", "chiral", "excluded_group"}
)  # fmt: skip


_CORRECTED_WHEN_LONG = frozenset({"application", "quality", "other_property"})


def correct(source: Source) -> list[str]:
    """Respell words that are one or two slips away from exactly one word of the vocabulary.

    Returns:
        A note for every word that was read differently from how it is written.
    """
    corrections: list[tuple[Token, str]] = []
    for token in source.tokens[:_MAX_WORDS]:
        word = table("grammar")["spelling"]["slips"].get(token.text.lower())
        word = word or _correction(token.text)
        if word is not None:
            corrections.append((token, word))
    notes = [f"'{token.text}' was read as {word}" for token, word in corrections]
    if corrections:
        source.respell(corrections)
    return list(dict.fromkeys(notes))


def _correction(text: str) -> str | None:
    lower = text.lower()
    if not _SHORTEST <= len(lower) <= _LONGEST or not lower.isalpha() or not lower.isascii():
        return None
    if not (text.islower() or text.isupper() or text.istitle()):
        return None
    return _closest(lower)


@lru_cache(maxsize=8192)
def _closest(word: str) -> str | None:
    if word in _known() or any(form in _known() for form in singulars(word)):
        return None
    slips = 2 if len(word) >= _LONG else 1
    if (meant := _grammar_word(word)) is not None:
        return meant
    found = {
        target
        for form in (word, *singulars(word))
        for key in _deletions(form, slips)
        for target in _index().get(key, ())
        if target[0] == word[0] and _distance(form, target) <= slips
    }
    if not found:
        return None
    nearest = min(_distance(word, target) for target in found)
    best = [target for target in found if _distance(word, target) == nearest]
    doubled = [target for target in best if _squeezed(target) == _squeezed(word)]
    if len(doubled) == 1:
        return doubled[0]  # thalium is thallium rather than thulium
    if len({phrases().get((target,), (target,)) for target in best}) > 1:
        return None
    return best[0]


def _squeezed(word: str) -> str:
    """A word with its doubled letters written once."""
    return re.sub(r"(.)\1", r"\1", word)


def _grammar_word(word: str) -> str | None:
    """The one word of the grammar (between, without, elements) that is a single slip away."""
    found = {
        target
        for target in _grammar_words()
        if target[0] == word[0]
        and abs(len(target) - len(word)) <= 1
        and _distance(word, target) <= 1
    }
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=1)
def _grammar_words() -> tuple[str, ...]:
    return tuple(table("grammar")["spelling"]["grammar"].split())


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    """Words that are right as they are."""
    known = {word.lower() for words in phrases() for word in words}
    rows = table("grammar")["spelling"]
    guard = {*rows["not_slips"], *rows["words"].split(), *_grammar_words()}
    return frozenset(known | stop_words() | guard)


@lru_cache(maxsize=1)
def _index() -> dict[str, tuple[str, ...]]:
    """Words of the vocabulary by what remains of them after deleting up to two letters."""
    index: dict[str, set[str]] = {}
    for words, meanings in phrases().items():
        kinds = {meaning.kind for meaning in meanings}
        if not kinds & (_CORRECTED_KINDS | _CORRECTED_WHEN_LONG):
            continue
        shortest = _SHORTEST if kinds & _CORRECTED_KINDS else _VERY_LONG
        for word in words:
            if len(word) >= shortest and word.isascii() and word.isalpha() and word.islower():
                for key in _deletions(word, 2 if len(word) >= _LONG else 1):
                    index.setdefault(key, set()).add(word)
    return {key: tuple(sorted(targets)) for key, targets in index.items()}


def _deletions(word: str, slips: int) -> set[str]:
    found = {word}
    for _ in range(slips):
        found |= {w[:i] + w[i + 1 :] for w in found for i in range(len(w))}
    return found


def _distance(first: str, second: str) -> int:
    """Edits from one word to the other, a swap of neighbours counting once."""
    rows = [list(range(len(second) + 1))]
    for i, a in enumerate(first, start=1):
        row = [i]
        for j, b in enumerate(second, start=1):
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == second[j - 2] and first[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]
