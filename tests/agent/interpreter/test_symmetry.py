import pytest

from crystalsmith.agent.interpreter import interpret
from crystalsmith.core.errors import RequestError

from .view import read


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("space group 225", 225),
        ("SG 62", 62),
        ("sg#14", 14),
        ("spacegroup: 14", 14),
        ("S.G. 14", 14),
        ("space group No. 166", 166),
        ("space group number 194", 194),
        ("225 space group", 225),
        ("Fm-3m", 225),
        ("Fm3̅m", 225),
        ("Fm3m", 225),
        ("F m -3 m", 225),
        (r"$Fm\bar{3}m$", 225),
        ("fm-3m", 225),
        ("P2₁/c", 14),
        ("P2_1/c", 14),
        ("P21/n", 14),
        ("P 1 21/c 1", 14),
        ("pnma", 62),
        ("Pbnm", 62),
        ("P63/mmc", 194),
        ("P 63/m m c", 194),
        ("P6₃mc", 186),
        ("Ia-3d", 230),
        ("I41/amd", 141),
        ("R-3m (166)", 166),
        ("Pnma, No. 62", 62),
        ("space group 62 (Pnma)", 62),
        ("symmetry P4", 75),
        ("Pc symmetry", 7),
        ("space group Cc", 9),
        ("space group Oh^5", 225),
        ("P-1", 2),
        ("R3c", 161),
        ("group 225", 225),
    ],
)
def test_space_groups(text, number):
    assert read(f"oxide, {text}") == {"anion_class": "oxide", "space_group": number}


@pytest.mark.parametrize(
    "text",
    ["Pb-free oxide", "C2 oxide", "oxide, group 15 element", "Cc: my boss. oxide", "Imma oxide"],
)
def test_words_that_are_no_space_group(text):
    assert "space_group" not in read(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("space group 231", "1 to 230"),
        ("space group 0", "1 to 230"),
        ("space group Pqrs3", "not a space group symbol"),
        ("cubic, space group P-1", "no space group is at once"),
        ("centrosymmetric P63mc", "no space group is at once"),
    ],
)
def test_impossible_symmetry(text, message):
    with pytest.raises(RequestError, match=message):
        interpret(f"an oxide, {text}")


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("isometric", "cubic"),
        ("Tetragonal", "tetragonal"),
        ("rhombohedral", "trigonal"),
        ("triclinic", "triclinic"),
        ("orthorhombic", "orthorhombic"),
        ("monoclinic", "monoclinic"),
        ("hexagonal", "hexagonal"),
    ],
)
def test_crystal_systems(word, name):
    assert read(f"{word} oxide") == {"anion_class": "oxide", "crystal_system": name}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("centrosymmetric", True),
        ("with an inversion centre", True),
        ("acentric", False),
        ("non-centrosymmetric", False),
        ("noncentrosymmetric", False),
        ("no inversion center", False),
        ("lacking inversion symmetry", False),
        ("not centrosymmetric", False),
    ],
)
def test_inversion(text, value):
    assert read(f"oxide, {text}") == {"anion_class": "oxide", "centrosymmetric": value}


@pytest.mark.parametrize(
    "text", ["cubic or tetragonal", "Fm-3m or F-43m", "not cubic", "not point group mm2"]
)
def test_what_no_clause_can_say_is_said_back(text):
    request = interpret(f"oxide, {text}")
    assert request.unsupported == (text,)
    assert len(request.clauses) == 1


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("point group m-3m", "m-3m"),
        ("point group: 4/m m m", "4/mmm"),
        ("point group symmetry C2v", "mm2"),
        ("Td point group", "-43m"),
        ("crystal class 6/mmm", "6/mmm"),
        ("point group 32", "32"),
        ("in point group 23", "23"),
        ("point group m\u22123m", "m-3m"),
        ("point group (-3m)", "-3m"),
    ],
)
def test_point_groups(text, symbol):
    assert read(f"oxide, {text}") == {"anion_class": "oxide", "point_group": symbol}


def test_point_groups_that_do_not_exist_or_do_not_fit():
    with pytest.raises(RequestError, match="one of the 32 point groups"):
        interpret("an oxide with point group m-3q")
    with pytest.raises(RequestError, match="no space group is at once"):
        interpret("centrosymmetric oxide, point group mm2")
    assert interpret("oxide of any point group").unsupported == ("point group",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("polar", {"polar": True}),
        ("non-polar", {"polar": False}),
        ("nonpolar", {"polar": False}),
        ("in a polar space group", {"polar": True}),
        ("not polar", {"polar": False}),
        ("chiral", {"chiral": True}),
        ("chiral space group", {"chiral": True}),
        ("achiral", {"chiral": False}),
        ("chiral and polar", {"chiral": True, "polar": True}),
    ],
)
def test_polar_and_chiral(text, found):
    assert read(f"oxide, {text}") == {"anion_class": "oxide", **found}


def test_what_need_not_be_is_no_wish():
    request = interpret("an oxide, not necessarily cubic")
    assert len(request.clauses) == 1
    assert "allowed" in request.notes[0]
