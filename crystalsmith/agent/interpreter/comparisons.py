"""Formulas that are only compared with: "like NaCl", "SrTiO3-based", "instead of CsPbI3"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.tables import table

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading

_WISH_FOR = re.compile(r"(?:\bwould|'d)\s+(?:really\s+)?like\s+(?:\w+\s+){0,2}$", re.IGNORECASE)
_TYPE = re.compile(r"[\s-]\s?(?:type|structured?|prototype)", re.IGNORECASE)
_FREE_OF = re.compile(r"\s*free\s+(?:of|from)\b", re.IGNORECASE)
_IN_THE = re.compile(
    r"\b(?:with|in|having|has|have|adopting|adopts)\s+(?:the\s+)?(?:crystal\s+|same\s+)*$", re.I
)
_THE = re.compile(r"\b(?:the|an?)\s+$", re.IGNORECASE)
_STRUCTURE = re.compile(r"\s+(?:crystal\s+)?structure(?:\s+type)?(?!\w)", re.IGNORECASE)


def is_comparison(reading: Reading, start: int, end: int) -> bool:
    """Say a formula back as something that cannot be scored, if it names no target itself."""
    before, after = _patterns()
    text, following = reading.text_before(start), reading.text_after(end)
    earlier, later = before.search(text), after.match(following)
    if later is not None and _FREE_OF.match(following):
        later = None  # A2BX6 free of lead
    if later is None and _THE.search(text):
        later = _STRUCTURE.match(following)  # "with the CaTiO3 structure"
    if earlier is not None and _is_plain_structure(text, earlier):
        earlier = None  # predict the crystal structure of Ca3AlN3
    if earlier is not None and _WISH_FOR.search(text):
        earlier = None  # "I would like CsPbBr3"
    if earlier is None and later is None:
        return False
    first = start - len(text) + earlier.start() if earlier is not None else start
    if later is not None and earlier is None and _TYPE.fullmatch(later.group()):
        family = next(reading.after(end, "family"), None)
        if family is not None and family.start - (end + later.end()) <= 1:
            reading.source.claim(start, end + later.end())  # MgAl2O4-type spinels
            return True
    reading.cannot_score(first, end + later.end() if later is not None else end)
    return True


def _is_plain_structure(text: str, earlier: re.Match[str]) -> bool:
    words = earlier.group().strip().lower()
    return words.startswith("structure of") and not _IN_THE.search(text[: earlier.start()])


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    before, after = (_any_of(table("grammar")["like"][side]) for side in ("before", "after"))
    articles = r"(?:the\s+|an?\s+|pure\s+|bulk\s+|well-known\s+)?"
    return (
        re.compile(rf"(?<!\w){before}\s+{articles}$", re.IGNORECASE),
        re.compile(rf"[\s-]\s?{after}(?!\w)", re.IGNORECASE),
    )


def _any_of(phrases: list[str]) -> str:
    longest_first = sorted(phrases, key=len, reverse=True)
    return f"(?:{'|'.join(re.escape(phrase) for phrase in longest_first)})"
