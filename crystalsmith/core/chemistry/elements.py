"""Elements, the named groups that people ask for, and how alike two elements are."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from pymatgen.core import Element

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ALL_ELEMENTS: tuple[str, ...] = tuple(Element.from_Z(z).symbol for z in range(1, 104))
UNKNOWN_RADIUS = 1.5  # Å, of an element whose atomic radius is not tabulated

# Elements whose use is restricted or avoided for their toxicity (EU RoHS and REACH lists of
# substances of very high concern, plus beryllium, thallium and osmium). "Toxic" means these.
_TOXIC = frozenset({"As", "Be", "Cd", "Hg", "Os", "Pb", "Tl"})
_NOBLE_METALS = frozenset({"Ru", "Rh", "Pd", "Ag", "Os", "Ir", "Pt", "Au"})
_PLATINUM_GROUP = _NOBLE_METALS - {"Ag", "Au"}
_REFRACTORY = frozenset({"Nb", "Mo", "Ta", "W", "Re"})


def _where(test: Callable[[Element], bool]) -> frozenset[str]:
    return frozenset(symbol for symbol in ALL_ELEMENTS if test(Element(symbol)))


ELEMENT_GROUPS: dict[str, frozenset[str]] = {
    "alkali metal": _where(lambda e: e.is_alkali),
    "alkaline earth metal": _where(lambda e: e.is_alkaline),
    "rare earth": _where(lambda e: e.is_rare_earth and not e.is_actinoid),
    "lanthanide": _where(lambda e: e.is_lanthanoid),
    "actinide": _where(lambda e: e.is_actinoid),
    "transition metal": _where(
        lambda e: e.is_transition_metal and not (e.is_lanthanoid or e.is_actinoid)
    ),
    "post-transition metal": _where(lambda e: e.is_post_transition_metal),
    "metal": _where(lambda e: e.is_metal),
    "metalloid": _where(lambda e: e.is_metalloid),
    "nonmetal": _where(lambda e: not e.is_metal and not e.is_metalloid),
    "halogen": _where(lambda e: e.is_halogen) - {"At"},
    "chalcogen": _where(lambda e: e.is_chalcogen) - {"Po"},
    "pnictogen": _where(lambda e: e.group == 15),
    "noble gas": _where(lambda e: e.is_noble_gas),
    "noble metal": _NOBLE_METALS,
    "platinum group metal": _PLATINUM_GROUP,
    "refractory metal": _REFRACTORY,
    "radioactive": _where(lambda e: e.Z in (43, 61) or e.Z >= 84),
    "toxic": _TOXIC,
}


@lru_cache(maxsize=1)
def _element_vectors() -> NDArray[np.float64]:
    """``(103, 5)`` standardised: Pettifor's scale, electronegativity, radius, row, group."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen announces every missing radius
        table = np.array([_descriptors(Element(symbol)) for symbol in ALL_ELEMENTS])
    return np.asarray((table - table.mean(axis=0)) / table.std(axis=0))


def _descriptors(element: Element) -> list[float]:
    radius = atomic_radius(element.symbol)
    electronegativity = electronegativity_of(element.symbol)
    return [element.mendeleev_no, electronegativity, radius, element.row, element.group]


def atomic_radius(symbol: str) -> float:
    """Å; Slater's empirical radius, else the calculated one, else `UNKNOWN_RADIUS`."""
    element = Element(symbol)
    return float(element.atomic_radius or element.atomic_radius_calculated or UNKNOWN_RADIUS)


@lru_cache(maxsize=len(ALL_ELEMENTS))
def electronegativity_of(symbol: str) -> float:
    """Pauling electronegativity, 0 where none is known (some noble gases and actinides)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = Element(symbol).X
    return float(value) if value == value else 0.0


@lru_cache(maxsize=1)
def element_distances() -> NDArray[np.float64]:
    """``(103, 103)`` distances between elements, row and column Z - 1.

    0 is the same element, about 0.3 a neighbour in its column, above 1.5 an unlike one. Pettifor's
    chemical scale counts double, because it orders elements by the structures they form.
    """
    vectors = element_places()
    gaps = vectors[:, None, :] - vectors[None, :, :]
    return np.asarray(np.sqrt((gaps**2).sum(axis=-1)))


@lru_cache(maxsize=1)
def element_places() -> NDArray[np.float64]:
    """``(103, 5)`` points, row Z - 1, whose distances are `element_distances`."""
    return _element_vectors() * np.array([2.0, 1.0, 1.0, 0.5, 0.5]) / np.sqrt(6.5)


def element_distance(first: str, second: str) -> float:
    """How unlike two elements are in the crystals they form (0 is the same element)."""
    return float(element_distances()[Element(first).Z - 1, Element(second).Z - 1])
