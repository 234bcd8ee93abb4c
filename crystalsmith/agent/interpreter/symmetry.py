"""Reads space groups (numbers and symbols) and crystal systems."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.core.clauses import (
    Centrosymmetric,
    Chiral,
    Clause,
    CrystalSystemClause,
    Polar,
    SpaceGroupClause,
)
from crystalsmith.core.crystallography.groups import N_SPACE_GROUPS
from crystalsmith.core.crystallography.symbols import number_from_symbol
from crystalsmith.core.errors import RequestError

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading

_CUE = re.compile(
    r"(?<![\w])(?:space[\s-]?groups?|international\s+tables|sp\.?\s?gr\.?|spgr?|s\.\s?g\.|sg(?=[\s#:.=\d])|"
    r"(?:crystal(?:lographic)?\s+)?symmetry(?:\s+group)?|group(?=\s+(?:(?:no\.?\s?|number\s|#)\d{1,3}|19|[2-9]\d|1\d\d|2[0-3]\d)\b))"
    r"(?:\s*(?:international|tables?|symbol|numbers?|no\.?|nr\.?|num\.?|is|of|being|should\s+be"
    r"|must\s+be|like|e\.g\.|preferably|ideally|[#:=(\"']|the|in|\[)){0,5}\s*",
    re.IGNORECASE,
)
_SYMMETRY_WORDS = re.compile(
    r"[\s,)\"'-]{0,3}(?:space[\s-]?group|symmetry|sg\b|\(?\s?space[\s-]?group\)?)(?!\w)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"#?\s?(\d{1,4})(?![\w.:/-]?\w)(?!\s?(?:ev|mev|nm|gpa|atoms?|%)\b)", re.IGNORECASE
)
_IN_BRACKETS = re.compile(
    r"(?:of|as|like)\s+[a-z]{3,20}(?:\s[a-z]{3,20})?\s\((?:no\.?\s?)?(\d{1,3})\)"
)
_OR_NUMBER = re.compile(
    r"\s*(?:,|or|/)\s*(?:or\s+)?\d{1,3}(?![\w.])(?!\s?(?:ev|mev|g|gpa|atoms?)\b)", re.I
)
_NUMBER_BEFORE = re.compile(r"(?<![\w.-])(\d{1,3})\s*$")
# A symbol of either notation; number_from_symbol decides whether it is one.
_COMPACT = re.compile(r"(?<![\w/-])[PABCIFR](?:[-mnabcde0-9/()PABC]){1,11}(?![\w])")
_LOWER = re.compile(r"(?<![\w/-])[pabcifr](?:[-mnabcde0-9/]){2,9}(?![\w-])")
_SPACED = re.compile(
    r"(?<![\w/-])[PABCIFR]"
    r"(?: ?-?\d+(?:/ ?[mnabcde])?| [mnabcde](?![\w])|[mnabcde](?= )){1,4}(?![\w])"
)
_SCHOENFLIES = re.compile(r"(?<![\w])[CDSTO][a-z\d]{0,3}\^\d{1,2}(?!\d)")
_AFTER_CUE = re.compile(r"[PABCIFRpabcifrSTDO][-mnabcdehvis0-9/()^ PABCMND]{0,15}")
_LOOKS_LIKE_SYMBOL = re.compile(r"[PABCIFR][-a-z]*\d[\w/-]*(?!\w)")
_OWN_NUMBER = re.compile(
    r"\s*[,(\[]?\s*(?:no\.?|nr\.?|number|#|sg|space\s?group(?:\s+(?:no\.?|number))?)?\s*(\d{1,3})\s*[)\]]?(?![\w.])",
    re.IGNORECASE,
)
_WORDS_THAT_LOOK_LIKE_SYMBOLS = frozenset({"imma", "amma", "pa", "in", "am", "ba", "ca", "ac"})
_STRONG_SHORT = frozenset(
    {"R3c", "R3m", "R32", "P-1", "R-3", "P-3", "P-4", "P-6", "I-4", "P21", "P31"}
)
_YES_OR_NO: dict[str, type[Clause]] = {
    "centrosymmetric": Centrosymmetric,
    "polar": Polar,
    "chiral": Chiral,
}


def read_space_groups(reading: Reading) -> None:
    """Read space groups announced as such, then symbols that stand alone."""
    spans: list[tuple[int, int, int]] = []
    for cue in _CUE.finditer(reading.source.plain):
        is_open = reading.source.is_open(cue.start(), cue.end())  # and no part of "point group 32"
        found = _after_cue(reading, cue) if is_open else None
        if found is not None:
            spans.append(found)
            reading.source.claim(found[0], found[1])
    for pattern in (_SCHOENFLIES, _COMPACT, _SPACED, _LOWER):
        for match in pattern.finditer(reading.source.plain):
            found = _alone(reading, match)
            if found is not None:
                spans.append(found)
                reading.source.claim(found[0], found[1])
    _add_groups(reading, sorted(spans))


def _add_groups(reading: Reading, spans: list[tuple[int, int, int]]) -> None:
    for group in reading.choices([span[:2] for span in spans]):
        if len({spans[index][2] for index in group}) > 1:
            note = "a choice between space groups cannot be asked for; name one"
            reading.cannot_score(spans[group[0]][0], spans[group[-1]][1], note)
            spans = [span for index, span in enumerate(spans) if index not in group]
            break
    for start, end, number in spans:
        negation = reading.is_negated(start)
        if negation is not None:
            reading.cannot_score(negation.start, end)
        else:
            reading.add(SpaceGroupClause, start, end, number=number)


def _after_cue(reading: Reading, cue: re.Match[str]) -> tuple[int, int, int] | None:
    """The number or symbol that follows "space group", or the number right before it."""
    text = reading.source.plain
    is_symmetry = "symmetry" in cue.group().lower()
    number = _NUMBER.match(text, cue.end())
    if number is not None and not is_symmetry:
        return _numbered(reading, cue.start(), number)
    bracketed = None if is_symmetry else _IN_BRACKETS.match(text, cue.end())
    if bracketed is not None:
        return _numbered(reading, cue.start(), bracketed)
    window = _AFTER_CUE.match(text, cue.end())
    if window is not None:
        for end in range(window.end(), window.start() + 1, -1):
            found = _symbol(text[window.start() : end])
            if found is not None and not text[end : end + 1].isalnum():
                end = _with_own_number(text, end, found)
                return cue.start(), end, found
    before = _NUMBER_BEFORE.search(text[max(0, cue.start() - 12) : cue.start()])
    if before is not None and not is_symmetry:
        start = cue.start() - len(before.group())
        return _checked(reading, int(before[1]), start, cue.end())
    wrong = _LOOKS_LIKE_SYMBOL.match(text, cue.end())
    if wrong is not None and not is_symmetry:
        error = RequestError(
            f"{reading.source.words(*wrong.span())!r} is not a space group symbol; write it like"
            " Fm-3m or give the number from 1 to 230"
        )
        reading.refuse(cue.start(), wrong.end(), error)
    return None


def _numbered(reading: Reading, start: int, match: re.Match[str]) -> tuple[int, int, int] | None:
    found = _checked(reading, int(match[1]), start, match.end())
    if found is None:
        return None
    start, end, number = found
    other = _OR_NUMBER.match(reading.source.plain, end)
    if other is not None:
        note = "a choice between space groups cannot be asked for; name one"
        reading.cannot_score(start, other.end(), note)
        return None
    text = reading.source.plain
    symbol = re.compile(r"\s*[,(\[]?\s*([PABCIFR][-mnabcde0-9/ ]{1,12})\s?[)\]]?").match(text, end)
    if symbol is not None and _symbol(symbol[1].strip()) == number:
        end = symbol.end()
    return start, end, number


def _checked(reading: Reading, number: int, start: int, end: int) -> tuple[int, int, int] | None:
    if not 1 <= number <= N_SPACE_GROUPS:
        error = RequestError(
            f"there is no space group {number}; their numbers run from 1 to {N_SPACE_GROUPS}"
        )
        reading.refuse(start, end, error)
        return None
    return start, end, number


@lru_cache(maxsize=4096)
def _symbol(text: str) -> int | None:
    """Number of a symbol, also when it is written in small letters."""
    found = number_from_symbol(text)
    if found is None and text:
        found = number_from_symbol(text[0].upper() + text[1:].lower())
    return found


def _alone(reading: Reading, match: re.Match[str]) -> tuple[int, int, int] | None:
    """A symbol without "space group": accepted when it cannot be anything else."""
    start, end = match.span()
    text = match.group()
    while text and text[-1] in "-/( ":
        text, end = text[:-1], end - 1
    if text.endswith(")") and "(" not in text:
        text, end = text[:-1], end - 1
    if not reading.source.is_open(start, end):
        return None
    number = number_from_symbol(text) if text[:1].isupper() else _symbol(text)
    if number is None:
        return None
    named = _SYMMETRY_WORDS.match(reading.source.plain, end)
    if named is not None:
        return start, named.end(), number
    if not _is_strong(text):
        return None
    return start, _with_own_number(reading.source.plain, end, number), number


def _is_strong(text: str) -> bool:
    compact = text.replace(" ", "")
    if compact.lower() in _WORDS_THAT_LOOK_LIKE_SYMBOLS:
        return False
    if " " in text and not re.search(r"[-/]", compact) and text.count(" ") < 2:
        return False
    return len(compact) >= 4 or "/" in compact or compact in _STRONG_SHORT or "^" in compact


def _with_own_number(text: str, end: int, number: int) -> int:
    """Take in the number that repeats a symbol: R-3m (166)."""
    match = _OWN_NUMBER.match(text, end)
    return match.end() if match is not None and int(match[1]) == number else end


def read_crystal_systems(reading: Reading) -> None:
    """Read cubic, tetragonal and so on; centrosymmetric, polar, chiral, or none of them."""
    for mention, negation in reading.settled(reading.mentions("system"), "crystal systems"):
        if negation is not None:
            reading.cannot_score(negation.start, mention.end)
        else:
            reading.add(CrystalSystemClause, mention.start, mention.end, name=mention.value)
    for name, kind in _YES_OR_NO.items():
        for mention, negation in reading.settled(reading.mentions(name), "symmetries"):
            start = mention.start if negation is None else negation.start
            value = (mention.value == "yes") == (negation is None)
            reading.add(kind, start, mention.end, value=value)
