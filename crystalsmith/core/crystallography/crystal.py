"""A crystal as template plus free parameters, and the way there from a structure and back.

``describe`` takes any ordered pymatgen Structure apart into a canonical `SymmetryTemplate`, six
lattice parameters and each orbit's free coordinates; `SymmetricCrystal.structure` puts it together
again, exactly symmetric. Everything the models generate passes through this description, which is
why composition and space group hold by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from pymatgen.core import DummySpecies, Lattice, Structure

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.crystallography.groups import crystal_family, space_group
from crystalsmith.core.crystallography.normaliser import (
    NormaliserOperation,
    canonical,
    normaliser_operations,
    renamed,
)
from crystalsmith.core.crystallography.template import Orbit, SymmetryTemplate
from crystalsmith.core.errors import DataError, TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

SYMMETRY_PRECISION = 0.1  # Å, the Materials Project's own convention
_ON_POSITION = 0.02  # fractional; spglib idealises positions to far better than this


@dataclass(frozen=True, slots=True)
class SymmetricCrystal:
    """A crystal in the canonical description of its space group's standard setting.

    Attributes:
        template: space group, elements and letters.
        lattice: ``(6,)`` a, b, c in Å and α, β, γ in degrees of the conventional cell.
        free: one array of free coordinates per orbit, in the order of ``template.orbits``.
    """

    template: SymmetryTemplate
    lattice: NDArray[np.float64]
    free: tuple[NDArray[np.float64], ...]

    @classmethod
    def assembled(
        cls,
        number: int,
        lattice: NDArray[np.float64],
        orbits: Sequence[tuple[str, str]],
        free: Sequence[NDArray[np.float64]],
    ) -> SymmetricCrystal:
        """A crystal from orbits (element and letter) in any order, with their free coordinates."""
        template = SymmetryTemplate(number, tuple(Orbit(*orbit) for orbit in orbits))
        remaining = list(zip(orbits, free, strict=True))
        own = []
        for orbit in template.orbits:
            index = next(i for i, (other, _) in enumerate(remaining) if other == orbit)
            own.append(remaining.pop(index)[1])
        return cls(template, lattice, tuple(own))

    @property
    def volume_per_atom(self) -> float:
        """Å³ per atom."""
        return float(
            Lattice.from_parameters(*self.lattice).volume / self.template.composition.num_atoms
        )

    def structure(self, primitive: bool = True) -> Structure:
        """The crystal with all its atoms, in its primitive or its conventional cell."""
        group = self.template.group
        species: list[str] = []
        points: list[NDArray[np.float64]] = []
        for orbit, free in zip(self.template.orbits, self.free, strict=True):
            position = group.position(orbit.letter)
            # pyxtal lists the points of one primitive cell first, then their centring translates
            kept = position.multiplicity // (group.centring if primitive else 1)
            species += [orbit.element] * kept
            points.append(position.points(free)[:kept])
        matrix = Lattice.from_parameters(*self.lattice).matrix
        fractional = np.concatenate(points)
        if primitive:
            vectors = primitive_vectors(self.template.number)
            matrix, fractional = vectors @ matrix, fractional @ np.linalg.inv(vectors)
        return Structure(Lattice(matrix), species, fractional % 1.0)

    def with_elements(self, replacement: Mapping[str, str]) -> SymmetricCrystal:
        """The same geometry with other elements (free coordinates stay with their orbits)."""
        orbits = [(replacement.get(o.element, o.element), o.letter) for o in self.template.orbits]
        return self.assembled(self.template.number, self.lattice, orbits, self.free)

    def scaled_to(self, volume_per_atom: float) -> SymmetricCrystal:
        """The same shape at another volume (Å³ per atom)."""
        lattice = self.lattice.copy()
        lattice[:3] *= (volume_per_atom / self.volume_per_atom) ** (1 / 3)
        return SymmetricCrystal(self.template, lattice, self.free)


def describe(structure: Structure, precision: float = SYMMETRY_PRECISION) -> SymmetricCrystal:
    """Find the symmetry of a structure and describe it canonically.

    Args:
        structure: ordered structure, any cell.
        precision: spglib's symprec in Å.

    Raises:
        DataError: the structure is disordered, or spglib finds no symmetry for it.
        TemplateError: spglib's orbits do not lie on tabulated positions.
    """
    return from_orbits(*_standardise(structure, precision))


def from_orbits(
    number: int, lattice: NDArray[np.float64], orbits: Sequence[_RawOrbit]
) -> SymmetricCrystal:
    """The canonical description of a crystal given by the points of its orbits.

    Args:
        number: space group.
        lattice: ``(3, 3)`` vectors of the conventional cell as rows, Å.
        orbits: element, letter and all equivalent points ``(n, 3)``, fractional, of each.

    Raises:
        TemplateError: the orbits do not lie on tabulated positions.
    """
    raw = SymmetryTemplate(number, tuple(Orbit(element, letter) for element, letter, _ in orbits))
    template, operations = canonical(raw)
    return _transformed(template, lattice, orbits, operations[0])


def equivalent_descriptions(crystal: SymmetricCrystal) -> list[SymmetricCrystal]:
    """Every description of a crystal that has the same template, the given one first.

    They differ by normaliser operations that leave all letters where they are (an origin moved by
    half a cell, say); a model may generate any of them and be right.
    """
    template = crystal.template
    return [
        _moved(crystal, template, operation)
        for operation in normaliser_operations(template.number)
        if renamed(template, operation) == template
    ]


def pattern_descriptions(crystal: SymmetricCrystal) -> list[SymmetricCrystal]:
    """Every description of a crystal whose template has the same pattern, elements in any slots."""
    template = crystal.template
    found = []
    for operation in normaliser_operations(template.number):
        other = renamed(template, operation)
        if other.pattern == template.pattern:
            found.append(_moved(crystal, other, operation))
    return found


def recanonicalised(crystal: SymmetricCrystal) -> SymmetricCrystal:
    """The canonical description of a crystal that was put together in another one."""
    template, operations = canonical(crystal.template)
    if template == crystal.template:
        return crystal
    return _moved(crystal, template, operations[0])


def _moved(
    crystal: SymmetricCrystal, template: SymmetryTemplate, operation: NormaliserOperation
) -> SymmetricCrystal:
    """The crystal after a normaliser operation that makes its template this one."""
    group = template.group
    orbits: list[_RawOrbit] = [
        (orbit.element, orbit.letter, group.position(orbit.letter).points(free))
        for orbit, free in zip(crystal.template.orbits, crystal.free, strict=True)
    ]
    matrix = np.asarray(Lattice.from_parameters(*crystal.lattice).matrix)
    return _transformed(template, matrix, orbits, operation)


def symmetry_dataset(structure: Structure, precision: float, hall_number: int = 0) -> Any | None:
    """What spglib finds in an ordered structure, None when it finds nothing.

    Args:
        structure: any structure, one that a model or a relaxation has spoilt as well.
        precision: spglib's symprec in Å.
        hall_number: of the setting to describe it in; spglib's choice when not given.
    """
    import spglib

    matrix, points = structure.lattice.matrix, structure.frac_coords
    # numbers that are none crash spglib, and the whole process with it
    if not len(structure) or not (np.isfinite(matrix).all() and np.isfinite(points).all()):
        return None
    cell = (matrix, points, [site.specie.Z for site in structure])
    try:
        return spglib.get_symmetry_dataset(cell, symprec=precision, hall_number=hall_number)
    except spglib.SpglibError:  # instead of None, where a library (ASE) has told spglib to raise
        return None


def strange_species(structure: Structure) -> list[str]:
    """What a structure holds beside the elements H to Lr: dummy atoms, elements nobody knows."""
    last = len(ALL_ELEMENTS)
    return sorted(
        kind.symbol
        for kind in structure.composition.elements
        if isinstance(kind, DummySpecies) or last < kind.Z
    )


_RawOrbit = tuple[str, str, "NDArray[np.float64]"]  # element, letter, all equivalent points


def _standardise(
    structure: Structure, precision: float
) -> tuple[int, NDArray[np.float64], list[_RawOrbit]]:
    if not structure.is_ordered:
        raise DataError("the structure is disordered; only ordered structures can be described")
    if strange := strange_species(structure):
        raise DataError(f"the structure holds {', '.join(strange)}; only H to Lr can be described")
    found = symmetry_dataset(structure, precision)
    if found is not None:
        hall_number = space_group(found.number).hall_number
        if found.hall_number != hall_number:
            found = symmetry_dataset(structure, precision, hall_number)
    if found is None:
        formula = structure.composition.reduced_formula or "a structure without atoms"
        raise DataError(f"spglib finds no symmetry in {formula}")
    return found.number, np.asarray(found.std_lattice), _orbits(found)


def _orbits(dataset: object) -> list[_RawOrbit]:
    """Group the atoms of spglib's standardised cell into orbits with letters."""
    types = np.asarray(dataset.std_types)  # type: ignore[attr-defined]
    points = np.asarray(dataset.std_positions)  # type: ignore[attr-defined]
    mapping = np.asarray(dataset.std_mapping_to_primitive)  # type: ignore[attr-defined]
    primitive = np.asarray(dataset.mapping_to_primitive)  # type: ignore[attr-defined]
    # orbits are given for the input cell; the primitive cell carries them to the standardised one
    of_primitive = {}
    for atom, index in enumerate(primitive):
        orbit = dataset.crystallographic_orbits[atom]  # type: ignore[attr-defined]
        of_primitive[int(index)] = (int(orbit), str(dataset.wyckoffs[orbit]))  # type: ignore[attr-defined]
    members: dict[int, list[int]] = {}
    for atom, index in enumerate(mapping):
        members.setdefault(of_primitive[int(index)][0], []).append(atom)
    letters = dict(of_primitive.values())
    return [
        (ALL_ELEMENTS[int(types[atoms[0]]) - 1], letters[orbit], points[atoms])
        for orbit, atoms in members.items()
    ]


