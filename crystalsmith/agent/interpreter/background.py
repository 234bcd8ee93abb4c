"""Puts aside what a text only tells: how things went, what others do, what the setup is.

A letter tells before it asks ("the last batch of Cs2AgBiBr6 went brown again"). A passage is put
aside when it has a verb of telling and nothing that asks, and when other passages of the text ask
for something. What the words for telling and asking are is data (``grammar.toml``, ``[story]``).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.agent.interpreter.chinese import has_chinese
from crystalsmith.agent.interpreter.phrases import only_tells
from crystalsmith.agent.interpreter.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crystalsmith.agent.interpreter.lexicon import Mention
    from crystalsmith.agent.interpreter.reading import Reading
    from crystalsmith.agent.interpreter.source import Source

_TURN = re.compile(
    r"\s-{1,2}\s(?=(?:i|we|my|our|they|he|she)\b)|,\s{1,3}(?=(?:i|we)\s+(?:find|am|are|would|now|want|need|seek|look|wish|hope|should|shall|propose)\b)|,?\s{1,3}(?=but\b|whereas\b|although\b|so\s+(?:i|we|please|now)\b)|,\s{1,3}(?=so\b|hence\b|therefore\b|thus\b|which\s+(?:works|worked|was|were|is|are)\b"
    r"|and\s+(?:now|then|after|in|we|i|he|she|it|they)\b)",
    re.IGNORECASE,
)
_MATERIAL = (
    "element", "group", "ions", "anion", "anion_amount", "family", "system", "electronic",
    "property", "element_number", "quality", "other_property", "application",
)  # fmt: skip
_KINDS_OF_MATERIAL = ("anion", "anion_amount", "ions", "family", "electronic")
_FORMULA = re.compile(r"\b(?:[A-Z][a-z]?\d{0,2}){2,}\b")


_LABELLED = re.compile(
    r"[\s.;!?]*(?:background|context|motivation|history|introduction|fyi|(?:the\s+)?(?:long\s+)?story|long\s+version|rant|fun\s+fact|trivia|side\s?note|disclaimer|why|status|reason|note\s+to\s+self)\s*:",
    re.IGNORECASE,
)


_FEWEST, _MOST_WORDS = 4, 40  # words of a sentence that the model is asked about
_MOST_PASSAGES = 24
_TOLD = 0.75  # how probable telling has to be
_DECLARED = 0.2  # in a declaration: we machine drone frames
_SUBJECT = re.compile(
    r"(?:(?:so|and|but|also|well|anyway|unfortunately|sadly|luckily|currently|ps|p\.s\.)[,:]?\s+)?"
    r"(?:our|my|their|his|her|its|he|she|they|we|i|i'm|i've|we've|the|an?|some|most|many|every\w*|nobody|somebody"
    r"|someone|people|two|three|both|all|there|this|that|these|those|according|last|in|at|after|before|since|as"
    r"|[A-Z][a-z]+(?:'s)?\s+[a-z]+(?:s|ed)\b)(?![\w-])",
    re.IGNORECASE,
)
_DECLARES = re.compile(  # I run a glaze studio; we machine drone frames
    r"(?:i|we)(?:(?:'m|'re|\s+am|\s+are)\s+(?!search|look|seek|hunt|try|ask|aim|plan|consider|think|hop|wonder|work|study|focus"
    r"|investigat|need|want|prefer|design)[a-z]+ing|(?:\s+(?:mostly|usually|normally|currently|often|also|only\s+ever|just|still))?"
    r"\s+(?!(?:a|am|are|was|were|do|did|can|could|will|would|might|may|must|shall|should|hope|wish|think|guess|believe|mean|say|care"
    r"|suggest|recommend|ask|seek|search|hunt|aim|plan|intend|try|go|focus|study|work|investigate|consider|require|explore|develop|screen|examine|evaluate|target|specify|accept|take|pick|choose|opt|expect|dream"
    r"|love|fancy|insist|demand|restrict|limit|allow|permit|forbid|exclude|reject|synthesi[sz]e|pursue|deal|have\s+in)\b)[a-z]{3,})\s",
    re.IGNORECASE,
)
_CORRECTS = re.compile(  # every repeat is bounded: a long run of one word takes linear time
    r"[\s,.;:…–—-]{0,8}\b(?:(?:no|oh|ah|oops|wait|sorry|er|uh|hm{1,8})[,\s.…]{1,8}){0,4}"
    r"(?:i\s+mean(?:t)?|or\s+rather|sorry|correction|scratch\s+that|make\s+that|no\s+wait)"
    r"[\s,.:…–—-]{0,8}(?:an?\s+|the\s+)?",
    re.IGNORECASE,
)
_CORRECTED = (
    "anion",
    "ions",
    "element",
    "family",
    "system",
    "group",
    "electronic",
    "element_number",
)
_NEAR = 12
# what was told of is asked for: a colleague told me about kesterites. I want one without tin
_ONE = re.compile(
    r"\b(?:want|need|like|find|show|give|suggest|propose|design|for|after|make)\s+(?:me\s+|us\s+)?(?:an?other\s+|a\s+(?:new\s+)?)?"
    r"(?:one|ones|some|such)(?=\s+(?:with|without|that|which|whose|having|containing|like|free|based|where|in)\b|\s*[,.;:(!?]|\s*$)",
    re.IGNORECASE,
)
_SET_FOR = re.compile(  # for a probe in a hot cell I'd want
    r"(?:^|(?<=[.;!?]\s)|(?<=[.;!?]))(?:hi[,!]?\s+|hello[,!]?\s+)?for\s+(?:an?|the|our|my|some|this|these)\s+"
    r"[^.,;:!?\d]{3,60}?(?=,?\s+(?:i|we)(?:'d|'m|'re|\s+would|\s+are|\s+am|\s+will)?\s+(?:now\s+|really\s+)?"
    r"(?:want|need|like|look|search|seek|prefer|require)(?:ing)?\b)",
    re.IGNORECASE,
)
_OCCUPIED = re.compile(  # I teach crystallography and need
    r"(?:^|(?<=[.;!?]\s))(?:hi[,!]?\s+|hello[,!]?\s+)?(?:i|we)\s+(?:teach|study|run|lead|supervise|manage|own|edit|write)\s"
    r"[^.,;:!?\d]{3,60}?(?=,?\s+and\s+(?:i\s+|we\s+)?(?:now\s+|would\s+)?"
    r"(?:want|need|like|am\s+looking|are\s+looking|look|search|seek|require)\b)",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|no|never)\s+(?:an?\s+|the\s+)?$", re.IGNORECASE)


class Passage(NamedTuple):
    """A stretch of the text between two ends of a sentence or a turn within one."""

    start: int
    end: int


@lru_cache(maxsize=4)
def _words(name: str) -> re.Pattern[str]:
    spelled = "|".join(table("grammar")["story"][name])
    return re.compile(rf"(?<![\w-])(?:{spelled})(?![\w-])", re.IGNORECASE)


@lru_cache(maxsize=1)
def _asides() -> tuple[re.Pattern[str], ...]:
    rows = table("grammar")["story"]["asides"]
    return tuple(re.compile(spelling, re.IGNORECASE) for spelling in rows)


@lru_cache(maxsize=1)
def _signs() -> re.Pattern[str]:
    return re.compile("|".join(table("grammar")["story"]["signs"]), re.IGNORECASE)


def claim_corrections(reading: Reading) -> None:
    """Put aside what is taken back at once: "borosilicate, I mean silicate"."""
    for match in _CORRECTS.finditer(reading.source.plain):
        earlier = next(reading.before(match.start(), *_CORRECTED), None)
        later = next(reading.after(match.end(), *_CORRECTED), None)
        if earlier is None or later is None or earlier.kind != later.kind:
            continue
        if _NOT.search(reading.source.plain[: later.start]):
            continue  # molybdates, sorry! not tungstates
        if match.start() - earlier.end <= 1 and later.start - match.end() <= _NEAR:
            reading.source.claim(earlier.start, match.end())


def claim_background(reading: Reading) -> None:
    """Put aside passages that tell and do not ask, and things that only are at hand."""
    for aside in _asides():
        for match in aside.finditer(reading.source.plain):
            reading.source.claim(*match.span())
    plain = reading.source.plain
    for purpose in (*_SET_FOR.finditer(plain), *_OCCUPIED.finditer(plain)):
        first = next(reading.after(purpose.start(), *_MATERIAL), None)
        if first is None or first.start >= purpose.end():
            reading.source.claim(*purpose.span())
    passages = passages_of(reading.source)
    told = [passage for passage in passages if _tells(reading, passage)]
    if 1 < len(passages) <= _MOST_PASSAGES:
        doubtful = [p for p in passages if p not in told and _seems_to_tell(reading, p)]
        rest = [p for p in passages if p not in told and p not in doubtful]
        told += [p for p in doubtful if not _names_the_kind(reading, p, rest)]
    asked = [passage for passage in passages if passage not in told]
    if any(_ONE.search(reading.source.plain[p.start : p.end]) for p in asked):
        told = [p for p in told if not _names_the_kind(reading, p, asked)]
    if not told or not any(_is_about_materials(reading, passage) for passage in asked):
        return
    for passage in told:
        reading.source.claim(*passage)


def passages_of(source: Source) -> list[Passage]:
    """The text cut at the ends of its sentences and at turns such as ", but" and " so I"."""
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


def _seems_to_tell(reading: Reading, passage: Passage) -> bool:
    """Whether the model takes a sentence that would be read for mere telling."""
    text = reading.source.plain[passage.start : passage.end].strip(" .,;!?\n")
    if has_chinese(reading.source.text) or not _FEWEST <= len(text.split()) <= _MOST_WORDS:
        return False
    if _SUBJECT.match(text) is None or _words("asks").search(text) is not None:
        return False
    if reading.source.plain[passage.end : passage.end + 1] == "?":
        return False
    return only_tells(text, _DECLARED if _DECLARES.match(text) else _TOLD)


def _names_the_kind(reading: Reading, passage: Passage, rest: list[Passage]) -> bool:
    """Whether a passage alone says what kind of material the text is about."""
    return _has_kind(reading, passage) and not any(_has_kind(reading, other) for other in rest)


def _has_kind(reading: Reading, passage: Passage) -> bool:
    found = _next(reading.after(passage.start, *_KINDS_OF_MATERIAL))
    return any(mention.end <= passage.end for mention in found)


def _next(mentions: Iterator[Mention]) -> list[Mention]:
    return list(islice(mentions, 1))


def tells_something(text: str) -> bool:
    """Whether a passage has a verb of telling, whatever else it has."""
    return _words("tells").search(text) is not None or _words("surely").search(text) is not None


def _is_about_materials(reading: Reading, passage: Passage) -> bool:
    mention = next(reading.after(passage.start, *_MATERIAL), None)
    if mention is not None and mention.end <= passage.end:
        return True
    return _FORMULA.search(reading.source.plain[passage.start : passage.end]) is not None
