"""The 230 space groups: Wyckoff positions as affine maps, and what a crystal family leaves free.

Everything here is a view on pyxtal's tables, in *pyxtal's own default setting* (its Hall number
differs from spglib's default for some groups, so both are always used with the same one).
A point of a Wyckoff position is ``A @ u + b`` with free parameters ``u``; ``A`` and ``b`` of every
symmetry-equivalent point come from the same position's operations.
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.errors import TemplateError

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_SPACE_GROUPS = 230

# pyxtal parses its tables with `ast`, which Python 3.11 cannot do in two threads at a time.
_READING = threading.Lock()

CRYSTAL_SYSTEM_RANGES: dict[str, tuple[int, int]] = {
    "triclinic": (1, 2),
    "monoclinic": (3, 15),
    "orthorhombic": (16, 74),
    "tetragonal": (75, 142),
    "trigonal": (143, 167),
    "hexagonal": (168, 194),
    "cubic": (195, 230),
}

# How many lattice parameters (volume included) each crystal family leaves free.
FREE_LATTICE_PARAMETERS: dict[str, int] = {
    "triclinic": 6,
    "monoclinic": 4,
    "orthorhombic": 3,
    "tetragonal": 2,
    "hexagonal": 2,
    "cubic": 1,
}


@dataclass(frozen=True)
class WyckoffPosition:
    """One Wyckoff position of a space group.

    Attributes:
        letter: its letter; ``A`` follows ``z`` in group 47.
        multiplicity: points per conventional cell.
        maps: ``(multiplicity, 3, freedom)``, the matrices ``A`` of all equivalent points.
        shifts: ``(multiplicity, 3)``, the vectors ``b`` of all equivalent points.
    """

    letter: str
    multiplicity: int
    maps: NDArray[np.float64]
    shifts: NDArray[np.float64]

    @property
    def freedom(self) -> int:
        """Number of free coordinates of a point."""
        return int(self.maps.shape[2])

    def points(self, free: NDArray[np.float64]) -> NDArray[np.float64]:
        """All equivalent points in the conventional cell, ``(multiplicity, 3)``."""
        return self.maps @ np.asarray(free, dtype=float).reshape(self.freedom) + self.shifts

    def free_coordinates(
        self, points: NDArray[np.float64], tolerance: float = 1e-3
    ) -> NDArray[np.float64] | None:
        """Free coordinates ``u`` with ``A @ u + b`` equal to one of ``points`` modulo the lattice.

        Args:
            points: ``(n, 3)`` equivalent points, any of which may serve as the representative.
            tolerance: largest allowed deviation, fractional.

        Returns:
            ``(freedom,)`` in [0, 1), or None when no point lies on this position.
        """
        matrix, shift = self.maps[0], self.shifts[0]
        candidates = (points[:, None, :] + _NEIGHBOUR_CELLS[None, :, :] - shift).reshape(-1, 3)
        free = (
            candidates @ np.linalg.pinv(matrix).T
            if self.freedom
            else np.zeros((len(candidates), 0))
        )
        residual = np.abs(free @ matrix.T - candidates).max(axis=1)
        best = int(residual.argmin())
        if residual[best] > tolerance:
            return None
        return np.asarray(free[best] % 1.0)


@dataclass(frozen=True)
class SpaceGroup:
    """A space group with its Wyckoff positions, most special first.

    Attributes:
        number: 1-230.
        symbol: short Hermann-Mauguin symbol, as in ``Fm-3m``.
        hall_number: the setting (spglib's numbering) that all positions refer to.
        positions: Wyckoff positions by letter, ``a`` first.
        centring: conventional cell content over primitive cell content (1, 2, 3 or 4).
        polar_axes: ``(n, 3)`` directions along which the origin is free.
    """

    number: int
    symbol: str
    hall_number: int
    positions: dict[str, WyckoffPosition]
    centring: int
    polar_axes: NDArray[np.float64]

    @property
    def crystal_system(self) -> str:
        """One of the seven crystal systems."""
        return crystal_system(self.number)

    @property
    def crystal_family(self) -> str:
        """One of the six crystal families: trigonal groups count as hexagonal."""
        return crystal_family(self.number)

    def position(self, letter: str) -> WyckoffPosition:
        """The position of that letter.

        Raises:
            TemplateError: the group has no such letter.
        """
        try:
            return self.positions[letter]
        except KeyError:
            known = "".join(self.positions)
            raise TemplateError(
                f"space group {self.number} ({self.symbol}) has no Wyckoff letter {letter!r};"
                f" it has {known}"
            ) from None


_NEIGHBOUR_CELLS = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=3)), dtype=float)


def crystal_system(number: int) -> str:
    """Crystal system of a space group number."""
    for name, (first, last) in CRYSTAL_SYSTEM_RANGES.items():
        if first <= number <= last:
            return name
    raise TemplateError(f"space groups are numbered 1 to 230, not {number}")


def crystal_family(number: int) -> str:
    """Crystal family of a space group number; trigonal groups are described on hexagonal axes."""
    system = crystal_system(number)
    return "hexagonal" if system == "trigonal" else system


@lru_cache(maxsize=N_SPACE_GROUPS)
def space_group(number: int) -> SpaceGroup:
    """The space group of that number, in pyxtal's default setting (cached).

    Raises:
        TemplateError: the number is not within 1-230.
    """
    crystal_system(number)
    from pyxtal.symmetry import Group

    with _READING:
        group = Group(number)
    positions = {}
    for tabulated in sorted(group, key=lambda position: _letter_rank(position.letter)):
        affine = np.array([operation.affine_matrix for operation in tabulated.ops])
        columns = np.flatnonzero(np.abs(affine[0, :3, :3]).sum(axis=0) > 0)
        positions[tabulated.letter] = WyckoffPosition(
            letter=tabulated.letter,
            multiplicity=int(tabulated.multiplicity),
            maps=affine[:, :3, :3][:, :, columns],
            shifts=affine[:, :3, 3],
        )
    general = affine  # the general position comes last
    return SpaceGroup(
        number=number,
        symbol=str(group.symbol),
        hall_number=int(group.hall_number),
        positions=positions,
        centring=sum(np.allclose(op[:3, :3], np.eye(3)) for op in general),
        polar_axes=_polar_axes(general[:, :3, :3]),
    )


def _letter_rank(letter: str) -> tuple[bool, str]:
    return letter.isupper(), letter


def _polar_axes(rotations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Directions that every rotation leaves alone: rows span the free origin shifts."""
    mean = rotations.mean(axis=0)  # projector on the invariant subspace
    axes: list[NDArray[np.float64]] = []
    for axis in mean.T:
        if np.abs(axis).max() > 1e-8 and np.linalg.matrix_rank(np.array([*axes, axis])) > len(axes):
            axes.append(axis)
    return np.array(axes).reshape(-1, 3)
