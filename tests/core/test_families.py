"""Families: the data is realisable, and real crystals are recognised as what they are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pymatgen.core import Composition

from crystalsmith.core.chemistry.families import (
    families_of,
    family,
    family_aliases,
    family_names,
)
from crystalsmith.core.chemistry.formulas import has_anion_class
from crystalsmith.core.chemistry.site_rules import anion_rank, shannon_radius
from crystalsmith.core.chemistry.textbook import TextbookCrystal, textbook_crystals
from crystalsmith.core.clauses import CrystalSystemClause, FamilyClause
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.crystallography.normaliser import normaliser_operations, renamed
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.request import DesignRequest

# Prototypes of pymatgen's AFLOW library by their label, with the families they are in.
AFLOW = {
    "A2BC4_cF56_227_d_a_e": "spinel",
    "A3B4_tI28_141_ad_h": "spinel",
    "AB2_cF12_225_a_c": "fluorite",
    "A2B_tP6_136_f_a": "rutile",
    "A2B_tI12_141_e_a": "anatase",
    "A2B_oP24_61_2c_c": "brookite",
    "A2B_mP12_14_2e_e": "baddeleyite",
    "AB_cF8_225_a_b": "rock salt",
    "AB_cF8_216_c_a": "zinc blende",
    "AB_hP4_186_b_b": "wurtzite",
    "AB_cP2_221_b_a": "cscl-type",
    "AB_hP4_194_c_a": "nickeline",
    "AB_hP2_187_d_a": "wc-type",
    "A_cF8_227_a": "diamond",
    "A2B_cP6_224_b_a": "cuprite",
    "AB_tP4_129_a_c": "litharge",
    "A3B_cP4_221_d_a": "reo3-type",
    "ABC_cF12_216_b_c_a": "half-heusler",
    "AB2C_cF16_225_a_c_b": "full heusler",
    "AB2_hP12_194_f_ah": "laves c14, laves phase",
    "A2B_cF24_227_d_a": "laves c15, laves phase",
    "AB2_hP24_194_ef_fgh": "laves c36, laves phase",
    "A3B_cP8_223_c_a": "a15",
    "AB3_cP4_221_a_c": "cu3au-type",
    "AB5_hP6_191_a_cg": "cacu5-type",
    "AB2_hP3_191_a_d": "alb2-type",
    "A6B_cP7_221_f_a": "hexaboride",
    "ABC2_tI16_122_a_b_d": "chalcopyrite",
    "A2BC4D_tI16_121_d_a_i_b": "stannite",
    "A3B4C_cP8_215_d_e_a": "sulvanite",
    "AB3C_cP5_221_a_c_b": "perovskite",
    "AB3C_oP20_62_c_cd_a": "perovskite",
    "AB3C_hR10_148_c_f_c": "ilmenite",
    "ABC3_hR10_161_a_a_b": "lithium niobate, perovskite",
    "ABC3_hR10_167_a_b_e": "calcite",
    "A2B3_hR10_167_c_e": "corundum",
    "A4BC_tI24_141_h_b_a": "zircon",
    "A3B_cI32_204_g_c": "skutterudite",
    "AB2_cP12_205_a_c": "pyrite",
    "AB2_oP6_58_a_g": "marcasite",
    "AB2_hP3_164_a_d": "cdi2-type",
    "AB2_hP6_194_c_f": "molybdenite, transition metal dichalcogenide",
    "A2B3_hR5_166_c_ac": "tetradymite",
    "A3B2_oP20_62_3c_2c": "stibnite",
    "A2B_oP12_62_2c_c": "cotunnite",
    "ABC_tP6_129_c_a_c": "matlockite",
    "ABCD_tP8_129_c_b_a_c": "zrcusias-type",
    "AB3C4_hP16_194_c_af_ef": "max phase",
    "AB_hP6_191_f_ad": "kagome",
    "AB_cF16_227_a_b": "zintl phase",
    "ABC2_hR4_166_a_b_c": "alpha-nafeo2-type",
}


@pytest.mark.parametrize("name", family_names())
def test_every_structure_type_is_realisable_and_has_the_family_s_formula(name: str) -> None:
    item = family(name)
    for kind in item.types:
        assert set(kind.sites) == set(kind.amounts) <= set(item.sites)
        group = space_group(kind.number)
        held = {
            role: sum(group.position(letter).multiplicity for letter in letters)
            for role, letters in kind.sites.items()
        }
        assert len({held[role] / kind.amounts[role] for role in held}) == 1, (name, kind)
    assert item.types[0].amounts == item.roles, "the ideal type has the family's own formula"


@pytest.mark.parametrize("row", textbook_crystals(), ids=lambda row: "+".join(row.families))
def test_textbook_crystals_are_recognised(row: TextbookCrystal) -> None:
    structure = row.structure
    template = describe(structure, precision=0.01).template
    assert set(families_of(template)) == set(row.families)
    for name in row.families:
        assert family(name).allows_composition(structure.composition)
        assert template in family(name).templates_for(structure.composition)


@pytest.fixture(scope="module")
def prototypes() -> dict[str, list[SymmetryTemplate]]:
    from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    found: dict[str, list[SymmetryTemplate]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in AFLOW_PROTOTYPE_LIBRARY:
            if row["tags"]["aflow"] in AFLOW:
                template = describe(row["snl"].structure).template
                found.setdefault(row["tags"]["aflow"], []).append(template)
    return found


@pytest.mark.parametrize(("label", "names"), AFLOW.items())
def test_aflow_s_prototypes_are_recognised(
    prototypes: dict[str, list[SymmetryTemplate]], label: str, names: str
) -> None:
    found = {name for template in prototypes[label] for name in families_of(template)}
    assert set(names.split(", ")) <= found


def test_a_member_is_recognised_in_every_setting() -> None:
    spinel = SymmetryTemplate.from_letters(227, {"Mg": "a", "Al": "d", "O": "e"})
    for operation in normaliser_operations(227):
        assert family("spinel").has_template(renamed(spinel, operation))


def test_the_anion_decides_between_perovskite_and_antiperovskite() -> None:
    oxide, inverse = Composition("SrTiO3"), Composition("Ca3SnO")
    assert family("perovskite").allows_composition(oxide)
    assert not family("perovskite").allows_composition(inverse)
    assert family("antiperovskite").allows_composition(inverse)
    assert not family("antiperovskite").allows_composition(oxide)


def test_one_element_may_fill_two_roles_only_where_the_family_says_so() -> None:
    assert family("spinel").allows_composition(Composition("Fe3O4"))
    assert family("garnet").allows_composition(Composition("Y3Al5O12"))
    assert family("double perovskite").allows_composition(Composition("Na3AlF6"))
    assert not family("perovskite").allows_composition(Composition("Al2O3"))
    magnetite = SymmetryTemplate.from_letters(227, {"Fe": "ad", "O": "e"})
    assert families_of(magnetite) == ("spinel",)


def test_formulas_of_other_members_of_a_series_count() -> None:
    assert family("ruddlesden-popper").allows_composition(Composition("Sr3Ti2O7"))
    assert family("max phase").allows_composition(Composition("Ti3SiC2"))
    assert not family("k2nif4-type").allows_composition(Composition("Sr3Ti2O7"))


def test_templates_put_the_elements_on_their_roles() -> None:
    ideal, *distorted = family("perovskite").templates({"A": "Sr", "B": "Ti", "X": "O"})
    assert ideal == SymmetryTemplate.from_letters(221, {"Sr": "a", "Ti": "b", "O": "c"})
    assert {template.composition.reduced_formula for template in distorted} == {"SrTiO3"}
    assert {62, 140, 167, 99} <= {template.number for template in distorted}


def test_a_family_and_a_crystal_system_it_never_has_contradict_each_other() -> None:
    kesterite = FamilyClause(name="Kesterites")
    assert kesterite.name == "kesterite"
    cubic = CrystalSystemClause(name="cubic")
    request = DesignRequest(text="cubic kesterite", clauses=(kesterite, cubic))
    assert "kesterite" in request.contradictions()[0]
    allowed = DesignRequest(text="", clauses=(FamilyClause(name="spinel"), cubic))
    assert not allowed.contradictions()


def test_aliases_lead_to_one_family_each_and_are_no_formulas() -> None:
    aliases = family_aliases()
    assert len(family_names()) >= 45
    assert aliases["钙钛矿"] == "perovskite"
    assert aliases["half heuslers"] == "half-heusler"
    assert aliases["rocksalt"] == "rock salt"
    assert aliases["sphalerite"] == "zinc blende"
    assert aliases["cdi2 structure"] == "cdi2-type"
    for alias, name in aliases.items():
        assert alias == alias.lower()
        assert name in family_names()
    listed = [alias for name in family_names() for alias in family(name).aliases]
    assert len(listed) == len(set(listed))
    # a bare formula asks for the compound, not for everything of its structure type
    assert not {"cscl", "cdi2", "reo3", "k2nif4", "cesium chloride"} & set(aliases)


def test_radius_rules_know_good_from_bad_occupants() -> None:
    tolerance, octahedral = family("perovskite").radii
    ions = {"A": [("Sr", 2), ("Mg", 2), ("Xe", 2)], "B": [("Ti", 4)], "X": [("O", -2)]}
    nothing = np.zeros(3, dtype=np.int64)
    picks = {"A": np.arange(3), "B": nothing, "X": nothing}
    good, small, unknown = tolerance.fit(ions, picks)
    assert (good, unknown) == (1.0, 0.5)
    assert small < 0.6
    assert octahedral.fit(ions, picks)[0] > 0.6
    assert shannon_radius("O", -2, 6) == pytest.approx(1.40)


def test_metals_rank_below_nonmetals_whatever_their_electronegativity() -> None:
    assert anion_rank("Te") > anion_rank("Pt")
    assert anion_rank("O") > anion_rank("S") > anion_rank("Sb") > anion_rank("Au")
    assert family("transition metal dichalcogenide").allows_composition(Composition("WTe2"))
    assert has_anion_class(Composition("WTe2"), "telluride")
    assert has_anion_class(Composition("CoSb3"), "antimonide")
    assert not has_anion_class(Composition("CaCO3"), "carbide")
