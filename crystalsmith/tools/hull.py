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
    """A phase diagram and how many compounds with an energy it was made of."""

    diagram: PhaseDiagram | None
    n_compounds: int


def e_above_hull(
    composition: Composition, formation_energy: Prediction, known: KnownCrystals
) -> Prediction | None:
    """How far a crystal lies above the hull of what it could decompose into.

    The hull is pymatgen's PhaseDiagram over the formation energies of the known crystals of the
    same chemical system; the elements lie at zero by the definition of the formation energy.
    Negative values mean below the known hull.

    Args:
        composition: of the crystal.
        formation_energy: of the crystal, eV/atom; it should come from the same kind of
            calculation as the known ones (PBE, Materials Project corrections).
        known: the competing phases.

    Returns:
        eV/atom with the formation energy's uncertainty, or None when it cannot be assessed: no
        compound of the system with a formation energy is known.
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


_hulls: WeakKeyDictionary[KnownCrystals, dict[frozenset[str], _Hull]] = WeakKeyDictionary()


def _hull(elements: frozenset[str], known: KnownCrystals) -> _Hull:
    """The hull of a chemical system, made once."""
    cached = _hulls.setdefault(known, {})
    if elements not in cached:
        cached[elements] = _build(elements, known)
    return cached[elements]


def _build(elements: frozenset[str], known: KnownCrystals) -> _Hull:
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition

    entries = [PDEntry(Composition(symbol), 0.0) for symbol in sorted(elements)]
    compounds = 0
    for entry in known.in_chemical_system(elements):
        if entry.formation_energy is None or len(entry.composition) < 2:
            continue
        total = entry.formation_energy * entry.composition.num_atoms
        entries.append(PDEntry(entry.composition, total))
        compounds += 1
    if compounds == 0 and len(elements) > 1:
        return _Hull(None, 0)
    return _Hull(PhaseDiagram(entries), compounds)
