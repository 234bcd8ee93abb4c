"""Turns a free-text request into a `DesignRequest`, offline and in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from crystalsmith.agent.interpreter.applications import say_conventions
from crystalsmith.agent.interpreter.background import claim_background, claim_corrections
from crystalsmith.agent.interpreter.composition import read_composition
from crystalsmith.agent.interpreter.counts import read_count
from crystalsmith.agent.interpreter.demands import read_demands
from crystalsmith.agent.interpreter.formulas import read_formulas
from crystalsmith.agent.interpreter.fragments import read_fragments
from crystalsmith.agent.interpreter.leftovers import (
    claim_chatter,
    claim_courtesies,
    is_on_topic,
    not_understood,
    read_likenesses,
    read_unsupported,
)
from crystalsmith.agent.interpreter.point_groups import read_point_groups
from crystalsmith.agent.interpreter.pronouns import read_pronouns
from crystalsmith.agent.interpreter.properties import read_in_focus, read_properties
from crystalsmith.agent.interpreter.reading import Reading
from crystalsmith.agent.interpreter.second_look import look_again
from crystalsmith.agent.interpreter.sizes import read_further_elements, read_sizes
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.agent.interpreter.spelling import correct
from crystalsmith.agent.interpreter.symmetry import read_crystal_systems, read_space_groups
from crystalsmith.agent.interpreter.unknown import read_unknown
from crystalsmith.agent.interpreter.wishes import (
    read_electronic_classes,
    read_families,
    read_novelty,
    read_stability,
)
from crystalsmith.core.errors import RequestError
from crystalsmith.core.request import DesignRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.core.clauses import AnyClause

MAX_LENGTH = 20_000
_OFF_TOPIC = (
    "nothing in the request is about a crystalline material; say what it should be, such as"
    " 'lead-free halide perovskite with a band gap near 1.5 eV'"
)

# Each reader claims what it has understood, so the order decides who reads an ambiguous word:
# symbols and formulas before numbers, figures before adjectives, unscorable words last.
_READERS = (
    claim_courtesies,
    claim_corrections,
    read_pronouns,
    claim_background,
    read_demands,
    read_point_groups,
    read_space_groups,
    read_families,
    read_formulas,
    read_properties,
    read_sizes,
    claim_chatter,
    read_composition,
    read_further_elements,
    read_crystal_systems,
    read_stability,
    read_novelty,
    read_electronic_classes,
    read_count,
    read_in_focus,
    read_unsupported,
    read_likenesses,
    read_unknown,
    read_fragments,
)


def interpret(text: str) -> DesignRequest:
    """Read a request, literally, and make sure that it can be answered.

    Args:
        text: the request in English or Chinese, with any usual notation for formulas, symbols and
            units.

    Returns:
        The clauses with the words they came from, what was asked for and cannot be scored, what
        was not understood, and remarks.

    Raises:
        RequestError: the text is empty, too long or about something else, names elements or space
            groups that do not exist, or contradicts itself.
    """
    request, refusals = _read(text)
    if refusals:
        raise refusals[0]
    return request.ensure_consistent()


def read(text: str) -> DesignRequest:
    """Read any text without refusing it.

    Nothing is added that the words do not say. A text that is about something else comes back
    without clauses and with `off_topic`; what cannot be (an element that does not exist) is among
    `unsupported` and said in `refusals`; contradictions are found by the request itself.
    """
    return _read(text)[0]


def _read(text: str) -> tuple[DesignRequest, list[RequestError]]:
    reason = ""
    if not text.strip():
        reason = "the request is empty; describe the material that is wanted"
    elif len(text) > MAX_LENGTH:
        reason = (
            f"the request has {len(text)} characters; describe the material in at most {MAX_LENGTH}"
        )
    if reason:
        request = DesignRequest(text=text[:MAX_LENGTH], off_topic=True, refusals=(reason,))
        return request, [RequestError(reason)]
    source = Source(text)
    notes = correct(source)
    reading = Reading(source)
    request = read_source(reading, text, notes)
    if request.clauses and request.contradictions():
        request = look_again(text, request, lambda spans: _without(text, spans))
    return request, reading.refusals or [RequestError(reason) for reason in request.refusals]


def _without(text: str, spans: Sequence[tuple[int, int]]) -> DesignRequest:
    """A text read as if some spans of its plain spelling were not there."""
    source = Source(text)
    for span in spans:
        source.claim(*span)
    return read_source(Reading(source), text)


def read_source(
    reading: Reading, text: str, notes: Sequence[str] = (), *, in_talk: bool = False
) -> DesignRequest:
    """Read what of a source is still open; `read` without the checks of the text as a whole.

    Args:
        reading: nothing, or some of its source, is read.
        text: the user's text.
        notes: remarks made so far.
        in_talk: a turn of a conversation need not be about materials by itself.
    """
    for reader in _READERS:
        reader(reading)
    say_conventions(reading)
    leftover = not_understood(reading)
    if not in_talk and not is_on_topic(reading, leftover):
        return DesignRequest(text=text, off_topic=True, refusals=(_OFF_TOPIC,))
    wishes = sorted(reading.wishes, key=lambda wish: wish.start)
    return DesignRequest(
        text=text,
        clauses=cast("tuple[AnyClause, ...]", tuple(wish.clause for wish in wishes)),
        count=reading.count,
        count_words=reading.count_words,
        unsupported=tuple(words for _, words in sorted(reading.unsupported)),
        assumptions=tuple(reading.assumptions),
        not_understood=leftover,
        refusals=tuple(str(error) for error in reading.refusals),
        notes=(*notes, *reading.notes),
    )
