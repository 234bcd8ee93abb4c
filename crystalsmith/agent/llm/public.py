"""From the public JSON of a reading back to clauses: what language models answer with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crystalsmith.core.chemistry.formulas import parse_formula
from crystalsmith.core.clauses import (
    AnionClass,
    AtomCount,
    Centrosymmetric,
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
    PropertyRange,
    Ratio,
    SpaceGroupClause,
    Stable,
)
from crystalsmith.core.errors import RequestError
from crystalsmith.core.properties import PROPERTIES
from crystalsmith.core.request import MAX_COUNT, DesignRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from crystalsmith.core.clauses import AnyClause

_LISTS: dict[str, Callable[..., AnyClause]] = {
    "include": lambda value, **words: IncludeElements(elements=value, **words),
    "exclude": lambda value, **words: ExcludeElements(elements=value, **words),
    "only": lambda value, **words: OnlyElements(elements=value, **words),
    "include_groups": lambda value, **words: IncludeGroups(groups=value, **words),
    "exclude_groups": lambda value, **words: ExcludeGroups(groups=value, **words),
}
_SINGLE: dict[str, Callable[..., AnyClause]] = {
    "formula": lambda value, **words: ExactFormula(formula=value, **words),
    "ratio": lambda value, **words: Ratio(ratio=value, **words),
    "anion_class": lambda value, **words: AnionClass(name=value, **words),
    "family": lambda value, **words: FamilyClause(name=value, **words),
    "space_group": lambda value, **words: SpaceGroupClause(number=value, **words),
    "crystal_system": lambda value, **words: CrystalSystemClause(name=value, **words),
    "centrosymmetric": lambda value, **words: Centrosymmetric(value=value, **words),
}
_COUNTS: dict[str, type[ElementCount | AtomCount]] = {
    "n_elements": ElementCount,
    "n_atoms": AtomCount,
}


class Bounds(BaseModel):
    """Whole numbers from min to max."""

    model_config = ConfigDict(extra="forbid")

    min: int | None = None
    max: int | None = None


class Figure(BaseModel):
    """A range, a bound, or a target with a tolerance."""

    model_config = ConfigDict(extra="forbid")

    min: float | None = None
    max: float | None = None
    target: float | None = None
    tolerance: float | None = None


class PublicRequest(BaseModel):
    """The schema that a language model's answer must fit; docs/requests.md explains the keys."""

    model_config = ConfigDict(extra="forbid")

    include: list[str] | None = None
    exclude: list[str] | None = None
    only: list[str] | None = None
    include_groups: list[str] | None = None
    exclude_groups: list[str] | None = None
    formula: str | None = None
    ratio: str | None = None
    n_elements: Bounds | None = None
    anion_class: str | None = None
    family: str | None = None
    band_gap: Figure | None = None
    formation_energy: Figure | None = None
    e_above_hull: Figure | None = None
    density: Figure | None = None
    volume_per_atom: Figure | None = None
    bulk_modulus: Figure | None = None
    shear_modulus: Figure | None = None
    metallic: bool | None = None
    semiconductor: bool | None = None
    insulator: bool | None = None
    wide_gap: bool | None = None
    stable: bool | None = None
    novel: bool | None = None
    centrosymmetric: bool | None = None
    space_group: int | None = None
    crystal_system: str | None = None
    n_atoms: Bounds | None = None
    count: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    unsupported: list[str] | None = None
    contradiction: bool | None = None
    off_topic: bool | None = None
    spans: dict[str, str | list[str]] | None = None


def schema() -> dict[str, Any]:
    """The JSON schema, with the titles that only cost tokens left out."""
    return _bare(PublicRequest.model_json_schema())


def _bare(node: Any) -> Any:
    if isinstance(node, dict):
        kept = {k: _bare(v) for k, v in node.items() if k not in ("title", "default")}
        kinds = kept.get("anyOf")
        if isinstance(kinds, list) and {"type": "null"} in kinds and len(kinds) == 2:
            kept.pop("anyOf")
            kept |= next(kind for kind in kinds if kind != {"type": "null"})
        return kept
    return [_bare(item) for item in node] if isinstance(node, list) else node


def request_from(answer: dict[str, Any], text: str) -> tuple[DesignRequest, list[str]]:
    """The request that an answer stands for, and remarks about what had to be left out.

    Args:
        answer: a JSON object; whatever does not fit the schema is dropped key by key.
        text: the user's text.
    """
    remarks: list[str] = []
    spans = answer.get("spans")
    spans = spans if isinstance(spans, dict) else {}
    clauses: list[AnyClause] = []
    for key, value in answer.items():
        if key in ("spans", "unsupported", "contradiction", "off_topic", "count") or value is None:
            continue
        try:
            part = PublicRequest.model_validate({key: value})
            clauses += _clauses(key, getattr(part, key), _words(spans.get(key), text))
        except (ValidationError, RequestError, AttributeError):
            remarks.append(f"the language model's {key!r} was no valid wish and was dropped")
    count = answer.get("count")
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_COUNT:
        count = None
    others = answer.get("unsupported")
    others = [item for item in others if isinstance(item, str)] if isinstance(others, list) else []
    request = DesignRequest(
        text=text,
        clauses=tuple(clauses),
        count=count,
        count_words=_words(spans.get("count"), text),
        unsupported=tuple(dict.fromkeys(others)),
        off_topic=answer.get("off_topic") is True and not clauses,
    )
    return request, remarks


def _words(span: Any, text: str) -> str:
    """The words that a wish is said to come from, if the text has them."""
    first = span[0] if isinstance(span, list) and span else span
    return first if isinstance(first, str) and first in text else ""


_Class = Literal["metallic", "semiconductor", "insulator", "wide_gap"]


def _clauses(key: str, value: Any, words: str) -> list[AnyClause]:
    if key in _LISTS:
        return [_LISTS[key](tuple(value), words=words)] if value else []
    if key == "formula":
        parse_formula(value)
    if key in _SINGLE:
        return [_SINGLE[key](value, words=words)]
    if key in _COUNTS:
        return [_COUNTS[key](minimum=value.min, maximum=value.max, words=words)]
    if key in PROPERTIES:
        name = PROPERTIES[key].name
        figures = {"minimum": value.min, "maximum": value.max, "target": value.target}
        return [PropertyRange(name=name, tolerance=value.tolerance, words=words, **figures)]
    if key == "metallic":
        name_of: Any = "metallic" if value else "non_metallic"
        return [ElectronicClass(name=name_of, words=words)]
    if key in ("semiconductor", "insulator", "wide_gap"):
        class_name: Any = key
        return [ElectronicClass(name=class_name, words=words)] if value else []
    if key == "stable":
        return [Stable(words=words)] if value else []
    if key == "novel":
        return [Novel(known=not value, words=words)]
    raise AttributeError(key)
