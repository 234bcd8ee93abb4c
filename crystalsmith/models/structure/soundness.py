"""Whether a generated crystal is one: atoms apart, symmetry as promised and no higher."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.crystallography.crystal import (
    SYMMETRY_PRECISION,
    SymmetricCrystal,
    symmetry_dataset,
)
from crystalsmith.core.crystallography.template import SymmetryTemplate

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from crystalsmith.models.structure.codebook import Pattern

MIN_DISTANCE = 0.7  # Å; H-H in H2 is 0.74


class Soundness(Enum):
    """What became of a generated crystal."""

    SOUND = "sound"
    TOO_NEAR = "atoms on top of each other"
    OTHER_GROUP = "another space group"


def is_sound(crystal: SymmetricCrystal, precision: float = SYMMETRY_PRECISION) -> bool:
    """Atoms are at least `MIN_DISTANCE` apart and spglib finds the template's own space group."""
    return soundness_of(crystal, precision) is Soundness.SOUND


def soundness_of(crystal: SymmetricCrystal, precision: float = SYMMETRY_PRECISION) -> Soundness:
    """`is_sound`, and if not, why not."""
    structure = crystal.structure()
    if shortest_distance(structure) < MIN_DISTANCE:
        return Soundness.TOO_NEAR
    template = crystal.template
    if template.free_parameters == 1:
        found = _group_of_pattern(template.pattern, precision)
    else:
        found = found_space_group(structure, precision)
    return Soundness.SOUND if found == template.number else Soundness.OTHER_GROUP


@lru_cache(maxsize=4096)
def _group_of_pattern(pattern: Pattern, precision: float) -> int | None:
    """What spglib finds where only the volume is free: the same for all crystals of the pattern.

    Such crystals are cubic, which costs spglib up to thirty times as much as others do.
    """
    number, letters = pattern
    elements = dict(zip(ALL_ELEMENTS, letters, strict=False))
    template = SymmetryTemplate.from_letters(number, elements)
    nothing = tuple(np.zeros(0) for _ in template.orbits)
    cell = np.array([10.0, 10.0, 10.0, 90.0, 90.0, 90.0])
    return found_space_group(SymmetricCrystal(template, cell, nothing).structure(), precision)


def found_space_group(structure: Structure, precision: float = SYMMETRY_PRECISION) -> int | None:
    """The space group number that spglib finds, None when it finds nothing."""
    dataset = symmetry_dataset(structure, precision)
    return None if dataset is None else int(dataset.number)


def shortest_distance(structure: Structure) -> float:
    """Shortest distance between two atoms, periodic images of one atom included, Å."""
    matrix = structure.distance_matrix
    between = matrix[~np.eye(len(matrix), dtype=bool)]
    own = min(structure.lattice.get_lll_reduced_lattice().abc)
    return float(min(between.min(initial=np.inf), own))
