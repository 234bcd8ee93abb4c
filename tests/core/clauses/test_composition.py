"""Clauses about composition: what they accept, at the boundaries too."""

import pytest
from pydantic import ValidationError
from pymatgen.core import Composition, Lattice, Structure

from crystalsmith.core.clauses import (
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
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.errors import FormulaError


@pytest.mark.parametrize(
    ("clause", "accepted", "refused"),
    [
        (IncludeElements(elements=("Ti", "O")), ["SrTiO3", "TiO2"], ["TiN", "SrO"]),
        (ExcludeElements(elements=("Pb",)), ["SrTiO3"], ["CsPbI3", "Pb"]),
        (OnlyElements(elements=("Ti", "O", "Sr")), ["TiO2", "Ti", "SrTiO3"], ["CaTiO3"]),
        (IncludeGroups(groups=("halogen", "alkali metal")), ["NaCl"], ["MgCl2", "Na2O"]),
        (ExcludeGroups(groups=("rare earth",)), ["SrTiO3"], ["LaAlO3", "Sc2O3", "Y2O3"]),
        (ExactFormula(formula="Ca3(PO4)2"), ["Ca3P2O8", "Ca6P4O16"], ["CaP2O8"]),
        (ExactFormula(formula="O2Ti"), ["TiO2", "Ti4O8"], ["TiO"]),
        (Ratio(ratio="ABX3"), ["SrTiO3", "CsPbI3", "Al2Fe2O6"], ["SrTi2O3", "FeO3"]),
        (Ratio(ratio="1:1:2"), ["CuFeS2", "LiCoO2", "S2CuFe"], ["Cu2FeS3"]),
        (Ratio(ratio="A₂B"), ["Na2O", "TiO2"], ["NaO"]),
        (ElementCount(minimum=3, maximum=3), ["SrTiO3"], ["TiO2", "LiNaKO2"]),
        (ElementCount(minimum=3), ["SrTiO3", "LiNaKO2"], ["TiO2"]),
        (ElementCount(maximum=2), ["TiO2", "Fe"], ["SrTiO3"]),
        (AnionClass(name="nitride"), ["Ca3N2", "GaN"], ["Ca(NO3)2", "N2", "GaAs"]),
        (AnionClass(name="halide"), ["NaCl", "CsPbI3"], ["NaBrO3", "Cl2"]),
        (AnionClass(name="intermetallic"), ["Ni3Al"], ["Ni", "NiO", "GaAs"]),
        (AtomCount(maximum=4), ["TiO2", "Fe", "O", "Ca2O2"], ["SrTiO3"]),
        (AtomCount(maximum=1), ["Fe", "O", "H", "Cl2"], ["NaCl"]),
        (AtomCount(minimum=10), ["NaCl", "Fe"], []),
    ],
)
def test_compositions(clause, accepted, refused):
    for formula in accepted:
        assert clause.allows_composition(Composition(formula)), formula
        assert clause.allows_composition(Composition(formula) * 4), formula
    for formula in refused:
        assert not clause.allows_composition(Composition(formula)), formula


@pytest.mark.parametrize(
    ("clause", "wish"),
    [
        (IncludeElements(elements=("Ti", "O", "Ti")), "contains O, Ti"),
        (ExcludeElements(elements=("Pb", "Cd")), "no Cd, Pb"),
        (OnlyElements(elements=("O",)), "only O"),
        (IncludeGroups(groups=("alkali metal", "halogen")), "contains an alkali metal, a halogen"),
        (ExcludeGroups(groups=("halogen", "rare earth")), "no halogen, no rare earth"),
        (ExactFormula(formula="Ti2O4"), "formula TiO2"),
        (Ratio(ratio="ABX3"), "stoichiometry ABX3"),
        (ElementCount(minimum=3, maximum=3), "3 elements"),
        (ElementCount(maximum=1), "at most 1 element"),
        (ElementCount(minimum=2, maximum=4), "2 to 4 elements"),
        (AnionClass(name="oxide"), "an oxide"),
        (AtomCount(minimum=8), "at least 8 atoms in the primitive cell"),
    ],
)
def test_wishes(clause, wish):
    assert clause.wish() == wish


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (IncludeElements, {"elements": ("Xx",)}, "not chemical elements: Xx"),
        (ExcludeElements, {"elements": ()}, "none given"),
        (IncludeGroups, {"groups": ("nice ones",)}, "not element groups: nice ones"),
        (Ratio, {"ratio": "0:1"}, "'0:1' is not a ratio"),
        (Ratio, {"ratio": "SrTiO3!"}, "is not a ratio"),
        (ElementCount, {}, "give a minimum, a maximum, or both"),
        (ElementCount, {"minimum": 4, "maximum": 2}, "minimum 4 is above the maximum 2"),
        (AtomCount, {"minimum": 1, "maximum": 0}, "minimum 1 is above the maximum 0"),
        (AnionClass, {"name": "waterride"}, "'waterride' is not one of"),
    ],
)
def test_nonsense_is_refused(kind, values, message):
    with pytest.raises(ValidationError, match=message):
        kind(**values)


def test_impossible_formulas_say_why():
    with pytest.raises(FormulaError, match="names Xx, which is not a chemical element"):
        ExactFormula(formula="Xx2O3")


def test_atoms_are_counted_in_the_primitive_cell(structure_named, evidence_of):
    rock_salt = evidence_of(structure_named("NaCl"))  # 8 atoms in the cell at hand
    assert AtomCount(minimum=2, maximum=2).check(rock_salt).status == "pass"
    verdict = AtomCount(minimum=3).check(rock_salt)
    assert (verdict.status, verdict.reason) == ("fail", "2 atoms")
    template = SymmetryTemplate.from_letters(225, {"Na": "a", "Cl": "b"})
    assert AtomCount(maximum=2).allows_template(template)
    assert not AtomCount(maximum=1).allows_template(template)


def test_small_displacements_that_double_the_cell_count(evidence_of):
    """What the symmetry search tells apart has to be told apart in counting atoms as well."""
    a = 3.905
    structure = Structure(
        Lattice.tetragonal(a, 2 * a),
        ["Sr", "Sr", "Ti", "Ti", *"OOOOOO"],
        [
            (0, 0, 0),
            (0, 0, 0.5),
            (0.525, 0.5, 0.25),
            (0.475, 0.5, 0.75),
            *[(0.5, 0.5, 0), (0.5, 0.5, 0.5), (0.5, 0, 0.25)],
            *[(0.5, 0, 0.75), (0, 0.5, 0.25), (0, 0.5, 0.75)],
        ],
    )
    evidence = evidence_of(structure)
    assert evidence.template.n_atoms == 10
    assert AtomCount(minimum=10, maximum=10).check(evidence).status == "pass"
