import pytest

from crystalsmith.agent.conversation import Conversation, read_turns
from crystalsmith.core.public_request import public_view, wishes_only


def after(*turns):
    return wishes_only(public_view(read_turns(turns)[-1]))


START = "lead-free halide perovskites with Cs, gap near 1.6 eV"
STANDING = {
    "include": ["Cs"],
    "exclude": ["Pb"],
    "anion_class": "halide",
    "family": "perovskite",
    "band_gap": {"target": 1.6},
}


@pytest.mark.parametrize(
    ("turn", "change"),
    [
        ("closer to 1.4 eV", {"band_gap": {"target": 1.4}}),
        ("make it tin-free", {"exclude": ["Pb", "Sn"]}),
        ("only the cubic ones", {"crystal_system": "cubic"}),
        ("forget the caesium", {"include": None}),
        ("actually, iodides", {"anion_class": "iodide"}),
        ("replace Cs by Rb", {"include": ["Rb"]}),
        ("lead is allowed again", {"exclude": None}),
        ("drop the gap", {"band_gap": None}),
        ("any structure is fine", {"family": None}),
        ("lower the gap by 0.2 eV", {"band_gap": {"target": 1.4}}),
        ("plus or minus 0.1", {"band_gap": {"target": 1.6, "tolerance": 0.1}}),
        ("at least 1.5 eV", {"band_gap": {"min": 1.5}}),
        ("give me 8", {"count": 8}),
        ("it must not be hygroscopic", {"unsupported": ["must not be hygroscopic"]}),
        ("rubidium instead", {"include": ["Rb"]}),
        ("show me the formula of number 1", {}),
        ("why did 3 fail?", {}),
        ("compare 1 and 2", {}),
        ("more like number 2", {}),
        ("thanks!", {}),
        ("what is the weather?", {}),
        ("换成溴化物", {"anion_class": "bromide"}),
        ("带隙改为1.3 eV", {"band_gap": {"target": 1.3}}),
        ("去掉铯的要求", {"include": None}),
    ],
)
def test_a_turn_changes_what_stands(turn, change):
    expected = {k: v for k, v in {**STANDING, **change}.items() if v is not None}
    assert after(START, turn) == expected


def test_undo_goes_back_step_by_step_and_not_beyond_the_beginning():
    turns = [START, "cubic", "five candidates", "undo"]
    assert after(*turns) == {**STANDING, "crystal_system": "cubic"}
    assert after(*turns, "undo, please") == STANDING
    assert after(START, "undo", "undo", "undo") == {}


def test_a_question_is_no_step_to_undo():
    assert after(START, "cubic", "why did 1 fail?", "undo") == STANDING


def test_bounds_complete_each_other_and_verbs_keep_their_side():
    assert after("oxide, gap above 1 eV", "but below 2") == {
        "anion_class": "oxide",
        "band_gap": {"min": 1, "max": 2},
    }
    assert after("oxide, bulk modulus above 200 GPa", "raise it to 250 GPa") == {
        "anion_class": "oxide",
        "bulk_modulus": {"min": 250},
    }


def test_starting_over_leaves_nothing_behind():
    for words in ("thanks! now forget all that: garnets", "忘掉之前的，石榴石"):
        assert after(START, words) == {"family": "garnet"}
    assert after(START, "start over: metallic carbides") == {
        "metallic": True,
        "anion_class": "carbide",
    }


def test_a_conversation_can_be_saved_and_goes_on():
    talk = Conversation()
    talk.say(START)
    talk.say("gap above 2 eV")
    again = Conversation.model_validate_json(talk.model_dump_json())
    assert again == talk
    again.say("but below 3")
    assert public_view(again.request)["band_gap"] == {"min": 2.0, "max": 3.0}
    assert again.undo()
    assert again.request == talk.request


