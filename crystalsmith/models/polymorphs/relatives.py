"""Templates that a further polymorph of a formula may have, and what speaks for each.

Two things are looked at: what symmetry the known crystals of the formula nearly have, and what
other formulas have beside the templates of the known ones, with elements and energies as like as
they are. A polymorph whose energy is the wanted one is no further one, but its relatives are:
half of the templates that a crystal nearly has are those of another crystal within 2 meV/atom.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry
    from crystalsmith.models.polymorphs.known import Beside, KnownPolymorphs

N_FEATURES = 17
_NEAREST, _FARTHEST = 0.0005, 0.3  # eV/atom that energy differences are told apart by
_ALIKE = 0.03  # eV/atom at which the agreement of two differences has fallen to 1/e
_UNKNOWN = 0.3  # agreement of energies that nobody knows
_CLOSE, _NEAR = 0.1, 0.3  # distances of elements at which theirs has
_TRICLINIC = 2  # last of the space groups


class Relatives(NamedTuple):
    """Candidates for a formula.

    Attributes:
        templates: N of them.
        features: ``(N, N_FEATURES)`` what speaks for each, of the order of one.
    """

    templates: list[SymmetryTemplate]
    features: NDArray[np.float32]


class _Beside(NamedTuple):
    """A template beside one of the known crystals."""

    pairs: Beside
    alike: NDArray[np.float64]  # agreement of the energies, 0 to 1
    gaps: NDArray[np.float64]  # between them, eV/atom


def relatives(
    known: KnownPolymorphs,
    polymorphs: Sequence[Entry],
    energy: float,
    votes: Mapping[SymmetryTemplate, float],
) -> Relatives:
    """Templates that none of the known polymorphs has.

    Args:
        known: all known crystals.
        polymorphs: those of the formula; one or more.
        energy: wanted formation energy, eV/atom.
        votes: shares that known crystals of other formulas give to templates.
    """
    own = {entry.crystal.template for entry in polymorphs}
    nearly: dict[SymmetryTemplate, tuple[float, float]] = {}
    beside: dict[SymmetryTemplate, list[_Beside]] = defaultdict(list)
    for entry in polymorphs:
        told = np.nan if entry.formation_energy is None else entry.formation_energy
        apart = float(np.nan_to_num(abs(energy - told), nan=_FARTHEST))
        for template, precision in known.nearly_had_by(entry).items():
            nearly[template] = min(nearly.get(template, (np.inf, 0.0)), (apart, precision))
        for template, pairs in known.beside(entry.crystal).items():
            beside[template].append(_compared(pairs, energy - told))
    templates = [template for template in {**nearly, **beside} if template not in own]
    rows = [
        _of_nearly(nearly.get(template))
        + _of_beside(beside.get(template, []))
        + _of_template(template, votes.get(template, 0.0))
        for template in templates
    ]
    return Relatives(templates, np.array(rows, np.float32).reshape(len(rows), N_FEATURES))


def _compared(pairs: Beside, gap: float) -> _Beside:
    """How well the pairs agree with the wanted crystal's energy above the known one's."""
    gaps = np.abs(pairs.energies - gap)
    alike = np.where(np.isnan(gaps), _UNKNOWN, np.exp(-np.nan_to_num(gaps) / _ALIKE))
    return _Beside(pairs, alike, gaps)


def _of_nearly(found: tuple[float, float] | None) -> list[float]:
    """Of the symmetry that a known crystal nearly has."""
    if found is None:
        return [0.0, 0.0, 0.0]
    gap, precision = found
    return [1.0, float(np.log(np.clip(gap, _NEAREST, _FARTHEST) / 0.01)), 3 * (precision - 0.4)]


def _of_beside(found: Sequence[_Beside]) -> list[float]:
    """Of the formulas that have the template beside that of a known crystal."""
    if not found:
        return [0.0] * 9
    distances = np.concatenate([one.pairs.distances for one in found])
    alike = np.concatenate([one.alike for one in found])
    gaps = np.nan_to_num(np.concatenate([one.gaps for one in found]), nan=0.2)
    total = sum(one.pairs.total for one in found)
    values = (
        np.log(len(alike)),
        np.log(len(alike) / total),
        np.log(alike.sum() + 0.03),
        np.log((alike * np.exp(-distances / _CLOSE)).sum() + 0.01),
        np.log((alike * np.exp(-distances / _NEAR)).sum() + 0.01),
        distances.min(),
        np.log(alike.mean() + 0.05),
        5 * min(gaps.min(), _FARTHEST),
    )
    return [1.0, *map(float, values)]


def _of_template(template: SymmetryTemplate, share: float) -> list[float]:
    return [
        float(np.log(share + 1e-3)),
        float(share > 0),
        float(template.number <= _TRICLINIC),
        float(np.log(template.n_atoms / 10)),
        len(template.orbits) / 10,
    ]
