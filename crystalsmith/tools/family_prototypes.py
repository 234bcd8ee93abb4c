"""Whether a crystal, elements aside, is built like the prototypes of a structure family.

Space group and Wyckoff letters leave coordinates free: two crystals of one template can differ as
rutile and a packing of dumbbells do. So a member's geometry is compared with prototypes of the same
structure type by pymatgen's ``StructureMatcher.fit_anonymous``, with the tolerances of GenMS (Yang
et al. 2024, appendix A.1): stol 0.5, ltol 0.3, angle_tol 10.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.core.chemistry.families import family
from crystalsmith.core.chemistry.textbook import textbook_crystals
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.entry import Entry
from crystalsmith.tools.prototypes import prototype_entries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pymatgen.core import Structure
    from pymatgen.core.structure_matcher import StructureMatcher

    from crystalsmith.core.crystallography.template import SymmetryTemplate


def family_fits(
    structure: Structure, template: SymmetryTemplate, names: Iterable[str]
) -> dict[str, bool]:
    """For families that the template belongs to, whether the structure fits one of its prototypes.

    Families without a prototype of this structure type are absent: there the template decides.

    Args:
        structure: the crystal in question.
        template: its canonical template.
        names: of the families in question.
    """
    found = {}
    for name in names:
        references = prototypes_of(name, template.pattern)
        if references:
            matcher = _matcher()
            found[name] = any(matcher.fit_anonymous(structure, other) for other in references)
    return found


@lru_cache(maxsize=512)
def prototypes_of(name: str, pattern: tuple[int, tuple[str, ...]]) -> tuple[Structure, ...]:
    """Primitive cells of a family's prototypes with these occupied positions.

    Args:
        name: of the family.
        pattern: of a canonical template (`SymmetryTemplate.pattern`).
    """
    crystals = [entry.crystal for entry in prototype_entries()]
    crystals += [describe(row.structure) for row in textbook_crystals() if name in row.families]
    return tuple(
        crystal.structure()
        for crystal in crystals
        if crystal.template.pattern == pattern and family(name).has_template(crystal.template)
    )


@lru_cache(maxsize=1)
def _matcher() -> StructureMatcher:
    from pymatgen.core.structure_matcher import StructureMatcher

    return StructureMatcher(stol=0.5, ltol=0.3, angle_tol=10)


def textbook_entries(names: Iterable[str]) -> list[Entry]:
    """The families' textbook crystals as known ones, for geometries to start from."""
    wanted = set(names)
    return [
        Entry(f"textbook-{number}", "textbook", describe(row.structure))
        for number, row in enumerate(textbook_crystals(), start=1)
        if wanted & set(row.families)
    ]


def prototype_ids(names: Iterable[str]) -> list[str]:
    """Ids of the AFLOW prototypes that belong to one of these families."""
    families = [family(name) for name in names]
    return [
        entry.id
        for entry in prototype_entries()
        if any(item.has_template(entry.crystal.template) for item in families)
    ]
