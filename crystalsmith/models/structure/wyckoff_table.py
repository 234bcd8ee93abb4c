"""Wyckoff positions as arrays, so that crystals can be assembled without asking pyxtal again.

Training runs on machines that have nothing but PyTorch; the table travels there as one file.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from crystalsmith.models.structure import lattice

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

LETTERS = "abcdefghijklmnopqrstuvwxyzA"
_SHIFTS = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=3)), dtype=float)


def position_key(number: int, letter: str) -> int:
    """One integer per Wyckoff position of all groups."""
    return number * len(LETTERS) + LETTERS.index(letter)


@dataclass(frozen=True)
class WyckoffTable:
    """Positions of some space groups; rows are found with `row`.

    Attributes:
        keys: sorted `position_key` of every row.
        multiplicity: points per conventional cell.
        freedom: free coordinates.
        first_point, n_points: the row's slice of ``maps`` and ``shifts``, one primitive cell's
            worth.
        maps: ``(points, 3, 3)``, zero-padded to three columns.
        shifts: ``(points, 3)``.
        first_self_map, n_self_maps: the row's slice of the self maps.
        self_maps: ``(n, 3, 3)``; ``P @ u + q`` describes the same orbit as ``u``.
        self_shifts: ``(n, 3)``.
        primitive: ``(231, 3, 3)`` primitive vectors in conventional coordinates, by group number.
        centring: ``(231,)`` conventional over primitive cell content, by group number.
    """

    keys: NDArray[np.int64]
    multiplicity: NDArray[np.int64]
    freedom: NDArray[np.int64]
    first_point: NDArray[np.int64]
    n_points: NDArray[np.int64]
    maps: NDArray[np.float32]
    shifts: NDArray[np.float32]
    first_self_map: NDArray[np.int64]
    n_self_maps: NDArray[np.int64]
    self_maps: NDArray[np.float32]
    self_shifts: NDArray[np.float32]
    primitive: NDArray[np.float32]
    centring: NDArray[np.int64]

    @classmethod
    def of_groups(cls, numbers: Iterable[int], self_maps: bool = False) -> WyckoffTable:
        """Build the table for some groups from pyxtal; self maps are only needed for training."""
        from crystalsmith.core.crystallography.crystal import primitive_vectors
        from crystalsmith.core.crystallography.groups import space_group

        builder = _TableBuilder()
        primitive = np.tile(np.eye(3, dtype=np.float32), (231, 1, 1))
        centring = np.ones(231, dtype=np.int64)
        for number in sorted(set(numbers)):
            group = space_group(number)
            primitive[number] = primitive_vectors(number)
            centring[number] = group.centring
            for letter, position in group.positions.items():
                builder.add(
                    position_key(number, letter),
                    position.maps,
                    position.shifts,
                    group.centring,
                    self_maps,
                )
        return cls(primitive=primitive, centring=centring, **builder.arrays())

    def save(self, path: Path) -> None:
        """Write all arrays to one file."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> WyckoffTable:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(**{f.name: arrays[f.name] for f in fields(cls)})

    @cached_property
    def inverses(self) -> NDArray[np.float32]:
        """``(rows, 3, 3)`` pseudo-inverse of every row's first map."""
        return np.linalg.pinv(self.maps[self.first_point]).astype(np.float32)

    def rows(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of position keys."""
        found = np.searchsorted(self.keys, keys)
        if not np.array_equal(self.keys[np.minimum(found, len(self.keys) - 1)], keys):
            raise KeyError("a Wyckoff position is not in the table")
        return np.asarray(found)


class _TableBuilder:
    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, int, int, int]] = []
        self.maps: list[NDArray[np.float64]] = []
        self.shifts: list[NDArray[np.float64]] = []
        self.self_maps: list[NDArray[np.float64]] = []
        self.self_shifts: list[NDArray[np.float64]] = []
        self.points = 0
        self.selves = 0

    def add(
        self,
        key: int,
        maps: NDArray[np.float64],
        shifts: NDArray[np.float64],
        centring: int,
        with_self_maps: bool,
    ) -> None:
        multiplicity, _, freedom = maps.shape
        kept = multiplicity // centring
        padded = np.zeros((multiplicity, 3, 3))
        padded[:, :, :freedom] = maps
        own_maps, own_shifts = _self_maps(maps, shifts) if with_self_maps else _identity()
        self.rows.append(
            (key, multiplicity, freedom, self.points, kept, self.selves, len(own_maps))
        )
        self.maps.append(padded[:kept])
        self.shifts.append(shifts[:kept])
        self.self_maps.append(own_maps)
        self.self_shifts.append(own_shifts)
        self.points += kept
        self.selves += len(own_maps)

    def arrays(self) -> dict[str, NDArray[Any]]:
        columns = np.array(self.rows, dtype=np.int64)
        names = (
            "keys",
            "multiplicity",
            "freedom",
            "first_point",
            "n_points",
            "first_self_map",
            "n_self_maps",
        )
        table: dict[str, NDArray[Any]] = {
            name: columns[:, index] for index, name in enumerate(names)
        }
        for name in ("maps", "shifts", "self_maps", "self_shifts"):
            table[name] = np.concatenate(getattr(self, name)).astype(np.float32)
        return table


def _identity() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.eye(3)[None], np.zeros((1, 3))


def _self_maps(
    maps: NDArray[np.float64], shifts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All ``(P, q)`` for which free coordinates ``P @ u + q`` describe the same orbit as ``u``.

    Point k of the orbit lies on the affine space of point 0 when ``A_k = A_0 P`` and
    ``b_k + integers = A_0 q + b_0`` have solutions.
    """
    freedom = maps.shape[2]
    if freedom == 0:
        return _identity()
    inverse = np.linalg.pinv(maps[0])
    found: dict[tuple[float, ...], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for matrix, shift in zip(maps, shifts, strict=True):
        rotation = inverse @ matrix
        if np.abs(maps[0] @ rotation - matrix).max() > 1e-6:
            continue
        gaps = shift + _SHIFTS - shifts[0]
        offsets = gaps @ inverse.T
        solved = np.abs(offsets @ maps[0].T - gaps).max(axis=1) < 1e-6
        for offset in offsets[solved] % 1.0:
            wrapped = np.where(offset > 1 - 1e-6, 0.0, offset)
            key = tuple(np.round(np.concatenate([rotation.ravel(), wrapped]), 5))
            padded, moved = np.zeros((3, 3)), np.zeros(3)
            padded[:freedom, :freedom], moved[:freedom] = rotation, wrapped
            found.setdefault(key, (padded, moved))
    pairs = list(found.values())
    return np.array([p for p, _ in pairs]), np.array([q for _, q in pairs])


def lattice_masks() -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Free coefficients and constants by group number, ``(231, 6)`` each."""
    from crystalsmith.core.crystallography.groups import crystal_family

    mask, constant = np.zeros((231, 6), dtype=bool), np.zeros((231, 6), dtype=np.float32)
    for number in range(1, 231):
        family = crystal_family(number)
        mask[number], constant[number] = lattice.free_mask(family), lattice.constants(family)
    return mask, constant
