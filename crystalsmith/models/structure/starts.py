"""Where a draft may start from when it does not start from noise."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.models.structure.lattice import coefficients, lattice_parameters
from crystalsmith.models.structure.library import borrowed_coefficients

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.models.structure.codebook import Codebook
    from crystalsmith.models.structure.library import TemplateLibrary
    from crystalsmith.models.structure.supergroups import Supergroups

CODEBOOK = "codebook"
_WAYS = 24  # up to supergroups that are looked at


class StartGeometry(NamedTuple):
    """Free parameters for a template, and what they are worth.

    Attributes:
        crystal: the geometry on the template asked for.
        coefficients: of its lattice, the volume fitted to the elements.
        origin: id of a known crystal, or ``codebook``.
        distance: how unlike the elements of the crystal, or of the centre's crystals, are.
        spread: of the crystals that a centre stands for; 0 for a single crystal.
        raised: its symmetry is higher than the template's, and has to be broken.
    """

    crystal: SymmetricCrystal
    coefficients: NDArray[np.float64]
    origin: str
    distance: float
    spread: float
    raised: bool = False

    @property
    def unlikeness(self) -> float:
        """What starts are ranked by, best first."""
        return self.distance + self.spread


def known_starts(
    template: SymmetryTemplate,
    count: int,
    library: TemplateLibrary,
    codebook: Codebook,
    volumes: NDArray[np.floating],
    exclude_formula: str | None = None,
    supergroups: Supergroups | None = None,
) -> list[StartGeometry]:
    """The likeliest geometries for a canonical template, from known crystals and the codebook.

    Args:
        template: canonical template.
        count: how many at most.
        library: known crystals.
        codebook: learned centres.
        volumes: Å³ per atom of each element, by atomic number.
        exclude_formula: a formula whose crystals may not be borrowed from.
        supergroups: asked where there are too few of the template's own.
    """
    starts = _own_starts(template, count, library, codebook, volumes, exclude_formula)
    if len(starts) < count and supergroups is not None:
        raised = _raised_starts(template, library, codebook, volumes, exclude_formula, supergroups)
        starts += raised[: count - len(starts)]
    return starts


def _own_starts(
    template: SymmetryTemplate,
    count: int,
    library: TemplateLibrary,
    codebook: Codebook,
    volumes: NDArray[np.floating],
    exclude_formula: str | None,
) -> list[StartGeometry]:
    crystals = library.nearest(template, count, exclude_formula=exclude_formula)
    starts = [
        StartGeometry(g.crystal, borrowed_coefficients(g, volumes), g.id, g.distance, 0.0)
        for g in crystals
    ]
    centres = [
        StartGeometry(c.crystal, coefficients(c.crystal.lattice), CODEBOOK, c.distance, c.spread)
        for c in codebook.nearest(template, volumes, count)
    ]
    # both kinds keep their own order: the codebook knows better than the distance alone
    merged = heapq.merge(starts, centres, key=lambda start: start.unlikeness)
    return list(itertools.islice(merged, count))


def _raised_starts(
    template: SymmetryTemplate,
    library: TemplateLibrary,
    codebook: Codebook,
    volumes: NDArray[np.floating],
    exclude_formula: str | None,
    supergroups: Supergroups,
) -> list[StartGeometry]:
    """Geometries of higher symmetry that the template may be a distortion of, likeliest first."""
    found = []
    for higher, descent in itertools.islice(supergroups.above(template), _WAYS):
        for start in _own_starts(higher, 1, library, codebook, volumes, exclude_formula):
            # the volume is that of the elements, which are the same
            cell = lattice_parameters(start.coefficients)
            lowered = descent.lowered(replace(start.crystal, lattice=cell))
            if lowered is not None and lowered.template == template:
                values = coefficients(lowered.lattice)
                found.append(start._replace(crystal=lowered, coefficients=values, raised=True))
    return sorted(found, key=lambda start: start.unlikeness)
