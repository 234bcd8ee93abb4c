"""Symmetry that a crystal nearly has.

A calculation that relaxes without symmetry, or with magnetic moments, often ends a little beside a
crystal of higher symmetry, which is then listed as another polymorph with nearly the same energy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.crystallography.template import ordered_amounts
from crystalsmith.core.errors import CrystalsmithError

if TYPE_CHECKING:
    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.crystallography.template import SymmetryTemplate

_PRECISIONS = (0.2, 0.4, 0.7)  # Å; crystals are described with 0.1


def nearly_had(crystal: SymmetricCrystal) -> dict[SymmetryTemplate, float]:
    """Templates that the crystal has once atoms may be off by more.

    Args:
        crystal: any.

    Returns:
        Canonical templates other than its own, each with the precision (spglib's symprec, Å) from
        which on the crystal has it.
    """
    found: dict[SymmetryTemplate, float] = {}
    structure, own = crystal.structure(), crystal.template
    formula = ordered_amounts(own.composition)
    for precision in _PRECISIONS:
        try:
            template = describe(structure, precision).template
        except CrystalsmithError:  # nothing can be found so loosely
            continue
        if template != own and ordered_amounts(template.composition) == formula:
            found.setdefault(template, precision)
    return found
