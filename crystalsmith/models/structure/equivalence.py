"""The equivalent description of a crystal that lies nearest to where the flow starts.

A crystal can be described in many equally good ways: any point of an orbit may represent it, orbits
of the same element and letter may change places, the origin may move by an element of the
normaliser or, in polar groups, freely. A flow that must hit one arbitrary description learns an
average of all; so its target is the nearest one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from crystalsmith.models.structure.batch import gather_orbits

if TYPE_CHECKING:
    from torch import Tensor

    from crystalsmith.models.structure.batch import TemplateBatch

_FAR = 1e6


@dataclass
class Descriptions:
    """Equivalent descriptions of a batch of crystals.

    Attributes:
        free: ``(B, V, n, 3)`` free coordinates of V descriptions.
        lattice: ``(B, V, 6)`` standardised lattice coefficients.
        mask: ``(B, V)`` True for real descriptions.
        self_maps: ``(B, n, S, 3, 3)``, self_shifts: ``(B, n, S, 3)`` other representatives of an
            orbit.
        metric: ``(B, n, 3, 3)`` turns differences of free coordinates into squared Å.
        classes: ``(B, n)`` equal for orbits of the same element and letter, -1 where padded.
    """

    free: Tensor
    lattice: Tensor
    mask: Tensor
    self_maps: Tensor
    self_shifts: Tensor
    metric: Tensor
    classes: Tensor


def nearest_displacement(
    batch: TemplateBatch, start: Tensor, start_lattice: Tensor, crystals: Descriptions
) -> tuple[Tensor, Tensor]:
    """The way from a start to the nearest equivalent description.

    Args:
        batch: the templates.
        start: ``(B, n, 3)`` free coordinates.
        start_lattice: ``(B, 6)`` standardised coefficients.
        crystals: the descriptions to choose from.

    Returns:
        ``(B, n, 3)`` and ``(B, 6)``: displacement of free coordinates and of the lattice. In polar
        groups the mean displacement along the free axes is taken out.
    """
    displacement, stretch, _ = nearest_description(batch, start, start_lattice, crystals)
    return displacement, stretch


def nearest_description(
    batch: TemplateBatch, start: Tensor, start_lattice: Tensor, crystals: Descriptions
) -> tuple[Tensor, Tensor, Tensor]:
    """`nearest_displacement`, and ``(B,)`` which description it leads to."""
    stretch = crystals.lattice - start_lattice[:, None]
    rows = torch.arange(len(start), device=start.device)
    drift = torch.zeros_like(start)
    for _ in range(2):  # the second pass assigns orbits with a polar origin already moved
        moves, cost = _assign(start + drift, crystals)
        cost = cost + (stretch**2).sum(-1)
        chosen = cost.masked_fill(~crystals.mask, torch.inf).argmin(1)
        displacement = moves[rows, chosen] + drift
        drift = mean_drift(batch, displacement)
    return (displacement - drift) * batch.freedom, stretch[rows, chosen], chosen


def mean_drift(batch: TemplateBatch, displacement: Tensor) -> Tensor:
    """The part of a displacement that moves the origin of polar groups, as free coordinates."""
    moved = torch.einsum(
        "bnij,bnj->bni", batch.atom_map, gather_orbits(displacement, batch.atom_orbit)
    )
    mean = (moved * batch.atom_mask[..., None]).sum(1) / batch.atom_mask.sum(1)[:, None]
    return torch.einsum("bnij,bj->bni", batch.orbit_inverse, mean) * batch.freedom


def _assign(start: Tensor, crystals: Descriptions) -> tuple[Tensor, Tensor]:
    """Greedy assignment of each start orbit to a target orbit of its class.

    Returns:
        ``(B, V, n, 3)`` displacements and ``(B, V)`` their summed squared lengths.
    """
    size, variants, n_orbits, _ = crystals.free.shape
    candidates = (
        torch.einsum("bnsij,bvnj->bvnsi", crystals.self_maps, crystals.free)
        + crystals.self_shifts[:, None]
    )
    gaps = candidates[:, :, None] - start[:, None, :, None, None]  # b v start target s 3
    gaps = gaps - gaps.round()
    lengths = torch.einsum("bvntsi,bnij,bvntsj->bvnts", gaps, crystals.metric, gaps)
    lengths, best = lengths.min(-1)
    moves = gaps.gather(4, best[..., None, None].expand(*best.shape, 1, 3)).squeeze(4)
    same = crystals.classes[:, :, None] == crystals.classes[:, None, :]
    lengths = torch.where(same[:, None], lengths, _FAR)

    flat = lengths.flatten(2).clone()
    target = torch.zeros(size, variants, n_orbits, dtype=torch.long, device=start.device)
    for _ in range(n_orbits):
        pick = flat.argmin(-1)
        row, column = pick // n_orbits, pick % n_orbits
        target.scatter_(2, row[..., None], column[..., None])
        grid = flat.view(size, variants, n_orbits, n_orbits)
        grid.scatter_(2, row[..., None, None].expand(-1, -1, 1, n_orbits), torch.inf)
        grid.scatter_(3, column[..., None, None].expand(-1, -1, n_orbits, 1), torch.inf)
    chosen = target[..., None]
    real = (crystals.classes >= 0)[:, None]
    cost = (lengths.gather(3, chosen).squeeze(3) * real).sum(-1)
    return moves.gather(3, chosen[..., None].expand(-1, -1, -1, 1, 3)).squeeze(3), cost