def _transformed(
    template: SymmetryTemplate,
    lattice: NDArray[np.float64],
    orbits: Sequence[_RawOrbit],
    operation: NormaliserOperation,
) -> SymmetricCrystal:
    """Apply a normaliser operation and read off the free coordinates of every orbit."""
    remaining = [
        (Orbit(element, operation.letters[letter]), operation.apply(points))
        for element, letter, points in orbits
    ]
    free = []
    for orbit in template.orbits:
        index = next(i for i, (other, _) in enumerate(remaining) if other == orbit)
        points = remaining.pop(index)[1]
        coordinates = template.group.position(orbit.letter).free_coordinates(points, _ON_POSITION)
        if coordinates is None:
            raise TemplateError(
                f"no point of the {orbit.element} orbit lies on position {orbit.letter}"
                f" of space group {template.number}"
            )
        free.append(coordinates)
    matrix = operation.apply_to_lattice(lattice)
    return SymmetricCrystal(template, np.array(Lattice(matrix).parameters), tuple(free))


@lru_cache(maxsize=230)
def primitive_vectors(number: int) -> NDArray[np.float64]:
    """Rows: primitive lattice vectors in conventional fractional coordinates."""
    group = space_group(number)
    general = list(group.positions.values())[-1]
    identity = np.isclose(general.maps, np.eye(3)).all(axis=(1, 2))
    translations = general.shifts[identity] % 1.0
    lattice = np.concatenate([translations, np.eye(3)])
    lattice = lattice[np.abs(lattice).max(axis=1) > 1e-6]
    target = 1.0 / group.centring
    for i, first in enumerate(lattice):
        for j in range(i + 1, len(lattice)):
            for third in lattice[j + 1 :]:
                vectors = np.array([first, lattice[j], third])
                if abs(abs(np.linalg.det(vectors)) - target) < 1e-6:
                    reduced = _reduced(vectors, crystal_family(number))
                    # right-handed: files that store lengths and angles would mirror the crystal
                    return reduced * np.sign(np.linalg.det(reduced))
    raise AssertionError(f"no primitive cell found for space group {number}")


def _reduced(vectors: NDArray[np.float64], family: str) -> NDArray[np.float64]:
    """Short primitive vectors: reduced in a metric typical of the crystal family."""
    metric = Lattice.hexagonal(1.0, 1.0) if family == "hexagonal" else Lattice.cubic(1.0)
    reduced = Lattice(vectors @ metric.matrix).get_lll_reduced_lattice().matrix
    return np.asarray(reduced @ np.linalg.inv(metric.matrix))
