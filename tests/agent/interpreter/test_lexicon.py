import pytest

from crystalsmith.agent.interpreter.lexicon import chemical_parts, find_mentions, phrases
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.core.chemistry.elements import ELEMENT_GROUPS
from crystalsmith.core.chemistry.families import family, family_names
from crystalsmith.core.chemistry.formulas import ANION_CLASSES


def mentions(text, kind):
    return [m.value for m in find_mentions(Source(text).plain) if m.kind == kind]


@pytest.mark.parametrize("name", family_names())
def test_every_family_is_known_by_name_and_alias(name):
    for alias in (name, *family(name).aliases):
        assert name in mentions(f"a {alias} crystal", "family"), alias


@pytest.mark.parametrize("name", ANION_CLASSES)
def test_every_anion_class_is_known(name):
    assert mentions(f"some {name}s", "anion") == [name]


@pytest.mark.parametrize("name", ELEMENT_GROUPS)
def test_every_group_is_known(name):
    assert any(m.kind == "group" and m.value == name for row in phrases().values() for m in row)


def test_the_longest_phrase_wins():
    assert mentions("a topological insulator", "electronic") == []
    assert mentions("vacancy-ordered double perovskites", "family") == [
        "vacancy-ordered double perovskite"
    ]


def test_hyphens_spaces_and_plurals_are_the_same():
    for text in ("rock salt", "rock-salt", "rocksalt", "Rock Salts"):
        assert mentions(text, "family") == ["rock salt"]


def test_chinese_needs_no_spaces():
    assert mentions("我想要双钙钛矿结构", "family") == ["double perovskite"]


def test_capitals_can_matter():
    assert mentions("contains a TM", "group") == ["transition metal"]
    assert mentions("the tm sign", "group") == []


def test_parts_of_a_familys_name():
    source = Source("transition metal dichalcogenides")
    (found,) = [m for m in find_mentions(source.plain) if m.kind == "family"]
    assert [(m.kind, m.value) for m in chemical_parts(found, source)] == [
        ("group", "transition metal"),
        ("anion_amount", "chalcogenide"),
    ]
