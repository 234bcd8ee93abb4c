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
    other_oxyanion,
    stands,
    subjects_of,
)
from crystalsmith.agent.interpreter.figures import moved_figures
from crystalsmith.agent.interpreter.interpret import read, read_source
from crystalsmith.agent.interpreter.merging import merged
from crystalsmith.agent.interpreter.pronouns import exclude_it
from crystalsmith.agent.interpreter.reading import Reading
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.agent.interpreter.spelling import correct
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.clauses import IncludeElements

if TYPE_CHECKING:
    from crystalsmith.core.request import DesignRequest

_LONGEST = 20_000
_SAID_BACK = ("quality", "application", "other_property")
_TO_ELEMENT = re.compile(
    r"\s*(?:please\s+)?(?:(?:change|switch|swap)\s+(?:it\s+|that\s+)?to\s+[A-Za-z]+|(?:use|take|try)?\s*[A-Za-z]+\s+instead)"
    r"(?:\s+please)?[\s.!;]*",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|no\s+longer)\s+(?:an?\s+)?(?P<target>[a-z][a-z -]{2,30}?)(?=\s*(?:[,.;!]|but\b|$))",
    re.IGNORECASE,
)
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
    changes = [*_changes(reading), *_denials(reading, current)]
    for change in changes:
        state = dropped(state, change) if change.kind == "drop" else allowed(state, change)
    for exchange in (*_exchanges(reading, state), *_replacements(reading, state)):
        state = exchanged(state, exchange)
    state = exchanged(state, Exchange(other_oxyanion(reading, state), ()))
    for match in _pattern(table("refinement")["figures"]["comparative"]).finditer(source.plain):
        source.claim(*match.span())
    state = moved_figures(state, reading)
    exclude_it(reading)
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
    target = r"(?P<target>[^,.;!?]{1,60})"
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
            if subject.kind in ("system", "family", "anion", "electronic")
            and stands(request, subject)
        )
        if subjects and reading.source.is_open(*match.span()):
            reading.source.claim(*match.span())
            found.append(Change("drop", subjects, may_exclude=False))
    return found


def _change(reading: Reading, kind: str, match: re.Match[str]) -> Change | None:
    start, end = match.span("target")
    if not reading.source.is_open(*match.span()) or re.search(r"\d", match["target"]):
        return None
    subjects = subjects_of(reading, start, end)
    if not subjects:
        return None
    reading.source.claim(*match.span())
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
