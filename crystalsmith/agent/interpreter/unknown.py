"""Says back wishes whose words no list has: "patent-free", "with a long shelf life".

What nobody has read is a wish where wishes stand: right before the name of a material, or as a
whole item of a list beside other wishes. Whether the words ask something of a material at all, or
belong to the talk around it, is asked of `phrases.asks_something`.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.leftovers import is_content
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
    r"(?:^|[,;|/•*\n(]|(?<![\w-])(?:and|with|having|plus|but|shows?|showing|also|an?|the|is|be|of|no"
    r"|not|low|high|good|very))\s*-?\s*$",
    re.IGNORECASE,
)
_AFTER = re.compile(r"\s*(?:$|[,;|/.!\n)]|(?:and|but|with|plus)\b)", re.IGNORECASE)
_INSIDE = re.compile(
    r"(?:\s|-|\s(?:of|to|in|against|for|at|under|and)\s(?:the\s|an?\s)?)", re.IGNORECASE
)
_FREE = re.compile(r"-\s?free(?![\w-])", re.IGNORECASE)
_LETTERS = re.compile(r"[A-Za-z]{3}")
_LONGEST = 80
_MOST_PHRASES = 30


def read_unknown(reading: Reading) -> None:
    """Say back unread words that stand where wishes stand and ask something of a material."""
    if not reading.wishes and not reading.unsupported and not reading.purposes:
        return
    for start, end in islice(_phrases(reading), _MOST_PHRASES):
        if not reading.source.is_open(start, end):
            continue
        free = _FREE.match(reading.source.plain, end)
        if free is not None and reading.source.is_open(start, free.end()):
            reading.cannot_score(start, free.end())
            continue
        words = reading.source.plain[start:end]
        if not words.isascii() or len(words) > _LONGEST or not _LETTERS.search(words):
            continue
        start = _with_adjective(reading, start)
        placed = _is_attribute(reading, start, end) or _is_item(reading, start, end)
        if placed and asks_something(words):
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


def _is_attribute(reading: Reading, start: int, end: int) -> bool:
    """Whether a material's name follows at once: *infinite-layer* nickelates."""
    following = next(reading.after(end, *_MATERIAL), None)
    if following is None or following.kind == "application":
        return False  # what kind of a catalyst is no wish
    return reading.source.plain[end : following.start] in (" ", "-")


def _is_item(reading: Reading, start: int, end: int) -> bool:
    """Whether the words are a whole item of a list in a sentence with another wish."""
    source = reading.source
    before = source.plain[max(0, start - 24) : start]
    if not _BEFORE.search(before) or not _AFTER.match(source.plain, end):
        return False
    return any(source.same_sentence(start, wish.start) for wish in reading.wishes)
