"""Every kind of wish has a pruner that acts before there is a structure, and a structural verifier.

The table names, for each kind, a clause with what its pruner must rule out and must let through;
the verifier is asked about a crystal that breaks the wish and one that fulfils it.
"""

from __future__ import annotations

from typing import NamedTuple, get_args

import pytest
from pymatgen.core import Composition

from crystalsmith.core.clauses import (
    AnionClass,
    AnyClause,
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
from crystalsmith.core.evidence import Reference, Status
from crystalsmith.core.request import DesignRequest
from crystalsmith.models.composition.model import CompositionModel
from crystalsmith.tools.drafts import Draft, formula_of
from crystalsmith.tools.formula_fit import fits
from crystalsmith.tools.known_crystals import CrystalList
from crystalsmith.tools.proposer import propose_formulas
from crystalsmith.tools.prototypes import prototypes


class Row(NamedTuple):
    """A clause, a textbook crystal that fulfils it and one that breaks it.

    ``by`` says what prunes: the formula, the space group, the template, the number of atoms, what
    the composition model makes of the formula, or the list of known formulas.
    """

    clause: Clause
    good: str
    bad: str
    by: str


TABLE = (
    Row(IncludeElements(elements=("O",)), "MgO", "NaCl", "formula"),
    Row(ExcludeElements(elements=("Cl",)), "MgO", "NaCl", "formula"),
    Row(OnlyElements(elements=("Mg", "O")), "MgO", "NaCl", "formula"),
    Row(IncludeGroups(groups=("halogen",)), "NaCl", "MgO", "formula"),
    Row(ExcludeGroups(groups=("halogen",)), "MgO", "NaCl", "formula"),
    Row(ExactFormula(formula="MgO"), "MgO", "NaCl", "formula"),
    Row(Ratio(ratio="ABX3"), "SrTiO3", "MgO", "formula"),
    Row(ElementCount(minimum=3, maximum=3), "SrTiO3", "MgO", "formula"),
    Row(AnionClass(name="oxide"), "MgO", "NaCl", "formula"),
    Row(AtomCount(maximum=2), "MgO", "SrTiO3", "atoms"),
    Row(FamilyClause(name="spinel"), "MgAl2O4", "SrTiO3", "template"),
    Row(SpaceGroupClause(number=225), "MgO", "SrTiO3", "space group"),
    Row(CrystalSystemClause(name="cubic"), "MgO", "ZnO", "space group"),
    Row(PointGroupClause(symbol="m-3m"), "MgO", "ZnO", "space group"),
    Row(Centrosymmetric(value=True), "MgO", "ZnO", "space group"),
    Row(Polar(value=True), "ZnO", "MgO", "space group"),
    Row(Chiral(value=True), "SiO2", "MgO", "space group"),
    Row(PropertyRange(name="band_gap", minimum=3.0), "MgO", "Fe", "estimate"),
    Row(ElectronicClass(name="metallic"), "Fe", "MgO", "estimate"),
    Row(Stable(), "MgO", "CsCl", "estimate"),
    Row(Novel(), "triclinic", "NaCl", "known"),
)


def test_the_table_lists_every_kind() -> None:
    kinds = {kind.model_fields["kind"].default for kind in get_args(get_args(AnyClause)[0])}
    assert {row.clause.kind for row in TABLE} == kinds


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.clause.kind)
def test_every_kind_has_a_pruner(row, structure_named, evidence_of) -> None:
    good, bad = (evidence_of(structure_named(name)) for name in (row.good, row.bad))
    clause = row.clause
    if row.by == "formula":
        assert clause.allows_composition(good.composition)
        assert not clause.allows_composition(bad.composition)
    elif row.by == "atoms":
        assert clause.allows_atom_count(good.template.n_atoms)
        assert not clause.allows_atom_count(bad.template.n_atoms)
    elif row.by == "space group":
        assert clause.allows_space_group(good.template.number)
        assert not clause.allows_space_group(bad.template.number)
    elif row.by == "estimate":
        request = DesignRequest(text="", clauses=(clause,))
        formulas = ["MgO", "Fe"] if clause.kind != "stable" else ["MgO", "MgO5"]
        if clause.kind == "electronic_class":
            formulas.reverse()
        amounts = [Composition(f).get_el_amt_dict() for f in formulas]
        drafts = [Draft(formula_of({e: int(n) for e, n in a.items()}), "", 1.0) for a in amounts]
        kept, cut = fits(request, drafts, CompositionModel.load())
        assert kept > 2 * cut
    elif row.by == "known":
        request = DesignRequest(text="", clauses=(clause, Ratio(ratio="AB")))
        proposals = propose_formulas(request, CrystalList(prototypes().entries(), "known"))
        assert proposals
        assert not any(prototypes().known_formula(proposal.formula) for proposal in proposals)
    assert clause.allows_template(good.template)
    if row.by in ("formula", "atoms", "space group", "template"):
        assert not clause.allows_template(bad.template)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.clause.kind)
def test_every_kind_has_a_structural_verifier(row, structure_named, evidence_of) -> None:
    told = {
        "band_gap": {"MgO": (4.5, 0.2), "Fe": (0.0, 0.01)},
        "e_above_hull": {"MgO": (0.0, 0.02), "CsCl": (0.4, 0.02)},
    }
    statuses = []
    for name in (row.good, row.bad):
        known = {key: values[name] for key, values in told.items() if name in values}
        match = "known-1" if name == "NaCl" else None
        reference = Reference(name="a list", known_formula=match is not None, known_structure=match)
        evidence = evidence_of(structure_named(name), reference, **known)
        statuses.append(row.clause.check(evidence).status)
    assert statuses == [Status.PASS, Status.FAIL]


def test_geometry_decides_about_families_as_well(structure_named, evidence_of) -> None:
    evidence = evidence_of(structure_named("SrTiO3"))
    clause = FamilyClause(name="perovskite")
    assert clause.check(evidence).status is Status.PASS
    evidence.family_fits["perovskite"] = False
    verdict = clause.check(evidence)
    assert verdict.status is Status.FAIL
    assert "geometry unlike" in verdict.reason
