import pytest

from crystalsmith.agent.interpreter.chinese import glossed
from crystalsmith.agent.interpreter.source import Source

from .view import read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("无铅的氧化物", {"exclude": ["Pb"], "anion_class": "oxide"}),
        ("含锂、铁的磷酸盐", {"include": ["Fe", "Li", "O", "P"]}),
        ("钛酸钡", {"include": ["Ba", "O", "Ti"]}),
        ("氮化镓", {"include": ["Ga"], "anion_class": "nitride"}),
        ("由硅和碳组成", {"only": ["C", "Si"]}),
        ("Li-Co-O体系", {"only": ["Co", "Li", "O"]}),
        ("铋基硫化物", {"include": ["Bi"], "anion_class": "sulfide"}),
        ("除了铅以外的碘化物", {"exclude": ["Pb"], "anion_class": "iodide"}),
        ("带隙不低于2.5电子伏的氧化物", {"band_gap": {"min": 2.5}, "anion_class": "oxide"}),
        ("四元硒化物，十二个候选", {"n_elements": {"min": 4, "max": 4}, "anion_class": "selenide",
                            "count": 12}),
        ("立方晶系，空间群225", {"crystal_system": "cubic", "space_group": 225}),
        ("氧化物，过渡金属一律不要", {"exclude_groups": ["transition metal"],
                        "anion_class": "oxide"}),
        ("硫化物，Mg必须有，Tl禁用", {"include": ["Mg"], "exclude": ["Tl"],
                           "anion_class": "sulfide"}),
        ("元素限定在Ta、N、O之内", {"only": ["N", "O", "Ta"]}),
        ("①硼化物；②六方晶系；③不得含Re", {"anion_class": "boride", "crystal_system": "hexagonal",
                              "exclude": ["Re"]}),
        ("元素种类不少于3种、不多于5种的氧化物", {"n_elements": {"min": 3, "max": 5},
                               "anion_class": "oxide"}),
        ("现在用的氟化钙老化太快。硼酸盐，194号空间群", {"include": ["B", "O"],
                                 "space_group": 194}),
        ("不含有毒元素的氧化物", {"exclude_groups": ["toxic"], "anion_class": "oxide"}),
    ],
)  # fmt: skip
def test_readings(text, expected):
    assert read(text) == expected


def test_words_are_the_users_own():
    source = Source("含锂的氧化物")
    start = source.plain.index("lithium")
    assert source.words(start, start + len("lithium")) == "锂"


def test_text_without_chinese_is_left_alone():
    assert glossed("a cubic oxide") == []


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("CdI2型硫化物", "cdi2-type"),
        ("K2NiF4型氧化物", "k2nif4-type"),
        ("ThCr2Si2型结构的磷化物", "thcr2si2-type"),
        ("一种石榴石", "garnet"),
    ],
)
def test_families_named_after_a_compound(text, family):
    assert read(text)["family"] == family
