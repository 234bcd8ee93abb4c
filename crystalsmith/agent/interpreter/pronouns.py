"""Reads what a pronoun excludes: "lutetium was studied already, so please avoid it"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.reading import Reading
from crystalsmith.agent.interpreter.scope import Item
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.clauses import ExcludeElements, ExcludeGroups

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.lexicon import Mention

_SHORT = 60  # characters of a turn that a pronoun may stand for
_IS = re.compile(
    r"\b(?:is|are|being|'s|'re)\s+"
    r"(?:(?:very|too|quite|so|highly|both|also)\s+|[a-z]+\s+(?:and|or)\s+){0,4}$",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"\s*(?:(?:and|but|also|oh|as|since|because)[, ]\s*)?(?P<symbol>[A-Z][a-z]?)"
    r"\s*(?:is|are|was|gets?|has|costs?|:|-|,)\s"
)


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    return re.compile(table("refinement")["edits"]["exclude_it"], re.IGNORECASE)


def exclude_it(reading: Reading, *, in_sentence: bool = False, before: str = "") -> None:
    """The pronoun of "is there cadmium in it? exclude it" stands for what was named.

    Args:
        reading: the text so far.
        before: the turn before, which the pronoun may speak of: what about thallium?
        in_sentence: what was named stands in the pronoun's own sentence, right before it.
    """
    pronoun = _pattern().search(reading.source.plain)
    if pronoun is None or not reading.source.is_open(*pronoun.span()):
        return
    named: list[Mention | Item] = [
        m for m in reading.mentions("element", "group") if m.end <= pronoun.start()
    ]
    if in_sentence:
        named = [m for m in named if reading.source.same_sentence(m.start, pronoun.start())]
        named = [m for m in named if not _says_why(reading, m)][-1:]
    if in_sentence and not named:
        named = _symbol_before(reading, pronoun.start())
    elements = tuple(m.value for m in named if m.kind == "element")
    groups = tuple(m.value for m in named if m.kind == "group")
    if not named:
        _exclude_earlier(reading, pronoun.span(), before)
        return
    span = named[0].start, pronoun.end()
    reading.source.claim(*span)
    if elements:
        reading.add(ExcludeElements, *span, elements=elements)
    if groups:
        reading.add(ExcludeGroups, *span, groups=groups)


def _exclude_earlier(reading: Reading, span: tuple[int, int], before: str) -> None:
    """Exclude the one element or group of the turn before."""
    named = Reading(Source(before)).mentions("element", "group") if before else []
    if len({m.value for m in named}) != 1 or len(before) > _SHORT:
        return
    reading.source.claim(*span)
    if named[0].kind == "element":
        reading.add(ExcludeElements, *span, elements=(named[0].value,))
    else:
        reading.add(ExcludeGroups, *span, groups=(named[0].value,))


def _says_why(reading: Reading, item: Mention | Item) -> bool:
    """Whether a group is said of what was named: cadmium is *toxic*, so keep it out."""
    before = reading.source.plain[max(0, item.start - 24) : item.start]
    return item.kind == "group" and _IS.search(before) is not None


def _symbol_before(reading: Reading, position: int) -> list[Mention | Item]:
    """The element that a sentence is about: *Ge* is too expensive so keep it out."""
    start = reading.source.sentence_start(position)
    match = _SUBJECT.match(reading.source.plain, start)
    if match is None or match["symbol"] not in ALL_ELEMENTS or match.end() > position:
        return []
    return [Item(*match.span("symbol"), "element", match["symbol"])]


def read_pronouns(reading: Reading) -> None:
    """Read what the pronouns of a request exclude, each within its sentence."""
    exclude_it(reading, in_sentence=True)
