"""Reads what a pronoun excludes: "lutetium was studied already, so please avoid it"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.clauses import ExcludeElements, ExcludeGroups

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    return re.compile(table("refinement")["edits"]["exclude_it"], re.IGNORECASE)


def exclude_it(reading: Reading, *, in_sentence: bool = False) -> None:
    """The pronoun of "is there cadmium in it? exclude it" stands for what was named.

    Args:
        reading: the text so far.
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
        return
    span = named[0].start, pronoun.end()
    reading.source.claim(*span)
    if elements:
        reading.add(ExcludeElements, *span, elements=elements)
    if groups:
        reading.add(ExcludeGroups, *span, groups=groups)


def read_pronouns(reading: Reading) -> None:
    """Read what the pronouns of a request exclude, each within its sentence."""
    exclude_it(reading, in_sentence=True)
