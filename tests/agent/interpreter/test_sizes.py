import pytest

from crystalsmith.agent.interpreter import interpret

from .view import read


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("binary", (2, 2)),
        ("ternary", (3, 3)),
        ("quaternary", (4, 4)),
        ("quinary", (5, 5)),
        ("single-element", (1, 1)),
        ("three elements", (3, 3)),
        ("3-element", (3, 3)),
        ("two-component", (2, 2)),
        ("at most 4 elements", (None, 4)),
        ("max 4 elements", (None, 4)),
        ("fewer than four elements", (None, 3)),
        ("more than 3 elements", (4, None)),
        ("two or three elements", (2, 3)),
        ("2 to 4 different elements", (2, 4)),
        ("binary or ternary", (2, 3)),
        ("ternary or higher", (3, None)),
        ("at least ternary", (3, None)),
        ("ternary or simpler", (None, 3)),
        ("up to quaternary", (None, 4)),
        ("n_elements=3", (3, 3)),
        ("number of elements: 3", (3, 3)),
        ("at least three elements, at most five", (3, 5)),
        ("no compounds with more than four elements", (None, 4)),
    ],
)
def test_number_of_elements(text, bounds):
    check("n_elements", text, bounds)


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("20 atoms in the cell", (20, 20)),
        ("at most 10 atoms", (None, 10)),
        ("5-atom cell", (5, 5)),
        ("fewer than 20 atoms per unit cell", (None, 19)),
        ("more than 10 atoms", (11, None)),
        ("10-30 atoms per cell", (10, 30)),
        ("unit cell of 8 atoms at most", (None, 8)),
        ("atoms per cell: 5-10", (5, 10)),
        ("n_atoms <= 12", (None, 12)),
        ("a dozen atoms", (12, 12)),
        ("max 25 atoms, min 10 atoms", (10, 25)),
        ("less than or equal to 8 atoms", (None, 8)),
        ("no more than 50 sites", (None, 50)),
    ],
)
def test_number_of_atoms(text, bounds):
    check("n_atoms", text, bounds)


def check(key, text, bounds):
    expected = dict(zip(("min", "max"), bounds, strict=True))
    expected = {name: value for name, value in expected.items() if value is not None}
    assert read(f"cubic, {text}") == {"crystal_system": "cubic", key: expected}


def test_about_20_atoms_leaves_room_and_says_so():
    request = interpret("oxide with about 20 atoms")
    assert "16 to 24" in request.notes[0]
