"""Says back what a material has to bear or to be made by: "must survive 1000 °C", "acid-stable".

Such demands are open in their words but not in their form: a verb of bearing, something it shall
not do, a way of making it, stability against something, and adjectives ending in -proof,
-resistant, … They are put aside before elements and figures are read, which they may name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crystalsmith.agent.interpreter.reading import Reading

_KNOWN = (
    "quality", "other_property", "application", "stable", "chatter", "excluded_group", "electronic",
    "novel",
)  # fmt: skip
_SCORED = re.compile(r"\bhull\b|m?eV|\bup\s+to\s+\d+\s+[a-z]{4}", re.IGNORECASE)
_TRAILING = re.compile(
    r"\s+(?:and|or|but|with|while|please|if|though|because|since|as|that|which|for|in|a|an|the|to)$",
    re.IGNORECASE,
)


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], ...]:
    rows = table("grammar")["demands"]
    verbs = {
        name: "|".join(rows[name]) for name in ("bears", "spoils", "makes", "against", "endings")
    }
    return tuple(re.compile(row.format(**verbs), re.IGNORECASE) for row in rows["forms"])


def read_demands(reading: Reading) -> None:
    """Say demands back that cannot be scored, in the user's words."""
    for start, end in _spans(reading):
        if reading.source.is_open(start, end):
            reading.cannot_score(start, end)


def _spans(reading: Reading) -> Iterator[tuple[int, int]]:
    for pattern in _patterns():
        for match in pattern.finditer(reading.source.plain):
            start, end = match.span("what")
            end = _cut(reading, start, end)
            if not _is_known(reading, start, end) and not _SCORED.search(match["what"]):
                yield start, end


def _cut(reading: Reading, start: int, end: int) -> int:
    """Where the demand ends: before another wish, without the words that join it."""
    text = reading.source.plain[start:end]
    other = re.search(
        r"\s(?:and|but|with|while|plus)\s(?!(?:\w+ing|\w+ed|base|acid|water|moisture|air|oxygen|heat|light|cold)\b)",
        text,
    )
    if other and "dop" not in text[: other.start()]:
        text = text[: other.start()]
    while (trailing := _TRAILING.search(text)) is not None:
        text = text[: trailing.start()]
    return start + len(text.rstrip())


def _is_known(reading: Reading, start: int, end: int) -> bool:
    """Whether the vocabulary has the whole phrase, or reads on past it."""
    for mention in reading.all_mentions:
        if mention.kind in _KNOWN and mention.start <= start and end <= mention.end:
            return True
        if mention.kind in _KNOWN and mention.start < end < mention.end:
            return True
    return False
