"""Reads point groups (crystal classes) in Hermann-Mauguin or Schoenflies notation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crystalsmith.core.clauses import PointGroupClause
from crystalsmith.core.crystallography.point_groups import point_group_from_symbol

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading

_CUE = re.compile(
    r"(?<!\w)(?:crystallographic\s+)?"
    r"(?:point[\s-]?groups?(?:\s+symmetry)?|point\s+symmetry|crystal\s+class(?=\W))"
    r"(?:\s*(?:symbol|is|being|of|should\s+be|must\s+be|like|[:=(\"'])){0,3}\s*",
    re.IGNORECASE,
)
_SYMBOL = r"[-\u2212]?[1-6CDSTOVmi][-\u2212/1-6mhdvi\u0304\u0305_]{0,12}"
_AFTER = re.compile(rf"{_SYMBOL}(?:\s[-\u2212/1-6m\u0304\u0305]+){{0,3}}")
_BEFORE = re.compile(rf"(?<![\w-])({_SYMBOL})\s+$")
_MADE_OF = re.compile(r"(?=\S*\d)(?=\S*[-/m])[-\w/]{2,8}(?![\w/])")


def read_point_groups(reading: Reading) -> None:
    """Read "point group mm2", "Td point group", "crystal class 4/mmm"."""
    for cue in _CUE.finditer(reading.source.plain):
        found = _after(reading, cue) or _before(reading, cue)
        if found is None:
            continue
        start, end, symbol = found
        negation = reading.is_negated(start)
        if negation is not None:
            reading.cannot_score(negation.start, end)
        else:
            reading.add(PointGroupClause, start, end, symbol=symbol)


def _after(reading: Reading, cue: re.Match[str]) -> tuple[int, int, str] | None:
    """The symbol that follows; one that looks like a symbol and is none is handed on, too."""
    text = reading.source.plain
    window = _AFTER.match(text, cue.end())
    if window is not None:
        for end in range(window.end(), window.start(), -1):
            ends_word = not (text[end : end + 1].isalnum() or text[end : end + 1] in ("/", "-"))
            if ends_word and point_group_from_symbol(text[window.start() : end]):
                return cue.start(), end, text[window.start() : end]
    wrong = _MADE_OF.match(text, cue.end())
    return None if wrong is None else (cue.start(), wrong.end(), wrong.group())


def _before(reading: Reading, cue: re.Match[str]) -> tuple[int, int, str] | None:
    text = reading.source.plain
    symbol = _BEFORE.search(text[max(0, cue.start() - 14) : cue.start()])
    if symbol is None or point_group_from_symbol(symbol[1]) is None:
        return None
    end = cue.start() + len(cue.group().rstrip())
    return cue.start() - len(symbol.group()), end, symbol[1]
