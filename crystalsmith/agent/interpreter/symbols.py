"""Finds element symbols, and tells them from words, initials and units that look the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.scope import Item, connects
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.clauses import Ratio
from crystalsmith.core.errors import RequestError

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading

_AFFIX = r"(?:free|based|containing|rich|doped|bearing|poor|less)\b"
_SYMBOL = re.compile(r"(?<!\w)([A-Z][a-z]?)(?:\d?[+]|\d-)?(?![\w'])")
_COUNTED = re.compile(r"(?<!\w)([A-Z][a-z]?)\d(?=\s?-\s?(?:based|containing|rich|free|bearing)\b)")
_HEUSLER = re.compile(r"heusler", re.IGNORECASE)
_DOUBLED = re.compile(r"(?<!\w)([A-Z][a-z])2(?!\w)")
_LOWER_SYMBOL = re.compile(rf"(?<![\w-])(?:non-)?([a-z]{{2}})(?=(?:-|\s(?=free)){_AFFIX})", re.I)
_AFFIXED = re.compile(
    rf"\s?-\s?{_AFFIX}|\s+(?:isn't|is\s+not)(?=\s*(?:[.,;!)]|$))|\s+(?:(?:is|are)\s+)?(?:not\s+(?:permitted|allowed|wanted|ok\b|acceptable)|excluded|forbidden|banned|prohibited)|\s+(?:atoms?|ions?|cations?|anions?|free\b)",
    re.I,
)
_NO_ELEMENT_AFTER = re.compile(
    r"[\s-]?(?:sites?|type|axis|direction|plane|curve|junction)\b|\.(?=[A-Za-z])", re.I
)
_NO_ELEMENT_BEFORE = re.compile(
    r"\b(?:type|phase|group|class|grade|part|plan|figure|table|appendix|rev|revision|annex|version|vitamin|prof|dr|mr|ms)"
    r"\.?\s+$",
    re.I,
)
_PLACEHOLDERS = frozenset("ABMRTXYZ")
_IS = re.compile(
    r"'*\s*(?:=|(?:is|are)\s+(?!(?:not|excl|forb|allow|avoid|out|pres|requ|miss|ban|prohib)))", re.I
)
_ASSIGNED = re.compile(r"\b[ABMRTXYZ]'*\s*(?:=|is)\s*$")
_I_IS_IODINE = re.compile(
    r"\s*(?:$|[,.;)/&+-]|and\s+[A-Z]|or\b|only|with\b|in\b|atoms?|ions?"
    r"|(?:may|must|should|can|could)\s+be\s+(?:used|present|included|allowed|there)\b|are\s+(?:allowed|permitted|available))",
    re.I,
)
# Symbols that are also words, initials or units: read as elements only in evident company.
_WORD_LIKE = ("In", "As", "At", "He", "Be", "No", "Am", "Tc", "Re", "Er", "Ho", "Es", "Md", "Po")
AMBIGUOUS = frozenset(_WORD_LIKE) | frozenset(s for s in ALL_ELEMENTS if len(s) == 1)
_KEYWORD = re.compile(r"\s*(?:$|[,;|/+)\n]|\s(?![=:.]))")
_SENTENCE = re.compile(
    r"\b(?:i|i'm|we|you|he|she|it|me|us|my|our|the|a|an|is|are|was|be|am|have|has|had|do|does|did"
    r"|can|could|would|should|must|will|please|need|want|find|give|show|that|which|this|for|in|as"
    r"|of|to|or|if|what|how|whose)\b(?<!\bI)(?<!\bIn)(?<!\bAs)(?<!\bBe)(?<!\bHe)",
    re.IGNORECASE,
)
_LONGEST_LIST = 300
_LISTED = re.compile(r"\s?[,/+&]\s?[A-Z]")
_NEVER_ALONE = frozenset({"No", "At", "He"})
_SENTENCE_WORDS = frozenset({"In", "As", "Be", "I", "Am"})
_NO_CUES = frozenset({"and", "need", "on", "not"})
_CHEMICAL = ("element", "group")


def find_symbols(reading: Reading) -> list[Item]:
    """Unclaimed words that are written like element symbols, ambiguous ones included."""
    found: dict[int, Item] = {}
    for match in _SYMBOL.finditer(reading.source.open):
        if match[1] not in ALL_ELEMENTS:
            _refuse_unknown(reading, match)
        elif not _is_something_else(reading, match):
            found[match.start()] = Item(*match.span(), "element", match[1])
    for match in _LOWER_SYMBOL.finditer(reading.source.open):
        symbol = match[1].capitalize()
        if symbol in ALL_ELEMENTS:
            found[match.start(1)] = Item(*match.span(1), "element", symbol)
    counted = [_COUNTED] + [_DOUBLED] * bool(_HEUSLER.search(reading.source.plain))
    for pattern in counted:
        for match in pattern.finditer(reading.source.open):
            if match[1] in ALL_ELEMENTS:
                found[match.start()] = Item(*match.span(), "element", match[1])  # Co2-based
    return [found[start] for start in sorted(found)]


def with_company(reading: Reading, others: list[Item], symbols: list[Item]) -> list[Item]:
    """The symbols that are elements: unambiguous ones, and others in evident company.

    Evident is an affix (In-free), a cue (without As), or another element of the same list.

    Args:
        reading: the request.
        others: elements and groups that the text names in words.
        symbols: what `find_symbols` found.
    """
    named = [item for item in others if item.kind in _CHEMICAL]
    nodes = sorted([*named, *symbols], key=lambda item: item.start)
    wanted = set(symbols)
    sure = [node not in wanted or _is_certain(reading, node) for node in nodes]
    possible = [yes or _is_possible(reading, node) for node, yes in zip(nodes, sure, strict=True)]
    for i in range(1, len(nodes)):
        sure[i] = sure[i] or (
            sure[i - 1] and possible[i] and _joined(reading, *nodes[i - 1 : i + 1])
        )
    for i in range(len(nodes) - 2, -1, -1):
        between = reading.source.plain[nodes[i].end : nodes[i + 1].start]
        if possible[i] and not sure[i] and len(between) < 8 and connects(between):
            sure[i] = sure[i + 1] or (possible[i + 1] and "," in between)
    for i in range(1, len(nodes)):
        sure[i] = sure[i] or (
            sure[i - 1] and possible[i] and _joined(reading, *nodes[i - 1 : i + 1])
        )
    return [node for node, yes in zip(nodes, sure, strict=True) if yes and node in wanted]


def _joined(reading: Reading, first: Item, second: Item) -> bool:
    return connects(reading.source.plain[first.end : second.start])


def has_affix(reading: Reading, start: int, end: int) -> bool:
    """Whether "-free", "-based", "atoms" or a charge shows that a word is an element."""
    charged = reading.source.plain[start:end].endswith("+")
    return charged or _AFFIXED.match(reading.text_after(end, 16)) is not None


def _is_something_else(reading: Reading, match: re.Match[str]) -> bool:
    """B site, phase I, U.S.; the A of "A = Mg"."""
    site = re.search(r"\b(?:on|at)\s+(?:the\s+)?$", reading.text_before(match.start(), 10))
    if match[1] in "ABMX" and site is not None:
        return True  # Te on B
    if match[1] in _PLACEHOLDERS and match[1] in _named_places(reading):
        return True
    if match[1] in _PLACEHOLDERS and _IS.match(reading.text_after(match.end(), 16)):
        return True
    if _NO_ELEMENT_AFTER.match(reading.text_after(match.end(), 12)):
        return True
    return _NO_ELEMENT_BEFORE.search(reading.text_before(match.start(), 12)) is not None


def _named_places(reading: Reading) -> set[str]:
    """Letters that a general formula of the text uses for places: the B of A2BX6."""
    patterns = [clause.ratio for clause in reading.of_kind(Ratio)]
    parts = {part for ratio in patterns for part in re.findall(r"[A-Z][a-z]?", ratio)}
    return parts & _PLACEHOLDERS


def _is_certain(reading: Reading, item: Item) -> bool:
    if item.value not in AMBIGUOUS or has_affix(reading, item.start, item.end):
        return True
    plain = reading.source.plain
    is_all = plain.strip() == item.value
    before = plain[max(0, item.start - 8) : item.start]
    is_assigned = _ASSIGNED.search(before) is not None or before.rstrip().endswith("+")
    is_keyword = _is_terse(reading) and _KEYWORD.match(plain, item.end) is not None
    if is_keyword and not before.rstrip()[-1:].isdigit() and item.value not in _NEVER_ALONE:
        is_first = not before.strip() and (is_all or item.value not in _SENTENCE_WORDS)
        return is_first or _is_possible(reading, item)
    return is_all or is_assigned or (_is_possible(reading, item) and _has_cue(reading, item))


def _is_terse(reading: Reading) -> bool:
    """Whether the text is a list of keywords, in which a single letter is no pronoun."""
    plain = reading.source.plain
    return len(plain) < _LONGEST_LIST and _SENTENCE.search(plain) is None


def _is_possible(reading: Reading, item: Item) -> bool:
    """Whether an ambiguous symbol may be an element where it stands."""
    plain = reading.source.plain
    word = plain[item.start : item.end]
    if word in _NEVER_ALONE:
        return False
    is_listed = plain[max(0, item.start - 2) : item.start] == ": " and (
        _LISTED.match(plain, item.end) is not None or _has_label(reading, item)
    )
    if word in _SENTENCE_WORDS and _starts_sentence(reading, item.start) and not is_listed:
        return False
    return word != "I" or _I_IS_IODINE.match(plain[item.end : item.end + 24]) is not None


def _has_label(reading: Reading, item: Item) -> bool:
    """Whether a symbol is all that a label has: *excludes:* As / ..."""
    cue = reading.cue_before(item.start)
    is_label = cue is not None and cue.end == item.start - 2
    return (
        is_label and re.match(r"\s*(?:[/;|,.\n]|$)", reading.source.plain[item.end :]) is not None
    )


def _starts_sentence(reading: Reading, position: int) -> bool:
    before = reading.source.plain[max(0, position - 3) : position].rstrip(" ")
    return not before or before[-1] in ".!?\n:;"


def _has_cue(reading: Reading, item: Item) -> bool:
    cue = reading.cue_before(item.start)
    if cue is None or reading.source.plain[cue.start : cue.end].lower() in _NO_CUES:
        return False
    return cue.value != "include" or reading.source.plain[cue.end : item.start] in (" ", ": ")


def _refuse_unknown(reading: Reading, match: re.Match[str]) -> None:
    """Refuse "contains Xx"; a stray capital elsewhere is just not understood."""
    cue = reading.cue_before(match.start())
    if cue is None or len(match[1]) != 2 or cue.end + 1 != match.start():
        return
    if reading.source.plain[cue.start : cue.end].lower().startswith("contain"):
        error = RequestError(f"{match[1]!r} is not a chemical element")
        reading.refuse(*match.span(), error)
