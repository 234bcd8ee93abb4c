import pytest

from crystalsmith.agent.interpreter import interpret
from crystalsmith.core.errors import RequestError

from .view import read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sulphides", {"anion_class": "sulfide"}),
        ("an intermetallic compound", {"anion_class": "intermetallic"}),
        ("iodides only", {"anion_class": "iodide"}),
        ("sulfide iodide", {"include": ["I", "S"]}),
        ("not an oxide", {"exclude": ["O"]}),
        ("no halides", {"exclude_groups": ["halogen"]}),
        ("non-chalcogenide", {"exclude": ["S", "Se", "Te"]}),
    ],
)
def test_anion_classes(text, expected):
    assert read(f"cubic, {text}") == {"crystal_system": "cubic", **expected}


def test_the_amount_in_dioxide_is_said_not_to_be_read():
    request = interpret("titanium dioxide")
    assert "dioxide" in request.notes[0]


def test_a_choice_of_anions_is_said_back():
    assert interpret("cubic oxide or nitride").unsupported == ("oxide or nitride",)


def test_two_classes_at_once_contradict():
    with pytest.raises(RequestError, match="no compound is at once"):
        interpret("two oxides. Three nitrides.")
