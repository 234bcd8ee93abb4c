"""Lets a language model help with a later turn of a conversation; the rules lead and check it.

What the rules understand of a turn stands. Beyond it the model may add wishes that the turn's own
words support, and, where the rules left words unread and changed nothing, take back a wish that
the turn names. A wish that was dropped cannot come back, and nothing changes that the turn does
not speak of.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crystalsmith.agent.grounding import audit
from crystalsmith.agent.interpreter.changes import Change, dropped, subjects_of
from crystalsmith.agent.interpreter.reading import Reading
from crystalsmith.agent.interpreter.refinement import Turn, is_about_results, refine
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.agent.llm.answers import ask
from crystalsmith.agent.llm.merging import LISTS, addition, all_elements, says_same
from crystalsmith.agent.llm.public import request_from, schema
from crystalsmith.core.errors import ServerError
from crystalsmith.core.public_request import keys_of, public_view, wishes_only
from crystalsmith.prompts.requests import turn_messages

if TYPE_CHECKING:
    from crystalsmith.agent.llm.models import LanguageModel
    from crystalsmith.core.clauses import AnyClause
    from crystalsmith.core.request import DesignRequest


def refine_with_model(
    model: LanguageModel, current: DesignRequest, text: str, focus: str = ""
) -> Turn:
    """What a turn makes of the request; when the model fails the rules do alone, and say so.

    Args:
        model: asked unless the turn is an "undo" or a question about results.
        current: the request so far.
        text: what is said now.
        focus: the key that figures without a name are about.
    """
    own = refine(current, text, focus)
    if own.kind == "undo" or is_about_results(text):
        return own
    standing = wishes_only(public_view(current))
    try:
        answer = ask(model, turn_messages(standing, text, schema()))
    except ServerError as error:
        note = f"{error}; the built-in rules read the turn"
        noted = own.request.model_copy(update={"notes": (*own.request.notes, note)})
        return replace(own, request=noted)
    theirs, remarks = request_from(answer, text)
    request = own.request
    if own.not_understood and wishes_only(public_view(own.request)) == standing:
        request, said = _taken_back(current, theirs, text)
        remarks += said
    fresh = tuple(
        c for c in theirs.clauses if not any(says_same(c, old) for old in current.clauses)
    )
    checked = audit(theirs.model_copy(update={"clauses": fresh, "unsupported": (), "count": None}))
    request, said = _with_additions(request, current, checked.request.clauses)
    if request == own.request:
        return own
    notes = tuple(dict.fromkeys((*request.notes, *remarks, *checked.dropped, *said)))
    joined = own.request.text if own.kind == "changed" else f"{current.text}\n{text}"
    return Turn("changed", request.model_copy(update={"notes": notes, "text": joined}))


def _with_additions(
    request: DesignRequest, before: DesignRequest, fresh: tuple[AnyClause, ...]
) -> tuple[DesignRequest, list[str]]:
    """The request with wishes of a turn that the rules have not read; where both speak, theirs."""
    clauses = list(request.clauses)
    remarks: list[str] = []
    keys = {key for clause in clauses for key in keys_of(clause)}
    gone = all_elements(before) - all_elements(request)
    for clause in fresh:
        if isinstance(clause, LISTS):
            spare = tuple(e for e in clause.elements if e not in all_elements(request) | gone)
            if not spare:
                continue
            clause = clause.model_copy(update={"elements": spare})
        elif any(key in keys_of(old) for old in before.clauses for key in keys_of(clause)):
            continue  # what stood before is changed by the rules alone
        extra = addition(clause, clauses, keys)
        if extra is not None:
            clauses.append(extra)
            remarks.append(f"'{extra.wish()}' was read by the language model")
    return request.model_copy(update={"clauses": tuple(clauses)}), remarks


def _taken_back(
    current: DesignRequest, theirs: DesignRequest, text: str
) -> tuple[DesignRequest, list[str]]:
    """The request without wishes that the turn names and the model no longer has."""
    reading = Reading(Source(text))
    request, remarks = current, []
    for subject in subjects_of(reading, 0, len(reading.source.plain)):
        after = dropped(request, Change("drop", (subject,), may_exclude=False))
        lost = [c for c in request.clauses if not any(says_same(c, kept) for kept in after.clauses)]
        if lost and not any(says_same(c, kept) for c in lost for kept in theirs.clauses):
            request = after
            remarks += [
                f"'{c.wish()}' was taken back, as the language model reads it" for c in lost
            ]
    return request, remarks
