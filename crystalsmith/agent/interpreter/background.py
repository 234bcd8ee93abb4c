"""Puts aside what a text only tells: how things went, what others do, what the setup is.

A letter tells before it asks ("the last batch of Cs2AgBiBr6 went brown again"). A passage is put
aside when it has a verb of telling and nothing that asks, and when other passages of the text ask
for something. What the words for telling and asking are is data (``grammar.toml``, ``[story]``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.agent.interpreter.tables import table

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading

_TURN = re.compile(
    r",?\s{1,3}(?=but\b|whereas\b|although\b|so\s+(?:i|we|please|now)\b)|,\s{1,3}(?=so\b|hence\b|therefore\b|thus\b|which\s+(?:works|worked|was|were|is|are)\b"
    r"|and\s+(?:now|then|after|in|we|i|he|she|it|they)\b)",
    re.IGNORECASE,
)
_MATERIAL = (
    "element", "group", "ions", "anion", "anion_amount", "family", "system", "electronic",
    "property", "element_number", "quality", "other_property", "application",
)  # fmt: skip
_FORMULA = re.compile(r"\b(?:[A-Z][a-z]?\d{0,2}){2,}\b")


_LABELLED = re.compile(
    r"[\s.;!?]*(?:background|context|motivation|history|introduction|fyi|story|status|reason|note\s+to\s+self)\s*:",
    re.IGNORECASE,
)


_CORRECTS = re.compile(
    r"[\s,.;:…–—-]*\b(?:(?:no|oh|ah|oops|wait|sorry|er|uh|hm+)[,\s.…]+)*(?:i\s+mean(?:t)?|or\s+rather|sorry|correction|scratch\s+that"
    r"|make\s+that|no\s+wait)[\s,.:…–—-]*(?:an?\s+|the\s+)?",
    re.IGNORECASE,
)
_CORRECTED = ("anion", "ions", "element", "family", "system", "group", "electronic", "element_number")
_NEAR = 12


class Passage(NamedTuple):
    """A stretch of the text between two ends of a sentence or a turn within one."""

    start: int
    end: int


@lru_cache(maxsize=4)
def _words(name: str) -> re.Pattern[str]:
    spelled = "|".join(table("grammar")["story"][name])
    return re.compile(rf"(?<![\w-])(?:{spelled})(?![\w-])", re.IGNORECASE)


@lru_cache(maxsize=1)
def _signs() -> re.Pattern[str]:
    return re.compile("|".join(table("grammar")["story"]["signs"]), re.IGNORECASE)


def claim_corrections(reading: Reading) -> None:
    """Put aside what is taken back at once: "borosilicate, I mean silicate", "cubic, sorry, trigonal"."""
    for match in _CORRECTS.finditer(reading.source.plain):
        earlier = next(reading.before(match.start(), *_CORRECTED), None)
        later = next(reading.after(match.end(), *_CORRECTED), None)
        if earlier is None or later is None or earlier.kind != later.kind:
            continue
        if match.start() - earlier.end <= 1 and later.start - match.end() <= _NEAR:
            reading.source.claim(earlier.start, match.end())


def claim_background(reading: Reading) -> None:
    """Put aside passages that tell and do not ask, and things that only are at hand."""
    for spelling in table("grammar")["story"]["asides"]:
        for match in re.finditer(spelling, reading.source.plain, re.IGNORECASE):
            reading.source.claim(*match.span())
    passages = _passages(reading)
    told = [passage for passage in passages if _tells(reading, passage)]
    asked = [passage for passage in passages if passage not in told]
    if not told or not any(_is_about_materials(reading, passage) for passage in asked):
        return
    for passage in told:
        reading.source.claim(*passage)


def _passages(reading: Reading) -> list[Passage]:
    source = reading.source
    bounds = {0, len(source.plain), *source.sentence_ends}
    bounds |= {match.end() for match in _TURN.finditer(source.plain)}
    ordered = sorted(bounds)
    return [Passage(a, b) for a, b in pairwise(ordered) if b > a]


def _tells(reading: Reading, passage: Passage) -> bool:
    text = reading.source.plain[passage.start : passage.end]
    if _LABELLED.match(text) or (
        _words("surely").search(text) is not None and _words("wants").search(text) is None
    ):
        return True
    if (
        text.lstrip("!?;.\n").strip() == ""
        or reading.source.plain[passage.end : passage.end + 1] == "?"
    ):
        return False
    return (
        _words("tells").search(text) is not None
        and _words("asks").search(text) is None
        and _signs().search(text) is None
    )


def _is_about_materials(reading: Reading, passage: Passage) -> bool:
    mention = next(reading.after(passage.start, *_MATERIAL), None)
    if mention is not None and mention.end <= passage.end:
        return True
    return _FORMULA.search(reading.source.plain[passage.start : passage.end]) is not None
