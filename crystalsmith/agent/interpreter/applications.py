"""Reads what a material is for, and what words leave to convention: a request's assumptions."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from crystalsmith.agent.interpreter.reading import word_set
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.clauses import ElectronicClass, IncludeGroups, PropertyRange, Stable
from crystalsmith.core.properties import PROPERTIES
from crystalsmith.core.request import Assumption

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading
    from crystalsmith.core.clauses import AnyClause


LIGHT = frozenset(
    {"uv", "ultraviolet", "blue emitting", "green emitting", "red emitting", "ir", "infrared",
     "near infrared", "visible", "visible light", "blue", "red", "green", "white", "yellow",
     "solar blind", "thin film", "high temperature", "room temperature"}
)  # fmt: skip


@lru_cache(maxsize=1)
def _by_word() -> dict[str, dict[str, Any]]:
    return {word.lower(): row for row in table("assumptions").values() for word in row["words"]}


def read_applications(reading: Reading) -> None:
    """Offer what an application needs; nothing of it is read into the request."""
    for mention in reading.mentions("application"):
        if reading.skip_optional(mention.start, mention.end):
            continue
        start = _with_light(reading, mention.start)
        words = reading.source.words(start, mention.end)
        reading.source.claim(start, mention.end)
        reading.purposes += 1
        row = _by_word().get(mention.value.lower())
        if row is None:
            reading.note(f"'{words}' says what the material is for; nothing was read from it")
            continue
        clause = _clause(row, words)
        meaning = str(row["meaning"])
        item = Assumption(words=words, meaning=f"a {mention.value} {meaning}", clause=clause)
        if all(clause != other.clause for other in reading.assumptions):
            reading.assumptions.append(item)


def _with_light(reading: Reading, start: int) -> int:
    """Take in the kind of light that an application's name begins with: UV photodetector."""
    before = next(reading.before(start, "quality"), None)
    if before is None or before.value.lower() not in LIGHT | word_set("purpose", "kinds"):
        return start
    is_near = reading.source.plain[before.end : start] in (" ", "-")
    return before.start if is_near else start


def _clause(row: dict[str, Any], words: str) -> AnyClause:
    if "include_groups" in row:
        return IncludeGroups(groups=tuple(row["include_groups"]), words=words)
    name = next(item.name for item in PROPERTIES.values() if item.name in row)
    bounds = row[name]
    return PropertyRange(
        name=name, minimum=bounds.get("min"), maximum=bounds.get("max"), words=words
    )


def say_conventions(reading: Reading) -> None:
    """Say what "wide-gap", "stable" and their like were taken to mean (`core.properties`)."""
    for wish in reading.wishes:
        clause = wish.clause
        if isinstance(clause, ElectronicClass | Stable):
            reading.assumptions.append(Assumption(words=clause.words, meaning=clause.wish()))
