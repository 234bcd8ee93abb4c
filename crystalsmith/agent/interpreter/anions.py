"""Reads anion classes: oxide, halide, sulfide iodide, no oxides."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from crystalsmith.core.chemistry.formulas import ANION_CLASSES
from crystalsmith.core.clauses import (
    AnionClass,
    ExcludeElements,
    ExcludeGroups,
    IncludeElements,
    IncludeGroups,
)

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading
    from crystalsmith.agent.interpreter.scope import Item, Listing


_GROUPS = {"halide": "halogen", "chalcogenide": "chalcogen", "pnictide": "pnictogen"}
_THAN = re.compile(r"\bthan\s+(?:an?\s+|the\s+)?$", re.IGNORECASE)


def add_anions(reading: Reading, listing: Listing) -> None:
    """Add the anion classes of a list in the role that it has."""
    names = list(dict.fromkeys(item.value for item in listing.items))
    if _THAN.search(reading.source.plain[max(0, listing.start - 12) : listing.start]):
        reading.source.claim(listing.start, listing.end)  # selenides rather than sulfides
        return
    if listing.role == "exclude":
        _exclude_anions(reading, listing, names)
    elif listing.role == "maybe":
        reading.source.claim(listing.start, listing.end)
    elif len(names) > 1 and not _are_nested(names):
        _add_mixed(reading, listing, names)
    else:
        for item in listing.items:
            _note_amount(reading, item)
            reading.add(AnionClass, item.start, item.end, name=item.value)


def _note_amount(reading: Reading, item: Item) -> None:
    """Say that the "di" of dichalcogenide was not read, unless a family's name says it."""
    amounts = reading.around(item.start, "anion_amount")
    if next(amounts, None) is not None and next(reading.around(item.start, "family"), None) is None:
        word = reading.source.words(item.start, item.end)
        reading.note(f"'{word}' was read as {item.value}; the amount that it names was not")


def _are_nested(names: list[str]) -> bool:
    """A chloride is a halide: naming both is no mixture."""
    widest = max(names, key=lambda name: len(ANION_CLASSES[name]))
    return all(ANION_CLASSES[name] <= ANION_CLASSES[widest] for name in names)


def _exclude_anions(reading: Reading, listing: Listing, names: list[str]) -> None:
    """Exclude the elements of a class; none of them can then be the anion."""
    if "intermetallic" in names:
        reading.cannot_score(listing.start, listing.end)
        return
    span = listing.start, listing.end
    if "halide" in names:
        names.remove("halide")
        reading.add(ExcludeGroups, *span, keep_open=bool(names), groups=("halogen",))
    if not names:
        return
    elements = sorted({element for name in names for element in ANION_CLASSES[name]})
    words = reading.source.words(listing.start, listing.end)
    reading.add(ExcludeElements, listing.start, listing.end, elements=tuple(elements))
    reading.note(f"'{words}' was read as: contains no {', '.join(elements)}")


def _add_mixed(reading: Reading, listing: Listing, names: list[str]) -> None:
    """Sulfide iodide asks for both elements; "oxide or nitride" leaves a choice."""
    gaps = [reading.source.plain[a.end : b.start] for a, b in pairwise(listing.items)]
    groups = tuple(_GROUPS[name] for name in names if name in _GROUPS)
    single = all(len(ANION_CLASSES[name]) == 1 or name in _GROUPS for name in names)
    if single and all(not gap.strip(" -+&") for gap in gaps):
        singles = [name for name in names if name not in _GROUPS]
        elements = tuple(element for name in singles for element in ANION_CLASSES[name])
        span = listing.start, listing.end
        if elements:
            reading.add(IncludeElements, *span, keep_open=True, elements=elements)
        if groups:
            reading.add(IncludeGroups, *span, keep_open=True, groups=groups)
        reading.source.claim(*span)
        return
    reading.cannot_score(
        listing.start, listing.end, "a choice between anions cannot be asked for; name one"
    )
