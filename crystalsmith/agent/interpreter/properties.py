"""Reads property figures: which property a quantity belongs to, and in which unit it is scored."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from crystalsmith.agent.interpreter.leftovers import start_of_property
from crystalsmith.agent.interpreter.light import gap_at, is_light_source, read_transparency
from crystalsmith.agent.interpreter.numbers import Unit
from crystalsmith.agent.interpreter.owners import find_owner, is_linked, property_name
from crystalsmith.agent.interpreter.reading import Reading, Wish
from crystalsmith.agent.interpreter.scope import role_before
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.clauses import AtomCount, ElectronicClass, ElementCount, PropertyRange
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.lexicon import Mention
    from crystalsmith.agent.interpreter.owners import Owner
    from crystalsmith.agent.interpreter.quantities import Quantity

_COUNTS: dict[str, type[AtomCount] | type[ElementCount]] = {
    "n_atoms": AtomCount,
    "n_elements": ElementCount,
}

_MOST_ELEMENTS = 20  # more are no number of elements

# Words further apart than this are not quoted together.
_NEAR = 60

_FOREIGN = ("element", "group", "ions", "anion", "family", "system", "stable", "novel", "quality")
_NEGATIVE = re.compile(r"\bnegative\s+(?:\w+\s+)?$", re.IGNORECASE)
_STARTS = re.compile(r"\b(?:start|starts|starting|begin|begins|beginning|sets?\s+in)\b", re.I)
_IS_NEGATIVE = re.compile(r"\s*(?:(?:should|must|to|has|have|be|is|are)\s+){0,3}negative\b", re.I)
_DENIED = re.compile(r"(?:\bnot|n't|\bnever|\bcannot)\s+$", re.IGNORECASE)
_ATOMS = re.compile(r"\s*-?(?:atoms?|elements?|sites?)\b", re.IGNORECASE)
_LETTER = re.compile(r"(?<![\w-])([A-Za-z]{1,2}|[A-Z]{2,4})[ \t]*$")
_AT_WAVELENGTH = re.compile(r"\s*(?:at|@)\s*\d+(?:\.\d+)?\s?(?:nm|[µμu]m)\b", re.IGNORECASE)
_SIGN = re.compile(r"\s*(?:[<>≥≤]|above|below|over|under|at\s+(?:least|most))", re.IGNORECASE)
_COUNTING = frozenset(
    {
        "n",
        "N",
        "Eg",
        "eg",
        "K",
        "B",
        "G",
        "is",
        "be",
        "at",
        "of",
        "no",
        "to",
        "it",
        "or",
        "in",
        "by",
        "go",
    }
)
_FOR = re.compile(r"\bfor\s+(?:an?\s+|the\s+|our\s+|my\s+)?$", re.IGNORECASE)
_THING = re.compile(r"[\s-]+(?!or\b|and\b|to\b|at\b|in\b|of\b|as\b|with\b)[a-z]{4,}", re.IGNORECASE)
_AND_ANOTHER = re.compile(r"\s+(?:of\s+)?[a-z]+\s[a-z]+,?\s+and\s+", re.IGNORECASE)
_OF = re.compile(r"\s+(?:of\s+)?")
_LOW = re.compile(r"\b(?:narrow|small|low|tiny|little)", re.IGNORECASE)
_HAS = re.compile(
    r"\b(?:has|have|having|with|open|opens|show|shows|possess|possesses)\s+an?\s+$", re.I
)


def read_properties(reading: Reading) -> None:
    """Read every figure of a property, then what is said about properties without a figure."""
    used: set[Mention] = set()
    last: Owner | None = None
    before: Quantity | None = None
    for quantity in reading.quantities:
        if not reading.source.is_open(quantity.core, quantity.end):
            continue
        if read_transparency(reading, quantity):
            continue
        if is_light_source(reading, quantity):
            reading.source.claim(quantity.start, quantity.end)
            continue
        if _is_of_unknown(reading, quantity):
            continue
        owner = find_owner(reading, quantity, used, last)
        quantity = _with_shared_bound(reading, quantity, before)
        before = quantity
        if owner is None:
            _say_back(reading, quantity)
            continue
        _add(reading, quantity, owner)
        if not isinstance(owner, str):
            used.add(owner)
        last = owner
    _merge_bounds(reading)
    for mention in reading.mentions("property"):
        _read_without_figure(reading, mention)


def _with_shared_bound(reading: Reading, quantity: Quantity, before: Quantity | None) -> Quantity:
    """Read "at least 300 GPa bulk modulus and 200 GPa shear modulus" as two bounds."""
    if before is None or before.target is not None or quantity.target is None or quantity.near:
        return quantity
    one_sided = (before.minimum is None) != (before.maximum is None)
    between = reading.source.plain[before.end : quantity.start]
    if not one_sided or before.unit is None or quantity.unit is None:
        return quantity
    if before.unit.dimension != quantity.unit.dimension or not _AND_ANOTHER.fullmatch(between):
        return quantity
    if before.minimum is not None:
        return replace(quantity, target=None, minimum=quantity.target, strict=before.strict)
    return replace(quantity, target=None, maximum=quantity.target, strict=before.strict)


def read_in_focus(reading: Reading) -> None:
    """Read a figure that names nothing as one of what the conversation is about."""
    if not reading.focus:
        return
    for quantity in reading.quantities:
        if quantity.unit is not None or not reading.source.is_open(quantity.core, quantity.end):
            continue
        if reading.focus in PROPERTIES:
            if reading.focus == "e_above_hull" and (quantity.target or quantity.maximum or 0) >= 1:
                quantity = replace(
                    quantity, unit=Unit("energy_per_atom", 0.001)
                )  # 20, after 40 meV
            _add(reading, quantity, reading.focus)
        elif reading.focus == "count" and reading.count is None and quantity.target:
            reading.count = max(1, round(quantity.target))
            reading.count_words = reading.source.words(quantity.start, quantity.end)
            reading.source.claim(quantity.start, quantity.end)
        elif reading.focus in _COUNTS:
            if reading.focus == "n_elements" and (quantity.target or 0) > _MOST_ELEMENTS:
                continue
            low = quantity.minimum if quantity.target is None else quantity.target
            high = quantity.maximum if quantity.target is None else quantity.target
            reading.add(
                _COUNTS[reading.focus],
                quantity.start,
                quantity.end,
                minimum=None if low is None else round(low),
                maximum=None if high is None else round(high),
            )


def _say_back(reading: Reading, quantity: Quantity) -> None:
    """Say a figure in a unit that no scored property has back, with what it belongs to."""
    if quantity.unit is None:
        return
    if quantity.unit.dimension == "chatter":
        reading.source.claim(quantity.start, quantity.end)
        return
    start = quantity.start
    if _FOR.search(reading.text_before(start, 20)) and _THING.match(
        reading.text_after(quantity.end)
    ):
        reading.source.claim(start, quantity.end)  # for 1200 V switches
        return
    mention = next(reading.before(quantity.start, "quality", "application"), None)
    if mention is not None and reading.source.is_open(mention.start, mention.end):
        start = mention.start if is_linked(reading, mention, quantity) else start
    reading.cannot_score(start, _with_substance(reading, quantity))


def _with_substance(reading: Reading, quantity: Quantity) -> int:
    """Take in what a percentage is of: 10 wt% hydrogen."""
    is_share = quantity.unit is not None and quantity.unit.dimension == "percent"
    of = _OF.match(reading.source.plain, quantity.end) if is_share else None
    start = of.end() if of is not None else quantity.end
    named = next(reading.after(start, "element"), None)
    if not is_share or named is None or named.start > start + 1:
        return quantity.end
    return named.end


def _is_of_unknown(reading: Reading, quantity: Quantity) -> bool:
    """Say "k above 25", "n > 2.5" back: figures of letters that stand for nothing known."""
    before = reading.source.open_between(quantity.start - 8, quantity.start)
    name = _LETTER.search(before)
    sign = reading.source.plain[quantity.start : quantity.core]
    if name is None or quantity.unit is not None or not _SIGN.match(sign):
        return False
    at = _AT_WAVELENGTH.match(reading.source.plain, quantity.end)
    if name[1] == "n" and at is not None:
        reading.cannot_score(quantity.start - len(before) + name.start(1), at.end())
        return True  # n < 1.5 at 200 nm
    if (
        _ATOMS.match(reading.source.plain, quantity.end)
        or name[1] in _COUNTING
        or name[1] in ALL_ELEMENTS
    ):
        return False
    start = quantity.start - len(before) + name.start(1)
    if (
        next(reading.around(start, "property", "other_property", "topic", "group"), None)
        is not None
    ):
        return False
    reading.cannot_score(start, quantity.end)
    return True


def _add(reading: Reading, quantity: Quantity, owner: Owner) -> None:
    source = reading.source
    start, end = quantity.start, quantity.end
    if not isinstance(owner, str) and owner.kind not in ("electronic", "stable"):
        is_other = owner.kind == "other_property"  # oxygen vacancy formation energy
        first = start_of_property(reading, owner) if is_other else owner.start
        first = _with_adjective(reading, first)
        source.claim(first, owner.end)
        quantity = _as_meant(reading, owner, quantity)
        if abs(owner.start - quantity.end) < _NEAR and abs(quantity.start - owner.end) < _NEAR:
            start, end = min(first, start), max(owner.end, end)
    name = property_name(owner)
    role, cue_start = role_before(reading, start)
    if role == "exclude" and name:
        start, quantity = cue_start, quantity.inverted()
    if not name or not quantity.says_something:
        reading.cannot_score(start, end)
    elif quantity.unit is not None and quantity.unit.dimension == "energy_per_formula":
        reading.cannot_score(start, end, "energies are scored per atom, not per formula unit")
    else:
        inner = _claim_around(reading, start, end, quantity)
        if _is_repeated(reading, name, quantity):
            source.claim(*inner)
            return
        reading.add(PropertyRange, *inner, name=name, **_figures(name, quantity))


def _as_meant(reading: Reading, owner: Mention, quantity: Quantity) -> Quantity:
    """Absorption that starts at 520 nm gives the gap itself, not a bound."""
    if owner.kind != "optical" or quantity.unit is None:
        return quantity
    words = reading.source.plain[min(owner.end, quantity.start) : quantity.core]
    if _STARTS.search(words) and quantity.minimum is not None and quantity.maximum is None:
        return replace(quantity, minimum=None, target=quantity.minimum)
    return quantity


def _is_repeated(reading: Reading, name: str, quantity: Quantity) -> bool:
    """Whether a target says again what another has said: 2.26 eV (549 nm)."""
    figures = _figures(name, quantity)
    if len(figures) != 1:
        return False
    value = next(iter(figures.values()))
    for index, wish in enumerate(reading.wishes):
        clause = wish.clause
        if not isinstance(clause, PropertyRange) or clause.name != name:
            continue
        known = [v for v in (clause.minimum, clause.maximum, clause.target) if v is not None]
        if len(known) != 1 or abs(known[0] - value) > 0.02 * abs(value) or not value:
            continue
        if clause.target is None and "target" in figures:  # up to 900 nm, that is 1.38 eV
            plain = {"minimum": None, "maximum": None, "target": value}
            reading.wishes[index] = wish._replace(clause=clause.model_copy(update=plain))
            return True
        return (
            clause.target is not None
            or figures.keys() <= clause.model_dump(exclude_none=True).keys()
        )
    return False


def _claim_around(reading: Reading, start: int, end: int, quantity: Quantity) -> tuple[int, int]:
    """The span of the clause: all of it, unless other wishes stand in between."""
    middle = takewhile(lambda m: m.end <= end, reading.after(start, *_FOREIGN))
    if any(reading.source.is_open(m.start, m.end) for m in middle):
        return quantity.start, quantity.end
    return start, end


def _with_adjective(reading: Reading, start: int) -> int:
    """Take in the adjectives before a property: small gap, high bulk modulus."""
    for mention in reading.before(start, "vague"):
        if reading.source.plain[mention.end : start] not in (" ", "-"):
            break
        start = mention.start
    return start


def _figures(name: str, quantity: Quantity) -> dict[str, Any]:
    """Bounds, target and tolerance in the property's unit."""
    low, high, target = quantity.minimum, quantity.maximum, quantity.target
    tolerance = quantity.tolerance
    unit = quantity.unit
    factor = unit.factor if unit is not None else 1.0
    if unit is not None and unit.dimension == "wavelength":
        low, high = gap_at(high, factor), gap_at(low, factor)
        if target is not None and tolerance is not None:
            wide, narrow = gap_at(target - tolerance, factor), gap_at(target + tolerance, factor)
            tolerance = (wide - narrow) / 2 if wide and narrow else None
        target = gap_at(target, factor)
    else:
        low, high, target, tolerance = (
            None if value is None else value * factor for value in (low, high, target, tolerance)
        )
    if name == "e_above_hull" and target is not None and not quantity.near and tolerance is None:
        low, high, target = None, target, None  # "50 meV above the hull" is a limit
    figures = {"minimum": low, "maximum": high, "target": target, "tolerance": tolerance}
    return {key: round(value, 6) for key, value in figures.items() if value is not None}


