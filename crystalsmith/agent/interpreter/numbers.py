"""Numbers in digits and in words, with the units that follow them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.tables import table

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.source import Source

_DIGITS = (
    r"(?<!\w)(?<!\d\.)(?P<minus>(?<!or )(?<![/-])minus\s|(?<![+/±])[-+](?=[\d.]))?"
    r"(?P<digits>(?<=[\[(])\d{1,4}(?:\.\d{1,8})?(?=,\s?\d{1,4}(?:\.\d{1,8})?\s?[\])])|\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,12}(?:[.,]\d{1,8})?|(?<!\.)\.\d{1,8})"
    r"(?P<exponent>e[-+]?\d{1,2}(?!\w))?"
)
_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_PLUS = re.compile(r"\s*\+(?!\s*/?\s*-?\s*\d)(?=[\s,;.)]|[a-z]|$)", re.IGNORECASE)
_MAY_FOLLOW = re.compile(r"(?:ish|x)\b")
_LONGEST_UNIT = 40
_MOST = 300  # a text with more numbers is a table, not a request


@dataclass(frozen=True)
class Unit:
    """A unit: its dimension and the factor to crystalsmith's unit of that dimension."""

    dimension: str
    factor: float


@dataclass(frozen=True)
class Number:
    """One number of the text.

    Attributes:
        start: where it begins.
        end: where it ends, unit included.
        value: in the unit that the text gives.
        unit: None when none follows.
        word: whether it is spelled out.
        open_ended: whether a plus makes it a lower bound: 2+ eV.
    """

    start: int
    end: int
    value: float
    unit: Unit | None
    word: bool
    open_ended: bool


def find_numbers(source: Source) -> list[Number]:
    """Unclaimed numbers with their units, in order."""
    text = source.open
    found: list[Number] = []
    for match in _pattern().finditer(text):
        if len(found) == _MOST:
            break
        in_unit = bool(found) and match.start() < found[-1].end  # the 3 of cm-3
        if not in_unit and _stands_alone(text, match):
            found.append(_number(text, match))
    return found


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    words = sorted(table("quantities")["words"], key=len, reverse=True)
    ones, tens = "|".join(_ONES), "|".join(_TENS)
    spelled = "|".join(
        (
            rf"(?:{ones})\shundred(?:\s(?:and\s)?(?:{tens}))?",
            rf"(?:{tens})[\s-](?:{ones})",
            rf"(?:zero|{ones})\spoint\s(?:{ones})",
            *(word.replace(" ", r"\s") for word in words),
        )
    )
    return re.compile(rf"{_DIGITS}|(?<![\w-])(?P<word>{spelled})(?!\w)", re.IGNORECASE)


@lru_cache(maxsize=1)
def _units() -> tuple[tuple[Unit, re.Pattern[str]], ...]:
    return tuple(
        (
            Unit(dimension, factor),
            re.compile(rf"(?:-?ish)?\s?[\])]?[\s-]?(?:{spelling})(?!\w)", re.IGNORECASE),
        )
        for dimension, factor, spelling in table("quantities")["units"]["rows"]
    )


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    """Whether the number is one, not a part of 3d, 10:30 or 2/m."""
    following = text[match.end() : match.end() + 2]
    before = text[max(0, match.start() - 2) : match.start()]
    if re.match(r"[:/]\d", following) or re.match(r"\d[:/]", before):
        return False
    if not re.match(r"\w", following):
        return True
    has_unit = _unit_at(text, match.end()) is not None
    return has_unit or _MAY_FOLLOW.match(text, match.end()) is not None


def _number(text: str, match: re.Match[str]) -> Number:
    word = match["word"]
    value = _spelled_value(word) if word else _value(match)
    plus = _PLUS.match(text, match.end())
    end = plus.end() if plus else match.end()
    unit = None
    found = _unit_at(text, end)
    if found is not None:
        unit, end = found
        if plus is None:
            plus = _PLUS.match(text, end)
            end = plus.end() if plus else end
    return Number(match.start(), end, value, unit, bool(word), plus is not None)


def _spelled_value(word: str) -> float:
    """Two hundred and fifty, twenty-five, one point five, half a dozen."""
    known = table("quantities")["words"]
    plain = re.sub(r"\s", " ", word.lower())
    if plain in known:
        return float(known[plain])
    parts = [known[part] for part in re.split("[ -]", plain) if part in known]
    if " point " in plain:
        return float(parts[0] + parts[1] / 10)
    if " hundred" in plain:
        return float(100 * parts[0] + sum(parts[2:]))
    return float(sum(parts))


def _value(match: re.Match[str]) -> float:
    """1.5, 1,5 (a decimal comma), 2,000 (thousands), -3e-2."""
    digits = match["digits"]
    digits = digits.replace(",", "" if _THOUSANDS.fullmatch(digits) else ".")
    value = float(digits + (match["exponent"] or ""))
    return -value if (match["minus"] or "").lower().startswith(("-", "minus")) else value


def _unit_at(text: str, position: int) -> tuple[Unit, int] | None:
    for unit, pattern in _units():
        match = pattern.match(text, position, position + _LONGEST_UNIT)
        if match:
            return unit, match.end()
    return None
