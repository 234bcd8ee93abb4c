"""Lattices as six numbers that do not change under rotation.

A lattice matrix (rows are vectors) has a unique symmetric positive factor ``exp(S)`` with the same
metric. ``S`` is written in a basis in which every crystal family fixes some coefficients and leaves
the others free, and in which the last coefficient alone is the volume (DiffCSP++, Jiao et al. 2024,
arXiv:2402.03992).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

BASIS = np.array(
    [
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]],
        [[0, 0, 1], [0, 0, 0], [1, 0, 0]],
        [[0, 0, 0], [0, 0, 1], [0, 1, 0]],
        [[1, 0, 0], [0, -1, 0], [0, 0, 0]],
        [[1, 0, 0], [0, 1, 0], [0, 0, -2]],
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    ],
    dtype=float,
)
VOLUME = 5  # index of the coefficient that is a third of the logarithm of the volume

# Which coefficients each crystal family leaves free; the others are zero, except that 120° between
# two equal axes fixes the first coefficient of hexagonal lattices.
FREE: dict[str, tuple[int, ...]] = {
    "triclinic": (0, 1, 2, 3, 4, 5),
    "monoclinic": (1, 3, 4, 5),
    "orthorhombic": (3, 4, 5),
    "tetragonal": (4, 5),
    "hexagonal": (4, 5),
    "cubic": (5,),
}
HEXAGONAL_CONSTANT = -np.log(3.0) / 4.0
FAMILIES: tuple[str, ...] = tuple(FREE)


def coefficients(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """Six coefficients of a lattice given as a, b, c (Å) and α, β, γ (degrees)."""
    lengths, cosines = lattice[:3], np.cos(np.radians(lattice[3:]))
    metric = np.outer(lengths, lengths)
    for (i, j), cosine in zip(((1, 2), (0, 2), (0, 1)), cosines, strict=True):
        metric[i, j] *= cosine
        metric[j, i] *= cosine
    values, vectors = np.linalg.eigh(metric)
    s = (vectors * (0.5 * np.log(values))) @ vectors.T
    trace = s[0, 0] + s[1, 1] + s[2, 2]
    return np.array(
        [
            s[0, 1],
            s[0, 2],
            s[1, 2],
            (s[0, 0] - s[1, 1]) / 2,
            (s[0, 0] + s[1, 1] - 2 * s[2, 2]) / 6,
            trace / 3,
        ]
    )


def lattice_parameters(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of `coefficients`: a, b, c (Å) and α, β, γ (degrees)."""
    eigenvalues, vectors = np.linalg.eigh(np.einsum("k,kij->ij", values, BASIS))
    matrix = (vectors * np.exp(eigenvalues)) @ vectors.T
    metric = matrix @ matrix.T
    lengths = np.sqrt(np.diag(metric))
    cosines = [metric[i, j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    return np.array([*lengths, *np.degrees(np.arccos(np.clip(cosines, -1, 1)))])


def matrices(values: Tensor) -> Tensor:
    """Symmetric lattice matrices ``exp(S)`` for coefficients ``(batch, 6)``; ``(batch, 3, 3)``."""
    basis = torch.as_tensor(BASIS, dtype=values.dtype, device=values.device)
    return torch.linalg.matrix_exp(torch.einsum("bk,kij->bij", values, basis))


def free_mask(family: str) -> NDArray[np.bool_]:
    """Which of the six coefficients a crystal family leaves free."""
    mask = np.zeros(6, dtype=bool)
    mask[list(FREE[family])] = True
    return mask


def constants(family: str) -> NDArray[np.float64]:
    """The values of the coefficients that are fixed (zero where they are free)."""
    values = np.zeros(6)
    if family == "hexagonal":
        values[0] = HEXAGONAL_CONSTANT
    return values
