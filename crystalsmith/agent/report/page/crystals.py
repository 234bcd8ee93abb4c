"""Crystals as the page draws them: atoms of one cell, bonds, and the cell's edges."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure

_FACE = 0.01  # fractional distance to a face that draws an atom on the opposite face too
_REACH = 1.15  # a bond is at most so many times the sum of two covalent radii
_MOST = 600  # atoms that are drawn


def drawing(structure: Structure) -> dict[str, Any]:
    """What the page draws of a crystal, in Å.

    Two atoms are joined when they are nearer than 1.15 times the sum of their covalent radii
    (Cordero et al. 2008, as ASE has them); two metals are not joined beside a nonmetal.

    Returns:
        ``atoms``: element, colour, radius and points of each element; ``bonds``: pairs of points;
        ``cell``: the twelve edges.
    """
    from ase.data import atomic_numbers, covalent_radii
    from ase.data.colors import jmol_colors

    symbols, points = _with_faces(structure)
    atoms = []
    for symbol in dict.fromkeys(symbols):
        number = atomic_numbers[symbol]
        red, green, blue = (round(255 * float(part)) for part in jmol_colors[number])
        own = [point for name, point in zip(symbols, points, strict=True) if name == symbol]
        atoms.append(
            {
                "element": symbol,
                "colour": f"rgb({red},{green},{blue})",
                "radius": round(float(covalent_radii[number]), 2),
                "points": [_rounded(point) for point in own],
            }
        )
    return {"atoms": atoms, "bonds": _bonds(symbols, points), "cell": _edges(structure)}


def _with_faces(structure: Structure) -> tuple[list[str], np.ndarray]:
    """Elements and points of the atoms of a cell, those on its faces drawn on both sides."""
    symbols, fractional = [], []
    for site in structure:
        place = np.mod(site.frac_coords, 1.0)
        place[place > 1 - _FACE] -= 1.0
        choices = [(0.0, 1.0) if value < _FACE else (0.0,) for value in place]
        for shift in product(*choices):
            symbols.append(site.specie.symbol)
            fractional.append(place + np.array(shift))
    chosen = symbols[:_MOST]
    return chosen, structure.lattice.get_cartesian_coords(np.array(fractional[:_MOST]))


def _bonds(symbols: list[str], points: np.ndarray) -> list[list[list[float]]]:
    from ase.data import atomic_numbers, covalent_radii
    from pymatgen.core import Element

    radii = np.array([covalent_radii[atomic_numbers[symbol]] for symbol in symbols])
    metals = np.array([Element(symbol).is_metal for symbol in symbols])
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    near = (distances < _REACH * (radii[:, None] + radii[None])) & (distances > 0.1)
    if not metals.all():
        near &= ~(metals[:, None] & metals[None])
    return [[_rounded(points[i]), _rounded(points[j])] for i, j in np.argwhere(np.triu(near))]


def _edges(structure: Structure) -> list[list[list[float]]]:
    corners = [np.array(corner, dtype=float) for corner in product((0, 1), repeat=3)]
    place = structure.lattice.get_cartesian_coords
    return [
        [_rounded(place(start)), _rounded(place(end))]
        for index, start in enumerate(corners)
        for end in corners[index + 1 :]
        if np.abs(end - start).sum() == 1
    ]


def _rounded(point: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in point]
