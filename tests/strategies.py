"""Random templates and crystals for property tests: any space group, any letters, no accidents."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import strategies as st

from crystalsmith.core.crystallography.crystal import SymmetricCrystal
from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.crystallography.template import Orbit, SymmetryTemplate

ELEMENTS = ("Li", "Na", "Mg", "Ca", "Sr", "Ti", "Zr", "Al", "Si", "O", "S", "F", "Cl", "N")
_ROOM = 48  # atoms per primitive cell, so that spglib and the matcher stay quick
_APART = 2.0  # Å between atoms; symmetry is looked for within 0.1 Å

seeds = st.integers(0, 2**32 - 1)
space_groups = st.integers(1, 230)


@st.composite
def templates(draw: st.DrawFn, generic: bool = False) -> SymmetryTemplate:
    """Any realisable template; a generic one has two orbits that pin its space group."""
    number = draw(space_groups)
    group = space_group(number)
    elements = st.sampled_from(ELEMENTS)
    orbits: list[Orbit] = []
    if generic:
        general = list(group.positions)[-1]
        orbits += [Orbit("Rb", general), Orbit("Br", general)]
    room = _ROOM * group.centring
    for letter in draw(st.lists(st.sampled_from(list(group.positions)), min_size=1, max_size=5)):
        position = group.position(letter)
        taken = letter in {orbit.letter for orbit in orbits}
        if (taken and position.freedom == 0) or (orbits and position.multiplicity > room):
            continue
        room -= position.multiplicity
        orbits.append(Orbit(draw(elements), letter))
    return SymmetryTemplate(number, tuple(orbits))


@st.composite
def crystals(draw: st.DrawFn, generic: bool = False) -> SymmetricCrystal:
    """A random crystal on a random template, its atoms well apart."""
    return random_crystal(draw(templates(generic)), draw(seeds))


def random_crystal(template: SymmetryTemplate, seed: int = 0) -> SymmetricCrystal:
    """The roomiest of a few random geometries, scaled until all atoms are apart."""
    rng = np.random.default_rng(seed)
    drawn = [_drawn(template, rng) for _ in range(6)]
    shortest, best = max(
        ((_shortest(crystal), crystal) for crystal in drawn), key=lambda item: item[0]
    )
    lattice = best.lattice.copy()
    lattice[:3] *= max(1.0, _APART / shortest)
    return SymmetricCrystal(template, lattice, best.free)


def random_free(
    template: SymmetryTemplate, rng: np.random.Generator
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    """Random free coordinates for every orbit."""
    return tuple(
        rng.random(template.group.position(orbit.letter).freedom) for orbit in template.orbits
    )


def random_lattice(
    number: int, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A lattice of the group's family as spglib standardises it: in monoclinic and triclinic
    groups, which have no normaliser that reaches all cell choices, a < b < c with wide angles."""
    a, b, c = np.sort(rng.uniform(5.0, 9.0, 3))
    family = space_group(number).crystal_family
    if family == "cubic":
        values = [a, a, a, 90, 90, 90]
    elif family == "hexagonal":
        values = [a, a, c, 90, 90, 120]
    elif family == "tetragonal":
        values = [a, a, c, 90, 90, 90]
    elif family == "orthorhombic":
        values = [*rng.permutation([a, b, c]), 90, 90, 90]
    elif family == "monoclinic":
        values = [a, b, c, 90, rng.uniform(91, 100), 90]
    else:
        values = [a, b, c, *rng.uniform(91, 100, 3)]
    return np.array(values, dtype=float)


def atoms_of(template: SymmetryTemplate) -> Counter[str]:
    """Atoms of the conventional cell, counted from the multiplicities."""
    counts: Counter[str] = Counter()
    for orbit in template.orbits:
        counts[orbit.element] += template.group.position(orbit.letter).multiplicity
    return counts


def _drawn(template: SymmetryTemplate, rng: np.random.Generator) -> SymmetricCrystal:
    return SymmetricCrystal(
        template, random_lattice(template.number, rng), random_free(template, rng)
    )


def _shortest(crystal: SymmetricCrystal) -> float:
    structure = crystal.structure()
    distances = structure.distance_matrix[~np.eye(len(structure), dtype=bool)]
    own = min(structure.lattice.get_lll_reduced_lattice().abc)
    return float(min(distances.min(initial=np.inf), own))
