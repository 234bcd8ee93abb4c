"""Whether a generated crystal is one: atoms apart, symmetry as promised and no higher."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, UNKNOWN_RADIUS, atomic_radius
from crystalsmith.core.crystallography.crystal import (
    SYMMETRY_PRECISION,
    SymmetricCrystal,
    symmetry_dataset,
)
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.models.structure.network import MAX_Z

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pymatgen.core import Structure

    from crystalsmith.models.structure.codebook import Pattern

MIN_DISTANCE = 0.7  # Å; H-H in H2 is 0.74
# of the sum of two atoms' radii; the least of 5,117 crystals of mp20_train is 0.66
MIN_CONTACT = 0.65


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
    if _too_near(structure):
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
    return min(float(_between(structure.distance_matrix).min(initial=np.inf)), _own(structure))


def _too_near(structure: Structure) -> bool:
    """Whether two atoms are nearer than `MIN_DISTANCE`, or than `MIN_CONTACT` of their radii."""
    matrix = structure.distance_matrix
    radii = atomic_radii()[list(structure.atomic_numbers)]
    ratios = matrix / (radii[:, None] + radii[None])
    nearest = min(float(_between(matrix).min(initial=np.inf)), _own(structure))
    return nearest < MIN_DISTANCE or bool((_between(ratios) < MIN_CONTACT).any())


def _between(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return matrix[~np.eye(len(matrix), dtype=bool)]


def _own(structure: Structure) -> float:
    """Distance of an atom to its own nearest image, Å."""
    return float(min(structure.lattice.get_lll_reduced_lattice().abc))


@lru_cache(maxsize=1)
def atomic_radii() -> NDArray[np.float64]:
    """Å by atomic number."""
    radii = np.full(MAX_Z, UNKNOWN_RADIUS)
    radii[1 : len(ALL_ELEMENTS) + 1] = [atomic_radius(symbol) for symbol in ALL_ELEMENTS]
    return radii
