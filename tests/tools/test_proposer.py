"""Every kind of request gets formulas that satisfy it, with no store and with one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from pymatgen.core import Composition

from crystalsmith.core.chemistry.elements import ELEMENT_GROUPS
from crystalsmith.core.chemistry.families import family
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
from crystalsmith.core.errors import RequestError
from crystalsmith.core.request import DesignRequest
from crystalsmith.models.composition.model import CompositionModel
from crystalsmith.models.constraint.generator import ConstraintGenerator
from crystalsmith.tools.ions import charge_balance
from crystalsmith.tools.known_crystals import CrystalList
from crystalsmith.tools.proposer import Advisers, FormulaProposal, propose_formulas
from crystalsmith.tools.prototypes import prototypes
from crystalsmith.tools.substitution import substitutes

if TYPE_CHECKING:
    from crystalsmith.core.clauses import Clause
    from crystalsmith.core.entry import Entry


def asking(*clauses: Clause) -> DesignRequest:
    return DesignRequest(text="", clauses=clauses)


REQUESTS = {
    "lead-free halide double perovskites": asking(
        FamilyClause(name="double perovskite"),
        AnionClass(name="halide"),
        ExcludeElements(elements=("Pb",)),
        PropertyRange(name="band_gap", target=1.8),
    ),
    "stable ternary nitride semiconductor, no rare earths": asking(
        AnionClass(name="nitride"),
        ElementCount(minimum=3, maximum=3),
        ElectronicClass(name="semiconductor"),
        ExcludeGroups(groups=("rare earth",)),
        Stable(),
    ),
    "Li-containing oxide with 3 elements": asking(
        IncludeElements(elements=("Li",)),
        AnionClass(name="oxide"),
        ElementCount(minimum=3, maximum=3),
    ),
    "cubic intermetallic of two elements": asking(
        AnionClass(name="intermetallic"),
        ElementCount(minimum=2, maximum=2),
        CrystalSystemClause(name="cubic"),
    ),
    "spinel sulfide": asking(FamilyClause(name="spinel"), AnionClass(name="sulfide")),
    "ABX3 chloride without Cs": asking(
        Ratio(ratio="ABX3"), AnionClass(name="chloride"), ExcludeElements(elements=("Cs",))
    ),
    "binary boride": asking(AnionClass(name="boride"), ElementCount(minimum=2, maximum=2)),
    "something with space group 225": asking(SpaceGroupClause(number=225)),
    "new half-Heusler semiconductor": asking(
        FamilyClause(name="half-heusler"), ElectronicClass(name="semiconductor"), Novel()
    ),
    "only Na, P and S": asking(OnlyElements(elements=("Na", "P", "S"))),
    "rare-earth transition-metal boride": asking(
        IncludeGroups(groups=("rare earth", "transition metal")), AnionClass(name="boride")
    ),
    "quaternary oxide": asking(AnionClass(name="oxide"), ElementCount(minimum=4, maximum=4)),
    "polar wide-gap oxide": asking(
        AnionClass(name="oxide"),
        Centrosymmetric(value=False),
        PropertyRange(name="band_gap", minimum=3.0),
    ),
    "Li with a transition metal and a halogen": asking(
        IncludeElements(elements=("Li",)),
        IncludeGroups(groups=("transition metal", "halogen")),
        ElementCount(minimum=3, maximum=3),
    ),
    "an element": asking(ElementCount(minimum=1, maximum=1)),
    "five elements": asking(ElementCount(minimum=5, maximum=5)),
    "a noble gas compound": asking(IncludeElements(elements=("Xe", "F"))),
    "anything": asking(),
}


@pytest.fixture(scope="module")
def fresh() -> CrystalList:
    """What a fresh machine knows."""
    return prototypes()


@pytest.fixture(scope="module")
def indexed(textbook: list[Entry]) -> CrystalList:
    return CrystalList([*textbook, *prototypes().entries()], "an indexed store")


@pytest.mark.parametrize("name", REQUESTS)
def test_every_request_gets_formulas_that_satisfy_it(name: str, fresh: CrystalList) -> None:
    request = REQUESTS[name]
    proposals = propose_formulas(request, fresh, limit=20)
    assert proposals
    assert len({p.formula for p in proposals}) == len(proposals) <= 20
    for proposal in proposals:
        assert request.allows_composition(proposal.composition), proposal
        assert 0 <= proposal.plausibility <= 1
        assert proposal.origin
    if name not in {"a noble gas compound", "only Na, P and S"}:
        assert len(proposals) >= 10


def test_the_same_seed_gives_the_same_list(fresh: CrystalList) -> None:
    request = REQUESTS["quaternary oxide"]
    first = propose_formulas(request, fresh, seed=3)
    again = propose_formulas(request, CrystalList(fresh.entries(), "a copy"), seed=3)
    other = propose_formulas(request, fresh, seed=4)
    assert first == again
    assert [p.formula for p in first] != [p.formula for p in other]


def test_a_formula_asked_for_is_the_only_proposal(indexed: CrystalList) -> None:
    request = asking(ExactFormula(formula="SrTiO3"), SpaceGroupClause(number=221))
    (proposal,) = propose_formulas(request, indexed)
    assert (proposal.formula, proposal.origin) == ("SrTiO3", "asked for")
    assert proposal.parent is not None
    assert proposal.parent.id == "t-srtio3"


def test_known_crystals_and_their_analogues_are_named(indexed: CrystalList) -> None:
    request = asking(FamilyClause(name="double perovskite"), AnionClass(name="halide"))
    proposals = propose_formulas(request, indexed)
    known = next(p for p in proposals if p.formula == "Cs2AgBiBr6")
    assert known.origin == "known crystal Cs2AgBiBr6 (t-cs2agbibr6)"
    analogue = next(p for p in proposals if p.origin.startswith("analogue of"))
    assert analogue.parent is not None
    assert "→" in analogue.origin
    enumerated = next(p for p in proposals if p.family == "double perovskite")
    assert enumerated.origin == "double perovskite family enumeration"


def test_unwanted_elements_are_exchanged(indexed: CrystalList) -> None:
    request = asking(
        FamilyClause(name="perovskite"),
        AnionClass(name="iodide"),
        ExcludeGroups(groups=("toxic",)),
    )
    proposals = propose_formulas(request, indexed)
    assert any(p.origin == "analogue of CsPbI3 (t-cspbi3) by Pb→Sn" for p in proposals)
    assert all("Pb" not in p.composition for p in proposals)


def test_new_means_not_known_and_known_means_known(indexed: CrystalList) -> None:
    spinels = FamilyClause(name="spinel")
    new = propose_formulas(asking(spinels, Novel()), indexed)
    assert not {"MgAl2O4", "Zn(CrS2)2"} & {p.formula for p in new}
    known = propose_formulas(asking(spinels, Novel(known=True)), indexed)
    assert {"MgAl2O4", "Zn(CrS2)2"} <= {p.formula for p in known}
    assert all(indexed.known_formula(p.formula) for p in known)


def test_family_members_balance_their_charges_and_fit(fresh: CrystalList) -> None:
    proposals = propose_formulas(asking(FamilyClause(name="perovskite")), fresh, limit=30)
    for proposal in proposals:
        assert family("perovskite").allows_composition(proposal.composition)
        assert charge_balance(proposal.composition).evidence > 0.2


def test_proposals_differ_from_each_other(fresh: CrystalList) -> None:
    proposals = propose_formulas(REQUESTS["spinel sulfide"], fresh, limit=10)
    metals = [frozenset(e.symbol for e in p.composition if e.symbol != "S") for p in proposals]
    assert len(set().union(*metals)) >= 10


def test_a_gap_asked_for_favours_crystals_like_those_that_have_it(indexed: CrystalList) -> None:
    def rank(low: float, high: float) -> list[str]:
        request = asking(
            Ratio(ratio="1:1"), PropertyRange(name="band_gap", minimum=low, maximum=high)
        )
        return [p.formula for p in propose_formulas(request, indexed, limit=200)]

    wide, narrow = rank(4.0, 8.0), rank(0.1, 1.0)
    assert wide.index("NaCl") < 5
    assert "GaAs" in narrow[:5]
    assert "NaCl" not in narrow[:20]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (asking(ExactFormula(formula="CsPbI3"), ExcludeElements(elements=("Pb",))), "contradicts"),
        (asking(FamilyClause(name="spinel"), ElementCount(minimum=5, maximum=5)), "no formula"),
        (asking(FamilyClause(name="delafossite"), AnionClass(name="nitride")), "no formula"),
        (asking(OnlyElements(elements=("He",)), ElementCount(minimum=2)), "contradicts"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    request_: DesignRequest, message: str, fresh: CrystalList
) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        propose_formulas(request_, fresh)
    assert len(str(caught.value).splitlines()) == 1


# ---- the evidence behind it ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "states"),
    [
        ("SrTiO3", {"Sr": 2, "Ti": 4, "O": -2}),
        ("Cs2AgBiBr6", {"Cs": 1, "Ag": 1, "Bi": 3, "Br": -1}),
        ("CaSO4", {"Ca": 2, "S": 6, "O": -2}),
        ("Ca3N2", {"Ca": 2, "N": -3}),
        ("LiFePO4", {"Li": 1, "Fe": 2, "P": 5, "O": -2}),
    ],
)
def test_oxidation_states_are_the_usual_ones(formula: str, states: dict[str, int]) -> None:
    balance = charge_balance(Composition(formula))
    assert balance.states == states
    assert balance.evidence > 0.5


def test_charge_balance_is_evidence_not_a_gate() -> None:
    mixed = charge_balance(Composition("Fe3O4")).evidence
    alloy = charge_balance(Composition("Ni3Al")).evidence
    odd = charge_balance(Composition("NaCl3")).evidence
    good = charge_balance(Composition("NaCl")).evidence
    assert 0 < odd < mixed < alloy < good


def test_the_nearest_relatives_replace_an_element() -> None:
    everything = {"Na", "K", "Rb", "Ca", "Cl", "Fe", "O"}
    assert substitutes("Cs", everything, 1)[0][0] == "Rb"
    assert substitutes("Bi", {"Sb", "Na", "O"}, 3)[0][0] == "Sb"
    assert [e for e, _ in substitutes("Cs", {"Rb", "Cs"}, 5)] == ["Rb"]


def test_proposals_show_their_formula() -> None:
    assert FormulaProposal(Composition("O3Sr1Ti1"), "asked for", 1.0).formula == "SrTiO3"


# ---- what advises it -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def advisers() -> Advisers:
    return Advisers(CompositionModel.load(), ConstraintGenerator.load())


def test_wildcards_are_filled_with_the_groups_asked_for(fresh: CrystalList) -> None:
    request = REQUESTS["Li with a transition metal and a halogen"]
    proposals = propose_formulas(request, fresh, limit=60)
    assert len(proposals) == 60
    metals = {e.symbol for p in proposals for e in p.composition} & ELEMENT_GROUPS[
        "transition metal"
    ]
    assert len(metals) > 10


def test_a_gap_asked_for_is_what_the_composition_model_expects(
    fresh: CrystalList, advisers: Advisers
) -> None:
    request = asking(
        AnionClass(name="nitride"),
        ElementCount(minimum=3, maximum=3),
        PropertyRange(name="band_gap", minimum=1.0, maximum=2.0),
    )
    models = Advisers(advisers.compositions)
    advised = propose_formulas(request, fresh, limit=20, advisers=models)
    alone = propose_formulas(request, fresh, limit=20)

    def expected(proposals: list[FormulaProposal]) -> float:
        assert models.compositions is not None
        found = models.compositions.predict([p.composition for p in proposals])
        return sum(row["band_gap"].probability_within(1.0, 2.0) for row in found) / len(found)

    assert expected(advised) > 2 * expected(alone)
    assert all(0 <= proposal.fit <= 1 for proposal in advised)


def test_hard_crystals_asked_for_are_of_hard_formulas(
    fresh: CrystalList, advisers: Advisers
) -> None:
    request = asking(AnionClass(name="nitride"), PropertyRange(name="bulk_modulus", minimum=250.0))
    models = Advisers(advisers.compositions)

    def likely(proposals: list[FormulaProposal]) -> int:
        assert models.compositions is not None
        compositions = [p.composition for p in proposals]
        found = models.compositions.predict(compositions)
        return sum(row["bulk_modulus"].mean > 250 for row in found)

    advised = propose_formulas(request, fresh, limit=20, advisers=models)
    assert likely(advised) > 2 * likely(propose_formulas(request, fresh, limit=20))


def test_a_density_asked_for_is_told_by_masses_and_volumes(
    fresh: CrystalList, advisers: Advisers
) -> None:
    def heaviest(proposals: list[FormulaProposal]) -> int:
        return max(element.Z for p in proposals for element in p.composition)

    models = Advisers(advisers.compositions)
    oxide = AnionClass(name="oxide")
    light = asking(oxide, PropertyRange(name="density", maximum=3.0))
    heavy = asking(oxide, PropertyRange(name="density", minimum=9.0))
    first = propose_formulas(light, fresh, limit=20, advisers=models)
    assert heaviest(first) < 57
    dense = propose_formulas(heavy, fresh, limit=20, advisers=models)
    assert all(heaviest([proposal]) > 57 for proposal in dense)


def test_ratios_of_a_chemical_system_come_from_the_constraint_generator(
    fresh: CrystalList, advisers: Advisers
) -> None:
    request = asking(OnlyElements(elements=("Li", "Fe", "P", "O")))
    proposals = propose_formulas(request, fresh, limit=60, advisers=advisers)
    spoken = [p for p in proposals if p.origin.startswith("constraint generator, ratio of")]
    assert len(spoken) > 5
    assert "LiFePO4" in {p.formula for p in proposals}
    family_request = asking(FamilyClause(name="spinel"))
    members = propose_formulas(family_request, fresh, limit=10, advisers=advisers)
    assert not any("ratio of" in p.origin for p in members)


def test_a_seed_has_analogues_and_likeness_counts(
    fresh: CrystalList, textbook: list[Entry]
) -> None:
    seed = next(entry for entry in textbook if entry.id == "t-zncr2s4")
    request = asking(AnionClass(name="sulfide"), ElementCount(minimum=3, maximum=3))
    near = Advisers(seeds=(seed,), near=seed.composition)
    proposals = propose_formulas(request, fresh, limit=20, advisers=near)
    assert any("t-zncr2s4" in p.origin for p in proposals)
    close = [p for p in proposals if {"Zn", "Cr"} & {e.symbol for e in p.composition}]
    assert len(close) >= 5


def test_suggested_formulas_are_judged_like_all_others(fresh: CrystalList) -> None:
    request = asking(AnionClass(name="nitride"), ElementCount(minimum=3, maximum=3))
    ideas = Advisers(ideas=(Composition("Ca6Sn6N12"), Composition("CaSnO3")))
    suggested = [
        p for p in propose_formulas(request, fresh, 100, advisers=ideas) if p.origin == "suggested"
    ]
    assert [p.formula for p in suggested] == ["CaSnN2"]  # reduced; the oxide is no nitride


def test_what_clauses_rule_out_is_counted(fresh: CrystalList) -> None:
    pruned: Counter[str] = Counter()
    propose_formulas(REQUESTS["new half-Heusler semiconductor"], fresh, pruned=pruned)
    assert pruned["a known formula"] > 0
