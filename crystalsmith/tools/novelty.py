"""Whether a crystal is known: its formula, and its structure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.core.evidence import Reference

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from pymatgen.core.structure_matcher import StructureMatcher

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry
    from crystalsmith.tools.known_crystals import KnownCrystals


def compare(structure: Structure, template: SymmetryTemplate, known: KnownCrystals) -> Reference:
    """Look for a crystal among the known ones.

    Structures count as the same when pymatgen's StructureMatcher says so with its default
    tolerances (lengths 0.2, sites 0.3, angles 5°, volume scaled). Only entries of the same reduced
    formula whose primitive cells hold as many atoms, or a multiple, are compared; those with the
    same occupied positions come first.

    Args:
        structure: the crystal in question.
        template: its canonical template.
        known: what to compare with.

    Returns:
        The reference says what was compared with, how large it is and how old.
    """
    entries = known.with_formula(structure.composition.reduced_formula)
    matcher = _matcher()
    match = next(
        (
            entry.id
            for entry in sorted(entries, key=lambda entry: _unlikeness(entry, template))
            if _commensurate(entry, template) and matcher.fit(structure, entry.crystal.structure())
        ),
        None,
    )
    return Reference(name=known.info().brief(), known_formula=bool(entries), known_structure=match)


def same_structure(first: Structure, second: Structure) -> bool:
    """Whether StructureMatcher's default tolerances call two structures of one formula the same."""
    return bool(_matcher().fit(first, second))


def _unlikeness(entry: Entry, template: SymmetryTemplate) -> tuple[bool, bool, str]:
    other = entry.crystal.template
    return other.pattern != template.pattern, other.number != template.number, entry.id


def _commensurate(entry: Entry, template: SymmetryTemplate) -> bool:
    few, many = sorted((entry.crystal.template.n_atoms, template.n_atoms))
    return many % few == 0


@lru_cache(maxsize=1)
def _matcher() -> StructureMatcher:
    from pymatgen.core.structure_matcher import StructureMatcher

    return StructureMatcher()
