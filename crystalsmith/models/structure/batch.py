"""Batches of symmetry templates as tensors: all that the network and the sampler need to know.

Everything is padded to the largest template of the batch. Letters used for shapes: B templates,
n orbits, N atoms of the primitive cell.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystalsmith.models.structure.wyckoff_table import WyckoffTable, lattice_masks, position_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from crystalsmith.core.crystallography.template import SymmetryTemplate


_PAIR_BUDGET = 8_000  # orbit-atom pairs of a batch at most
_OVERHEAD = 1_000  # pairs that take as long as what a batch costs by itself
_PADDING = 0.25  # of the real pairs


@dataclass(frozen=True)
class CompactTemplate:
    """A template as integers, ready for a batch.

    Attributes:
        number: space group.
        elements: atomic number of every orbit.
        rows: row of every orbit's position in the `WyckoffTable`.
    """

    number: int
    elements: NDArray[np.int64]
    rows: NDArray[np.int64]


@dataclass
class TemplateBatch:
    """Templates as padded tensors.

    Attributes:
        group: ``(B,)`` space group numbers.
        elements: ``(B, n)`` atomic numbers, 0 where padded.
        orbit_mask: ``(B, n)`` True for real orbits.
        multiplicity: ``(B, n)`` atoms of the orbit in the primitive cell.
        freedom: ``(B, n, 3)`` True for free coordinates.
        orbit_map: ``(B, n, 3, 3)`` and
        orbit_shift: ``(B, n, 3)`` place the representative at ``map @ u + shift`` (fractional).
        orbit_inverse: ``(B, n, 3, 3)`` pseudo-inverse of ``orbit_map``.
        atom_orbit: ``(B, N)`` orbit of every atom.
        atom_map: ``(B, N, 3, 3)``, atom_shift: ``(B, N, 3)`` place every atom.
        atom_mask: ``(B, N)`` True for real atoms.
        primitive: ``(B, 3, 3)`` primitive vectors in conventional fractional coordinates.
        lattice_mask: ``(B, 6)`` True for free lattice coefficients.
        lattice_constant: ``(B, 6)`` values of the fixed ones.
        conventional_atoms: ``(B,)`` atoms of the conventional cell.
    """

    group: Tensor
    elements: Tensor
    orbit_mask: Tensor
    multiplicity: Tensor
    freedom: Tensor
    orbit_map: Tensor
    orbit_shift: Tensor
    orbit_inverse: Tensor
    atom_orbit: Tensor
    atom_map: Tensor
    atom_shift: Tensor
    atom_mask: Tensor
    primitive: Tensor
    lattice_mask: Tensor
    lattice_constant: Tensor
    conventional_atoms: Tensor

    def __len__(self) -> int:
        return len(self.group)

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.group.device

    @property
    def free_parameters(self) -> Tensor:
        """``(B,)`` what symmetry leaves free, the volume included."""
        return self.freedom.sum((1, 2)) + self.lattice_mask.sum(1)

    def to(self, device: torch.device | str) -> TemplateBatch:
        """The same batch on another device."""
        return TemplateBatch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def select(self, index: Tensor) -> TemplateBatch:
        """Some templates of the batch, trimmed to the largest of them."""
        chosen = {f.name: getattr(self, f.name)[index] for f in fields(self)}
        n_orbits = int(chosen["orbit_mask"].sum(1).max())
        n_atoms = int(chosen["atom_mask"].sum(1).max())
        for name, values in chosen.items():
            if name in _PER_ORBIT:
                chosen[name] = values[:, :n_orbits]
            elif name in _PER_ATOM:
                chosen[name] = values[:, :n_atoms]
        return TemplateBatch(**chosen)


_PER_ORBIT = {
    "elements",
    "orbit_mask",
    "multiplicity",
    "freedom",
    "orbit_map",
    "orbit_shift",
    "orbit_inverse",
}
_PER_ATOM = {"atom_orbit", "atom_map", "atom_shift", "atom_mask"}


def collate(templates: Sequence[CompactTemplate], table: WyckoffTable) -> TemplateBatch:
    """Assemble a batch on the CPU."""
    size = len(templates)
    n_orbits = max(len(t.rows) for t in templates)
    n_atoms = max(int(table.n_points[t.rows].sum()) for t in templates)
    masks, constants = lattice_masks()
    numbers = np.array([t.number for t in templates], dtype=np.int64)
    arrays: dict[str, NDArray[np.generic]] = {
        "group": numbers,
        "elements": np.zeros((size, n_orbits), np.int64),
        "orbit_mask": np.zeros((size, n_orbits), bool),
        "multiplicity": np.zeros((size, n_orbits), np.float32),
        "freedom": np.zeros((size, n_orbits, 3), bool),
        "orbit_map": np.zeros((size, n_orbits, 3, 3), np.float32),
        "orbit_shift": np.zeros((size, n_orbits, 3), np.float32),
        "orbit_inverse": np.zeros((size, n_orbits, 3, 3), np.float32),
        "atom_orbit": np.zeros((size, n_atoms), np.int64),
        "atom_map": np.zeros((size, n_atoms, 3, 3), np.float32),
        "atom_shift": np.zeros((size, n_atoms, 3), np.float32),
        "atom_mask": np.zeros((size, n_atoms), bool),
        "primitive": table.primitive[numbers],
        "lattice_mask": masks[numbers],
        "lattice_constant": constants[numbers],
    }
    for index, template in enumerate(templates):
        _fill(arrays, index, template, table)
    atoms = arrays["multiplicity"].sum(axis=1) * table.centring[numbers]
    arrays["conventional_atoms"] = atoms.astype(np.float32)
    return TemplateBatch(**{name: torch.from_numpy(values) for name, values in arrays.items()})


def _fill(
    arrays: dict[str, NDArray[np.generic]],
    index: int,
    template: CompactTemplate,
    table: WyckoffTable,
) -> None:
    rows = template.rows
    count = len(rows)
    first, points = table.first_point[rows], table.n_points[rows]
    arrays["elements"][index, :count] = template.elements
    arrays["orbit_mask"][index, :count] = True
    arrays["multiplicity"][index, :count] = points
    arrays["freedom"][index, :count] = np.arange(3) < table.freedom[rows][:, None]
    arrays["orbit_map"][index, :count] = table.maps[first]
    arrays["orbit_shift"][index, :count] = table.shifts[first]
    arrays["orbit_inverse"][index, :count] = table.inverses[rows]
    all_points = np.concatenate([np.arange(f, f + n) for f, n in zip(first, points, strict=True)])
    total = len(all_points)
    arrays["atom_orbit"][index, :total] = np.repeat(np.arange(count), points)
    arrays["atom_map"][index, :total] = table.maps[all_points]
    arrays["atom_shift"][index, :total] = table.shifts[all_points]
    arrays["atom_mask"][index, :total] = True


def compact_template(template: SymmetryTemplate, table: WyckoffTable) -> CompactTemplate:
    """A template as integers; its space group must be in the table."""
    from pymatgen.core import Element  # which a training machine need not have

    keys = [position_key(template.number, orbit.letter) for orbit in template.orbits]
    elements = [Element(orbit.element).Z for orbit in template.orbits]
    return CompactTemplate(
        template.number, np.array(elements), table.rows(np.array(keys, dtype=np.int64))
    )


def size_batches(sizes: Mapping[int, tuple[int, int, int]], which: list[int]) -> list[list[int]]:
    """Batches of one kind and similar size, within the budget of pairs sampled side by side.

    What is padded costs as much as what is real, so a batch ends where padding would cost more
    than another batch.

    Args:
        sizes: kind, orbits and atoms of everything.
        which: what is to be batched.
    """
    batches: list[list[int]] = []
    kinds, real, widest = -1, 0, 0
    for index in sorted(which, key=lambda i: (sizes[i], i)):
        kind, orbits, atoms = sizes[index]
        padded = (len(batches[-1]) + 1) * orbits * max(widest, atoms) if batches else 0
        room = padded <= _PAIR_BUDGET
        filled = real + orbits * atoms
        tight = padded - filled <= max(_OVERHEAD, _PADDING * filled)
        if batches and kind == kinds and room and tight:
            batches[-1].append(index)
            real, widest = filled, max(widest, atoms)
        else:
            batches.append([index])
            kinds, real, widest = kind, orbits * atoms, atoms
    return batches


def gather_orbits(values: Tensor, atom_orbit: Tensor) -> Tensor:
    """Values of each atom's orbit: ``(B, n, …)`` to ``(B, N, …)``."""
    first = torch.arange(len(values), device=values.device)[:, None] * values.shape[1]
    rows = values.flatten(0, 1).index_select(0, (first + atom_orbit).flatten())
    return rows.view(*atom_orbit.shape, *values.shape[2:])
