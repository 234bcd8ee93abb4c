"""Wavelengths: what gap they stand for, and which of them say nothing about the material."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crystalsmith.core.clauses import PropertyRange

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.quantities import Quantity
    from crystalsmith.agent.interpreter.reading import Reading

EV_NM = 1239.84
_ADJACENT = 12
_NEAR = 60
_INFRARED = 3000.0  # nm
_SOURCE = re.compile(
    r"\s*(?:laser|lamp|pump|excitation|illumination|light\s+source|pulses?)\b", re.IGNORECASE
)
_SOURCE_BEFORE = re.compile(
    r"\b(?:laser|lamp|pump|excitation|light\s+source)s?\s*(?:\(|at|of|with|,)*\s*$", re.IGNORECASE
)
_MEASURED_AT = re.compile(r"\d\s?\S*\s+(?:at|@)\s*$", re.IGNORECASE)
_TRANSPARENT = re.compile(
    r"\b(?:transparent|transparency|transmi\w+|clear)\b(?![^.;]*\babsor)[^.;]*$", re.IGNORECASE
)


def is_light_source(reading: Reading, quantity: Quantity) -> bool:
    """A 1064 nm laser is not what the material absorbs."""
    is_wavelength = quantity.unit is not None and quantity.unit.dimension == "wavelength"
    before = reading.source.plain[max(0, quantity.start - 24) : quantity.start]
    named = _SOURCE.match(reading.source.plain, quantity.end) or _SOURCE_BEFORE.search(before)
    return is_wavelength and (named is not None or _MEASURED_AT.search(before) is not None)


def read_transparency(reading: Reading, quantity: Quantity) -> bool:
    """Read "transparent down to 250 nm" and "transparent above 400 nm": the gap is wider."""
    if quantity.unit is None or quantity.unit.dimension != "wavelength":
        return False
    first = max(0, quantity.start - _NEAR)
    before = reading.source.plain[first : quantity.core]
    found = _TRANSPARENT.search(before)
    limit = quantity.maximum if quantity.target is None else quantity.target
    if found is not None and limit is not None and limit * quantity.unit.factor > _INFRARED:
        reading.cannot_score(first + found.start(), quantity.end)
        return True  # what an infrared window lets pass is not limited by its gap
    edge = quantity.minimum if quantity.minimum is not None else quantity.target
    if edge is None and quantity.maximum is not None and re.search(r"down\s+to", before):
        edge = quantity.maximum
    gap = gap_at(edge, quantity.unit.factor)
    if found is None or gap is None:
        return False
    word = next(reading.before(quantity.start, "quality"), None)
    if word is not None and "transparent" in word.value and quantity.start - word.end < _ADJACENT:
        light = next(reading.before(word.start, "quality"), None)
        is_joined = light is not None and reading.source.plain[light.end : word.start] in ("-", " ")
        start = light.start if light is not None and is_joined else word.start
        reading.source.claim(start, word.end)  # its wavelength says how transparent
    reading.add(PropertyRange, quantity.start, quantity.end, name="band_gap", minimum=round(gap, 6))
    return True


def gap_at(wavelength: float | None, factor: float) -> float | None:
    """The gap (eV) whose absorption edge lies at a wavelength (nm)."""
    if wavelength is None or wavelength <= 0:
        return None
    return EV_NM / (wavelength * factor)
