"""Brings a text into a plain spelling: markup, typography, and Chinese glossed."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from crystalsmith.agent.interpreter.chinese import glossed, has_chinese

# Markup and typography that is spelled out before reading.
_REWRITES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\{?\\(?:bar|overline)\s{0,2}\{?\s{0,2}(\d)\s{0,2}\}?"), r"-\1"),
    (re.compile(r"(\d)[\u0304\u0305\u0332\u0333\u203e]"), r"-\1"),
    (re.compile(r"[\u0304\u0305\u203e](\d)"), r"-\1"),
    (re.compile(r"</?(?:sub|sup|b|i|em|strong)>"), ""),
    (re.compile(r"\\pm(?![a-z])|\+\s?/\s?[-\u2212]|\+-"), "±"),
    (re.compile(r"[$€£¥]\s?\d+(?:\.\d+)?\s?(?:M|k|bn|mio|million|billion)\b(?!\s?eV)"), " "),
    (re.compile(r"\\(?:leq?|lesssim)(?![a-z])"), "≤"),
    (re.compile(r"\\(?:geq?|gtrsim)(?![a-z])"), "≥"),
    (re.compile(r"\\(?:approx|sim|simeq)(?![a-z])"), "~"),
    (re.compile(r"\\rho(?![a-z])"), "density"),
    (re.compile(r"(?<=\b[Nn]o )led\b|(?<=without )led\b|\bled(?=-free)"), "lead"),
    # two-, three- or four-element oxides
    (
        re.compile(
            r"(?i)\b(two|three|four|2|3|4)-(?:,?\s(?:three|four|five|3|4|5)-)?,?\s(?:or|and|to)\s"
            r"(?=(?:three|four|five|six|[3-6])-(?:element|component))"
        ),
        r"\1 to ",
    ),
    (re.compile(r"(?<=\b[Nn]o)_|¬"), " no "),
    (re.compile(r"(?<!\d)(?<!\d\s)\bw/(?!o\b|m|\()\s?"), "with "),
    (re.compile(r"(?i)(?<=\bexcl)\.|(?<=\bincl)\.|(?<=\bw/o)\."), ""),
    # 5<=natoms<=10, 1 < Eg < 2 eV
    *(
        (
            re.compile(
                rf"(?<![\w.])(-?\d+(?:\.\d+)?)\s?([munk]?[A-Za-zÅ/%^³3]{{0,7}})\s?(?:{first})\s?"
                rf"([A-Za-z][A-Za-z_ ]{{0,20}}?)\s?(?:{second})\s?(?=-?\d)"
            ),
            rf"\3 {low} \1 \2 and {high} ",
        )
        for first, low in (("<=|=<|≤|⩽", "≥"), ("<", ">"))
        for second, high in (("<=|=<|≤|⩽", "≤"), ("<", "<"))
    ),
    # {"n_atoms": {"min": 2, "max": 40}}
    (
        re.compile(
            r"['\"]?\b([A-Za-z_]+)['\"]?\s?:\s?\{\s?['\"]?(min|max)['\"]?\s?:\s?(-?[\d.]+),\s?"
            r"['\"]?(?:min|max)['\"]?\s?:\s?(?=-?[\d.]+\s?\})"
        ),
        r"\1 between \3 and ",
    ),
    (
        re.compile(
            r"['\"]?\b([A-Za-z_]+)['\"]?\s?:\s?\{\s?['\"]?(min|max)['\"]?\s?:\s?(?=-?[\d.]+\s?\})"
        ),
        r"\1 \2 ",
    ),
    (re.compile(r"(?<![\w)=])!(?=[A-Z][a-z]?(?![a-z]))"), " no "),
    (re.compile(r"(?i)['\"]([A-Z][a-z]?)['\"]\s+not\s+in\s+elements?"), r" without \1 "),
    (re.compile(r"(?i)['\"]([A-Z][a-z]?)['\"]\s+in\s+elements?"), r" containing \1 "),
    (
        re.compile(
            r"\b([A-Za-z_]+?)_(min|max)(?:imum)?_(meV|eV|GPa|nm)(?:_(?:per_)?atom)?['\"]?\s?[:=]\s?"
            r"(-?\d+(?:\.\d+)?)"
        ),
        r"\1 \2 \4 \3",
    ),
    (
        re.compile(
            r"\b([A-Za-z_]+?)_(meV|eV|GPa|nm)(?:_(?:per_)?atom)?['\"]?\s?[:=]\s?(-?\d+(?:\.\d+)?)(?![\d.])"
        ),
        r"\1: \3 \2",
    ),
    (re.compile(r"(?<=[A-Za-z)\]])\s?(?:->|→|:=|=>)\s?(?=[<>≤≥~]?\s?-?\d)"), " = "),
    (re.compile(r"\{(?!\\)"), " ("),
    (re.compile(r"\}"), ")"),
    (re.compile(r"(?<!\d)(\d{1,3}\.\d)\((\d)\)"), r"\1±0.\2"),  # 2.0(1)
    (re.compile(r"(?<!\d)(\d{1,3}\.\d\d)\((\d)\)"), r"\1±0.0\2"),
    (re.compile(r"(?i)\b(does|do|is|are|must|should|did|would|could|was|were)nt\b"), r"\1n't"),
    (
        re.compile(
            r"(?<=[a-z])\s?[(\[](?:eV|g/cm\^?[3³]|GPa|eV/atom)[)\]](?=\s*[:=]?\s*[-\d.<>≤≥~])"
        ),
        "",
    ),
    (
        re.compile(
            r"(?i)\b(min|max|minimum|maximum)[_ ]?(?=[a-z])((?:band[_ ]?gap|gap|density|eg"
            r"|bulk[_ ]?modulus|shear[_ ]?modulus|e[_ ]?(?:above[_ ]?)?hull|atoms|n[_ ]?atoms"
            r"|elements|n[_ ]?elements))"
            r"\s*[=:]\s*(?=[-\d.])"
        ),
        r"\2 \1 ",
    ),
    (
        re.compile(
            r"(?i)\b((?:band[_ ]?gap|gap|density|eg|bulk[_ ]?modulus|shear[_ ]?modulus"
            r"|e[_ ]?(?:above[_ ]?)?hull|n?[_ ]?atoms|n?[_ ]?elements))[_ ](min|max)(?:imum)?"
            r"['\"]?\s*[=:]\s*(?=[-\d.])"
        ),
        r"\1 \2 ",
    ),
    (
        re.compile(
            r"(?i:(?<=\blead)|(?<=\btin)|(?<=\bcadmium)|(?<=\bcobalt)|(?<=\bnickel)"
            r"|(?<=\barsenic)|(?<=\bmercury)|(?<=\bindium)|(?<=\bthallium)|(?<=\boxygen)"
            r"|(?<=\bhalogen)|(?<=\bcopper)|(?<=\bPb)|(?<=\bCd)|(?<=\bCo))(?=free\b)"
        ),
        "-",
    ),
    (re.compile(r"\\(?:mathrm|text|mathit|mathbf|rm|ce|_|,|;)"), ""),
    (re.compile(r"[_^]\{([\w+-]{1,8})\}"), r"\1"),
    (re.compile(r"(?<=[A-Za-z0-9)$])_(?=\d)"), ""),
    (re.compile(r"\*\*|``?`?|\$"), ""),
    (re.compile(r"(?m)^[ \t]*[-*•·▪‣–]\s+"), ""),  # bullets
)
_DASHES = dict.fromkeys("‐‑‒–—―−﹣－", "-")
_SPELLINGS = {
    **_DASHES,
    **dict.fromkeys("‘’‛′`´", "'"),
    **dict.fromkeys("“”„″", '"'),
    **dict.fromkeys("∼～≃≅≈", "~"),
    **dict.fromkeys("≥⩾≧≳⪆⪞≫", "≥"),
    **dict.fromkeys("≤⩽≦≲⪅⪝≪", "≤"),
    "∓": "±",
    "μ": "µ",
    "。": ".",
    "、": ",",
    "\r": "\n",
    "\t": " ",
}
# perovskite/oxide/La/Mn/2-3eV: a slash that is in no unit separates.
_SLASH = re.compile(r"/(?!(?:atom|mol|cm|cc|f\.?u|m|n|d|a|c)\b|mm)", re.IGNORECASE)


Characters = tuple[tuple[str, ...], tuple[int, ...], tuple[int, ...]]


@lru_cache(maxsize=8)  # a text is read, audited, and read again when it contradicts itself
def plain_characters(text: str) -> Characters:
    """Characters of the plain text, each with the span of the text that it stands for."""
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []

    def put(spelling: str, start: int, end: int) -> None:
        for character in spelling:
            if character == " " and is_glossed and characters and characters[-1] == " ":
                continue
            characters.append(character)
            starts.append(start)
            ends.append(end)

    rewritten = _rewritten(text)
    is_glossed = has_chinese(text)
    position = 0
    for start, end, spelling in rewritten:
        for offset in range(position, start):
            put(_plain_character(text[offset]), offset, offset + 1)
        put(spelling, start, end)
        position = end
    for offset in range(position, len(text)):
        put(_plain_character(text[offset]), offset, offset + 1)
    return tuple(characters), tuple(starts), tuple(ends)


def _rewritten(text: str) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for pattern, spelling in _REWRITES:
        found += [(*m.span(), m.expand(spelling)) for m in pattern.finditer(text)]
    if not re.search(r"\s", text.strip()) and text.count("/") > 2:
        found += [(*match.span(), ", ") for match in _SLASH.finditer(text)]
    found += _list_points(text)
    found += glossed(text)
    found.sort()
    separate: list[tuple[int, int, str]] = []
    for item in found:
        if not separate or item[0] >= separate[-1][1]:
            separate.append(item)
    return separate


_POINT = re.compile(
    r"(?:^|(?<=[\s,;:，；：。]))[(（]?(\d{1,2})[)）.、](?=\s?[^\W\d])(?!\s?[a-z]{1,2}\d)", re.M
)
_CIRCLED = re.compile(r"[①-⑳❶-❿⑴-⒇]")


def _list_points(text: str) -> list[tuple[int, int, str]]:
    """The numbers of a list's points, which are no figures: 1) cubic; 2) no lead."""
    found = [(*match.span(), " ; ") for match in _CIRCLED.finditer(text)]
    points = list(_POINT.finditer(text))
    if [int(point[1]) for point in points[:2]] == [1, 2]:
        found += [(*point.span(), " ; ") for point in points]
    return found


def _plain_character(character: str) -> str:
    if character.isascii() and character >= " ":
        return character
    if character in _SPELLINGS:
        return _SPELLINGS[character]
    if character == "\n":
        return character
    if unicodedata.category(character) in ("Cc", "Cf", "Cs"):
        return ""
    if character.isspace():
        return " "
    spelling = unicodedata.normalize("NFKC", character)
    return "".join(_SPELLINGS.get(part, part) for part in spelling)
