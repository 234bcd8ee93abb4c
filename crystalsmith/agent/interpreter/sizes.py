"""Reads how many elements and how many atoms a crystal has."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.reading import only_words
from crystalsmith.agent.interpreter.scope import role_before
from crystalsmith.core.chemistry.formulas import ANION_CLASSES
from crystalsmith.core.clauses import (
    AnionClass,
    AtomCount,
    ElementCount,
    IncludeElements,
    IncludeGroups,
)

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.lexicon import Mention
    from crystalsmith.agent.interpreter.quantities import Quantity
    from crystalsmith.agent.interpreter.reading import Reading

Bounds = tuple[int | None, int | None]
_Kind = type[AtomCount] | type[ElementCount]

_ATOMS_AFTER = re.compile(
    r"""\s*-?\s*(?:total\s+)?(?:atoms?|sites)\b
    (?:\s*(?:/|per|in|inside|within)\s*(?:(?:the|its|a|each|one)\s+)?
       (?:(?:primitive|unit|conventional)\s*){0,2}cells?)?
    (?:[\s-]+(?:primitive\s+|unit\s+)?cell)?
    |\s*(?:max\.?\s+|at\s+most\s+)?(?:/|per)\s*(?:(?:primitive|unit)\s*)?cell\b""",
    re.IGNORECASE | re.VERBOSE,
)
_IS = r"[\s:=<>≤≥(]*(?:(?:is|are|be|should|must|of)\s*)*$"
_ATOMS_BEFORE = re.compile(
    rf"""(?:\b(?:number|no\.?)\s+of\s+atoms|\bn[_\s]?(?:atoms|sites)|\batom\s+(?:count|number)|\batoms)
    (?:\s+(?:per|in)\s+(?:(?:the|a|primitive|unit)\s*){{0,3}}cell)?{_IS}""",
    re.IGNORECASE | re.VERBOSE,
)
_ELEMENTS_AFTER = re.compile(
    r"""\s*-?\s*(?:(?:different|distinct|chemical|unique|separate)\s+)*
    (?:(?:kinds?|types?|sorts?)\s+of\s+)?(?:chemical\s+)?
    (?:elements?|components?|species|constituents?)\b(?!\s+from\b)
    |\s*(?:different\s+)?(?:kinds?|types?|sorts?)\s+of\s+atoms?\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ELEMENTS_BEFORE = re.compile(
    rf"""(?:\b(?:number|no\.?)\s+of\s+(?:(?:different|distinct|chemical)\s+)?
       (?:elements|components|species)
    |\bn[_\s]?el(?:em(?:ent)?s?|s)?|\bn[_\s]?species|\bn[_\s]?components|\belement\s+(?:count|number)|\belements){_IS}""",
    re.IGNORECASE | re.VERBOSE,
)
_OR_MORE = re.compile(r"\s*(?:or|and)\s+(?:higher|above|more|up|beyond)\b", re.IGNORECASE)
_OR_LESS = re.compile(r"\s*(?:or|and)\s+(?:lower|below|less|simpler|fewer)\b", re.IGNORECASE)
_AT_LEAST = re.compile(r"\b(?:at\s+least|minimum|from)\s+(?:an?\s+)?$", re.IGNORECASE)
_AT_MOST = re.compile(
    r"\b(?:at\s+most|up\s+to|maximum|no\s+more\s+than)\s+(?:an?\s+)?$", re.IGNORECASE
)
_IS_THE = (
    r"(?:is|are|being|as)\s+(?:(?:my|the|our|your|an?|absolute|hard|strict|upper|lower)\s+){0,3}"
)
_THAN = r"(?:\s+than\s+that)?(?=\s*(?:[,.;)!]|$))"
_LIMIT_AFTER = re.compile(
    r"\s*,?\s*(?:at\s+(?:the\s+)?(?:very\s+)?most|max(?:imum)?|tops|or\s+(?:fewer|less|below)"
    rf"|{_IS_THE}(?:limit|max(?:imum)?|ceiling|cap)|(?:and\s+)?(?:no|not)\s+(?:any\s+)?more{_THAN})"
    r"(?!\w)(?!\s*\d)",
    re.I,
)
_FLOOR_AFTER = re.compile(
    r"\s*,?\s*(?:at\s+(?:the\s+)?(?:very\s+)?least|min(?:imum)?|or\s+more"
    rf"|{_IS_THE}(?:min(?:imum)?|floor)|(?:and\s+)?(?:no|not)\s+(?:any\s+)?(?:less|fewer){_THAN})"
    r"(?!\w)(?!\s*\d)",
    re.I,
)
_OF_WHICH = re.compile(r"\s+of\s+(?:which|whom|them|these|those)\b", re.IGNORECASE)
_OF_THEM_IN_IT = re.compile(
    r"\s*of\s+(?:them|these|those|the\s+(?:\w+\s+)?elements)\s+(?:must|should|has\s+to|have\s+to|needs?\s+to"
    r"|ought\s+to|may|can|are\s+to|shall|will)\s+(?:all\s+|actually\s+|really\s+|also\s+)?(?:appear|occur|show\s+up"
    r"|exist|be\s+(?:present|used|included|contained|in\s+it|in\s+there|in\s+the\s+\w+|there))\b",
    re.IGNORECASE,
)
_OF_THEM = re.compile(r"\s*of\s+(?:them|these|those)\b", re.IGNORECASE)
_USE = re.compile(
    r"\b(?:us(?:es?|ing)|combin(?:es?|ing)|contain(?:s|ing)?|pick|includ(?:es?|ing)|with|choos(?:e|ing))\s+"
    r"(?:exactly\s+|precisely\s+|only\s+|just\s+|any\s+)?$",
    re.IGNORECASE,
)
_FURTHER = re.compile(  # Mg and Sb plus exactly one more element
    r"\b(?:and|plus|with|together\s+with)\s+(?:(?P<exact>exactly|just|only|precisely)\s+|(?P<low>at\s+least)\s+"
    r"|(?P<high>at\s+most|up\s+to|no\s+more\s+than)\s+)?(?P<number>an?|one|two|three|four|[1-4])(?:\s+|(?<=an)(?=other))"
    r"(?:more|other|further|additional|extra|third|fourth|unspecified)\s+(?:chemical\s+)?(?:elements?|components?|species)\b",
    re.IGNORECASE,
)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4}
_JOINS = frozenset({"or", "and", "to", "either", "a", "an", "but"})
# "About 20 atoms" leaves this much room.
_ABOUT = 0.2


