"""Reads requests with a language model; the built-in interpreter checks it and stands in for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crystalsmith.agent.grounding import audit
from crystalsmith.agent.interpreter import read
from crystalsmith.agent.llm.answers import ask
from crystalsmith.agent.llm.merging import (
    LISTS,
    addition,
    all_elements,
    elements_of,
    says_same,
)
from crystalsmith.agent.llm.public import request_from, schema
from crystalsmith.agent.llm.turns import refine_with_model
from crystalsmith.core.errors import ServerError
from crystalsmith.core.public_request import keys_of
from crystalsmith.prompts.requests import reading_messages

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.refinement import Turn
    from crystalsmith.agent.llm.models import LanguageModel
    from crystalsmith.core.clauses import AnyClause
    from crystalsmith.core.request import DesignRequest


@dataclass(frozen=True)
class LanguageModelReader:
    """Reads like `crystalsmith.agent.interpreter.read`, by a language model.

    What the model reads goes through the grounding audit. What the text names and the model left
    out is taken from the built-in reading; where both speak of an element and one wants what the
    other excludes, the built-in reading counts. Both are said in the notes.
    """

    model: LanguageModel

    def read(self, text: str) -> DesignRequest:
        """Read any text; when the model fails, the built-in interpreter does, and says so."""
        own = read(text)
        if not text.strip() or (own.refusals and not own.clauses and not own.off_topic):
            return own
        try:
            answer = ask(self.model, reading_messages(text, schema()))
        except ServerError as error:
            note = f"{error}; the built-in interpreter read the request"
            return own.model_copy(update={"notes": (*own.notes, note)})
        theirs, remarks = request_from(answer, text)
        if own.off_topic or theirs.off_topic:
            return _off_topic(own, theirs)
        checked = audit(theirs)
        request, restored = _completed(checked.request, own)
        notes = [*own.notes, *remarks, *checked.dropped, *restored]
        return request.model_copy(update={"notes": tuple(dict.fromkeys(notes))})

    def refine(self, current: DesignRequest, text: str, focus: str = "") -> Turn:
        """What a later turn makes of a request; the rules lead and the model adds."""
        return refine_with_model(self.model, current, text, focus)


def _off_topic(own: DesignRequest, theirs: DesignRequest) -> DesignRequest:
    """Off topic is what both call so; the built-in reading decides when they differ."""
    if own.off_topic and not theirs.off_topic and theirs.clauses:
        note = "the language model read wishes where the built-in interpreter finds none"
        return own.model_copy(update={"notes": (*own.notes, note)})
    return own


def _completed(theirs: DesignRequest, own: DesignRequest) -> tuple[DesignRequest, list[str]]:
    """The model's grounded reading with what the built-in one has beyond it."""
    clauses, remarks = _without_conflicts(theirs, own)
    keys = {key for clause in clauses for key in keys_of(clause)}
    for clause in own.clauses:
        extra = addition(clause, clauses, keys)
        if extra is not None:
            clauses.append(extra)
            remarks.append(f"'{extra.wish()}' was left out by the language model and added")
    unsupported = max(own.unsupported, theirs.unsupported, key=len)  # its own where equally long
    update = {"clauses": tuple(clauses), "unsupported": unsupported}
    return own.model_copy(update=update), remarks


def _without_conflicts(
    theirs: DesignRequest, own: DesignRequest
) -> tuple[list[AnyClause], list[str]]:
    """The model's clauses without those that turn a wish of the built-in reading around."""
    kept: list[AnyClause] = []
    remarks: list[str] = []
    ours = {key: clause for clause in own.clauses for key in keys_of(clause)}
    for clause in theirs.clauses:
        same = next((other for other in own.clauses if says_same(other, clause)), None)
        if same is not None:
            kept.append(same)
            continue
        key = next(iter(keys_of(clause)), "")
        if isinstance(clause, LISTS):
            held = elements_of(own, type(clause))
            spare = tuple(e for e in clause.elements if e in held or e not in all_elements(own))
            if spare:
                kept.append(clause.model_copy(update={"elements": spare}))
            if len(spare) < len(clause.elements):
                remarks.append(f"'{clause.wish()}' turns the request around and was dropped")
        elif key in ours:
            kept.append(ours[key])
            remarks.append(f"'{clause.wish()}' is not what the words say and was corrected")
        else:
            kept.append(clause)
    return kept, remarks
