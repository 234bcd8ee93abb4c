"""The public view of a request: the JSON that ``crystalsmith parse --json`` prints.

The keys, their shapes and their order are a promise (docs/requests.md). `DesignRequest` may be
richer. A wish that this view has no key for (polar, chiral, a point group) stands under `other`,
because it is judged, and in the user's words under `unsupported`, because no key scores it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from crystalsmith.core.clauses import (
    AnionClass,
    AtomCount,
    Centrosymmetric,
    Chiral,
    CrystalSystemClause,
    ElectronicClass,
    ElementCount,
    ExactFormula,
    ExcludeElements,
    ExcludeGroups,
    FamilyClause,
    IncludeElements,
    IncludeGroups,
    Novel,
    OnlyElements,
    PointGroupClause,
    Polar,
    PropertyRange,
    Ratio,
    SpaceGroupClause,
    Stable,
)
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crystalsmith.core.clauses import Clause
    from crystalsmith.core.request import Assumption, DesignRequest

KEYS = (
    "include", "exclude", "only", "include_groups", "exclude_groups", "formula", "ratio",
    "n_elements", "anion_class", "family", *PROPERTIES, "metallic", "semiconductor", "insulator",
    "wide_gap", "stable", "novel", "centrosymmetric", "space_group", "crystal_system", "n_atoms",
    "count", "unsupported", "contradiction", "off_topic",
)  # fmt: skip
"""Everything that can be asked for; scorers compare these keys and no others."""

ABOUT = ("other", "spans", "assumptions", "not_understood", "reasons", "notes")
"""What stands beside the wishes: where they come from, and remarks."""

_SINGLE: dict[type[Clause], tuple[str, str]] = {
    ExactFormula: ("formula", "formula"),
    AnionClass: ("anion_class", "name"),
    FamilyClause: ("family", "name"),
    SpaceGroupClause: ("space_group", "number"),
    CrystalSystemClause: ("crystal_system", "name"),
    Centrosymmetric: ("centrosymmetric", "value"),
    PointGroupClause: ("point_group", "symbol"),
    Polar: ("polar", "value"),
    Chiral: ("chiral", "value"),
}
_KEYLESS = (PointGroupClause, Polar, Chiral)
# Classes of anions that are no value of `anion_class`, as what they mean.
_OTHER_ANIONS: dict[str, tuple[str, list[str]]] = {
    "germanide": ("include", ["Ge"]),
    "pnictide": ("include_groups", ["pnictogen"]),
}
_FIGURES = (
    ("minimum", "min"),
    ("maximum", "max"),
    ("target", "target"),
    ("tolerance", "tolerance"),
)
_DIGITS = 6
_PATTERN = re.compile(r"[A-Z][A-Za-z0-9']+")


def public_view(request: DesignRequest) -> dict[str, Any]:
    """A request as the promised JSON object; keys that were not asked for are absent.

    Returns:
        The keys of `KEYS` in their order, then those of `ABOUT`.
    """
    if request.off_topic:
        return {"off_topic": True} | _remarks(request)
    found: dict[str, Any] = {}
    spans: dict[str, list[str]] = {}
    for clause in request.clauses:
        for key, value in _rows(clause):
            _put(found, key, value)
            spans.setdefault(key, []).append(clause.words)
    if request.count is not None:
        found["count"] = request.count
        spans["count"] = [request.count_words]
    unsupported = dict.fromkeys((*request.unsupported, *_without_key(request)))
    if unsupported:
        found["unsupported"] = list(unsupported)
    if request.contradictions():
        found["contradiction"] = True
    view = {key: found[key] for key in KEYS if key in found}
    other = {key: value for key, value in found.items() if key not in KEYS}
    if other:
        view["other"] = other
    if spans:
        view["spans"] = {key: list(dict.fromkeys(words)) for key, words in spans.items()}
    return view | _remarks(request)


def _without_key(request: DesignRequest) -> list[str]:
    """Words of wishes that no key scores."""
    return [clause.words for clause in request.clauses if isinstance(clause, _KEYLESS)]


def keys_of(clause: Clause) -> set[str]:
    """The public keys that a clause stands under."""
    return {key for key, _ in _rows(clause)}


def wishes_only(view: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, without where it comes from: what benchmarks compare."""
    return {key: view[key] for key in KEYS if key in view}


def _remarks(request: DesignRequest) -> dict[str, Any]:
    used = request.assumed()
    rows = {
        "assumptions": [_assumption(item, item.clause in used) for item in request.assumptions],
        "not_understood": list(request.not_understood),
        "reasons": list(
            dict.fromkeys([*request.refusals, *request.contradictions(), *request.unbuildable()])
        ),
        "notes": list(request.notes),
    }
    return {key: value for key, value in rows.items() if value}


def _assumption(item: Assumption, used: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"words": item.words, "meaning": item.meaning}
    if item.clause is not None:
        row |= dict(_rows(item.clause))
        row["used"] = used
    return row


def _put(found: dict[str, Any], key: str, value: Any) -> None:
    """Add a value; lists and figures of several clauses are joined, of others the first counts."""
    if isinstance(value, list):
        found[key] = sorted({*found.get(key, []), *value})
    elif isinstance(value, dict):
        found[key] = {**found.get(key, {}), **value}
    else:
        found.setdefault(key, value)


def _rows(clause: Clause) -> Iterator[tuple[str, Any]]:
    if isinstance(clause, Ratio):
        is_pattern = _PATTERN.fullmatch(clause.words) is not None
        yield "ratio", clause.words if is_pattern else clause.ratio  # LiMO2, as it was written
    elif isinstance(clause, AnionClass) and clause.name in _OTHER_ANIONS:
        yield _OTHER_ANIONS[clause.name]
    elif type(clause) in _SINGLE:
        key, field = _SINGLE[type(clause)]
        yield key, getattr(clause, field)
    elif isinstance(clause, IncludeElements | ExcludeElements | OnlyElements):
        yield clause.kind, list(clause.elements)
    elif isinstance(clause, IncludeGroups | ExcludeGroups):
        yield clause.kind, list(clause.groups)
    elif isinstance(clause, ElementCount | AtomCount):
        yield clause.kind, _figures(clause)
    elif isinstance(clause, PropertyRange):
        yield clause.name, _figures(clause)
    elif isinstance(clause, ElectronicClass):
        yield ("metallic", False) if clause.name == "non_metallic" else (clause.name, True)
    elif isinstance(clause, Stable):
        yield clause.word, True
    elif isinstance(clause, Novel):
        yield "novel", not clause.known


def _figures(clause: Clause) -> dict[str, Any]:
    values = {short: getattr(clause, name, None) for name, short in _FIGURES}
    return {key: round(value, _DIGITS) for key, value in values.items() if value is not None}