def read_sizes(reading: Reading) -> None:
    """Read numbers of atoms and of elements, and words such as ternary."""
    last: _Kind | None = None
    last_end = 0
    waiting: Quantity | None = None
    for quantity in reading.quantities:
        if quantity.unit is not None or not reading.source.is_open(quantity.core, quantity.end):
            last = None
            continue
        of_them = _of_the_allowed(reading, quantity)
        if of_them:
            _add(
                reading,
                ElementCount,
                quantity.start,
                of_them,
                _bounds(reading, quantity, ElementCount),
            )
            continue
        if _OF_WHICH.match(reading.source.plain, quantity.end):
            continue  # three elements, at least one of which is a metal
        found = _announced(reading, quantity)
        shared = last is not None and quantity.target is None and not quantity.counts
        if found is None and last is not None and shared:
            between = reading.source.plain[last_end : quantity.start]
            if only_words(between, _JOINS, ","):
                found = quantity.start, quantity.end, last
        if found is None:
            last, waiting = None, quantity
            continue
        start, end, last = found
        if waiting is not None and _goes_before(reading, waiting, quantity):
            _add(reading, last, waiting.start, waiting.end, _bounds(reading, waiting, last))
        waiting = None
        end, bound = _bounded_after(reading, end, quantity)
        role, cue_start = role_before(reading, start)
        if role == "exclude":
            start, bound = cue_start, bound.inverted()
        if not bound.says_something:
            reading.cannot_score(start, end)
            continue
        _add(reading, last, start, end, _bounds(reading, bound, last))
        last_end = end
    _read_words(reading)


def read_further_elements(reading: Reading) -> None:
    """Read "Mg and Sb plus exactly one more element" as three elements in all."""
    match = _FURTHER.search(reading.source.plain)
    if match is None or not reading.source.is_open(*match.span("number")):
        return
    named = {e for c in reading.of_kind(IncludeElements) for e in c.elements}
    anions = [ANION_CLASSES[clause.name] for clause in reading.of_kind(AnionClass)]
    others = sum(len(c.groups) for c in reading.of_kind(IncludeGroups))
    others += sum(named.isdisjoint(anion) for anion in anions)
    if not named or reading.of_kind(ElementCount):
        return
    word = match["number"].lower()
    number = len(named) + others + (_NUMBERS[word] if word in _NUMBERS else int(word))
    low = None if match["high"] else number
    high = None if match["low"] else number
    reading.add(ElementCount, *match.span(), minimum=low, maximum=high)


def _of_the_allowed(reading: Reading, quantity: Quantity) -> int:
    """Where "four of them must appear" ends, said of the only elements allowed; 0 without."""
    plain = reading.source.plain
    cues = (m.value for m in reading.before(quantity.start, "before"))
    if not any(value == "only" for value in cues) or quantity.target == 1:
        return 0
    match = _OF_THEM_IN_IT.match(plain, quantity.end)
    if match is None and _USE.search(plain[max(0, quantity.start - 24) : quantity.start]):
        match = _OF_THEM.match(plain, quantity.end)
    return match.end() if match is not None else 0


