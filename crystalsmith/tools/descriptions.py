"""One line of plain English about a known crystal, made of facets that can be searched for."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pymatgen.core import Element

from crystalsmith.core.chemistry.elements import ELEMENT_GROUPS
from crystalsmith.core.chemistry.families import families_of
from crystalsmith.core.chemistry.formulas import ANION_CLASSES, has_anion_class
from crystalsmith.core.properties import INSULATOR_FROM, METAL_BELOW, STABLE_BELOW, WIDE_GAP_FROM

if TYPE_CHECKING:
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry

_COUNT_WORDS = {1: "elemental", 2: "binary", 3: "ternary", 4: "quaternary", 5: "quinary"}
_NAMED_GROUPS = (
    "alkali metal",
    "alkaline earth metal",
    "rare earth",
    "transition metal",
    "actinide",
)


def facets(entry: Entry) -> list[str]:
    """What can be said about an entry, one short phrase per aspect, most telling first.

    Phrases repeat from entry to entry (an element, a family, a gap rounded to 0.5 eV), so that a
    few thousand of them describe any number of crystals.
    """
    template = entry.crystal.template
    group = template.group
    found = [f"{name} structure" for name in named_families(template)]
    found += _chemistry(entry)
    found.append(f"{group.crystal_system} crystal, space group {group.symbol} ({group.number})")
    found += _electronic(entry.band_gap)
    if entry.e_above_hull is not None:
        found.append("stable" if entry.e_above_hull <= STABLE_BELOW else "unstable")
    if entry.name:
        found.append(entry.name)
    return found


def description(entry: Entry) -> str:
    """One line: the formula and everything `facets` says, with the band gap's own value."""
    words = "; ".join(facets(entry))
    gap = "" if entry.band_gap is None else f"; band gap {entry.band_gap:.2f} eV"
    return f"{entry.formula}: {words}{gap}"


def _chemistry(entry: Entry) -> list[str]:
    composition = entry.composition
    symbols = {element.symbol for element in composition.elements}
    found = [name for name in ANION_CLASSES if has_anion_class(composition, name)]
    found.append(f"{_COUNT_WORDS.get(len(symbols), 'multinary')} compound")
    found += [element_name(symbol) for symbol in sorted(symbols)]
    found += [f"{name} compound" for name in _NAMED_GROUPS if ELEMENT_GROUPS[name] & symbols]
    return found


def _electronic(gap: float | None) -> list[str]:
    if gap is None:
        return []
    if gap < METAL_BELOW:
        return ["metallic, no band gap"]
    kind = "insulator" if gap >= INSULATOR_FROM else "semiconductor"
    wide = "wide band gap " if gap >= WIDE_GAP_FROM else ""
    return [f"{wide}{kind}, band gap about {round(gap * 2) / 2:g} eV"]


@lru_cache(maxsize=1024)
def named_families(template: SymmetryTemplate) -> tuple[str, ...]:
    """Families of a template; remembered, since several descriptions want them in turn."""
    return families_of(template)


@lru_cache(maxsize=128)
def element_name(symbol: str) -> str:
    """English name of an element, lower case."""
    return str(Element(symbol).long_name).lower()
