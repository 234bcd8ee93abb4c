"""Geometries from crystals of higher symmetry: what a template may be a distortion of.

A pattern that no known crystal has may still be what becomes of a known one when it loses some
symmetry: tables of minimal supergroups say into which letters each letter of a supergroup splits
(Bilbao Crystallographic Server, as pyxtal ships them).
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from pymatgen.core import Lattice

from crystalsmith.core.crystallography.crystal import from_orbits
from crystalsmith.core.crystallography.groups import N_SPACE_GROUPS, space_group
from crystalsmith.core.crystallography.normaliser import (
    canonical,
    different_choices,
    normaliser_operations,
    renamed,
)
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.models.structure.codebook import Pattern

_SAME = 1e-4  # fractional
_LARGEST = 3  # times the supergroup's primitive cell


@dataclass(frozen=True, eq=False)
class Descent:
    """A way down from a space group to one of its maximal subgroups.

    Attributes:
        number: of the supergroup.
        subgroup: its number.
        letters: what each letter of the supergroup splits into.
        rotation: ``(3, 3)``, its columns are the subgroup's cell vectors, and
        shift: ``(3,)`` its origin, both in the supergroup's cell.
    """

    number: int
    subgroup: int
    letters: dict[str, str]
    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]

    def split(self, letters: str) -> str:
        """The subgroup's letters, in alphabetical order, for some of the supergroup's."""
        return "".join(sorted("".join(self.letters[letter] for letter in letters)))

    def lowered(self, crystal: SymmetricCrystal) -> SymmetricCrystal | None:
        """A crystal of the supergroup described canonically in the subgroup.

        None where the tables and the crystal's points do not agree.
        """
        group = crystal.template.group
        inverse = np.linalg.inv(self.rotation)
        reach = range(-int(np.ceil(np.abs(self.rotation).sum(1).max())), 2)
        moves = np.array(list(itertools.product(reach, repeat=3)), dtype=float)
        orbits: list[tuple[str, str, NDArray[np.float64]]] = []
        for orbit, free in zip(crystal.template.orbits, crystal.free, strict=True):
            points = group.position(orbit.letter).points(free)
            filled = (points[:, None] + moves - self.shift).reshape(-1, 3) @ inverse.T
            for letter, own in _orbits(self.subgroup, _different(filled)):
                orbits.append((orbit.element, letter, own))
        matrix = self.rotation.T @ Lattice.from_parameters(*crystal.lattice).matrix
        try:
            return from_orbits(self.subgroup, matrix, orbits)
        except TemplateError:
            return None


@lru_cache(maxsize=230)
def descents_to(number: int) -> tuple[Descent, ...]:
    """All ways down to a space group from its minimal supergroups, as far as cells stay small."""
    found = []
    for above, rotation, shift, relations in _steps_down()[number]:
        higher = space_group(above)
        growth = np.linalg.det(rotation) * higher.centring / space_group(number).centring
        if growth < _LARGEST + 0.5:
            letters = {
                letter: "".join(label[-1] for label in split)
                for letter, split in zip(higher.positions, relations, strict=True)
            }
            found.append(Descent(above, number, letters, rotation, shift))
    return tuple(found)


_Step = tuple[int, "NDArray[np.float64]", "NDArray[np.float64]", list[list[str]]]


@lru_cache(maxsize=1)
def _steps_down() -> dict[int, list[_Step]]:
    """By subgroup: supergroup, cell, origin, and what its letters split into."""
    from pyxtal.symmetry import Group

    steps: dict[int, list[_Step]] = defaultdict(list)
    for above in range(1, N_SPACE_GROUPS + 1):
        group = Group(above, quick=True)
        # Group.get_min_supergroup of pyxtal 1.1 overlooks subgroups with a larger cell
        for table in (group.get_max_t_subgroup(), group.get_max_k_subgroup()):
            rows = zip(table["subgroup"], table["transformation"], table["relations"], strict=True)
            for below, transformation, relations in rows:
                matrix = np.asarray(transformation, dtype=float)
                steps[int(below)].append((above, matrix[:, :3], matrix[:, 3], relations))
    return steps


class Supergroups:
    """Finds patterns of higher symmetry that a template may descend from.

    Args:
        patterns: those that there are geometries for.
    """

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._of_group: dict[int, list[Pattern]] = defaultdict(list)
        for pattern in sorted(set(patterns)):
            self._of_group[pattern[0]].append(pattern)
        self._tables: dict[int, dict[tuple[str, ...], list[tuple[Pattern, Descent]]]] = {}

    def above(self, template: SymmetryTemplate) -> Iterator[tuple[SymmetryTemplate, Descent]]:
        """Canonical templates with such a pattern, and the way down from each.

        A template may come up more than once, by different ways.
        """
        table = self._table(template.number)
        seen = set()
        for operation in normaliser_operations(template.number):
            rows = renamed(template, operation).letters
            for pattern, descent in table.get(tuple(sorted(rows.values())), ()):
                split = [descent.split(letters) for letters in pattern[1]]
                choices = [[e for e in rows if rows[e] == letters] for letters in split]
                for elements in different_choices(choices):
                    higher = SymmetryTemplate.from_letters(
                        pattern[0], dict(zip(elements, pattern[1], strict=True))
                    )
                    own = canonical(higher)[0]
                    if (own, id(descent)) not in seen:
                        seen.add((own, id(descent)))
                        yield own, descent

    def _table(self, number: int) -> dict[tuple[str, ...], list[tuple[Pattern, Descent]]]:
        """Patterns of a group, and what they are split from."""
        if number not in self._tables:
            table: dict[tuple[str, ...], list[tuple[Pattern, Descent]]] = defaultdict(list)
            for descent in descents_to(number):
                for pattern in self._of_group.get(descent.number, ()):
                    split = tuple(sorted(descent.split(letters) for letters in pattern[1]))
                    table[split].append((pattern, descent))
            self._tables[number] = dict(table)
        return self._tables[number]


def _different(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of one cell, each once."""
    wrapped = (points + _SAME) % 1.0 - _SAME
    _, first = np.unique(np.round(wrapped / (10 * _SAME)).astype(int), axis=0, return_index=True)
    kept: list[NDArray[np.float64]] = []
    for point in wrapped[np.sort(first)]:
        if not any(_near(point, other) for other in kept):
            kept.append(point)
    return np.array(kept)


def _near(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    gap = one - other
    return bool(np.abs(gap - gap.round()).max() < 10 * _SAME)


def _orbits(number: int, points: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Points of a cell as orbits of a space group, each with its letter.

    Points that are not whole orbits are given no letter that there is.
    """
    positions = list(space_group(number).positions.values())
    left = list(points)
    while left:
        images = _different(positions[-1].points(left[0]))
        left = [point for point in left if not any(_near(point, image) for image in images)]
        letter = next(
            (
                position.letter
                for position in positions
                if position.multiplicity == len(images)
                and position.free_coordinates(images) is not None
            ),
            None,
        )
        if letter is not None:
            yield letter, images
