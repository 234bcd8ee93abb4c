"""Clauses: the checkable wishes of a request, one class per kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crystalsmith.core.clauses.base import Clause
from crystalsmith.core.clauses.composition import (
    AnionClass,
    AtomCount,
    ElementCount,
    ExactFormula,
    ExcludeElements,
    ExcludeGroups,
    IncludeElements,
    IncludeGroups,
    OnlyElements,
    Ratio,
)
from crystalsmith.core.clauses.family import FamilyClause
from crystalsmith.core.clauses.novelty import Novel
from crystalsmith.core.clauses.properties import ElectronicClass, PropertyRange, Stable
from crystalsmith.core.clauses.symmetry import (
    Centrosymmetric,
    Chiral,
    CrystalSystemClause,
    PointGroupClause,
    Polar,
    SpaceGroupClause,
)

AnyClause = Annotated[
    IncludeElements
    | ExcludeElements
    | OnlyElements
    | IncludeGroups
    | ExcludeGroups
    | ExactFormula
    | Ratio
    | ElementCount
    | AnionClass
    | AtomCount
    | FamilyClause
    | SpaceGroupClause
    | CrystalSystemClause
    | PointGroupClause
    | Centrosymmetric
    | Polar
    | Chiral
    | PropertyRange
    | ElectronicClass
    | Stable
    | Novel,
    Field(discriminator="kind"),
]

__all__ = [
    "AnionClass",
    "AnyClause",
    "AtomCount",
    "Centrosymmetric",
    "Chiral",
    "Clause",
    "CrystalSystemClause",
    "ElectronicClass",
    "ElementCount",
    "ExactFormula",
    "ExcludeElements",
    "ExcludeGroups",
    "FamilyClause",
    "IncludeElements",
    "IncludeGroups",
    "Novel",
    "OnlyElements",
    "PointGroupClause",
    "Polar",
    "PropertyRange",
    "Ratio",
    "SpaceGroupClause",
    "Stable",
]
