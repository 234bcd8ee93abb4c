"""Says back wishes whose words no list has: "patent-free", "with a long shelf life".

What nobody has read is a wish where wishes stand: right before the name of a material, or as a
whole item of a list beside other wishes. Whether the words ask something of a material at all, or
belong to the talk around it, is asked of `phrases.asks_something`.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.leftovers import is_content, sets_scene
from crystalsmith.agent.interpreter.phrases import asks_something

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crystalsmith.agent.interpreter.reading import Reading
    from crystalsmith.agent.interpreter.source import Span, Token

_MATERIAL = (
    "family", "anion", "anion_amount", "ions", "element", "group", "electronic", "application",
    "quality", "topic", "system", "element_number",
)  # fmt: skip
_BEFORE = re.compile(
    r"(?:^|[,;|/•*\n(]|(?<![\w-])(?:and|with|having|plus|without|w/o|but|shows?|showing|also|an?|the|is|be|of|no"
    r"|not|low|high|good|very))\s*-?\s*$",
    re.IGNORECASE,
)
_AFTER = re.compile(r"\s*(?:$|[,;|/.!\n()]|(?:and|but|with|plus)\b)", re.IGNORECASE)
_INSIDE = re.compile(
    r"(?:\s|-|\s(?:of|to|in|against|for|at|under|and)\s(?:the\s|an?\s)?)", re.IGNORECASE
)
_FREE = re.compile(r"-\s?free(?![\w-])", re.IGNORECASE)
_LETTERS = re.compile(r"[A-Za-z]{3}")
_LONGEST = 80
_MOST_PHRASES = 30
_SURE = 0.8
_SURE_OF_PURPOSE = 0.95  # what kind of a catalyst it is is mostly no wish
_LIKELY = 0.85  # of joined words: patent-free thermoelectrics


def read_unknown(reading: Reading) -> None:
    """Say back unread words that stand where wishes stand and ask something of a material."""
    if not reading.wishes and not reading.unsupported and not reading.purposes:
        return
    for start, end in islice(_phrases(reading), _MOST_PHRASES):
        if not reading.source.is_open(start, end) or end <= reading.heading:
            continue
        free = _FREE.match(reading.source.plain, end)
        if free is not None and reading.source.is_open(start, free.end()):
            reading.cannot_score(start, free.end())
            continue
        words = reading.source.plain[start:end]
        if not words.isascii() or len(words) > _LONGEST or not _LETTERS.search(words):
            continue
        start = _with_adjective(reading, start)
        named = _named_after(reading, end)
        if named is None and not _is_item(reading, start, end):
            continue
        sure = _SURE
        if named == "application":
            sure = _LIKELY if "-" in words else _SURE_OF_PURPOSE
        if not sets_scene(reading, start, end) and asks_something(words, sure):
            reading.cannot_score(start, end)


def _with_adjective(reading: Reading, start: int) -> int:
    """Take in "excellent", "high" and their like right before."""
    vague = next(reading.before(start, "vague"), None)
    if vague is not None and reading.source.plain[vague.end : start] == " ":
        return vague.start
    return start


def _phrases(reading: Reading) -> Iterator[Span]:
    """Neighbouring words that nobody has read, joined over the small words between them."""
    start = end = -1
    for first, last in _hyphened(reading):
        if start >= 0 and _INSIDE.fullmatch(reading.source.open_between(end, first)):
            end = last
            continue
        if start >= 0:
            yield start, end
        start, end = first, last
    if start >= 0:
        yield start, end


def _hyphened(reading: Reading) -> Iterator[Span]:
    """Unread words, with the parts that hyphens join to them."""
    parts: list[Token] = []
    for token in (*reading.source.tokens, None):
        if parts and (token is None or reading.source.plain[parts[-1].end : token.start] != "-"):
            span = parts[0].start, parts[-1].end
            if reading.source.is_open(*span) and any(is_content(reading, part) for part in parts):
                yield span
            parts = []
        if token is not None:
            parts.append(token)


def _named_after(reading: Reading, end: int) -> str | None:
    """The kind of name of a material that follows at once: *infinite-layer* nickelates."""
    following = next(reading.after(end, *_MATERIAL), None)
    if following is None or reading.source.plain[end : following.start] not in (" ", "-"):
        return None
    return following.kind


def _is_item(reading: Reading, start: int, end: int) -> bool:
    """Whether the words are a whole item of a list in a sentence with another wish."""
    source = reading.source
    before = source.plain[max(0, start - 24) : start]
    if not _BEFORE.search(before) or not _AFTER.match(source.plain, end):
        return False
    if source.plain[end : end + 2].strip().startswith("("):  # light (< 4 g/cc) is read already
        return any(end < position < end + 4 for position, _ in reading.unsupported)
    return any(source.same_sentence(start, wish.start) for wish in reading.wishes)
