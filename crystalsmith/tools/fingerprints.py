"""What a structure is made of, as a few weighted words: how structures are compared at once.

A fingerprint knows symmetry alone, not the elements: which pattern of positions is occupied, by how
many atoms, with which freedom, in which space group and crystal system, at which ratio. Crystals of
one structure type have the same fingerprint; relatives (another group of the same system with the
same ratio, a family under another symmetry) share a part of it.
"""

from __future__ import annotations

from collections import defaultdict
from math import log2, sqrt
from typing import TYPE_CHECKING

from crystalsmith.tools.descriptions import named_families

if TYPE_CHECKING:
    from crystalsmith.core.crystallography.template import SymmetryTemplate

_PATTERN, _FAMILY, _GROUP, _SYSTEM, _RATIO, _SITES, _SIZE = 1.0, 1.0, 0.7, 0.5, 0.7, 0.7, 0.4


def motifs(template: SymmetryTemplate) -> dict[str, float]:
    """Words of a structure with their weights; the sum of the squares is one."""
    number, letters = template.pattern
    found: dict[str, float] = defaultdict(float)
    found[f"pattern {number} {' '.join(letters)}"] = _PATTERN
    for name in named_families(template):
        found[f"family {name}"] = _FAMILY
    found[f"group {number}"] = _GROUP
    found[f"system {template.group.crystal_system}"] = _SYSTEM
    found[f"ratio {template.composition.anonymized_formula}"] = _RATIO
    total = template.composition.num_atoms
    for _, letter in template.orbits:
        place = template.group.position(letter)
        share = place.multiplicity / total
        found[f"site {place.multiplicity // template.group.centring} {place.freedom}"] += (
            _SITES * share
        )
    size = log2(template.n_atoms)
    found[f"size {int(size)}"] += _SIZE * (1 - size % 1)
    found[f"size {int(size) + 1}"] += _SIZE * (size % 1)
    length = sqrt(sum(weight**2 for weight in found.values()))
    return {name: weight / length for name, weight in found.items() if weight > 0}
