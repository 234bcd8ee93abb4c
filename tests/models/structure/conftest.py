"""Tiny flows with random weights, and batches of templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from pymatgen.core import Element

from crystalsmith.models.structure.batch import CompactTemplate, TemplateBatch, collate
from crystalsmith.models.structure.flow import CrystalFlow
from crystalsmith.models.structure.lattice import coefficients
from crystalsmith.models.structure.network import Conditions, FlowConfig
from crystalsmith.models.structure.preparation import padded_free
from crystalsmith.models.structure.wyckoff_table import WyckoffTable, position_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.crystallography.template import SymmetryTemplate

TINY = FlowConfig(width=16, pair_width=8, layers=2, heads=2, grid=8)


def random_flow(seed: int = 0) -> CrystalFlow:
    """A flow none of whose weights are zero, so that everything takes part."""
    torch.manual_seed(seed)
    flow = CrystalFlow(TINY).eval()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
        flow.lattice_std.fill_(0.05)  # type: ignore[operator]
    flow.network.rounded = False  # symmetries are tested in full precision
    return flow


def batch_of(
    templates: Sequence[SymmetryTemplate], orders: Sequence[Sequence[int]] | None = None
) -> TemplateBatch:
    """A batch; orders give each template's orbits another order."""
    table = WyckoffTable.of_groups({template.number for template in templates})
    compact = []
    for index, template in enumerate(templates):
        order = list(orders[index]) if orders else list(range(len(template.orbits)))
        orbits = [template.orbits[k] for k in order]
        keys = np.array([position_key(template.number, orbit.letter) for orbit in orbits])
        elements = np.array([Element(orbit.element).Z for orbit in orbits])
        compact.append(CompactTemplate(template.number, elements, table.rows(keys)))
    return collate(compact, table)


def state_of(crystals: Sequence[SymmetricCrystal]) -> tuple[Tensor, Tensor]:
    """Free coordinates, padded, and lattice coefficients of crystals."""
    most = max(len(crystal.free) for crystal in crystals)
    free = torch.zeros(len(crystals), most, 3)
    for row, crystal in enumerate(crystals):
        free[row, : len(crystal.free)] = torch.from_numpy(padded_free(crystal))
    lattices = np.array([coefficients(crystal.lattice) for crystal in crystals])
    return free, torch.from_numpy(lattices).float()


def centre_of(batch: TemplateBatch, displacement: Tensor) -> Tensor:
    """How far the mean of all atoms moves, fractional, ``(B, 3)``."""
    means = []
    for row in range(len(batch)):
        atoms = int(batch.atom_mask[row].sum())
        moves = [
            batch.atom_map[row, atom] @ displacement[row, batch.atom_orbit[row, atom]]
            for atom in range(atoms)
        ]
        means.append(torch.stack(moves).mean(0))
    return torch.stack(means)


def no_conditions(size: int) -> Conditions:
    """Nothing asked for, starting from noise."""
    nothing, zero = torch.full((size,), torch.nan), torch.zeros(size)
    return Conditions(nothing, nothing, zero, zero, zero)


@pytest.fixture(scope="session")
def flow() -> CrystalFlow:
    """One of them."""
    return random_flow()
