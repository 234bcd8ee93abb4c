"""Requests: JSON, what they ask of elements, and contradictions in words."""

import pytest
from pydantic import ValidationError
from pymatgen.core import Composition

from crystalsmith.core.clauses import (
    AnionClass,
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
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.errors import RequestError
from crystalsmith.core.request import MAX_COUNT, DesignRequest


def request(*clauses):
    return DesignRequest(text="…", clauses=clauses)


@pytest.mark.parametrize(
    ("clauses", "reason"),
    [
        (
            [ExactFormula(formula="CsPbI3"), ExcludeElements(elements=("Pb",))],
            "Pb is both asked for and excluded",
        ),
        (
            [ExactFormula(formula="NaCl"), ExcludeGroups(groups=("halogen",))],
            "Cl is both asked for and excluded",
        ),
        (
            [IncludeElements(elements=("Ti", "O")), OnlyElements(elements=("O", "Zn"))],
            "Ti is both asked for and excluded",
        ),
        (
            [CrystalSystemClause(name="cubic"), SpaceGroupClause(number=2)],
            "no space group is at once cubic and space group P-1 (2)",
        ),
        (
            [Centrosymmetric(value=False), SpaceGroupClause(number=225)],
            "no space group is at once non-centrosymmetric and space group Fm-3m (225)",
        ),
        (
            [FamilyClause(name="wurtzite"), CrystalSystemClause(name="cubic")],
            "no space group is at once wurtzite structure and cubic",
        ),
        (
            [ElectronicClass(name="metallic"), PropertyRange(name="band_gap", target=2.0)],
            "no band gap is at once metallic (gap below 0.05 eV) and band gap 2 ± 0.3 eV",
        ),
        (
            [ElectronicClass(name="metallic"), ElectronicClass(name="semiconductor")],
            "no band gap is at once metallic",
        ),
        (
            [ElectronicClass(name="semiconductor"), ElectronicClass(name="insulator")],
            "no band gap is at once semiconductor",
        ),
        (
            [
                PropertyRange(name="band_gap", minimum=3.0),
                PropertyRange(name="band_gap", maximum=2.0),
            ],
            "no band gap is at once band gap at least 3 eV and band gap at most 2 eV",
        ),
        (
            [Stable(), PropertyRange(name="e_above_hull", minimum=0.3)],
            "no energy above the hull is at once",
        ),
        (
            [IncludeElements(elements=("Sr", "Ti", "O")), ElementCount(maximum=2)],
            "at most 2 elements cannot hold the 3 elements O, Sr, Ti",
        ),
        (
            [ElementCount(minimum=2, maximum=2), ElementCount(minimum=3, maximum=3)],
            "no compound has at once 2 elements and 3 elements",
        ),
        (
            [Ratio(ratio="ABX3"), ElementCount(minimum=2, maximum=2)],
            "no compound has at once stoichiometry ABX3 and 2 elements",
        ),
        (
            [OnlyElements(elements=("Na", "Cl")), ElementCount(minimum=3, maximum=3)],
            "'3 elements' needs more elements than the 2 allowed",
        ),
        (
            [AnionClass(name="oxide"), ExcludeElements(elements=("O",))],
            "the allowed elements leave none for 'an oxide'",
        ),
        (
            [AnionClass(name="oxide"), AnionClass(name="nitride")],
            "no compound is at once an oxide and a nitride",
        ),
        (
            [IncludeGroups(groups=("halogen",)), OnlyElements(elements=("Na", "O"))],
            "the allowed elements leave none for 'contains a halogen'",
        ),
        (
            [ExactFormula(formula="SrTiO3"), ExactFormula(formula="BaTiO3")],
            "SrTiO3 does not satisfy 'formula BaTiO3'",
        ),
        (
            [ExactFormula(formula="SrTiO3"), Ratio(ratio="AB2")],
            "SrTiO3 does not satisfy 'stoichiometry AB2'",
        ),
        ([Ratio(ratio="AB2"), Ratio(ratio="AB3")], "no compound is at once stoichiometry AB2"),
        ([Novel(), Novel(known=True)], "a crystal cannot be both known and not known"),
    ],
)
def test_contradictions_are_refused_with_the_reason(clauses, reason):
    asked = request(*clauses)
    assert any(found.startswith(reason) for found in asked.contradictions()), asked.contradictions()
    with pytest.raises(RequestError, match="the request contradicts itself: "):
        asked.ensure_consistent()
    backwards = request(*clauses[::-1])
    assert backwards.contradictions()


@pytest.mark.parametrize(
    "clauses",
    [
        [],
        [ExactFormula(formula="CsPbI3"), FamilyClause(name="perovskite")],
        [CrystalSystemClause(name="cubic"), SpaceGroupClause(number=225)],
        [AnionClass(name="halide"), AnionClass(name="chloride")],
        [
            ElectronicClass(name="semiconductor", beside_figure=True),
            PropertyRange(name="band_gap", minimum=3.2),
        ],
        [ElectronicClass(name="wide_gap"), ElectronicClass(name="semiconductor")],
        [ElectronicClass(name="non_metallic"), ElectronicClass(name="insulator")],
        [PropertyRange(name="band_gap", minimum=2.0, maximum=2.0)],
        [Stable(), PropertyRange(name="e_above_hull", maximum=0.02)],
        [Ratio(ratio="ABX3"), Ratio(ratio="1:1:3"), ElementCount(minimum=3, maximum=3)],
        [OnlyElements(elements=("Na", "Cl")), ElementCount(minimum=2, maximum=3)],
        [IncludeElements(elements=("O",)), ExcludeGroups(groups=("halogen", "rare earth"))],
        [Novel(), Novel()],
    ],
)
def test_what_can_be_had_is_not_refused(clauses):
    assert request(*clauses).contradictions() == []
    assert request(*clauses).ensure_consistent() == request(*clauses)


def test_each_reason_is_told_once():
    asked = request(
        ExactFormula(formula="CsPbI3"),
        ExcludeElements(elements=("Pb",)),
        ExcludeElements(elements=("Pb",)),
    )
    assert len(asked.contradictions()) == len(set(asked.contradictions()))


def test_elements_asked_for_and_allowed():
    asked = request(
        IncludeElements(elements=("Ti",)),
        ExactFormula(formula="SrTiO3"),
        ExcludeGroups(groups=("halogen",)),
        ExcludeElements(elements=("Pb",)),
    )
    assert asked.required_elements == {"Sr", "Ti", "O"}
    assert asked.formula == Composition("SrTiO3")
    assert {"F", "Cl", "Pb"}.isdisjoint(asked.allowed_elements)
    assert {"Sr", "Ti", "O", "Xe"} <= asked.allowed_elements
    assert request(OnlyElements(elements=("O", "H"))).allowed_elements == {"O", "H"}
    assert request().formula is None
    assert len(request().allowed_elements) == 103


def test_pruning_asks_every_clause():
    asked = request(AnionClass(name="oxide"), SpaceGroupClause(number=221))
    assert asked.allows_composition(Composition("SrTiO3"))
    assert not asked.allows_composition(Composition("CsPbI3"))
    cubic = SymmetryTemplate.from_letters(221, {"Sr": "a", "Ti": "b", "O": "c"})
    assert asked.allows_template(cubic)
    assert not asked.allows_template(cubic.with_elements({"O": "F"}))
    assert not asked.allows_template(SymmetryTemplate.from_letters(225, {"Mg": "a", "O": "b"}))


def test_clauses_are_found_by_kind_and_property():
    gap = PropertyRange(name="band_gap", minimum=1.0)
    asked = request(gap, Stable())
    assert asked.of_kind(Stable) == [Stable()]
    assert asked.property_range("band_gap") == gap
    assert asked.property_range("density") is None


@pytest.mark.parametrize("count", [0, -1, MAX_COUNT + 1])
def test_counts_nobody_can_want_are_refused(count):
    with pytest.raises(ValidationError):
        DesignRequest(text="…", count=count)


def test_a_request_is_the_same_after_json():
    asked = DesignRequest(
        text="three lead-free CsPbI₃ analogues",
        clauses=(ExcludeElements(elements=("Pb",), words="lead-free"), Novel()),
        count=3,
        count_words="three",
        unsupported=("colour",),
        not_understood=("analogues",),
        notes=("nothing is balanced",),
    )
    assert DesignRequest.model_validate_json(asked.model_dump_json()) == asked


def test_an_unknown_variant_of_a_family_is_unbuildable_and_no_contradiction():
    clauses = (FamilyClause(name="spinel"), SpaceGroupClause(number=2))
    request = DesignRequest(text="", clauses=clauses)
    assert request.contradictions() == []
    with pytest.raises(RequestError, match="no known structure type is at once spinel structure"):
        request.ensure_consistent()
