"""Finds the property that a figure is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.lexicon import Mention
from crystalsmith.agent.interpreter.reading import only_words, word_set

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.quantities import Quantity
    from crystalsmith.agent.interpreter.reading import Reading

_COUNTED = re.compile(
    r"\s*-?(?:(?:different|distinct|chemical|more|total)\s+)*"
    r"(?:elements?|atoms?|components?|species|candidates?|structures?|crystals?|compounds?|materials?"
    r"|examples?|options?|suggestions?|results?|of\s+(?:them|those))\b",
    re.IGNORECASE,
)
_OF_THEM = re.compile(r"\s+of\s+(?:them|those|these)\b", re.IGNORECASE)
# an adjective, whatever number stands before it: ten wide-bandgap oxides, 8 direct-gap sulfides
_ADJECTIVE = re.compile(
    r"[\s-]*(?:(?:in)?direct|wide|large|big|broad|narrow|small|low|high|zero)[\s-]+(?:band[\s-]?)?gap[\s-]+"
    r"(?!of\b|is\b|at\b|and\b|or\b|min|max|with\b|in\b|for\b|if\b)[a-z]{3}",
    re.IGNORECASE,
)
_TIMES = re.compile(r"\s?[x×](?=\s*(?:$|[,.;|)\n]))", re.IGNORECASE)
Owner = Mention | str
"""A phrase of the text, or the key of the property that a unit alone implies."""

# The last of these takes a figure only right behind it.
_PHRASES = ("property", "other_property", "optical", "electronic", "stable")
FITTING: dict[str, tuple[str, ...]] = {
    "energy": ("band_gap", "e_above_hull", "formation_energy"),
    "energy_per_atom": ("formation_energy", "e_above_hull"),
    "molar_energy": ("formation_energy", "e_above_hull"),
    "energy_per_formula": ("formation_energy", "e_above_hull"),
    "wavelength": ("band_gap",),
    "density": ("density",),
    "volume_per_atom": ("volume_per_atom",),
    "volume": ("volume_per_atom",),
    "pressure": ("bulk_modulus", "shear_modulus"),
}
_DEFAULT = {
    "energy": "band_gap",
    "wavelength": "band_gap",
    "energy_per_atom": "formation_energy",
    "molar_energy": "formation_energy",
    "density": "density",
    "volume_per_atom": "volume_per_atom",
}
_NEAR_HULL = 0.3  # eV/atom
_POSITIONS = ("of", "off", "from", "to", "over", "away")


def find_owner(
    reading: Reading, quantity: Quantity, used: set[Mention], last: Owner | None
) -> Owner | None:
    """The property that a quantity is about.

    Args:
        reading: the request.
        quantity: the figure.
        used: phrases that already have a figure.
        last: owner of the figure before.
    """
    if quantity.counts and _COUNTED.match(reading.source.plain, quantity.end):
        return None
    if quantity.unit is None and any(
        pattern.match(reading.source.plain, quantity.end)
        for pattern in (_TIMES, _OF_THEM, _ADJECTIVE)
    ):
        return None
    after = _phrase_after(reading, quantity)
    before = _phrase_before(reading, quantity)
    adjacent = before is not None and is_linked(reading, before, quantity)
    is_taken = before is None or before in used or before.kind == "stable"
    if after is not None and not (adjacent and not is_taken):
        return after
    if quantity.chained and last and not quantity.counts and (not adjacent or before in used):
        return last if _fits(last, quantity) else None
    if before is not None and (adjacent or (quantity.unit is not None and before not in used)):
        return before
    if quantity.unit is None:
        return None
    if reading.focus in FITTING.get(quantity.unit.dimension, ()):
        return reading.focus
    highest = (quantity.maximum or 0.0) * quantity.unit.factor
    is_bound = quantity.minimum is None and 0 < highest <= _NEAR_HULL
    if quantity.unit.dimension == "energy_per_atom" and is_bound:
        return "e_above_hull"  # below 0.02 eV/atom; formation energies are negative
    return _DEFAULT.get(quantity.unit.dimension)


def property_name(owner: Owner) -> str:
    """The property's key, "" for one that cannot be scored."""
    if isinstance(owner, str):
        return owner
    if owner.kind in ("optical", "electronic"):
        return "band_gap"
    if owner.kind == "stable":
        return "e_above_hull"
    return owner.value if owner.kind == "property" else ""


def _fits(owner: Owner, quantity: Quantity) -> bool:
    name = property_name(owner)
    if not name:
        return True
    if not isinstance(owner, str) and owner.kind == "electronic" and owner.value != "wide_gap":
        return False
    if quantity.unit is None:
        return isinstance(owner, str) or owner.kind != "optical"
    if quantity.unit.dimension == "percent":
        return False
    return name in FITTING.get(quantity.unit.dimension, ())


def _phrase_before(reading: Reading, quantity: Quantity) -> Mention | None:
    source = reading.source
    for mention in reading.before(quantity.start, *_PHRASES):
        if quantity.start - mention.end > 80 or not source.same_sentence(
            mention.end, quantity.core
        ):
            return None
        words = source.plain[mention.start : mention.end].lower().split()
        is_position = mention.value == "e_above_hull" and words[0] in _POSITIONS
        if mention.kind == "stable" and not _says_how_stable(reading, mention, quantity):
            continue
        if _fits(mention, quantity) and not is_position:
            return mention
    return None


def _says_how_stable(reading: Reading, mention: Mention, quantity: Quantity) -> bool:
    """Stable (< 25 meV/atom): right behind the word, and in a unit that gaps do not come in."""
    between = reading.source.plain[mention.end : quantity.start]
    is_small = quantity.unit is not None and (
        quantity.unit.dimension == "energy_per_atom" or quantity.unit.factor == 0.001  # meV
    )
    return is_small and only_words(between, word_set("links", "before_figure"), "(:")


def is_linked(reading: Reading, mention: Mention, quantity: Quantity) -> bool:
    """Whether only linking words stand between a phrase and the figure after it."""
    between = reading.source.plain[mention.end : quantity.start]
    return only_words(between, word_set("links", "before_figure"), ":=()[],-~_\"'>|")


def _phrase_after(reading: Reading, quantity: Quantity) -> Mention | None:
    for mention in reading.after(quantity.end, *_PHRASES[:-1]):
        between = reading.source.plain[quantity.end : mention.start]
        if not only_words(between, word_set("links", "after_figure"), "-()<>=≤≥"):
            return None
        if _fits(mention, quantity):
            return mention
    return None
