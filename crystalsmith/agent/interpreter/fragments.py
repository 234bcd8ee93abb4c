"""Says back whole clauses that nobody has read: "friction coefficient below 0.3 preferred".

A text is cut into fragments at its punctuation and its joining words. A fragment of which nothing
has been read is a wish or talk; the phrase model tells which. What stands before a figure that no
scored property has belongs to it: *coercive field* below 2 MV/cm.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.leftovers import is_content, sets_scene
from crystalsmith.agent.interpreter.phrases import asks_something
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.clauses import PropertyRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crystalsmith.agent.interpreter.reading import Reading
    from crystalsmith.agent.interpreter.source import Span

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_CHINESE_CUT = re.compile(r"[,;!?\n]|[.:](?!\d)")
_NAME_BEFORE = re.compile(
    r"(?P<name>[A-Za-z][\w'’-]*(?:\s+(?:(?:of|to|at|for)\s+(?:the\s+)?)?[A-Za-z][\w'’-]*){0,3}?)\s*"
    r"(?:(?:\s(?:is|of|be|should|must|has|to|at|a|stays?|lies?)\b)|[:=(])*\s*$"
)
_LONGEST = 80
_MOST_WORDS = 9
_SURE = 0.85
_LIKELY = 0.5  # of what is said with a figure, or to be a must


@lru_cache(maxsize=16)
def _words(name: str) -> re.Pattern[str]:
    return re.compile(table("grammar")["fragments"][name], re.IGNORECASE)


def read_fragments(reading: Reading) -> None:
    """Say back unread clauses that ask something, and what unscored figures are of."""
    _name_figures(reading)
    if not reading.wishes and not reading.unsupported and not reading.purposes:
        return
    for start, end in list(fragments(reading)):
        words = reading.source.plain[start:end]
        if end <= reading.heading or sets_scene(reading, start, end):
            continue
        if reading.source.words(start, end).isascii() and _is_wish(reading, start, words):
            reading.cannot_score(start, end)
    if _CHINESE.search(reading.source.text):
        _read_chinese(reading)


def _is_wish(reading: Reading, start: int, words: str) -> bool:
    if " " not in words.strip() or _words("talk").search(words):
        return False
    if _words("purpose").search(reading.source.plain[max(0, start - 12) : start]):
        return False
    named = next(reading.around(start, "property"), None)
    if named is not None and named.end >= start + len(words):
        return False
    is_said = (
        _words("wished").search(words) is not None or _words("bound").search(words) is not None
    )
    if not is_said and _words("verb").search(words):
        return False
    return asks_something(_words("wished").sub("", words), _LIKELY if is_said else _SURE)


def _name_figures(reading: Reading) -> None:
    """Take in the words before a figure in a unit that nothing scored has."""
    for index, (start, words) in enumerate(reading.unsupported):
        if not _words("figure").match(words):
            continue
        before = reading.source.open_between(max(0, start - _LONGEST), start)
        before = re.split(r"[\x00,;!?\n|•)]|[:(](?=.*\w)|\.\s", before)[-1]
        before = re.split(
            r"\b(?:and|but|with|plus|an?|the|has|have|having|whose|its|want|need|also)\s", before
        )[-1]
        name = _NAME_BEFORE.search(before)
        if name is None:
            continue
        first = start - (len(before) - name.start())
        content = [
            t for t in reading.source.tokens if first <= t.start < start and is_content(reading, t)
        ]
        if content:
            end = start + len(words)
            reading.unsupported[index] = first, reading.source.words(first, end)
            reading.source.claim(first, start)


def _read_chinese(reading: Reading) -> None:
    """Say back Chinese clauses of which nothing has been read and that are formed like wishes."""
    source = reading.source
    cuts = [0, *(m.start() for m in _CHINESE_CUT.finditer(source.plain))]
    for start, end in pairwise([*cuts, len(source.plain)]):
        first = start
        while first < end and source.plain[first] in " ,;.:!?\n":
            first += 1
        words = source.written(start, end).strip("，。；、！？,.;!? \n")
        if (
            not 1 <= len(words) <= 24
            or not _words("chinese_wish").match(words)
            or _words("chinese_talk").search(words)
        ):
            continue
        if words[0] in "轻重" and any(c.name == "density" for c in reading.of_kind(PropertyRange)):
            continue
        is_read = any(w.start < end and first < w.end for w in reading.wishes)
        is_read = is_read or any(first <= position < end for position, _ in reading.unsupported)
        if is_read or not _has_open(reading, first, end):
            continue
        reading.source.claim(first, end)
        reading.unsupported.append((first, words))


def _has_open(reading: Reading, start: int, end: int) -> bool:
    return any(
        start <= token.start < end and is_content(reading, token) for token in reading.source.tokens
    )


def fragments(reading: Reading) -> Iterator[Span]:
    """Stretches between two cuts of which no word has been read, from first to last content."""
    source = reading.source
    cuts = [
        0,
        *(edge for m in _words("cut").finditer(source.plain) for edge in m.span()),
        len(source.plain),
    ]
    tokens = source.tokens
    index = 0
    for start, end in pairwise(cuts):
        while index < len(tokens) and tokens[index].start < start:
            index += 1
        inside = []
        while index < len(tokens) and tokens[index].start < end:
            inside.append(tokens[index])
            index += 1
        content = [t for t in inside if is_content(reading, t) and not t.text.isdigit()]
        if not content:
            continue
        first, last = content[0].start, inside[-1].end
        if not source.is_open(first, last) or last - first > _LONGEST:
            continue
        lead = _words("lead").match(source.plain, start, end)
        if lead is not None and first < lead.end():
            content = [t for t in content if t.start >= lead.end()]
            if not content:
                continue
            first = content[0].start
        if any(not source.is_open(t.start, t.end) for t in inside if t.end <= first):
            continue  # the rest of something: cathode *active material*
        if source.plain[first - 1 : first] == "-" or source.plain[last : last + 1] == "-":
            continue
        degree = _words("degree").search(source.plain[start:first])
        if degree is not None:
            first = start + degree.start()
        if sum(t.start >= first for t in inside) <= _MOST_WORDS:
            yield first, last
