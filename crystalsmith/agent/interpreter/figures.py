"""Moves figures in a conversation: tolerances, one end of a range, "by 0.2 eV"."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.clauses import AtomCount, ElementCount, PropertyRange

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading
    from crystalsmith.core.clauses import AnyClause
    from crystalsmith.core.request import DesignRequest

Figure = PropertyRange | ElementCount | AtomCount
_COUNTED = re.compile(r"\s*-?(?:(?:different|distinct)\s+)?(atoms?|elements?)\b", re.IGNORECASE)
_NEAR = re.compile(
    r"\b(?:about|around|near|close|closer|roughly|approx|exactly|or\s+so)|~|≈|左右|约|接近",
    re.IGNORECASE,
)


@lru_cache(maxsize=8)
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(table("refinement")["figures"][name], re.IGNORECASE)


def moves_bound(text: str) -> bool:
    """Whether a verb says that an earlier bound is moved: tighten, raise, allow."""
    return _pattern("move").search(text) is not None


def moved_figures(request: DesignRequest, reading: Reading) -> DesignRequest:
    """The request with the figures that a turn moves; their words are claimed."""
    for name, sign in (("by_more", 1), ("by_less", -1)):
        request = _shifted(request, reading, name, sign)
    for name, field in (("no_upper", "maximum"), ("no_lower", "minimum")):
        request = _without_end(request, reading, name, field)
    for name in ("tolerance", "width"):
        request = _with_tolerance(request, reading, name)
    for name, field in (("upper", "maximum"), ("lower", "minimum")):
        request = _with_end(request, reading, name, field)
    return request


def _subject(request: DesignRequest, reading: Reading, start: int, end: int) -> Figure | None:
    """The figure that a stretch of text speaks about: named in it, or in focus."""
    figures = [
        c for c in request.clauses if isinstance(c, PropertyRange | ElementCount | AtomCount)
    ]
    counted = _COUNTED.match(reading.source.plain, end)
    if counted is not None:  # max 12 atoms is about atoms
        kind = AtomCount if counted[1].lower().startswith("atom") else ElementCount
        return next((c for c in figures if isinstance(c, kind)), None)
    named = [m.value for m in reading.all_mentions if m.kind == "property"]
    for clause in figures:
        if isinstance(clause, PropertyRange) and clause.name in named:
            return clause
    in_focus = [c for c in figures if reading.focus in (getattr(c, "name", None), c.kind)]
    return in_focus[0] if in_focus else None


def _value(match: re.Match[str]) -> float:
    unit = (match["unit"] or "").lower() if "unit" in match.re.groupindex else ""
    return float(match["value"]) * (0.001 if unit.startswith("mev") else 1.0)


def _shifted(request: DesignRequest, reading: Reading, name: str, sign: int) -> DesignRequest:
    match = _pattern(name).search(reading.source.plain)
    if match is None or not reading.source.is_open(*match.span()):
        return request
    clause = _subject(request, reading, *match.span())
    if clause is None:
        return request
    step = sign * _value(match)
    if re.match(r"widen|narrow|shrink", match.group(), re.IGNORECASE):
        changed = {"minimum": -step, "maximum": step}
    else:
        changed = dict.fromkeys(("minimum", "maximum", "target"), step)
    fields = {
        key: round(value + changed[key], 6)
        for key in changed
        if (value := getattr(clause, key, None)) is not None
    }
    return _replaced(request, reading, clause, match, fields)


def _without_end(request: DesignRequest, reading: Reading, name: str, field: str) -> DesignRequest:
    """Take one end of a range back; a figure that says nothing more goes."""
    match = _pattern(name).search(reading.source.plain)
    if match is None or not reading.source.is_open(*match.span()):
        return request
    clause = _subject(request, reading, *match.span())
    if clause is None or getattr(clause, field) is None:
        return request
    other = clause.minimum if field == "maximum" else clause.maximum
    if other is not None:
        return _replaced(request, reading, clause, match, {field: None})
    reading.source.claim(*match.span())
    return request.model_copy(
        update={"clauses": tuple(c for c in request.clauses if c is not clause)}
    )


def _with_tolerance(request: DesignRequest, reading: Reading, name: str) -> DesignRequest:
    match = _pattern(name).search(reading.source.plain)
    if match is None or not reading.source.is_open(*match.span()):
        return request
    if re.search(r"\d\s*(?:m?ev)?\s*$", reading.source.plain[: match.start()], re.IGNORECASE):
        return request  # 2 ± 0.1 is a figure of its own
    clause = _subject(request, reading, *match.span())
    if not isinstance(clause, PropertyRange) or clause.target is None:
        return request
    if name == "width" and clause.tolerance is None:
        return request
    width = _value(match)
    if match["unit"] == "%":
        width = abs(clause.target) * width / 100
    return _replaced(request, reading, clause, match, {"tolerance": width})


def _with_end(request: DesignRequest, reading: Reading, name: str, field: str) -> DesignRequest:
    match = _pattern(name).search(reading.source.plain)
    if match is None or not reading.source.is_open(*match.span()):
        return request
    clause = _subject(request, reading, *match.span())
    if clause is None or (clause.minimum is None and clause.maximum is None):
        return request
    value: Any = _value(match)
    if not isinstance(clause, PropertyRange):
        value = round(value)
    return _replaced(request, reading, clause, match, {field: value})


def _replaced(
    request: DesignRequest,
    reading: Reading,
    clause: Figure,
    match: re.Match[str],
    fields: dict[str, Any],
) -> DesignRequest:
    if not fields:
        return request
    words = reading.source.words(*match.span())
    reading.source.claim(match.start(), match.end())
    after = clause.model_copy(update=fields | {"words": words})
    clauses = tuple(after if c is clause else c for c in request.clauses)
    return request.model_copy(update={"clauses": clauses})


def joined(earlier: Figure, later: Figure, keeps_side: bool) -> AnyClause:
    """A later figure for the same thing: it replaces the earlier one, or completes its range.

    Args:
        earlier: what was asked for.
        later: what is said now.
        keeps_side: a verb such as "tighten" moves a bound, so that a bare figure keeps its side.
    """
    low, high = earlier.minimum, earlier.maximum
    if keeps_side and is_limit(later):
        later = later.model_copy(update=_as_bare(later))
    target = getattr(later, "target", None)
    one_sided = (low is None) != (high is None) and getattr(earlier, "target", None) is None
    is_bare = _is_bare(later)
    if isinstance(later, AtomCount) and "exact" not in later.words.lower():
        keeps_side = True  # at most 10 atoms; let's say 16
    if keeps_side and one_sided and is_bare is not None:
        fields: dict[str, float | int | None] = {"minimum": None, "maximum": None}
        fields["minimum" if high is None else "maximum"] = is_bare
        if isinstance(later, PropertyRange):
            fields["target"] = None
        return later.model_copy(update=fields)
    if target is not None or getattr(earlier, "target", None) is not None:
        return later
    if later.minimum is None and low is not None and later.maximum is not None:
        return later.model_copy(update={"minimum": low}) if low < later.maximum else later
    if later.maximum is None and high is not None and later.minimum is not None:
        return later.model_copy(update={"maximum": high}) if later.minimum < high else later
    return later


def is_limit(clause: Figure) -> bool:
    """Whether the words name the bound itself: raise the gap limit to 3.3."""
    one = (clause.minimum is None) != (clause.maximum is None)
    return one and re.search(r"\b(?:limit|bound|threshold|cut-?off)\b", clause.words) is not None


def _as_bare(clause: Figure) -> dict[str, float | int | None]:
    value = clause.maximum if clause.minimum is None else clause.minimum
    if isinstance(clause, PropertyRange):
        return {"minimum": None, "maximum": None, "target": value}
    return {"minimum": value, "maximum": value}


def _is_bare(clause: Figure) -> float | int | None:
    """The number of "0.1", said without a side."""
    if isinstance(clause, PropertyRange):
        is_near = _NEAR.search(clause.words) is not None
        return clause.target if clause.tolerance is None and not is_near else None
    return clause.minimum if clause.minimum == clause.maximum else None
