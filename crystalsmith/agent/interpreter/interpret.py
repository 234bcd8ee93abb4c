"""Turns a free-text request into a `DesignRequest`, offline and in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from crystalsmith.agent.interpreter.composition import read_composition
from crystalsmith.agent.interpreter.counts import read_count
from crystalsmith.agent.interpreter.formulas import read_formulas
from crystalsmith.agent.interpreter.leftovers import (
    claim_chatter,
    claim_courtesies,
    ensure_on_topic,
    not_understood,
    read_unsupported,
)
from crystalsmith.agent.interpreter.point_groups import read_point_groups
from crystalsmith.agent.interpreter.properties import read_properties
from crystalsmith.agent.interpreter.reading import Reading
from crystalsmith.agent.interpreter.sizes import read_sizes
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.agent.interpreter.spelling import correct
from crystalsmith.agent.interpreter.symmetry import read_crystal_systems, read_space_groups
from crystalsmith.agent.interpreter.wishes import (
    read_electronic_classes,
    read_families,
    read_novelty,
    read_stability,
)
from crystalsmith.core.errors import RequestError
from crystalsmith.core.request import DesignRequest

if TYPE_CHECKING:
    from crystalsmith.core.clauses import AnyClause

MAX_LENGTH = 20_000

# Each reader claims what it has understood, so the order decides who reads an ambiguous word:
# symbols and formulas before numbers, figures before adjectives, unscorable words last.
_READERS = (
    claim_courtesies,
    read_point_groups,
    read_space_groups,
    read_families,
    read_formulas,
    read_properties,
    read_sizes,
    claim_chatter,
    read_composition,
    read_crystal_systems,
    read_stability,
    read_novelty,
    read_electronic_classes,
    read_count,
    read_unsupported,
)


def interpret(text: str) -> DesignRequest:
    """Read a request, literally: nothing is added that the words do not say.

    Args:
        text: the request in English, with any usual notation for formulas, symbols and units.

    Returns:
        The clauses with the words they came from, what was asked for and cannot be scored, what
        was not understood, and remarks.

    Raises:
        RequestError: the text is empty, too long or about something else, names elements or space
            groups that do not exist, or contradicts itself.
    """
    if not text.strip():
        raise RequestError("the request is empty; describe the material that is wanted")
    if len(text) > MAX_LENGTH:
        raise RequestError(
            f"the request has {len(text)} characters; describe the material in at most {MAX_LENGTH}"
        )
    source = Source(text)
    notes = correct(source)
    reading = Reading(source)
    for reader in _READERS:
        reader(reading)
    leftover = not_understood(reading)
    ensure_on_topic(reading, leftover)
    wishes = sorted(reading.wishes, key=lambda wish: wish.start)
    request = DesignRequest(
        text=text,
        clauses=cast("tuple[AnyClause, ...]", tuple(wish.clause for wish in wishes)),
        count=reading.count,
        count_words=reading.count_words,
        unsupported=tuple(words for _, words in sorted(reading.unsupported)),
        not_understood=leftover,
        notes=(*notes, *reading.notes),
    )
    return request.ensure_consistent()
