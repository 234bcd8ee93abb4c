"""CDVAE's measures of generated crystals (Xie et al. 2022, arXiv:2110.06197)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymatgen.core import Composition, Structure

_NEAREST, _SMALLEST = 0.5, 0.1  # Å, Å³
_STRUCTURE_CUT, _COMPOSITION_CUT = 0.4, 10.0  # MP-20's


def is_valid_structure(structure: Structure) -> bool:
    """Whether no two atoms are nearer than 0.5 Å and the cell is larger than 0.1 Å³."""
    if structure.volume < _SMALLEST:
        return False
    distances = np.array(structure.distance_matrix)
    np.fill_diagonal(distances, _NEAREST + 1)
    return bool(distances.min() > _NEAREST)


def is_valid_composition(composition: Composition) -> bool:
    """Whether SMACT finds oxidation states that balance and fit the electronegativities.

    Elements and alloys of metals alone pass.
    """
    from smact.screening import smact_validity

    return bool(smact_validity(composition.reduced_composition))


def coverage(
    made: Sequence[Structure], truth: Sequence[Structure], progress: Progress = silent
) -> tuple[float | None, float | None]:
    """Recall and precision of the test crystals' fingerprints, percent; None without matminer.

    A crystal is covered when its nearest structure fingerprint (mean of CrystalNN's, preset ops)
    is within 0.4 and its nearest composition fingerprint (Magpie, in units of the test crystals'
    spread) within 10; the two nearest may be different crystals, as in CDVAE.
    """
    try:
        from matminer.featurizers.composition.composite import ElementProperty
        from matminer.featurizers.site.fingerprint import CrystalNNFingerprint
    except ImportError:
        return None, None
    sites, magpie = CrystalNNFingerprint.from_preset("ops"), ElementProperty.from_preset("magpie")
    total, count = len(made) + len(truth), 0

    def structure_print(structure: Structure) -> np.ndarray:
        nonlocal count
        count += 1
        progress("fingerprints", count, total)
        try:
            rows = [sites.featurize(structure, index) for index in range(len(structure))]
        except (ValueError, KeyError, IndexError, RuntimeError):
            return np.full(61, np.inf)
        return np.mean(rows, axis=0)

    own = np.array([structure_print(structure) for structure in made])
    true = np.array([structure_print(structure) for structure in truth])
    own_words = np.array([magpie.featurize(s.composition) for s in made], dtype=float)
    true_words = np.array([magpie.featurize(s.composition) for s in truth], dtype=float)
    spread = np.nanstd(true_words, axis=0)
    spread[spread == 0] = 1.0
    own_words, true_words = np.nan_to_num(own_words / spread), np.nan_to_num(true_words / spread)
    structures, words = _distances(true, own), _distances(true_words, own_words)

    def covered(axis: int) -> float:
        near = (structures.min(axis) <= _STRUCTURE_CUT) & (words.min(axis) <= _COMPOSITION_CUT)
        return 100 * float(near.mean())

    return covered(1), covered(0)


def _distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        found = np.linalg.norm(left[:, None] - right[None], axis=-1)
    return np.nan_to_num(found, nan=np.inf, posinf=np.inf)
