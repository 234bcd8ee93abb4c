"""Says back wishes whose words no list has: "patent-free", "with a long shelf life".

What nobody has read is a wish where wishes stand: right before the name of a material, or as a whole
item of a list beside other wishes. Whether the words ask something of a material at all, or belong to
the talk around it, is asked of `phrases.asks_something`.
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
    "family", "anion", "anion_amount", "ions", "element", "group", "electronic", "application", "quality",
    "topic", "system", "element_number",
)  # fmt: skip
_BEFORE = re.compile(
    r"(?:^|[,;|/•*\n(]|(?<![\w-])(?:and|with|having|plus|but|shows?|showing|also|an?|the|is|be|of|no|not|low|high|good|very))\s*-?\s*$",
    re.IGNORECASE,
)
_AFTER = re.compile(r"\s*(?:$|[,;|/.!\n)]|(?:and|but|with|plus)\b)", re.IGNORECASE)
_INSIDE = re.compile(r"(?:\s|-|\s(?:of|to|in|against|for|at|under|and)\s(?:the\s|an?\s)?)", re.IGNORECASE)
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
        words = reading.source.plain[start:end]
        if not words.isascii() or len(words) > _LONGEST or not _LETTERS.search(words):
            continue
        placed = _is_attribute(reading, start, end) or _is_item(reading, start, end)
        if placed and asks_something(words):
            reading.cannot_score(start, end)


def _phrases(reading: Reading) -> Iterator[Span]:
    """Neighbouring words that nobody has read, joined over the small words between them."""
    run: list[Token] = []
    for token in reading.source.tokens:
        if not is_content(reading, token):
            continue
        if run and not _INSIDE.fullmatch(reading.source.open_between(run[-1].end, token.start)):
            yield run[0].start, run[-1].end
            run = []
        run.append(token)
    if run:
        yield run[0].start, run[-1].end


def _is_attribute(reading: Reading, start: int, end: int) -> bool:
    """Whether a material's name follows at once: *infinite-layer* nickelates."""
    following = next(reading.after(end, *_MATERIAL), None)
    return following is not None and reading.source.plain[end : following.start] in (" ", "-")


def _is_item(reading: Reading, start: int, end: int) -> bool:
    """Whether the words are a whole item of a list in a sentence with another wish."""
    source = reading.source
    before = source.plain[max(0, start - 24) : start]
    if not _BEFORE.search(before) or not _AFTER.match(source.plain, end):
        return False
    return any(source.same_sentence(start, wish.start) for wish in reading.wishes)
