import pytest

from crystalsmith.agent.interpreter import interpret
from crystalsmith.core.errors import RequestError

from .view import read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "contains Li and a transition metal",
            {"include": ["Li"], "include_groups": ["transition metal"]},
        ),
        ("lead-free", {"exclude": ["Pb"]}),
        ("Pb-free", {"exclude": ["Pb"]}),
        ("pb free", {"exclude": ["Pb"]}),
        ("without rare earths", {"exclude_groups": ["rare earth"]}),
        ("no toxic elements", {"exclude_groups": ["toxic"]}),
        ("non-toxic", {"exclude_groups": ["toxic"]}),
        ("only Na, Cl", {"only": ["Cl", "Na"]}),
        ("Na and Cl only", {"only": ["Cl", "Na"]}),
        ("in the Li-Fe-O system", {"only": ["Fe", "Li", "O"]}),
        ("in the Y–Ba–Cu–O phase space", {"only": ["Ba", "Cu", "O", "Y"]}),
        ("limited to Al, Ga, In and N", {"only": ["Al", "Ga", "In", "N"]}),
        (
            "consisting of alkali metals and fluorine",
            {"only": ["Cs", "F", "Fr", "K", "Li", "Na", "Rb"]},
        ),
        ("nitride of gallium", {"anion_class": "nitride", "include": ["Ga"]}),
        ("no rare earths or lead", {"exclude": ["Pb"], "exclude_groups": ["rare earth"]}),
        ("without Pb, Cd and Hg", {"exclude": ["Cd", "Hg", "Pb"]}),
        ("neither tin nor lead", {"exclude": ["Pb", "Sn"]}),
        ("free of Co, Ni", {"exclude": ["Co", "Ni"]}),
        ("Pb-, Cd- and Hg-free", {"exclude": ["Cd", "Hg", "Pb"]}),
        ("tin and lead free", {"exclude": ["Pb", "Sn"]}),
        ("lead (Pb)-free", {"exclude": ["Pb"]}),
        ("contains Cs and Pb-free", {"include": ["Cs"], "exclude": ["Pb"]}),
        ("cobalt should be avoided", {"exclude": ["Co"]}),
        ("no Co but with Mn", {"exclude": ["Co"], "include": ["Mn"]}),
        ("Sn instead of Pb", {"include": ["Sn"], "exclude": ["Pb"]}),
        ("no lead-containing or cadmium-containing compounds", {"exclude": ["Cd", "Pb"]}),
        ("avoid materials with Tl", {"exclude": ["Tl"]}),
        ("no expensive noble metals", {"exclude_groups": ["noble metal"]}),
        ("any halogen but iodine", {"include_groups": ["halogen"], "exclude": ["I"]}),
        ("metal-free", {"exclude_groups": ["metal"]}),
        ("metal oxide", {"anion_class": "oxide"}),
        ("sodium phosphate", {"include": ["Na", "O", "P"]}),
        ("chalcohalide", {"include_groups": ["chalcogen", "halogen"]}),
        ("lithium thiophosphates", {"include": ["Li", "P", "S"]}),
        ("sulphur and caesium", {"include": ["Cs", "S"]}),
        ("elements: K, Sb, S", {"include": ["K", "S", "Sb"]}),
        ("Fe3+ and Ti", {"include": ["Fe", "Ti"]}),
        ("RhSb-containing", {"include": ["Rh", "Sb"]}),
        ("not only Li but also Na", {"include": ["Li", "Na"]}),
        ("doesn't contain arsenic", {"exclude": ["As"]}),
        ("at least one lanthanide", {"include_groups": ["lanthanide"]}),
    ],
)
def test_elements_and_groups(text, expected):
    assert read(f"cubic, {text}") == {"crystal_system": "cubic", **expected}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Na or K", "Na or K"),
        ("one of Li, Na, K", "Li, Na, K"),
        ("Cu, Se and either In or Ga", "In or Ga"),
        ("Eu-doped", "Eu-doped"),
        ("no lead halides", "no lead halides"),
        ("two transition metals", "two transition metals"),
        ("no phosphates", "no phosphates"),
    ],
)
def test_what_no_clause_can_say_is_said_back(text, words):
    request = interpret(f"cubic, {text}")
    assert request.unsupported == (words,)
    assert request.notes


def test_what_may_be_there_is_no_wish():
    request = interpret("cubic oxide, may contain Na")
    assert len(request.clauses) == 2
    assert "allowed" in request.notes[0]


def test_a_list_is_one_clause_with_its_cue():
    (clause,) = interpret("please, without Pb, Cd and Hg").clauses
    assert clause.words == "without Pb, Cd and Hg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contains Pb, lead-free", "Pb is both asked for and excluded"),
        ("only Na and Cl, must contain K", "K is both asked for and excluded"),
        ("binary compound of Li, Fe and P", "3 elements"),
        ("an oxide without oxygen", "an oxide"),
        ("halogen-free, with at least one halogen", "halogen"),
    ],
)
def test_contradictions(text, message):
    with pytest.raises(RequestError, match=message):
        interpret(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oxides of only Fe and Ti", {"anion_class": "oxide", "only": ["Fe", "O", "Ti"]}),
        ("A2BX4 where A is K, cubic chloride", {"include": ["K"], "anion_class": "chloride"}),
        ("+Ti +O -Pb", {"include": ["O", "Ti"], "exclude": ["Pb"]}),
        ("excludes rare earths, Tc; Re", {"exclude_groups": ["rare earth"], "exclude": ["Tc"]}),
    ],
)
def test_terse_notations(text, expected):
    found = read(f"cubic; {text}")
    assert {key: found.get(key) for key in expected} == expected


def test_a_batterys_ion_is_not_asked_for():
    request = interpret("layered oxide for Na-ion batteries")
    assert len(request.clauses) == 1
    assert any("Na-ion batteries" in note for note in request.notes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "oxides with tantalum, rare earths not allowed",
            {"include": ["Ta"], "exclude_groups": ["rare earth"]},
        ),
        ("spinels with nickel, cobalt forbidden", {"include": ["Ni"], "exclude": ["Co"]}),
        ("oxides with Ca, Sr and Ba excluded", {"exclude": ["Ba", "Ca", "Sr"]}),
        ("oxide with In and Ga both ruled out", {"exclude": ["Ga", "In"]}),
        (
            "Toxic elements are out. So is anything radioactive. Nitrides.",
            {"exclude_groups": ["radioactive", "toxic"]},
        ),
        ("a Heusler. Ge is too expensive so keep it out.", {"exclude": ["Ge"]}),
        ("cadmium is toxic, so leave it out; zinc oxides", {"exclude": ["Cd"], "include": ["Zn"]}),
        ("Mg, Si and O as the only elements permitted", {"only": ["Mg", "O", "Si"]}),
        ("Has to contain Mg and Sb plus exactly one more element", {"n_elements": (3, 3)}),
        ("halides of tin plus at most two other elements", {"n_elements": (None, 4)}),
        ("必须同时含有镁和硅两种元素", {"include": ["Mg", "Si"]}),
        ("镉有毒，别用；含锌的硫化物", {"exclude": ["Cd"], "include": ["Zn"]}),
    ],
)
def test_roles_said_behind_a_list(text, expected):
    found = read(text)
    if "n_elements" in expected:
        low, high = expected["n_elements"]
        assert (found["n_elements"].get("min"), found["n_elements"].get("max")) == (low, high)
    else:
        assert {key: found.get(key) for key in expected} == expected
