"""CHGNet's graph of a crystal, reduced to its distinct atoms.

CHGNet shares a bond's features between its two ends. Among distinct atoms the other end of a bond
may be an atom that another one stands for; `partner` names the bond there that is its like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from crystalsmith.models.surrogates.surroundings import Surroundings

BOND_CUTOFF = 3.0  # Å; shorter bonds form angles in CHGNet


@dataclass(frozen=True)
class ChgnetGraph:
    """Bonds and angles at the distinct atoms of a crystal.

    Attributes:
        elements: ``(n,)`` atomic numbers; multiplicities: ``(n,)`` atoms that each stands for.
        centres, neighbours: ``(e,)`` distinct atoms at the ends of every bond within 6 Å.
        distances: ``(e,)`` Å.
        short: ``(s,)`` bonds below `BOND_CUTOFF`; partner: ``(s,)`` the like of the reverse bond.
        angle_atom: ``(a,)`` distinct atom; left, right: ``(a,)`` short bonds; angles: ``(a,)`` rad.
    """

    elements: NDArray[np.int64]
    multiplicities: NDArray[np.int64]
    centres: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    distances: NDArray[np.float64]
    short: NDArray[np.int64]
    partner: NDArray[np.int64]
    angle_atom: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    angles: NDArray[np.float64]


def chgnet_graph(around: Surroundings) -> ChgnetGraph:
    """CHGNet's view of a crystal whose distinct atoms are known."""
    atoms, node_of_atom, counts = around.distinct
    is_distinct = np.zeros(len(node_of_atom), dtype=bool)
    is_distinct[atoms] = True
    kept = np.flatnonzero(is_distinct[around.centres])
    close = np.flatnonzero(around.distances < BOND_CUTOFF)
    short_of_close = is_distinct[around.centres[close]]
    place = np.full(len(around.centres), -1)
    place[kept] = np.arange(len(kept))
    short = place[close[short_of_close]]
    centres = node_of_atom[around.centres[kept]]
    left, right = _corners(centres[short])
    unit = around.vectors[kept][short] / around.distances[kept][short][:, None]
    cosines = np.einsum("ij,ij->i", unit[left], unit[right]) * (1 - 1e-6)
    return ChgnetGraph(
        elements=around.elements[atoms],
        multiplicities=counts,
        centres=centres,
        neighbours=node_of_atom[around.others[kept]],
        distances=around.distances[kept],
        short=short,
        partner=_partners(around, close, short_of_close, node_of_atom, atoms),
        angle_atom=centres[short][left],
        left=left,
        right=right,
        angles=np.arccos(np.clip(cosines, -1.0, 1.0)),
    )


def _corners(centres: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All ordered pairs of different bonds with the same centre; centres are sorted."""
    begins = np.searchsorted(centres, centres)
    counts = np.searchsorted(centres, centres, side="right") - begins
    left = np.repeat(np.arange(len(centres)), counts)
    within = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    right = np.repeat(begins, counts) + within
    different = left != right
    return left[different], right[different]


def _partners(
    around: Surroundings,
    close: NDArray[np.int64],
    short_of_close: NDArray[np.bool_],
    node_of_atom: NDArray[np.int64],
    atoms: NDArray[np.int64],
) -> NDArray[np.int64]:
    """For every short bond of a distinct atom the short bond that is the like of its reverse."""
    centres, others = around.centres[close], around.others[close]
    images = around.images[close]
    forward = np.lexsort((*images.T, others, centres))
    backward = np.lexsort((*(-images.T), centres, others))
    reverse = np.empty(len(close), dtype=np.int64)
    reverse[forward] = backward
    # equivalent atoms have equal bonds; sorted by what they look like, they pair up
    looks = around.looks_of_bonds(close)
    by_looks = np.lexsort((looks, centres))
    rank = np.empty(len(close), dtype=np.int64)
    begins = np.searchsorted(centres, centres)  # centres are sorted
    rank[by_looks] = np.arange(len(close)) - begins[by_looks]
    ordered = by_looks  # position begin(centre) + rank holds the bond of that rank
    stands_for = atoms[node_of_atom[centres]]
    twin = ordered[np.searchsorted(centres, stands_for) + rank]
    number = np.cumsum(short_of_close) - 1
    return number[twin[reverse[short_of_close]]]
