"""Reads a turn that goes on with the exclusions of the one before: "and anything radioactive"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.changes import subjects_of
from crystalsmith.agent.interpreter.interpret import read
from crystalsmith.agent.interpreter.reading import word_set
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.core.clauses import ExcludeElements, ExcludeGroups

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.changes import Subject
    from crystalsmith.agent.interpreter.reading import Reading
    from crystalsmith.core.request import DesignRequest

_LEAD = r"(?:(?:ok(?:ay)?|oh|hm+|ah|yes|right|well|then)\b[\s,]{0,3}){0,3}"
_TAIL = (
    r"(?:[\s,]{1,3}(?:please|too|as\s+well|either|also|then|while\s+you.re\s+at\s+it"
    r"|for\s+that\s+matter|of\s+course)){0,3}"
)
_GOES_ON = re.compile(
    rf"\W{{0,3}}{_LEAD}(?:(?:and|or|nor|plus|likewise)\b[\s,]{{0,3}}(?:also\s+|neither\s+)?"
    r"|(?:(?:and|the)\s+)?same\s+(?:(?:goes|holds|thing|applies|is\s+true)\s+)?(?:for|with|to)\s+"
    rf"|(?=[^.;!?]{{1,60}}\s(?:too|as\s+well|either)\b))(?P<named>[^.;!?:]{{1,60}}?){_TAIL}[\s.;!]{{0,4}}",
    re.IGNORECASE,
)
_SURELY = re.compile(r"\b(?:same|nor|neither|likewise|either|too|as\s+well)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")


def exclude_more(reading: Reading, request: DesignRequest) -> None:
    """Read the elements that a turn adds to what the turn before it excluded.

    Args:
        reading: the turn.
        request: as it stands; the last lines of its text are the turns before.
    """
    plain = reading.source.plain
    subjects = goes_on(reading)
    if subjects is None:
        return
    if not _after_exclusions(request.text, _SURELY.search(plain) is not None):
        return
    start, end = 0, len(plain)
    reading.source.claim(start, end)
    elements = tuple(s.value for s in subjects if s.kind == "element")
    groups = tuple(s.value for s in subjects if s.kind == "group")
    if elements:
        reading.add(ExcludeElements, start, end, elements=elements)
    if groups:
        reading.add(ExcludeGroups, start, end, groups=groups)


def goes_on(reading: Reading) -> tuple[Subject, ...] | None:
    """The elements and groups that a turn only adds: "and zinc", "same for tin", "lead too"."""
    match = _GOES_ON.fullmatch(reading.source.plain)
    if match is None or not reading.source.is_open(*match.span()):
        return None
    start, end = match.span("named")
    subjects = subjects_of(reading, start, end)
    if not subjects or any(s.kind not in ("element", "group") for s in subjects):
        return None
    return subjects if _is_list(reading, start, end) else None


def _is_list(reading: Reading, start: int, end: int) -> bool:
    """Whether nothing but elements, groups and what joins them stands in a stretch."""
    named = [m for m in reading.mentions("element", "group") if start <= m.start and m.end <= end]
    joining = word_set("list", "connectors")
    return all(
        any(m.start <= word.start() + start and word.end() + start <= m.end for m in named)
        or word.group().lower() in joining
        or (word.group()[:1].isupper() and len(word.group()) <= 2)  # a symbol
        for word in _WORD.finditer(reading.source.plain[start:end])
    )


def _after_exclusions(text: str, surely: bool) -> bool:
    """Whether the last turn that does not itself go on only excludes, or surely ends so."""
    turns = reversed(text.split("\n"))
    said = next((turn for turn in turns if not _GOES_ON.fullmatch(Source(turn).plain)), "")
    clauses = read(said).clauses
    if surely:
        clauses = clauses[-1:]
    return bool(clauses) and all(isinstance(c, ExcludeElements | ExcludeGroups) for c in clauses)
