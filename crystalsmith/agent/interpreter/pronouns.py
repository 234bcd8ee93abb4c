"""Reads what a pronoun excludes: "lutetium was studied already, so please avoid it"."""

from __future__ import annotations

import re
from functools import lru_cache

from crystalsmith.agent.interpreter.reading import Reading
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.clauses import ExcludeElements, ExcludeGroups

_SHORT = 60  # characters of a turn that a pronoun may stand for


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
    named = [m for m in reading.mentions("element", "group") if m.end <= pronoun.start()]
    if in_sentence:
        named = [m for m in named if reading.source.same_sentence(m.start, pronoun.start())][-1:]
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


def read_pronouns(reading: Reading) -> None:
    """Read what the pronouns of a request exclude, each within its sentence."""
    exclude_it(reading, in_sentence=True)
