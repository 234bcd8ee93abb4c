"""What the network sees of a crystal: distances and directions between orbits and atoms."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
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
_TABLE_LINES = 4096
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
    radial = _radial_sums(distances, contacts.sum(-1).flatten()).view(*real.shape, N_RADIAL)
    return PairGeometry(
        features=torch.cat([radial, _fourier(gaps)], dim=-1),
        pair=chosen // vectors.shape[-2],
        distance=distances,
        coarse=_gaussians(distances, N_COARSE).mul_(_envelope(distances)[:, None]),
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
    inside = gaps.flatten(1, 2) @ torch.linalg.inv(batch.primitive)
    cell = batch.primitive @ lattices
    nearest = (inside - inside.round()) @ cell
    images = torch.tensor(
        list(itertools.product((-1.0, 0.0, 1.0), repeat=3)), device=free.device, dtype=free.dtype
    )
    vectors = nearest[:, :, None] + (images @ cell)[:, None]
    return gaps, vectors.view(*gaps.shape[:3], *vectors.shape[2:])


def _place(maps: Tensor, free: Tensor, shifts: Tensor) -> Tensor:
    return torch.einsum("bnij,bnj->bni", maps, free) + shifts


def _fourier(gaps: Tensor) -> Tensor:
    """Sines and cosines of fractional differences, the papers' periodic embedding."""
    frequencies = 2 * torch.pi * torch.arange(1, N_FOURIER + 1, device=gaps.device)
    angles = (gaps[..., None] * frequencies).flatten(-2)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _radial_sums(distances: Tensor, counts: Tensor) -> Tensor:
    """Radial functions summed over the contacts of each pair, ``(pairs, N_RADIAL)``.

    Read off a table, between whose lines they are straight: they were a fifth of all work.

    Args:
        distances: of all contacts, pair by pair.
        counts: contacts of each pair.
    """
    place = distances * (_TABLE_LINES / CUTOFF)
    line = place.long().clamp_max(_TABLE_LINES - 1)
    part = place - line
    return torch.nn.functional.embedding_bag(
        torch.stack([line, line + 1], dim=1).flatten(),
        _radial_table(distances.device),
        2 * (counts.cumsum(0) - counts),
        mode="sum",
        per_sample_weights=torch.stack([1 - part, part], dim=1).flatten(),
    )


@lru_cache(maxsize=4)
def _radial_table(device: torch.device) -> Tensor:
    """Radial functions at evenly spaced distances up to the cutoff."""
    with torch.inference_mode(False):
        distances = torch.linspace(0.0, CUTOFF, _TABLE_LINES + 1, device=device)
        return _gaussians(distances, N_RADIAL) * _envelope(distances)[:, None]


def _gaussians(distances: Tensor, count: int) -> Tensor:
    centres = torch.linspace(0.5, CUTOFF - 0.5, count, device=distances.device)
    width = (CUTOFF - 1.0) / (count - 1)
    return (distances[..., None] - centres).square_().mul_(-0.5 / width**2).exp_()


def _envelope(distances: Tensor) -> Tensor:
    """Goes smoothly to zero at the cutoff."""
    return 0.5 * (torch.cos(torch.pi * distances / CUTOFF) + 1.0)