def test_a_bare_figure_keeps_the_side_of_the_bound():
    assert after("borides, bulk modulus over 250 GPa", "300 is better")["bulk_modulus"] == {
        "min": 300
    }
    assert after("fluorides, gap above 6 eV", "make that 7")["band_gap"] == {"min": 7}


def test_a_later_word_settles_a_choice():
    found = after("insulating fluorides", "contain Mg or Ca", "just Mg")
    assert found == {"anion_class": "fluoride", "insulator": True, "include": ["Mg"]}


@pytest.mark.parametrize(
    ("turns", "elements"),
    [
        (("iron phosphates", "make it a sulfate instead"), ["Fe", "O", "S"]),
        (("含铁和钠的磷酸盐", "改成硫酸盐,钠换成钾"), ["Fe", "K", "O", "S"]),
        (("silicates with zirconium", "turn it into a germanate"), ["Ge", "O", "Zr"]),
        (("iron phosphates", "with sulfate as well"), ["Fe", "O", "P", "S"]),
    ],
)
def test_an_oxyanion_takes_the_place_of_another(turns, elements):
    assert after(*turns)["include"] == elements


def test_a_figure_in_a_later_turn_says_which_semiconductor():
    found = after("含锌的氧化物半导体", "带隙大于3 eV,不要镓和铟")
    assert "contradiction" not in found
    assert found["band_gap"] == {"min": 3}


def test_a_new_formula_says_all_that_earlier_words_about_the_composition_said():
    assert after("tin halide perovskite, stable", "LiFePO4 olivine") == {
        "stable": True,
        "formula": "LiFePO4",
        "family": "olivine",
    }


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (
            ("binary nitrides", "ternary as well"),
            {"anion_class": "nitride", "n_elements": {"min": 2, "max": 3}},
        ),
        (
            ("sulfides", "Cu-Zn-Sn only"),
            {"anion_class": "sulfide", "only": ["Cu", "S", "Sn", "Zn"]},
        ),
        (
            ("half-Heuslers with Ti", "I'd rather have Zr than Ti"),
            {"family": "half-heusler", "include": ["Zr"]},
        ),
        (
            ("ternary oxides with Li", "not necessarily ternary"),
            {"anion_class": "oxide", "include": ["Li"]},
        ),
        (
            ("tellurides heavier than 6 g/cc", "no, lighter than 6"),
            {"anion_class": "telluride", "density": {"max": 6}},
        ),
        (
            ("half-Heusler, gap 0.2 to 0.6 eV", "raise lower gap bound to 0.4, keep the upper"),
            {"family": "half-heusler", "band_gap": {"min": 0.4, "max": 0.6}},
        ),
        (
            ("ternary nitrides", "max 12 atoms in the primitive cell"),
            {"anion_class": "nitride", "n_elements": {"min": 3, "max": 3}, "n_atoms": {"max": 12}},
        ),
    ],
)
def test_turns_that_widen_exchange_and_correct(turns, expected):
    assert after(*turns) == expected


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (("CsPbI3", "replace Pb with Sn", "and iodine with bromine"), {"formula": "CsSnBr3"}),
        (("CsPbI3", "change Pb to Sn", "no, back to lead"), {"formula": "CsPbI3"}),
        (("LiFePO4", "铁换成锰"), {"formula": "LiMnPO4"}),
        (("BaTiO3", "钡的位置用锶代替"), {"formula": "SrTiO3"}),
        (("oxides of Mn", "打错了，不是锰，是钼"), {"anion_class": "oxide", "include": ["Mo"]}),
        (("oxides of Na", "sorry, I meant potassium"), {"anion_class": "oxide", "include": ["K"]}),
        (("nitrides with Co", "no Co, Fe instead"),
         {"anion_class": "nitride", "include": ["Fe"], "exclude": ["Co"]}),
    ],
)  # fmt: skip
def test_one_element_takes_the_place_of_another(turns, expected):
    assert after(*turns) == expected


