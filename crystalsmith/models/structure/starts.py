"""Where a draft may start from when it does not start from noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.models.structure.lattice import coefficients
from crystalsmith.models.structure.library import borrowed_coefficients

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.models.structure.codebook import Codebook
    from crystalsmith.models.structure.library import TemplateLibrary

CODEBOOK = "codebook"
_FREE_SHAPE = 3  # free parameters from which geometries of one template can differ in kind


class StartGeometry(NamedTuple):
    """Free parameters for a template, and what they are worth.

    Attributes:
        crystal: the geometry on the template asked for.
        coefficients: of its lattice, the volume fitted to the elements.
        origin: id of a known crystal, or ``codebook``.
        distance: how unlike the elements of the crystal, or of the centre's crystals, are.
        spread: of the crystals that a centre stands for; 0 for a single crystal.
    """

    crystal: SymmetricCrystal
    coefficients: NDArray[np.float64]
    origin: str
    distance: float
    spread: float

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
    preferred: frozenset[str] = frozenset(),
) -> list[StartGeometry]:
    """The likeliest geometries for a canonical template, from known crystals and the codebook.

    Args:
        template: canonical template.
        count: how many at most.
        library: known crystals.
        codebook: learned centres.
        volumes: Å³ per atom of each element, by atomic number.
        exclude_formula: a formula whose crystals may not be borrowed from.
        preferred: ids of known crystals that come first, where the template leaves enough free.
    """
    first = preferred if template.free_parameters >= _FREE_SHAPE else frozenset()
    most = len(library) if first else count
    crystals = library.nearest(template, most, exclude_formula=exclude_formula)
    starts = [
        StartGeometry(g.crystal, borrowed_coefficients(g, volumes), g.id, g.distance, 0.0)
        for g in crystals
    ]
    starts += [
        StartGeometry(c.crystal, coefficients(c.crystal.lattice), CODEBOOK, c.distance, c.spread)
        for c in codebook.nearest(template, volumes, count)
    ]
    return sorted(starts, key=lambda s: (s.origin not in first, s.unlikeness))[:count]
