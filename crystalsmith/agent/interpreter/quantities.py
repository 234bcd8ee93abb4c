"""Quantities: numbers with the words around them make targets, tolerances, ranges and bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.numbers import Number, Unit, find_numbers
from crystalsmith.agent.interpreter.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.agent.interpreter.source import Source, Span

_WINDOW = 60
_LESS_SIGN = re.compile(r"\s*(<\s?=?|≤)\s*(?=[a-z])", re.IGNORECASE)
_MORE_SIGN = re.compile(r"\s*(>\s?=?|≥)\s*(?=[a-z])", re.IGNORECASE)
_ONWARDS = re.compile(r"\s*(?:on(?:wards?)?|up(?:wards?)?)\b")
_COUNTS_SOMETHING = re.compile(r"\s*-?(?!(?:and|but|or|in|for|with|if|please|at)\b)[a-z]{3,}", re.I)


@dataclass(frozen=True)
class Quantity:
    """A target, a range or a bound in the unit that the text gives.

    Attributes:
        start: where its words begin, operators included.
        end: where they end.
        core: where its first number begins.
        strict: a bound that excludes the number itself ("fewer than 20").
        near: the text says that a target is approximate.
        word: the number is spelled out ("three").
        chained: it directly follows another quantity ("above 1 and below 2 eV").
        counts: a noun follows it ("4 elements"), so that it has no unit to share.
    """

    start: int
    end: int
    core: int
    unit: Unit | None
    minimum: float | None = None
    maximum: float | None = None
    target: float | None = None
    tolerance: float | None = None
    strict: bool = False
    near: bool = False
    word: bool = False
    chained: bool = False
    counts: bool = False

    @property
    def says_something(self) -> bool:
        """Whether it holds a figure at all."""
        return any(value is not None for value in (self.minimum, self.maximum, self.target))

    def inverted(self) -> Quantity:
        """What "no gap above 2 eV" leaves; nothing when a target or a range is excluded."""
        if not _is_bound(self):
            return replace(self, minimum=None, maximum=None, target=None, tolerance=None)
        return replace(self, minimum=self.maximum, maximum=self.minimum, strict=not self.strict)


@lru_cache(maxsize=1)
def _before() -> tuple[tuple[str, bool, re.Pattern[str]], ...]:
    glue = rf"(?:\s*(?:{table('quantities')['before']['glue']})){{0,4}}\s*$"
    return tuple(
        (role, strict, re.compile(f"(?:{_spelled_out(words)}){glue}", re.IGNORECASE))
        for role, strict, words in table("quantities")["before"]["rows"]
    )


@lru_cache(maxsize=1)
def _after() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (
            role,
            re.compile(_spelled_out(words) + r"(?!\w)(?![^\S\n]*[:=]?[^\S\n]*\d)", re.IGNORECASE),
        )
        for role, words in table("quantities")["after"]["rows"]
    )


@lru_cache(maxsize=8)
def _between(name: str) -> re.Pattern[str]:
    words = table("quantities")["between"][name]
    return re.compile(rf"[^\S\n]*(?:{words})[^\S\n]*", re.IGNORECASE)


def _spelled_out(words: str) -> str:
    """With {MORE} and its like replaced by their lists."""
    for name, pattern in table("quantities")["comparatives"].items():
        words = words.replace(f"{{{name}}}", pattern)
    return words


def find_quantities(source: Source, taken: Sequence[Span] = ()) -> list[Quantity]:
    """All quantities of a text in order.

    Args:
        source: the text; what is claimed holds no quantities.
        taken: spans whose numbers belong to a name, such as "group 15 element".
    """
    numbers = [
        number
        for number in find_numbers(source)
        if not any(start <= number.start and number.end <= end for start, end in taken)
    ]
    found: list[Quantity] = []
    index, last_end = 0, 0
    while index < len(numbers):
        quantity, used = _quantity(source.open, numbers, index, last_end)
        counts = quantity.unit is None and _COUNTS_SOMETHING.match(source.open, quantity.end)
        quantity = replace(quantity, counts=bool(counts))
        if found and _between("chain").fullmatch(source.open, last_end, quantity.start):
            found[-1], quantity = _chained(found[-1], quantity)
        found.append(quantity)
        last_end, index = quantity.end, index + used
    return found


def _chained(first: Quantity, second: Quantity) -> tuple[Quantity, Quantity]:
    """Bounds that follow each other share a unit: above 1 and below 2 eV."""
    second = replace(second, chained=True)
    if _is_bound(second) and second.unit is None and not second.counts:
        second = replace(second, unit=first.unit)
    if _is_bound(first) and first.unit is None and second.unit is not None:
        first = replace(first, unit=second.unit)
    return first, second


def _is_bound(quantity: Quantity) -> bool:
    return quantity.target is None and (quantity.minimum is None) != (quantity.maximum is None)


def _quantity(text: str, numbers: list[Number], index: int, last_end: int) -> tuple[Quantity, int]:
    first = numbers[index]
    role, strict, start = _role_before(text, max(last_end, first.start - _WINDOW), first.start)
    second = numbers[index + 1] if index + 1 < len(numbers) else None
    pair = _paired(text, role, start, first, second) if second is not None else None
    if pair is not None:
        return pair, 2
    return _with_tolerance(text, _single(text, role, strict, start, first), numbers, index + 1)


def _role_before(text: str, low: int, high: int) -> tuple[str, bool, int]:
    window = text[low:high]
    for role, strict, pattern in _before():
        match = pattern.search(window)
        if match:
            return role, strict and "equal" not in match.group(), low + match.start()
    return "", False, high


def _paired(text: str, role: str, start: int, first: Number, second: Number) -> Quantity | None:
    """Two numbers that belong together: a range, or "within 0.1 of 1.5"."""
    between = text[first.end : second.start]
    unit = second.unit or first.unit
    low, high = first.value * _scale(first, unit), second.value * _scale(second, unit)
    both = Quantity(start, second.end, first.start, unit, word=first.word)
    if role == "within" and unit is not None and _between("within_of").fullmatch(between):
        if first.unit is not None and first.unit.dimension == "percent":
            return replace(both, target=high, tolerance=abs(high) * first.value / 100)
        return replace(both, target=high, tolerance=abs(low))
    if first.unit and second.unit and first.unit.dimension != second.unit.dimension:
        return None
    is_listed = role in ("between", "from", "within") or (
        unit is None and between.strip() == "or" and role not in ("min", "max")
    )
    if _between("range").fullmatch(between) or (is_listed and _between("pair").fullmatch(between)):
        return replace(both, minimum=min(low, high), maximum=max(low, high))
    return None


def _scale(number: Number, unit: Unit | None) -> float:
    """From the number's own unit to the quantity's (500 meV to 1 eV)."""
    if number.unit is None or unit is None:
        return 1.0
    return number.unit.factor / unit.factor


def _single(text: str, role: str, strict: bool, start: int, number: Number) -> Quantity:
    end = number.end
    after_role, after_end = _role_after(text, number)
    if after_role and role not in ("min", "max"):
        role, strict, end = after_role, False, after_end
    blank = Quantity(start, end, number.start, number.unit, strict=strict, word=number.word)
    if role == "min":
        return replace(blank, minimum=number.value)
    if role in ("max", "within"):
        return replace(blank, maximum=number.value)
    if role == "from" and _ONWARDS.match(text, end, end + 12):
        return replace(blank, minimum=number.value)
    return replace(blank, target=number.value, near=role == "near")


def _role_after(text: str, number: Number) -> tuple[str, int]:
    if number.open_ended:
        return "min", number.end
    window = text[number.end : number.end + 40]
    for role, pattern in _after():
        match = pattern.match(window)
        if match:
            return role, number.end + match.end()
    for role, pattern in (("min", _LESS_SIGN), ("max", _MORE_SIGN)):
        match = pattern.match(window)
        if match:
            return role, number.end + match.end(1)
    return "", number.end


def _with_tolerance(
    text: str, quantity: Quantity, numbers: list[Number], index: int
) -> tuple[Quantity, int]:
    """Add the tolerance that may follow a target."""
    if quantity.target is None or index >= len(numbers):
        return quantity, 1
    number = numbers[index]
    if not _between("tolerance").fullmatch(text, quantity.end, number.start):
        return quantity, 1
    width = abs(number.value)
    percent = number.unit is not None and number.unit.dimension == "percent"
    unit = quantity.unit if percent else quantity.unit or number.unit
    if percent:
        width = abs(quantity.target) * width / 100
    elif number.unit and unit and number.unit.dimension == unit.dimension:
        width *= number.unit.factor / unit.factor
    closing = re.match(r"\s*\)", text[number.end : number.end + 3])
    end = number.end + (closing.end() if closing else 0)
    return replace(quantity, end=end, unit=unit, tolerance=width), 2