@pytest.mark.parametrize(
    ("turns", "excluded"),
    [
        (("oxides", "leave out Fe, Cr and Al"), ["Al", "Cr", "Fe"]),
        (("oxides", "leave out Fe, Cr and Al", "ok Al may stay"), ["Cr", "Fe"]),
        (("oxides", "no copper", "or zinc", "same for tin"), ["Cu", "Sn", "Zn"]),
        (("oxides", "keep thallium away from it", "and lead"), ["Pb", "Tl"]),
        (("halides without lead", "锡也一样", "铅可以有"), ["Sn"]),
        (("halides, no Pb, no Bi", "bismuth is alright", "lead too"), None),
        (("borides", "铼和锇太贵，不要用"), ["Os", "Re"]),
        (("borides", "what about thallium?", "okay, exclude it"), ["Tl"]),
    ],
)
def test_exclusions_and_allowances_go_on(turns, excluded):
    assert after(*turns).get("exclude") == excluded


@pytest.mark.parametrize(
    ("turns", "gap"),
    [
        (("oxides, gap at least 4 eV", "no wait, 3.5 is enough"), {"min": 3.5}),
        (("oxides, gap at most 2.5 eV", "2.6, rather"), {"max": 2.6}),
        (("oxides, gap 1 to 2 eV", "drop the upper bound"), {"min": 1}),
        (("oxides, gap 1 to 2 eV", "and the lower one to 1.2"), {"min": 1.2, "max": 2}),
        (("oxides, gap 2 ± 0.2 eV", "tighten it to 0.1"), {"target": 2, "tolerance": 0.1}),
        (("oxides, gap 2 ± 0.2 eV", "误差放宽到0.3"), {"target": 2, "tolerance": 0.3}),
        (("oxides, gap above 6 eV", "6太高，5就行"), {"min": 5}),
        (("oxides, gap 2 eV", "3 eV is the minimum"), {"min": 3}),
        (("oxides, gap 1 to 2 eV", "上限不要了"), {"min": 1}),
    ],
)
def test_figures_that_a_turn_corrects(turns, gap):
    assert after(*turns)["band_gap"] == gap


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        (("ferromagnetic borides", "nevermind the magnetism"), {"anion_class": "boride"}),
        (("便宜的硼化物", "价格先不管了"), {"anion_class": "boride"}),
        (("hexagonal borides", "what I said about hexagonal: doesn't matter"),
         {"anion_class": "boride"}),
        (("hexagonal borides", "六方这条取消"), {"anion_class": "boride"}),
        (("hexagonal borides", "不一定要六方"), {"anion_class": "boride"}),
        (("layered borides", "not layered, any structure is fine"), {"anion_class": "boride"}),
        (("hexagonal borides", "前面的全部作废，重新来：含氟的绝缘体"),
         {"include": ["F"], "insulator": True}),
        (("borides", "数量改为25"), {"anion_class": "boride", "count": 25}),
        (("20 borides", "20 is too many, 8"), {"anion_class": "boride", "count": 8}),
        (("borides with Mg or Ca", "just magnesium"),
         {"anion_class": "boride", "include": ["Mg"]}),
        (("cubic or tetragonal borides", "cubic it is"),
         {"anion_class": "boride", "crystal_system": "cubic"}),
        (("borides with Fe", "is iron magnetic?"), {"anion_class": "boride", "include": ["Fe"]}),
        (("borides with Fe", "what would germanium do?"),
         {"anion_class": "boride", "include": ["Fe"]}),
        (("borides with Mg", "drop the Mg and put in Ti"),
         {"anion_class": "boride", "include": ["Ti"]}),
        (("ternary borides", "quaternary is ok too"),
         {"anion_class": "boride", "n_elements": {"min": 3, "max": 4}}),
    ],
)  # fmt: skip
def test_wishes_taken_back_and_settled(turns, expected):
    assert after(*turns) == expected


def test_a_binary_oxide_of_two_metals_cannot_be():
    assert after("a binary oxide of vanadium", "put lithium in as well")["contradiction"]
