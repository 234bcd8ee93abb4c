"""Reads stoichiometry: patterns such as ABX3 and LiMO2, ratios such as 1:1:2, and Li-M-X."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.comparisons import is_comparison
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.chemistry.formulas import parse_ratio
from crystalsmith.core.clauses import ElementCount, IncludeElements, IncludeGroups, Ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crystalsmith.agent.interpreter.reading import Reading

_PATTERN = re.compile(r"(?:[A-Z][a-z]?'*\d{0,2}){2,6}")
_PART = re.compile(r"([A-Z][a-z]?)('*)(\d*)")
_NO_PATTERN = re.compile(r"[A-Z]{2}\d\d|[A-Z]0|MP\d|AM\d|TM\d")
_SMALL_PATTERN = re.compile(r"[am](?:[abx]\d?){0,2}[xb]\d")
_RATIO = re.compile(r"(?<![\w.:])\d{1,2}(?:\s?:\s?\d{1,2}){1,5}(?![\w:])(?!\.\d)")
_DASHED_RATIO = re.compile(
    r"(?:(?<=ratio\s)|(?<=stoichiometry\s)|(?<=ratio:\s)|(?<=ratio\sof\s))"
    r"\d{1,2}(?:-\d{1,2}){1,5}(?![\w.])|"
    r"(?<![\w.-])\d{1,2}(?:-\d{1,2}){1,5}"
    r"(?=[\s-]+(?:stoichiometr|ratio|compound|type|phase))",
    re.IGNORECASE,
)
_WILDCARDS = re.compile(
    r"(?<![\w-])(?:TM|RE|[A-Z][a-z]?)(?:[-–](?:TM|RE|[A-Z][a-z]?)){2,5}(?![\w'–-])"
)
_RATIO_WORD = re.compile(r"[\s-]*(?:stoichiometry|ratio|composition)(?!\w)", re.IGNORECASE)
_ANNOUNCED = re.compile(r"ratio|stoichiometr|composition|proportion|compound|phase|formula", re.I)

# Letters that stand for any element. B to E and X do so beside A, Y and Z beside X.
_PLACEHOLDERS = frozenset("AMXRQTLZD")
_FIRST_LETTERS = frozenset("AMXRLT")
_BESIDE_A = frozenset("BCDEX")
_BESIDE_X = frozenset("YZ")
_PLACEHOLDER_GROUPS = {"Ln": "lanthanide"}
_WILDCARD_GROUPS = {**_PLACEHOLDER_GROUPS, "TM": "transition metal", "RE": "rare earth"}
# Without a digit only these are patterns, the first five only where the text calls them so.
_BARE = ("AB", "AX", "MX", "ABC", "XYZ", "ABX", "ABO", "AMX")
_ANNOUNCED_ONLY = _BARE[:5]
_MAX_AMOUNT = 30
_ANIONS = frozenset("FHINOS")  # of one letter


def is_pattern(token: str) -> bool:
    """Whether a word is a pattern of placeholders, with or without real elements."""
    if not _PATTERN.fullmatch(token) or _NO_PATTERN.search(token):
        return False
    parts = _PART.findall(token)
    if token.isupper() and token[0] not in _FIRST_LETTERS and not _is_salt(parts):
        return False
    real = [symbol for symbol, prime, _ in parts if not prime and not _is_free(symbol, token)]
    if len(real) == len(parts) or not set(real) <= set(ALL_ELEMENTS):
        return False
    amounts = [int(amount or 1) for _, _, amount in parts]
    return max(amounts) <= _MAX_AMOUNT and (max(amounts) > 1 or token in _BARE)


def _is_salt(parts: list[tuple[str, str, str]]) -> bool:
    """Whether a word in capitals is a metal, M and an anion (KMF3), not an abbreviation (PM2)."""
    symbols = [symbol for symbol, _, _ in parts]
    return symbols[1:-1] == ["M"] and symbols[0] in ALL_ELEMENTS and symbols[-1] in _ANIONS


def pattern_ratio(token: str) -> str:
    """The ratio that a pattern stands for; in numbers where it names elements: 3:1:6 for Li3MX6."""
    if parse_ratio(token):
        return token
    return ":".join(amount or "1" for _, _, amount in _PART.findall(token))


def named_elements(token: str) -> list[str]:
    """Elements that a pattern names outright: the O of ABO3."""
    return [s for s, prime, _ in _PART.findall(token) if not prime and not _is_free(s, token)]


def read_pattern(reading: Reading, start: int, end: int) -> None:
    """Read a pattern: the ratio, and the elements that it names outright."""
    token = reading.source.plain[start:end]
    if token in _ANNOUNCED_ONLY and not _is_announced(reading, start, end):
        return
    if not _is_announced(reading, start, end) and is_comparison(reading, start, end):
        return
    parts = _PART.findall(token)
    ratio = pattern_ratio(token)
    if parse_ratio(ratio):
        reading.add(Ratio, start, end, ratio=ratio)
    real = named_elements(token)
    if real:
        reading.add(IncludeElements, start, end, elements=tuple(real))
    groups = [_PLACEHOLDER_GROUPS[s] for s, _, _ in parts if s in _PLACEHOLDER_GROUPS]
    if groups:
        reading.add(IncludeGroups, start, end, groups=tuple(groups))


def read_wildcards(reading: Reading) -> None:
    """Read Li-M-X: so many elements, those that are named, and groups where letters stand for them.

    What M and X are is said in words elsewhere ("M a transition metal").
    """
    for start, end, parts, free in wildcards(reading.source.open):
        real = tuple(part for part in parts if part not in free)
        reading.add(ElementCount, start, end, minimum=len(parts), maximum=len(parts))
        if real:
            reading.add(IncludeElements, start, end, elements=real)
        groups = tuple(_WILDCARD_GROUPS[part] for part in free if part in _WILDCARD_GROUPS)
        if groups:
            reading.add(IncludeGroups, start, end, groups=groups)


def wildcards(text: str) -> Iterator[tuple[int, int, list[str], list[str]]]:
    """Start, end, parts, and those parts that stand for any element, of every Li-M-X in a text."""
    for match in _WILDCARDS.finditer(text):
        parts = re.split("[-–]", match.group())
        free = [part for part in parts if part in _WILDCARD_GROUPS or _is_free(part, parts[0])]
        real = set(parts) - set(free)
        if free and len(set(parts)) == len(parts) and real <= set(ALL_ELEMENTS):
            yield *match.span(), parts, free


def read_small_pattern(reading: Reading, start: int, end: int) -> bool:
    """Read abx3, typed without capitals; False for any other word."""
    token = reading.source.plain[start:end]
    if not _SMALL_PATTERN.fullmatch(token) or not parse_ratio(token.upper()):
        return False
    reading.add(Ratio, start, end, ratio=token.upper())
    return True


def read_ratios(reading: Reading) -> None:
    """Read ratios of numbers."""
    for pattern in (_RATIO, _DASHED_RATIO):
        for match in pattern.finditer(reading.source.open):
            ratio = re.sub(r"\s", "", match.group()).replace("-", ":")
            if parse_ratio(ratio) is None or not _is_ratio(reading, *match.span(), ratio):
                continue
            word = _RATIO_WORD.match(reading.text_after(match.end(), 20))
            end = match.end() + (word.end() if word else 0)
            reading.add(Ratio, match.start(), end, ratio=ratio)


def _is_free(symbol: str, token: str) -> bool:
    """Whether a letter of a pattern stands for any element."""
    if symbol in _PLACEHOLDER_GROUPS or symbol in _PLACEHOLDERS:
        return True
    if symbol in _BESIDE_A and re.search(r"A(?![a-z])", token):
        return True
    return symbol in _BESIDE_X and token.startswith("X")


def _is_ratio(reading: Reading, start: int, end: int, ratio: str) -> bool:
    """Two numbers may be a time of day: they need to be small or called a ratio."""
    numbers = ratio.split(":")
    small = all(len(number) == 1 for number in numbers)
    return len(numbers) > 2 or small or _is_announced(reading, start, end)


def _is_announced(reading: Reading, start: int, end: int) -> bool:
    near = reading.text_before(start, 30) + " " + reading.text_after(end, 20)
    return _ANNOUNCED.search(near) is not None
