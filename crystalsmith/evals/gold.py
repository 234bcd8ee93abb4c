"""Clauses from a gold reading in the public JSON (docs/requests.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from crystalsmith.core.clauses import (
    AnionClass,
    AtomCount,
    Centrosymmetric,
    Clause,
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
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PLAIN: dict[str, Callable[[Any], Clause]] = {
    "include": lambda v: IncludeElements(elements=tuple(v)),
    "exclude": lambda v: ExcludeElements(elements=tuple(v)),
    "only": lambda v: OnlyElements(elements=tuple(v)),
    "include_groups": lambda v: IncludeGroups(groups=tuple(v)),
    "exclude_groups": lambda v: ExcludeGroups(groups=tuple(v)),
    "formula": lambda v: ExactFormula(formula=v),
    "ratio": lambda v: _ratio(v),
    "n_elements": lambda v: ElementCount(minimum=v.get("min"), maximum=v.get("max")),
    "n_atoms": lambda v: AtomCount(minimum=v.get("min"), maximum=v.get("max")),
    "anion_class": lambda v: AnionClass(name=v),
    "family": lambda v: FamilyClause(name=v),
    "space_group": lambda v: SpaceGroupClause(number=v),
    "crystal_system": lambda v: CrystalSystemClause(name=v),
    "centrosymmetric": lambda v: Centrosymmetric(value=v),
    "novel": lambda v: Novel(known=not v),
}
_PLACE = re.compile(r"([A-Z][a-z]?)(\d*)")
_CLASSES = ("semiconductor", "insulator", "wide_gap")


def _ratio(written: str) -> Ratio:
    """A ratio as it stands in gold: 1:1:3, ABX3, or with elements among the places (Li3MX6)."""
    if ":" in written:
        return Ratio(ratio=written)
    return Ratio(ratio=":".join(amount or "1" for _, amount in _PLACE.findall(written)))


def clauses_of(gold: Mapping[str, Any]) -> list[Clause]:
    """What of a gold reading can be checked on a crystal; counts and remarks are left out.

    Raises:
        ValueError: a value is none of its kind's.
    """
    found = [make(gold[key]) for key, make in _PLAIN.items() if key in gold]
    for name in PROPERTIES:
        if name in gold:
            figures = gold[name]
            found.append(
                PropertyRange(
                    name=name,
                    minimum=figures.get("min"),
                    maximum=figures.get("max"),
                    target=figures.get("target"),
                    tolerance=figures.get("tolerance"),
                )
            )
    beside = "band_gap" in gold
    if "metallic" in gold:
        word = "metallic" if gold["metallic"] else "non_metallic"
        found.append(ElectronicClass(name=word, beside_figure=beside))  # type: ignore[arg-type]
    found += [
        ElectronicClass(name=name, beside_figure=beside)  # type: ignore[arg-type]
        for name in _CLASSES
        if gold.get(name)
    ]
    if gold.get("stable") and "e_above_hull" not in gold:
        found.append(Stable())
    return found
