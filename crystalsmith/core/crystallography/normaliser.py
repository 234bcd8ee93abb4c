"""Equivalent descriptions of one crystal, and the canonical one among them.

Moving the origin or permuting axes by an element of the Euclidean normaliser maps a space group
onto itself but renames Wyckoff letters: rock salt is Na on a, Cl on b, or the reverse. About a
third of all database labels change when letters are made canonical, and learning gets easier.

Source of the normalisers: pyxtal's tables (Bilbao Crystallographic Server).
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.crystallography.template import (
    Orbit,
    SymmetryTemplate,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


Choice = TypeVar("Choice")
_MAX_ORDERS, _MAX_TRIED = 48, 5000


@dataclass(frozen=True)
class NormaliserOperation:
    """A change of description that leaves the space group's operations unchanged.

    Attributes:
        rotation: ``(3, 3)`` acting on fractional coordinates.
        shift: ``(3,)`` fractional.
        letters: new letter of each old letter.
    """

    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]
    letters: dict[str, str]

    def apply(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transformed fractional coordinates, ``(n, 3)`` in and out."""
        return points @ self.rotation.T + self.shift

    def apply_to_lattice(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lattice vectors (rows) of the transformed description of the same crystal."""
        return np.asarray(np.linalg.inv(self.rotation).T @ matrix)


@lru_cache(maxsize=230)
def normaliser_operations(number: int) -> tuple[NormaliserOperation, ...]:
    """Coset representatives of the Euclidean normaliser, the identity first (cached).

    Continuous origin shifts of polar groups are not among them.
    """
    from pymatgen.core.operations import SymmOp

    table = _alternatives()[str(number)]
    letters = list(space_group(number).positions)
    operations = []
    for text, renamed in zip(table["Coset Representative"], table["Transformed WP"], strict=True):
        operation = SymmOp.from_xyz_str(text)
        # pyxtal lists, for each new letter in order, the old letter that moves there
        new_letters = dict(zip(renamed.split(), letters, strict=True))
        operations.append(
            NormaliserOperation(
                operation.rotation_matrix, operation.translation_vector, new_letters
            )
        )
    return tuple(operations)


@lru_cache(maxsize=1)
def _alternatives() -> dict[str, Any]:
    """What pyxtal knows of all groups; its `get_alternatives` reads the whole file for each."""
    text = files("pyxtal").joinpath("database/wyckoff_sets.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def renamed(template: SymmetryTemplate, operation: NormaliserOperation) -> SymmetryTemplate:
    """The template as it reads after the change of description."""
    orbits = tuple(Orbit(element, operation.letters[letter]) for element, letter in template.orbits)
    return SymmetryTemplate(template.number, orbits)


def canonical(
    template: SymmetryTemplate,
) -> tuple[SymmetryTemplate, tuple[NormaliserOperation, ...]]:
    """The canonical description of a template and every operation that leads to it.

    Canonical is the description whose element-free pattern is smallest and, among those, the one
    whose letters are smallest for electropositive elements first. The operations (one at least,
    more when the template is symmetric under the normaliser) give equally good coordinates.
    """
    letters, chosen = _canonical(template.number, tuple(template.letters.values()))
    if letters == tuple(template.letters.values()):
        return template, chosen
    return renamed(template, chosen[0]), chosen


def canonical_letters(number: int, letters: tuple[str, ...]) -> tuple[str, ...]:
    """Letters of each element, electropositive elements first, as `canonical` names them."""
    return _canonical(number, letters)[0]


@lru_cache(maxsize=20_000)
def _canonical(
    number: int, letters: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[NormaliserOperation, ...]]:
    """What letters are called in the canonical description, and the operations that lead to it."""
    operations = normaliser_operations(number)
    ranks = [_rank(letters, operation) for operation in operations]
    best = min(ranks)
    chosen = [op for op, rank in zip(operations, ranks, strict=True) if rank == best]
    return best[1], tuple(chosen)


def _rank(
    letters: tuple[str, ...], operation: NormaliserOperation
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What renamed letters are sorted by: their pattern, then element by element."""
    new = _renamed_letters(letters, operation)
    return tuple(sorted(new)), new


def _renamed_letters(letters: tuple[str, ...], operation: NormaliserOperation) -> tuple[str, ...]:
    """What an operation makes of the letters of each element, in alphabetical order."""
    return tuple("".join(sorted(operation.letters[letter] for letter in row)) for row in letters)


def different_choices(choices: Sequence[Sequence[Choice]]) -> Iterator[tuple[Choice, ...]]:
    """One of each row's choices, all different; of very many ways, the first are looked at."""
    for chosen in itertools.islice(itertools.product(*choices), _MAX_TRIED):
        if len(set(chosen)) == len(chosen):
            yield chosen


@lru_cache(maxsize=20_000)
def slot_orders(pattern: tuple[int, tuple[str, ...]]) -> tuple[tuple[int, ...], ...]:
    """Orders in which elements can take a pattern's slots and still form the same template.

    Slots with equal letters can change places, and so can slots whose letters some normaliser
    operation exchanges. The given order comes first; of very many, `_MAX_ORDERS` are kept.
    """
    number, letters = pattern
    size = len(letters)
    found: dict[tuple[int, ...], None] = {tuple(range(size)): None}
    for operation in normaliser_operations(number):
        moved = _renamed_letters(letters, operation)
        if sorted(moved) != sorted(letters):
            continue
        places = [[slot for slot in range(size) if moved[slot] == row] for row in letters]
        for order in different_choices(places):
            found.setdefault(order)
            if len(found) == _MAX_ORDERS:
                return tuple(found)
    return tuple(found)
