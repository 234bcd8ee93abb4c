"""A reading in rows that a person can check: each wish and the words that it was read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crystalsmith.core.request import DesignRequest


def explain(request: DesignRequest) -> list[tuple[str, str]]:
    """Rows of (what was understood, the words it came from), in the order of the text.

    After the clauses come the count, what is assumed, what was asked for and cannot be scored,
    what was not understood, what cannot be at all, and remarks; a remark stands in the first column
    and has no words of its own.
    """
    rows = [(clause.wish(), clause.words) for clause in request.clauses]
    if request.count is not None:
        noun = "candidate" if request.count == 1 else "candidates"
        rows.append((f"{request.count} {noun}", request.count_words))
    used = request.assumed()
    for item in (item for item in request.assumptions if item.clause is not None):
        word = "assumed" if item.clause in used else "usually"
        rows.append((f"{word}: {item.meaning}", item.words))
    rows += [("cannot be scored", words) for words in request.unsupported]
    rows += [("not understood", words) for words in request.not_understood]
    rows += [(f"impossible: {reason}", "") for reason in _reasons(request)]
    rows += [(f"note: {note}", "") for note in request.notes]
    return rows


def _reasons(request: DesignRequest) -> list[str]:
    return list(
        dict.fromkeys([*request.refusals, *request.contradictions(), *request.unbuildable()])
    )
