"""Looks again at a text whose first reading contradicts itself: a part of it may only tell.

"We broke our BaTiO3 target … an oxide with a rare earth" and "our customers asked for lead; …
lead-free halides" name what is not wanted beside what is. A passage is left out when nothing in
it asks, when other passages do ask, and when the rest of the text can be met. A formula that the
other wishes rule out, in a text with several of them, was a comparison. What nobody tells stays a
contradiction: "NaCl without chlorine".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.background import passages_of, tells_something
from crystalsmith.agent.interpreter.phrases import only_tells
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.core.clauses import ExactFormula

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crystalsmith.core.request import DesignRequest

    Reread = Callable[[list[tuple[int, int]]], DesignRequest]

_ASKS = re.compile(
    r"\b(?:need|want|must|should|shall|please|pls|find|give|show|suggest|propose|design|generate"
    r"|looking\s+for|would\s+like|like\s+to|requires?|targets?|search|seek|identify|predict|go\s+for|try"
    r"|recommend|which|limit|only|make|permitted|allowed|forbidden|banned|prohibited|rules?|task|aim|goal|so:)\b",
    re.IGNORECASE,
)
_MOST_PASSAGES = 8
_LIKELY = 0.2
_MANY_WISHES = 4  # the formula among them


def look_again(text: str, request: DesignRequest, reread: Reread) -> DesignRequest:
    """The request without what only tells, if that ends the contradiction; else as it is.

    Args:
        text: the user's text.
        request: its first reading, which contradicts itself.
        reread: reads the text once more with some spans of its plain spelling left out.
    """
    for spans in _suspects(text, request):
        again = reread(spans)
        if again.clauses and not again.off_topic and not again.contradictions():
            return again
    return request


def _suspects(text: str, request: DesignRequest) -> Iterator[list[tuple[int, int]]]:
    source = Source(text)
    passages = passages_of(source)
    if 1 < len(passages) <= _MOST_PASSAGES:
        asked = [p for p in passages if _ASKS.search(source.plain[p.start : p.end])]
        last = max((p.start for p in asked), default=0)
        ends = {0, *source.sentence_ends}
        silent = [
            p
            for p in passages
            if p not in asked
            and p.start < last
            and {p.start, p.end} <= ends
            and only_tells(source.plain[p.start : p.end].strip(" .,;!?"), _LIKELY)
        ]
        told = [p for p in passages[:-1] if tells_something(source.plain[p.start : p.end])]
        for chosen in (silent, told):
            yield from ([(p.start, p.end)] for p in chosen)
            if len(chosen) > 1:
                yield [(p.start, p.end) for p in chosen]
    formulas = request.of_kind(ExactFormula)
    if len(formulas) == 1 and len(request.clauses) >= _MANY_WISHES:
        found = source.plain.find(formulas[0].words)
        if found > 0:
            yield [(found, found + len(formulas[0].words))]
