"""Evidence to judge by, and one clause of every kind at least."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from crystalsmith.core.clauses import (
    AnionClass,
    AtomCount,
    Centrosymmetric,
    Chiral,
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
    PointGroupClause,
    Polar,
    PropertyRange,
    Ratio,
    SpaceGroupClause,
    Stable,
)
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.evidence import Evidence, Prediction, Reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from pymatgen.core import Structure

EVERY_KIND: tuple[Clause, ...] = (
    IncludeElements(elements=("O",), words="an oxide"),
    ExcludeElements(elements=("Pb", "Cl")),
    OnlyElements(elements=("Sr", "Ti", "O", "Ca")),
    IncludeGroups(groups=("transition metal",)),
    ExcludeGroups(groups=("halogen", "rare earth")),
    ExactFormula(formula="SrTiO3"),
    ExactFormula(formula="SiO2"),
    Ratio(ratio="ABX3"),
    Ratio(ratio="1:2"),
    ElementCount(minimum=2, maximum=2),
    ElementCount(minimum=3),
    ElementCount(maximum=1),
    AnionClass(name="oxide"),
    AnionClass(name="halide"),
    AnionClass(name="intermetallic"),
    AtomCount(maximum=5),
    AtomCount(minimum=6, maximum=14),
    AtomCount(minimum=2, maximum=2),
    AtomCount(maximum=1),
    FamilyClause(name="perovskite"),
    FamilyClause(name="rock salt"),
    FamilyClause(name="spinel"),
    SpaceGroupClause(number=225),
    SpaceGroupClause(number=62),
    CrystalSystemClause(name="cubic"),
    CrystalSystemClause(name="trigonal"),
    Centrosymmetric(value=True),
    Centrosymmetric(value=False),
    PointGroupClause(symbol="m-3m"),
    PointGroupClause(symbol="mm2"),
    Polar(value=True),
    Polar(value=False),
    Chiral(value=True),
    Chiral(value=False),
    PropertyRange(name="band_gap", target=1.8, words="near 1.8 eV"),
    PropertyRange(name="formation_energy", maximum=-1.0),
    PropertyRange(name="density", minimum=2.0, maximum=5.5),
    ElectronicClass(name="metallic"),
    ElectronicClass(name="semiconductor"),
    ElectronicClass(name="wide_gap", beside_figure=True),
    Stable(),
    Novel(),
    Novel(known=True),
)


@pytest.fixture(params=EVERY_KIND, ids=lambda clause: clause.wish())
def clause(request: pytest.FixtureRequest) -> Clause:
    """Clauses of every kind in turn."""
    found: Clause = request.param
    return found


@pytest.fixture(scope="session")
def every_kind() -> tuple[Clause, ...]:
    """Clauses of every kind together."""
    return EVERY_KIND


@pytest.fixture(scope="session")
def evidence_of() -> Callable[..., Evidence]:
    """Evidence about a structure, as the search would gather it."""

    def gather(
        structure: Structure, reference: Reference | None = None, **predicted: tuple[float, float]
    ) -> Evidence:
        template = describe(structure).template
        return Evidence(
            structure=structure,
            template=template,
            space_group=template.number,
            predictions={
                name: Prediction(mean=mean, std=std, unit="eV", source="test")
                for name, (mean, std) in predicted.items()
            },
            reference=reference,
        )

    return gather