def _merge_bounds(reading: Reading) -> None:
    """A lower and an upper bound on one property are a range."""
    merged: list[Wish] = []
    for wish in reading.wishes:
        index = next((i for i, other in enumerate(merged) if _complete(other, wish)), None)
        if index is None:
            merged.append(wish)
        else:
            merged[index] = _joined(reading, merged[index], wish)
    reading.wishes = merged


def _complete(first: Wish, second: Wish) -> bool:
    """Whether one is a lower and the other an upper bound, and both can hold."""
    one, other = first.clause, second.clause
    if not (isinstance(one, PropertyRange) and isinstance(other, PropertyRange)):
        return False
    if one.name != other.name or one.target is not None or other.target is not None:
        return False
    low = [bound for bound in (one.minimum, other.minimum) if bound is not None]
    high = [bound for bound in (one.maximum, other.maximum) if bound is not None]
    return len(low) == 1 and len(high) == 1 and low[0] <= high[0]


def _joined(reading: Reading, first: Wish, second: Wish) -> Wish:
    start, end = min(first.start, second.start), max(first.end, second.end)
    if second.start - first.end > _NEAR:
        start, end = first.start, first.end
    figures = {
        key: value
        for wish in (first, second)
        for key, value in wish.clause.model_dump(exclude_none=True).items()
    }
    figures["words"] = reading.source.words(start, end)
    return Wish(start, end, PropertyRange(**figures))


