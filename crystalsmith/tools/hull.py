"""Distance above the convex hull of the known crystals' formation energies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from crystalsmith.core.evidence import Prediction

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PhaseDiagram
    from pymatgen.core import Composition

    from crystalsmith.tools.known_crystals import KnownCrystals


class _Hull(NamedTuple):
    """A phase diagram, how many compounds it was made of, and elements that none of them has."""

    diagram: PhaseDiagram | None
    n_compounds: int
    bare: tuple[str, ...]
    n_known: int


def e_above_hull(
    composition: Composition, formation_energy: Prediction, known: KnownCrystals
) -> Prediction | None:
    """How far a crystal lies above the hull of what it could decompose into.

    The hull is pymatgen's PhaseDiagram over the formation energies of the known crystals of the
    same chemical system; the elements lie at zero by the definition of the formation energy.
    Negative values mean below the known hull. A hull to which an element contributes nothing but
    itself is no hull: such a crystal is not assessed, unless the store is known to hold all that
    the Materials Project has of these elements, and that is something.

    Args:
        composition: of the crystal.
        formation_energy: of the crystal, eV/atom; it should come from the same kind of
            calculation as the known ones (PBE, Materials Project corrections).
        known: the competing phases.

    Returns:
        eV/atom with the formation energy's uncertainty, or None when it cannot be assessed
        (`why_not_assessed` says why).
    """
    from pymatgen.analysis.phase_diagram import PDEntry

    hull = _hull(frozenset(element.symbol for element in composition.elements), known)
    if hull.diagram is None:
        return None
    entry = PDEntry(composition, formation_energy.mean * composition.num_atoms)
    _, above = hull.diagram.get_decomp_and_e_above_hull(entry, allow_negative=True)
    compounds = f"{hull.n_compounds} known compounds" if len(composition) > 1 else "the element"
    return Prediction(
        mean=float(above),
        std=formation_energy.std,
        unit="eV/atom",
        source=f"{formation_energy.source} against {compounds}",
        reliable=formation_energy.reliable,
    )


def why_not_assessed(composition: Composition, known: KnownCrystals) -> str:
    """Which competing phases are missing, in words; empty when none are."""
    hull = _hull(frozenset(element.symbol for element in composition.elements), known)
    if hull.diagram is not None:
        return ""
    return f"no energies of {', '.join(hull.bare)} compounds"


_hulls: WeakKeyDictionary[KnownCrystals, dict[frozenset[str], _Hull]] = WeakKeyDictionary()


def _hull(elements: frozenset[str], known: KnownCrystals) -> _Hull:
    """The hull of a chemical system, made once and again when more is known."""
    cached = _hulls.setdefault(known, {})
    found = cached.get(elements)
    if found is None or found.n_known != known.info().total:
        found = cached[elements] = _build(elements, known)
    return found


def _build(elements: frozenset[str], known: KnownCrystals) -> _Hull:
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    compounds = [
        entry
        for entry in known.in_chemical_system(elements)
        if entry.formation_energy is not None and len(entry.composition) > 1
    ]
    present = {element.symbol for entry in compounds for element in entry.composition.elements}
    bare = tuple(sorted(elements - present)) if len(elements) > 1 else ()
    size = known.info().total  # after asking, which may have looked something up
    if bare and not (compounds and known.covers(elements)):
        return _Hull(None, len(compounds), bare, size)
    entries = [PDEntry(Composition(symbol), 0.0) for symbol in sorted(elements)]
    for entry in compounds:
        energy = (entry.formation_energy or 0.0) * entry.composition.num_atoms
        entries.append(PDEntry(entry.composition, energy))
    return _Hull(PhaseDiagram(entries), len(compounds), bare, size)
