"""Reads a later turn of a conversation: what it takes back, exchanges, moves and adds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pymatgen.core import Element

from crystalsmith.agent.interpreter.changes import (
    Change,
    Exchange,
    Subject,
    allowed,
    dropped,
    exchanged,
    is_held,
    other_oxyanion,
    said_back_in,
    stands,
    subjects_of,
)
from crystalsmith.agent.interpreter.continuing import exclude_more, goes_on
from crystalsmith.agent.interpreter.figures import moved_figures
from crystalsmith.agent.interpreter.interpret import read, read_source
from crystalsmith.agent.interpreter.merging import merged
from crystalsmith.agent.interpreter.pronouns import exclude_it
from crystalsmith.agent.interpreter.reading import Reading
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.agent.interpreter.spelling import correct
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.clauses import IncludeElements

if TYPE_CHECKING:
    from crystalsmith.core.request import DesignRequest

_LONGEST = 20_000
_SAID_BACK = ("quality", "application", "other_property")
_TO_ELEMENT = re.compile(
    r"\s*(?:(?:no|oops|sorry|ok(?:ay)?|typo|hm+),?\s+){0,2}(?:please\s+)?"
    r"(?:(?:change|switch|swap|go)\s+(?:it\s+|that\s+)?(?:back\s+)?to\s+[A-Za-z]+"
    r"|back\s+to\s+[A-Za-z]+|i\s+meant?\s+[A-Za-z]+|(?:use|take|try)?\s*[A-Za-z]+\s+instead)"
    r"(?:\s+please)?[\s.!;]*",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|no\s+longer)\s+(?:an?\s+)?(?P<target>[a-z][a-z -]{2,30}?)(?=\s*(?:[,.;!]|but\b|$))",
    re.IGNORECASE,
)
_VERBS = (
    "put|add|use|bring|include|make|have|with|give|set|then|go|change|keep|allow|raise|lower|only"
    "|just|replace|swap|take"
)
_BETWEEN = re.compile(
    r"\s*(?:,\s*(?:and|or|nor)\b|[,/&]|\b(?:and|or|nor)\b)\s*(?:(?:the|any|also)\s+)*",
    re.IGNORECASE,
)
_A_WORD = re.compile(r"(?:I|In|As|At|No|He|Be|Am)\s(?!and\b|or\b|as\b)[a-z]")  # , I want
_SYMBOL = re.compile(r"[A-Z][a-z]?(?![\w-])")
_NEW_WISH = re.compile(r"\s+(?:instead|rather|in\b|please\s+add|too|as\s+well|is\b|are\b|may|can)")
Kind = Literal["changed", "undo", "same"]


@dataclass(frozen=True)
class Turn:
    """What a turn does to a request.

    Attributes:
        kind: whether the request changed, goes back some steps, or stays as it is.
        request: the request afterwards; as it was, unless it changed.
        steps: how many steps to go back.
        not_understood: words of the turn that nothing was made of.
    """

    kind: Kind
    request: DesignRequest
    steps: int = 0
    not_understood: tuple[str, ...] = ()


def refine(current: DesignRequest, text: str, focus: str = "") -> Turn:
    """What a turn makes of the request before it.

    Args:
        current: the request so far.
        text: what is said now.
        focus: the key that figures without a name are about, such as "band_gap".
    """
    plain = Source(text[:_LONGEST]).plain.strip()
    commands = table("refinement")["commands"]
    if is_undo(text):
        again = len(_pattern(commands["undo_word"]).findall(plain))
        return Turn("undo", current, max(1, again))
    reset = _pattern(commands["reset"]).match(plain)
    if reset is not None:
        rest = plain[reset.end() :]
        fresh = read(rest) if rest.strip() else current.model_copy(update=_EMPTY)
        return Turn("changed", fresh)
    if is_about_results(text):
        return Turn("same", current)
    return _edited(current, text, focus)


def is_about_results(text: str) -> bool:
    """Whether a turn asks, thanks or greets, and changes nothing."""
    plain = Source(text[:_LONGEST]).plain.strip()
    whole = _pattern(table("refinement")["commands"]["inert_whole"]).match(plain)
    return whole is not None or _is_inert(plain)


def is_undo(text: str) -> bool:
    """Whether a turn takes the one before it back."""
    plain = Source(text[:_LONGEST]).plain.strip()
    return _pattern(table("refinement")["commands"]["undo"]).search(plain) is not None


_EMPTY = {
    "clauses": (), "count": None, "count_words": "", "unsupported": (), "assumptions": (),
    "not_understood": (), "refusals": (), "notes": (), "off_topic": False,
}  # fmt: skip


def _is_inert(plain: str) -> bool:
    match = _pattern(table("refinement")["commands"]["inert"]).match(plain)
    return match is not None and not re.search(r"\b(?:what|how)\s+(?:about|if)\b", plain, re.I)


@lru_cache(maxsize=32)
def _pattern(spelling: str) -> re.Pattern[str]:
    return re.compile(spelling, re.IGNORECASE)


def _edited(current: DesignRequest, text: str, focus: str) -> Turn:
    source = Source(text)
    notes = correct(source)
    reading = Reading(source, focus)
    state = current
    changes = [*_changes(reading), *_denials(reading, current), *_allowed_more(reading, current)]
    for change in changes:
        state = dropped(state, change) if change.kind == "drop" else allowed(state, change)
    for exchange in (*_exchanges(reading, state), *_replacements(reading, state)):
        state = exchanged(state, exchange)
    state = exchanged(state, Exchange(other_oxyanion(reading, state), ()))
    for match in _pattern(table("refinement")["figures"]["comparative"]).finditer(source.plain):
        if match.group()[0].isdigit():  # 20 is too many, 8
            _claim_number(reading, match.span(), state)
        source.claim(*match.span())
    state = moved_figures(state, reading)
    exclude_it(reading, before=current.text.rsplit("\n", 1)[-1])
    exclude_more(reading, current)
    said = read_source(reading, text, notes, in_talk=True)
    return _outcome(current, merged(state, said, reading.source.plain))


def _outcome(before: DesignRequest, after: DesignRequest) -> Turn:
    is_same = before.model_copy(update={"text": "", "notes": (), "not_understood": ()}) == (
        after.model_copy(update={"text": "", "notes": (), "not_understood": ()})
    )
    left = after.not_understood
    if is_same:
        return Turn("same", before, not_understood=left)
    return Turn("changed", after, not_understood=left)


def _claim_number(reading: Reading, span: tuple[int, int], request: DesignRequest) -> None:
    """The three of "five instead of three" asks for nothing."""
    for quantity in reading.quantities:
        if span[0] <= quantity.core < span[1]:
            reading.source.claim(*span)
            if quantity.target == request.count:
                reading.focus = "count"


def _changes(reading: Reading) -> list[Change]:
    """Wishes and exclusions that are taken back; their words are claimed."""
    found: list[Change] = []
    target = rf"(?P<target>(?:(?!\band\s+(?:{_VERBS})\b)[^,.;!?]){{1,60}})"
    edits = table("refinement")["edits"]
    for kind, spellings in (("drop", edits["drop"]), ("allow", edits["allow"])):
        for spelling in spellings:
            for match in _pattern(spelling.replace("{T}", target)).finditer(reading.source.plain):
                change = _change(reading, kind, match)
                if change is not None:
                    found.append(change)
    return found


def _denials(reading: Reading, request: DesignRequest) -> list[Change]:
    """What stands and is now denied: "not hexagonal, cubic"."""
    found: list[Change] = []
    for match in _DENIED.finditer(reading.source.plain):
        subjects = tuple(
            subject
            for subject in subjects_of(reading, *match.span("target"))
            if (
                subject.kind in ("system", "family", "anion", "electronic", "element")
                and stands(request, subject)
            )
            or (subject.kind in _SAID_BACK and _stood(request, (subject,)))
        )
        if {"anion", "element"} <= {s.kind for s in subjects_of(reading, *match.span("target"))}:
            continue  # not vanadium nitride
        if any(s.kind == "element" for s in subjects) and not _names_another(reading, match):
            continue  # not zinc
        if subjects and reading.source.is_open(*match.span()):
            reading.source.claim(*match.span())
            found.append(Change("drop", subjects, may_exclude=False))
    return found


def _allowed_more(reading: Reading, request: DesignRequest) -> list[Change]:
    """Read "lead too" after "bismuth is fine again"."""
    named = goes_on(reading)
    if named is None:
        return []
    before = Source(request.text.rsplit("\n", 1)[-1]).plain
    spellings = table("refinement")["edits"]["allow"]
    target = r"(?P<target>[^,.;!?]{1,60})"
    if not any(_pattern(row.replace("{T}", target)).search(before) for row in spellings):
        return []
    reading.source.claim(0, len(reading.source.plain))
    return [Change("allow", named)]


def _names_another(reading: Reading, denied: re.Match[str]) -> bool:
    """Whether a turn names elements besides those that it denies: Mo, sorry, not W."""
    return any(
        m.end <= denied.start() or m.start >= denied.end()
        for m in reading.mentions("element", "ions")
    )


def _list_end(reading: Reading, start: int, end: int) -> int:
    """Where a list of elements ends that a comma would cut: leave out Fe, Cr and Al."""
    plain = reading.source.plain
    if not subjects_of(reading, start, end):
        return end
    named = {m.start: m.end for m in reading.mentions("element", "group")}
    while (between := _BETWEEN.match(plain, end)) is not None:
        symbol = _SYMBOL.match(plain, between.end())
        known = symbol is not None and symbol.group() in ALL_ELEMENTS
        after = named.get(between.end(), symbol.end() if symbol is not None and known else 0)
        if symbol is not None and _A_WORD.match(plain, between.end()):
            break
        if not after or _NEW_WISH.match(plain, after):
            break
        end = after
    return end


def _change(reading: Reading, kind: str, match: re.Match[str]) -> Change | None:
    start, end = match.span("target")
    if match.end() == end:
        end = _list_end(reading, start, end)
    whole = match.start(), max(match.end(), end)
    if not reading.source.is_open(*whole) or re.search(r"\d", match["target"]):
        return None
    subjects = subjects_of(reading, start, end)
    if not subjects and kind == "drop":
        subjects = said_back_in(reading.source.plain[start:end])
    if not subjects:
        return None
    reading.source.claim(*whole)
    words = reading.source.plain[match.start() : match.start("target")].lower()
    return Change(kind, subjects, may_exclude="constraint" not in words)


def _replacements(reading: Reading, request: DesignRequest) -> list[Exchange]:
    """Read "change it to bromine", "rubidium instead": it takes the place of its neighbour."""
    match = _TO_ELEMENT.fullmatch(reading.source.plain)
    if match is None or not reading.source.is_open(*match.span()):
        return []
    coming = subjects_of(reading, *match.span())
    if len(coming) != 1 or coming[0].kind != "element":
        return []
    group = Element(coming[0].value).group
    named = [e for c in request.clauses if isinstance(c, IncludeElements) for e in c.elements]
    if request.formula is not None:
        named += [e.symbol for e in request.formula.elements]
    leaving = [e for e in named if Element(e).group == group and e != coming[0].value]
    if len(leaving) != 1:
        return []
    reading.source.claim(*match.span())
    return [Exchange((Subject("element", leaving[0]),), coming)]


def _stood(request: DesignRequest, subjects: tuple[Subject, ...]) -> bool:
    return any(s.value in words.lower() for s in subjects for words in request.unsupported)


def _exchanges(reading: Reading, request: DesignRequest) -> list[Exchange]:
    """Things that are taken for others; what comes in is read by the ordinary readers."""
    found: list[Exchange] = []
    for spelling in table("refinement")["edits"]["swap"]:
        for match in _pattern(spelling).finditer(reading.source.plain):
            out, new = match.span("out"), match.span("in")
            if not reading.source.is_open(*out) or not reading.source.is_open(*new):
                continue
            if re.match(r"\W*(?:substitute)", match.group(), re.I) and " for " in match.group():
                out, new = new, out
            leaving = subjects_of(reading, *out)
            coming = subjects_of(reading, *new)
            if (
                leaving
                and all(s.kind in _SAID_BACK for s in leaving)
                and not _stood(request, leaving)
            ):
                continue  # it must not be hygroscopic
            if spelling.startswith("^") and not all(is_held(request, s) for s in leaving):
                continue  # and iron with cobalt
            if not leaving:
                if not re.search(r"[a-z]{4,}\s+\d|\d\s*[a-z]", reading.source.plain[slice(*out)]):
                    _claim_number(reading, out, request)
                continue
            is_done = bool(coming) and coming[0].kind == "element"
            found.append(Exchange(leaving, coming))
            low, high = min(out[0], match.start()), max(out[1], match.end())
            if is_done:
                reading.source.claim(low, high)
            else:
                reading.source.claim(*out)
    return found