def _confirms(figure: PropertyRange, adjective: str) -> bool:
    """Whether a figure says how narrow or how high: not of "small gaps", with one above 2.8 eV."""
    if figure.target is not None:
        return True
    is_low = _LOW.search(adjective) is not None
    return (figure.maximum if is_low else figure.minimum) is not None


def _read_without_figure(reading: Reading, mention: Mention) -> None:
    """Read "negative formation energy", "has a band gap"; say "low density" back."""
    before, after = reading.text_before(mention.start), reading.text_after(mention.end)
    if mention.value == "formation_energy":
        negative = _NEGATIVE.search(before)
        is_negative = _IS_NEGATIVE.match(after)
        start = mention.start - len(before) + negative.start() if negative else mention.start
        end = mention.end + is_negative.end() if is_negative else mention.end
        if negative or is_negative:
            reading.add(PropertyRange, start, end, name="formation_energy", maximum=0.0)
            return
    named = {clause.name for clause in reading.of_kind(PropertyRange)}
    if mention.value in named and before.rstrip()[-1:] == "(" and after.lstrip()[:1] == ")":
        reading.source.claim(mention.start, mention.end)  # G > 200 GPa (shear modulus)
        return
    start = _with_adjective(reading, mention.start)
    adjective = reading.source.plain[start : mention.start]
    if start < mention.start and any(
        clause.name == mention.value and _confirms(clause, adjective)
        for clause in reading.of_kind(PropertyRange)
    ):
        reading.source.claim(start, mention.end)  # a narrow gap (below 0.3 eV)
    elif start < mention.start:
        reading.cannot_score(start, mention.end)
    elif mention.value == "band_gap":
        has = _HAS.search(before)
        if has:
            start = mention.start - len(before) + has.start()
            denied = _DENIED.search(reading.source.plain[max(0, start - 24) : start])
            name = "metallic" if denied else "non_metallic"
            figures = [c for c in reading.of_kind(PropertyRange) if c.name == "band_gap"]
            if figures and not denied:
                reading.source.claim(start, mention.end)  # the figure says how large
                return
            reading.add(ElectronicClass, start, mention.end, name=name)
