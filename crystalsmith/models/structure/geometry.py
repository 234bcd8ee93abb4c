"""What the network sees of a crystal: distances and directions between orbits and atoms."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from crystalsmith.models.structure.batch import gather_orbits

if TYPE_CHECKING:
    from torch import Tensor

    from crystalsmith.models.structure.batch import TemplateBatch

CUTOFF = 6.5  # Å; beyond it pairs are described by their fractional difference alone
N_RADIAL = 24
N_COARSE = 8
N_FOURIER = 4
PAIR_FEATURES = N_RADIAL + 6 * N_FOURIER


@dataclass
class PairGeometry:
    """Pairs of an orbit's representative and an atom; contacts are their periodic images in reach.

    Attributes:
        features: ``(B, n, N, PAIR_FEATURES)`` radial sums over contacts and Fourier terms.
        pair: ``(E,)`` flat index of each contact's pair.
        distance: ``(E,)`` Å.
        coarse: ``(E, N_COARSE)`` radial functions of each contact.
        unit: ``(E, 3)`` its direction (Cartesian).
    """

    features: Tensor
    pair: Tensor
    distance: Tensor
    coarse: Tensor
    unit: Tensor


def pair_geometry(batch: TemplateBatch, free: Tensor, lattices: Tensor) -> PairGeometry:
    """Geometry of all pairs.

    Args:
        batch: the templates.
        free: ``(B, n, 3)`` free coordinates.
        lattices: ``(B, 3, 3)`` conventional lattice vectors as rows, Å.
    """
    gaps, vectors = _vectors(batch, free, lattices)
    squares = vectors.square().sum(-1)
    real = batch.orbit_mask[:, :, None] & batch.atom_mask[:, None, :]
    contacts = (squares < CUTOFF**2) & (squares > 1e-6) & real[..., None]
    chosen = contacts.flatten().nonzero().squeeze(1)
    distances = squares.flatten()[chosen].sqrt()
    fading = _envelope(distances)[:, None]
    pair = chosen // vectors.shape[-2]
    radial = torch.zeros(real.numel(), N_RADIAL, device=free.device)
    radial.index_add_(0, pair, _gaussians(distances, N_RADIAL) * fading)
    return PairGeometry(
        features=torch.cat([radial.view(*real.shape, N_RADIAL), _fourier(gaps)], dim=-1),
        pair=pair,
        distance=distances,
        coarse=_gaussians(distances, N_COARSE) * fading,
        unit=vectors.reshape(-1, 3)[chosen] / distances[:, None],
    )


def shortest_distances(batch: TemplateBatch, free: Tensor, lattices: Tensor) -> Tensor:
    """``(B,)`` shortest distance between two atoms, Å; for the arguments see `pair_geometry`."""
    squares = _vectors(batch, free, lattices)[1].square().sum(-1)
    real = batch.orbit_mask[:, :, None] & batch.atom_mask[:, None, :]
    others = real[..., None] & (squares > 1e-6)
    return squares.where(others, torch.inf).flatten(1).amin(1).sqrt()


def products(units: Tensor) -> Tensor:
    """The six distinct products of the components of unit vectors, ``(E, 6)``."""
    x, y, z = units.unbind(-1)
    return torch.stack([x * x, y * y, z * z, x * y, x * z, y * z], dim=-1)


def _vectors(batch: TemplateBatch, free: Tensor, lattices: Tensor) -> tuple[Tensor, Tensor]:
    """From orbits to atoms: fractional ``(B, n, N, 3)``, and to 27 images of each, Cartesian."""
    orbits = _place(batch.orbit_map, free, batch.orbit_shift)
    atoms = _place(batch.atom_map, gather_orbits(free, batch.atom_orbit), batch.atom_shift)
    gaps = atoms[:, None, :, :] - orbits[:, :, None, :]
    inside = gaps @ torch.linalg.inv(batch.primitive)[:, None]
    inside = inside - inside.round()
    cells = torch.tensor(
        list(itertools.product((-1.0, 0.0, 1.0), repeat=3)), device=free.device, dtype=free.dtype
    )
    return gaps, (inside[..., None, :] + cells) @ (batch.primitive @ lattices)[:, None, None]


def _place(maps: Tensor, free: Tensor, shifts: Tensor) -> Tensor:
    return torch.einsum("bnij,bnj->bni", maps, free) + shifts


def _fourier(gaps: Tensor) -> Tensor:
    """Sines and cosines of fractional differences, the papers' periodic embedding."""
    frequencies = 2 * torch.pi * torch.arange(1, N_FOURIER + 1, device=gaps.device)
    angles = (gaps[..., None] * frequencies).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _gaussians(distances: Tensor, count: int) -> Tensor:
    centres = torch.linspace(0.5, CUTOFF - 0.5, count, device=distances.device)
    width = (CUTOFF - 1.0) / (count - 1)
    return torch.exp(-0.5 * ((distances[..., None] - centres) / width) ** 2)


def _envelope(distances: Tensor) -> Tensor:
    """Goes smoothly to zero at the cutoff."""
    return 0.5 * (torch.cos(torch.pi * distances / CUTOFF) + 1.0)