def _goes_before(reading: Reading, first: Quantity, second: Quantity) -> bool:
    """Whether a bound shares the noun of the next: a minimum of 3 and a maximum of 6 atoms."""
    between = reading.source.plain[first.end : second.start]
    one_sided = first.target is None and second.target is None
    return one_sided and only_words(between, _JOINS, ",")


def _bounded_after(reading: Reading, end: int, quantity: Quantity) -> tuple[int, Quantity]:
    """Read "8 atoms at most" and "4 elements or fewer"."""
    if quantity.target is None:
        return end, quantity
    after = reading.text_after(end, 48)
    for pattern, is_low in ((_LIMIT_AFTER, False), (_FLOOR_AFTER, True)):
        match = pattern.match(after)
        if match:
            low, high = (quantity.target, None) if is_low else (None, quantity.target)
            bound = replace(quantity, target=None, minimum=low, maximum=high)
            return end + match.end(), bound
    return end, quantity


def _announced(reading: Reading, quantity: Quantity) -> tuple[int, int, _Kind] | None:
    after = reading.text_after(quantity.end)
    before = reading.text_before(quantity.start)
    for kind, following, preceding in (
        (AtomCount, _ATOMS_AFTER, _ATOMS_BEFORE),
        (ElementCount, _ELEMENTS_AFTER, _ELEMENTS_BEFORE),
    ):
        match = following.match(after)
        if match and quantity.end + match.end() > quantity.end:
            return quantity.start, quantity.end + match.end(), kind
        match = preceding.search(before)
        if match:
            return quantity.start - len(before) + match.start(), quantity.end, kind
    return None


def _bounds(reading: Reading, quantity: Quantity, kind: _Kind) -> Bounds:
    low, high = quantity.minimum, quantity.maximum
    if quantity.target is not None:
        low = high = quantity.target
        if kind is AtomCount and (quantity.near or quantity.tolerance is not None):
            room = quantity.tolerance if quantity.tolerance is not None else _ABOUT * low
            low, high = low - room, high + room
            words = reading.source.words(quantity.start, quantity.end)
            reading.note(f"'{words}' atoms was read as {round(low)} to {round(high)}")
    strict = 1 if quantity.strict else 0
    return (
        None if low is None else max(0, round(low)) + strict,
        None if high is None else round(high) - strict,
    )


def _add(reading: Reading, kind: _Kind, start: int, end: int, bounds: Bounds) -> None:
    """Add a count, joined with an earlier one-sided one: at least 3, at most 5."""
    low, high = bounds
    for wish in reading.wishes:
        clause = wish.clause
        if not isinstance(clause, kind):
            continue
        if (clause.minimum, high) == (None, None) or (clause.maximum, low) == (None, None):
            low = clause.minimum if low is None else low
            high = clause.maximum if high is None else high
            reading.wishes.remove(wish)
            start = min(start, wish.start)
            break
    reading.add(kind, start, end, minimum=low, maximum=high)


def _read_words(reading: Reading) -> None:
    """Read binary, ternary and their like, also "binary or ternary", "ternary or higher"."""
    run: list[Mention] = []
    for mention in reading.mentions("element_number"):
        if run and not _goes_on(reading, run[-1], mention):
            _add_words(reading, run)
            run = []
        run.append(mention)
    if run:
        _add_words(reading, run)


def _goes_on(reading: Reading, first: Mention, second: Mention) -> bool:
    between = reading.source.plain[first.end : second.start]
    return only_words(between, _JOINS, ",/-") and bool(between.strip())


def _add_words(reading: Reading, run: list[Mention]) -> None:
    start, end = run[0].start, run[-1].end
    numbers = [int(mention.value) for mention in run]
    low: int | None = min(numbers)
    high: int | None = max(numbers)
    after, before = reading.text_after(end), reading.text_before(start)
    above, below = _OR_MORE.match(after), _OR_LESS.match(after)
    least, most = _AT_LEAST.search(before), _AT_MOST.search(before)
    is_range = low != high
    if is_range and least is not None and least.group().lower().startswith("from"):
        start, least = start - len(before) + least.start(), None  # from binary to quaternary
    if above or least:
        high = None
    if below or most:
        low = None
    end += max(match.end() if match else 0 for match in (above, below))
    start -= max(len(before) - match.start() if match else 0 for match in (least, most))
    if not is_range and reading.skip_optional(start, end):
        return  # but binary to quaternary are all fine
    negation = reading.is_negated(start)
    if negation is not None:
        reading.cannot_score(negation.start, end)
    else:
        reading.add(ElementCount, start, end, minimum=low, maximum=high)
