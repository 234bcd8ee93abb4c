"""Reads how many candidates are wanted."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.reading import word_set
from crystalsmith.agent.interpreter.source import singulars
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.errors import RequestError
from crystalsmith.core.properties import PROPERTIES
from crystalsmith.core.request import MAX_COUNT

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.quantities import Quantity
    from crystalsmith.agent.interpreter.reading import Reading

_WISH_KINDS = ("family", "anion", "anion_amount", "ions", "electronic", "application", "quality")
_PASSED_OVER = (
    *_WISH_KINDS,
    "element", "group", "novel", "stable", "system", "element_number", "centrosymmetric", "polar",
    "chiral", "vague", "excluded_group", "property", "other_property", "before",
)  # fmt: skip
_STOPS = re.compile(
    r"[.;:!?\n]|\b(?:to|we|us|i|you|it|they|wants?|needs?|needed|must|should|can|will|asked|said"
    r"|with|that|which|in|having|whose|where|for|from|and|or|is|are|has|have)\b",
    re.I,
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_ONE = re.compile(
    r"\b(?:an?\s+single|single(?=\s+(?:candidate|example|structure|suggestion|option|compound)\b)"
    r"|(?:need|want|find|suggest|propose|design|generate|recommend|give|predict|list|name"
    r"|(?:give|show|find|get)\s+(?:me|us))\s+one\b(?!\s+(?:of|that|which|more|thing|day|with|like))"
    r"|one\s+(?:compound|material|structure|crystal|candidate|example)\s+only|(?:just|only|exactly)\s+one|one\s+single"
    r"|one\s+(?:(?!want|has|had|could|can|would|may|might|an?\b|the\b|of\b)\w+\s+){0,2}(?:example|candidate|structure|crystal|suggestion|option)(?!\w))",
    re.IGNORECASE,
)
_ENOUGH = re.compile(
    r"\s+(?:(?:is|are|would\s+be|will\s+be)\s+(?:fine|plenty|great|good|nice|ok(?:ay)?|perfect|ideal|lovely|sufficient)|would\s+(?:be|do|suffice)|will\s+(?:be|do|suffice)|should\s+(?:be|do|suffice)"
    r"|is\s+enough|are\s+enough|suffice|in\s+total|please|max\b|altogether)",
    re.IGNORECASE,
)
_NAMED_THING = re.compile(
    r"\b(?:package|wp|milestone|deliverable|aim|objective|reviewer|referee|version|batch|round|fig(?:ure)?|table|section|part|phase|page|room|step"
    r"|day|week|run|task|project|grant|question|no|nr|number|issue|ticket|chapter|level|year|sample"
    r"|candidate|group|block|building|line|item|option|point|case|scenario|january|february|march"
    r"|april|may|june|july|august|september|october|november|december)s?\.?\s*#?\s*$",
    re.IGNORECASE,
)
_NOUN_BEFORE = re.compile(
    r"\b(?:candidates|structures|results|examples|suggestions|options|crystals|compounds)\W+(?:please\W+)?"
    r"(?:(?:say|like|maybe|perhaps|about|up\s+to|at\s+most|around)\s+)?$",
    re.IGNORECASE,
)
_OF_THOSE = re.compile(
    r"\s+of\s+(?:those|these|them)(?=\s*(?:[.,;!?)]|$|please\b|before\b|by\b|until\b|for\b|asap\b))",
    re.IGNORECASE,
)
_CONTENT = re.compile(
    r"\b(?:thrilled|happy|satisfied|content|delighted|pleased|settle|fine|do|good)\s+(?:with|for)\s+"
    r"(?:just\s+|even\s+|only\s+)?$"
    r"|\b(?:can|could|would|will)\s+(?:you|we|i)\s+(?:please\s+|maybe\s+)?(?:do|manage|get|have|make|try|show|find|give|list)"
    r"\s+(?:me\s+|us\s+)?(?:just\s+|only\s+)?$",
    re.IGNORECASE,
)
_FEW = re.compile(  # a handful (say 6)
    r"\b(?:handful|few|couple|some|several|bunch|dozen)\s*\((?:say|maybe|perhaps|like|about|around|~)?,?\s*$",
    re.IGNORECASE,
)
_COMPARED = re.compile(r"(?<!\w)\w\w?\s?[<>≤≥]=?\s?$")
_ENDS = re.compile(r"\s*,?\s*(?:please\s*)?(?:[.!?;)]|$)")
_ENDS_LIST = re.compile(r"[a-z][,;|]\s?$", re.IGNORECASE)
_LIST = 3  # commas, at least, of a list that ends in a number
_LIMIT = re.compile(
    r"\b(?:limit|restrict|cap|keep)\s+(?:it\s+|them\s+|this\s+|that\s+|the\s+\w+\s+|yourself\s+)?(?:to|at)\s*$",
    re.I,
)
_TIMES = re.compile(r"\s?[x×](?=\s|$)", re.IGNORECASE)


def read_count(reading: Reading) -> None:
    """Read the number of candidates from what no other wish has used."""
    best: tuple[int, Quantity] | None = None
    for quantity in reading.quantities:
        if quantity.unit is not None or not reading.source.is_open(quantity.core, quantity.end):
            continue
        score = _score(reading, quantity)
        if score and (best is None or score > best[0]):
            best = score, quantity
    if best is not None:
        _set(reading, best[1])
        return
    single = _ONE.search(reading.source.open)
    if single is not None:
        reading.count, reading.count_words = 1, reading.source.words(*single.span())
        reading.source.claim(*single.span())


@lru_cache(maxsize=1)
def _not_candidates() -> re.Pattern[str]:
    """What a number counts that are no candidates: 3 sites, 2 weeks, 4f."""
    nouns = "|".join(table("grammar")["count"]["other_nouns"])
    return re.compile(rf"\s*-?\s*(?:(?:{nouns})(?!\w)|[%°]|(?-i:[a-z]{{1,2}}\d))", re.IGNORECASE)


def _score(reading: Reading, quantity: Quantity) -> int:
    """How surely a number counts candidates: 0 not at all, 3 certainly."""
    value = quantity.target if quantity.target is not None else quantity.maximum
    value = quantity.minimum if value is None else value
    if value is None or value != int(value) or value < 0:
        return 0
    if value > MAX_COUNT and not _is_directly_named(reading, quantity):
        return 0
    after = reading.source.plain[quantity.end : quantity.end + 30]
    if _not_candidates().match(after):
        return 0
    if value == 1 and quantity.word:
        return 0
    if _is_labelled(reading, quantity):
        return 3
    if _COMPARED.search(reading.source.plain[max(0, quantity.core - 8) : quantity.core]):
        return 0  # x < 3
    if not _is_directly_named(reading, quantity) and _NAMED_THING.search(
        reading.source.plain[max(0, quantity.core - 24) : quantity.core]
    ):
        return 0
    if _names_candidates(reading, quantity):
        return 3
    if _NOUN_BEFORE.search(reading.source.plain[max(0, quantity.start - 40) : quantity.start]):
        return 2
    if _LIMIT.search(reading.source.plain[max(0, quantity.core - 40) : quantity.core]) and (
        not after.strip(" ") or after.lstrip(" ")[0] in ".,;)!\n"
    ):
        return 2  # limit it to 3
    if _TIMES.match(after) or _OF_THOSE.match(after):
        return 2
    if _ENOUGH.match(after) and (quantity.word or reading.focus not in PROPERTIES):
        return 2  # 200 would do, of gigapascals
    earlier = reading.source.plain[max(0, quantity.start - 40) : quantity.start]
    if _FEW.search(earlier) and after.lstrip()[:1] == ")":
        return 2
    if _CONTENT.search(earlier) and _ENDS.match(after):
        return 2
    if not reading.focus and _is_whole_sentence(reading, quantity):
        return 1
    if _ENDS_LIST.search(reading.source.plain[max(0, quantity.start - 3) : quantity.start]) and (
        not reading.focus
        and len(re.findall(r"[,;|]", reading.source.plain[: quantity.start])) >= _LIST
        and not after.strip(" .)")
        and quantity.start == quantity.core
        and not quantity.word
    ):
        return 1  # ternary, stable, sulfide, 10
    return 1 if _is_asked_for(reading, quantity) else 0


def _is_whole_sentence(reading: Reading, quantity: Quantity) -> bool:
    """Whether a sentence is nothing but the number: 10 max."""
    plain = reading.source.plain
    if not plain[: quantity.start].strip():
        return False
    before = plain[: quantity.start].rstrip()
    return before[-1:] in ".;!?\n" and _ENDS.match(plain, quantity.end) is not None


def _is_labelled(reading: Reading, quantity: Quantity) -> bool:
    """n=4, candidates: 15."""
    before = reading.source.plain[max(0, quantity.core - 40) : quantity.core]
    line = before.splitlines()[-1] if before.splitlines() and not before.endswith("\n") else ""
    match = re.search(r"([A-Za-z_][A-Za-z_ ]{0,30}?)[\"']?\s?(?:[:=]|<=?|≤)\s*$", line)
    if match is None:
        match = re.search(
            r"(?:^|[\s,;(])-{0,2}(n|(?i:count|num|qty|quantity|top|number|limit|n_?(?:results|candidates|cands"
            r"|structures|structs|hits|out)|(?:max|num)_?results|top_?[kn]))\.?\s+$",
            line,
        )
    labels = word_set("count", "labels")
    if match is None:
        return False
    words = match[1].lower().replace("_", " ").split()
    return any(" ".join(words[i:]) in labels for i in range(len(words)))


def _is_directly_named(reading: Reading, quantity: Quantity) -> bool:
    """Whether a noun for candidates follows at once: years and file numbers count nothing."""
    match = _WORD.match(reading.source.plain, quantity.end + 1)
    nouns = word_set("count", "nouns")
    if next(reading.around(quantity.end + 1, *_WISH_KINDS), None) is not None:
        return True
    return match is not None and any(
        form in nouns for form in (match.group().lower(), *singulars(match.group().lower()))
    )


def _names_candidates(reading: Reading, quantity: Quantity) -> bool:
    """Whether a noun for candidates follows, past the adjectives before it."""
    plain = reading.source.plain
    nouns = word_set("count", "nouns")
    position, passed = quantity.end, 0
    while passed < 9:
        match = _WORD.search(plain, position, position + 40)
        if match is None or _STOPS.search(plain[position : match.start()]):
            return False
        word = match.group().lower()
        if word in nouns or any(form in nouns for form in singulars(word)):
            return True
        mention = next(reading.around(match.start(), *_PASSED_OVER), None)
        if mention is not None:
            if mention.kind in _WISH_KINDS and plain[mention.end - 1 : mention.end].lower() == "s":
                return True
            position = mention.end
        elif _STOPS.fullmatch(word):
            return False
        else:
            position = match.end()
        passed += 1
    return False


def _is_asked_for(reading: Reading, quantity: Quantity) -> bool:
    """Whether only words of asking stand between the sentence's start and the number."""
    source = reading.source
    start = max(source.sentence_start(quantity.core), quantity.start - 80)
    before = re.split(r"[,:()]|\b(?:and|but|then)\b", source.plain[start : quantity.start])[-1]
    words = [word.lower() for word in _WORD.findall(before)]
    asks = word_set("count", "asks")
    allowed = asks | word_set("count", "between")
    return len(words) <= 8 and allowed.issuperset(words) and not asks.isdisjoint(words)


def _set(reading: Reading, quantity: Quantity) -> None:
    value = next(v for v in (quantity.target, quantity.maximum, quantity.minimum) if v is not None)
    count = int(value) - (1 if quantity.strict and quantity.maximum is not None else 0)
    if count < 1:
        error = RequestError("no candidates are asked for; ask for at least one")
        reading.refuse(quantity.start, quantity.end, error)
        return
    if count > MAX_COUNT:
        error = RequestError(
            f"{count} candidates are too many at once; ask for at most {MAX_COUNT}"
        )
        reading.refuse(quantity.start, quantity.end, error)
        return
    reading.count = count
    reading.count_words = reading.source.words(quantity.start, quantity.end)
    reading.source.claim(quantity.start, quantity.end)
