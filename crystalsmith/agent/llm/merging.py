"""How the language model's wishes and the built-in reading's are compared and joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crystalsmith.core.clauses import AnionClass, ExcludeElements, IncludeElements, OnlyElements
from crystalsmith.core.public_request import keys_of

if TYPE_CHECKING:
    from crystalsmith.core.clauses import AnyClause
    from crystalsmith.core.request import DesignRequest

LISTS = (IncludeElements, ExcludeElements, OnlyElements)


def says_same(first: AnyClause, second: AnyClause) -> bool:
    """Whether two clauses ask for the same, whatever words they were read from."""
    return first.model_copy(update={"words": ""}) == second.model_copy(update={"words": ""})


def elements_of(request: DesignRequest, kind: type[AnyClause]) -> set[str]:
    """Elements of all clauses of one kind."""
    return {e for clause in request.of_kind(kind) for e in getattr(clause, "elements", ())}


def all_elements(request: DesignRequest) -> set[str]:
    """Elements that a request speaks of, wanted or not."""
    found = set().union(*(elements_of(request, kind) for kind in LISTS))
    return found | request.required_elements


def addition(clause: AnyClause, clauses: list[AnyClause], keys: set[str]) -> AnyClause | None:
    """What of a clause is not among others yet; None when all of it is, or another has its key."""
    if isinstance(clause, LISTS):
        held = {
            e
            for other in clauses
            if type(other) is type(clause)
            for e in getattr(other, "elements", ())
        }
        missing = tuple(e for e in clause.elements if e not in held)
        return clause.model_copy(update={"elements": missing}) if missing else None
    if isinstance(clause, AnionClass) and "anion_class" in keys:
        return None
    if any(says_same(clause, other) for other in clauses):
        return None
    return clause if not keys_of(clause) & keys else None
