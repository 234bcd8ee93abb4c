"""Whether a generated crystal is one: atoms apart, symmetry as promised and no higher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.crystallography.crystal import SYMMETRY_PRECISION, symmetry_dataset

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal

MIN_DISTANCE = 0.7  # Å; H-H in H2 is 0.74


def is_sound(crystal: SymmetricCrystal, precision: float = SYMMETRY_PRECISION) -> bool:
    """Atoms are at least `MIN_DISTANCE` apart and spglib finds the template's own space group."""
    structure = crystal.structure()
    if shortest_distance(structure) < MIN_DISTANCE:
        return False
    return found_space_group(structure, precision) == crystal.template.number


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
