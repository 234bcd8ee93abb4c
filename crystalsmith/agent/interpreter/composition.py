"""Reads elements, groups, oxyanions and anion classes, in the role that the text gives them."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.anions import add_anions
from crystalsmith.agent.interpreter.formulas import formula_of
from crystalsmith.agent.interpreter.leftovers import start_of_property
from crystalsmith.agent.interpreter.patterns import read_wildcards
from crystalsmith.agent.interpreter.scope import Item, Listing, listings
from crystalsmith.agent.interpreter.symbols import (
    AMBIGUOUS,
    find_symbols,
    has_affix,
    with_company,
)
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, ELEMENT_GROUPS
from crystalsmith.core.chemistry.formulas import ANION_CLASSES
from crystalsmith.core.clauses import (
    AnionClass,
    ExcludeElements,
    ExcludeGroups,
    IncludeElements,
    IncludeGroups,
    OnlyElements,
    Ratio,
)
from crystalsmith.core.errors import RequestError

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.lexicon import Mention
    from crystalsmith.agent.interpreter.reading import Reading

_CHAIN = re.compile(r"(?<![\w-])[A-Z][a-z]?(?:(?:-|\s-\s)[A-Z][a-z]?){1,9}(?![\w'])")
_COUNTED = re.compile(
    r"\b(?:(?:at\s+least|exactly|only|just)\s+)?(one|two|three|four|five|six|seven|eight|nine|ten|[1-9])\s+"
    r"(?:(?:different|distinct|other)\s+)?$",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"(?:\b(?:no|only|without|avoid|use)\s+)?\belements?\s+(?:that\s+are\s+)?(?:heavier|lighter|beyond|above"
    r"|below|after|before|rarer|bigger|smaller)\s+(?:than\s+)?(?:[A-Z][a-z]?\b|[a-z]+)"
)
_GROUP_CHOICE = re.compile(
    r"\bgroup[\s-]+(?:\d{1,2}|[IV]{1,4})\s?(?:or|/|and|to|-)\s?(?:group\s+)?(?:\d{1,2}|[IV]{1,4})\b"
    r"(?:\s+(?:transition\s+)?(?:metals?|elements?))?",
    re.IGNORECASE,
)
_OTHER_THAN = re.compile(
    r"(?:\s+(?:metals?|elements?))?,?\s+(?:other\s+than|except(?:\s+for)?|excluding|but\s+not|apart\s+from)\s+"
    r"(?P<what>(?:[A-Z][a-z]?|[a-z]{3,12})(?:(?:,\s*|\s+(?:and|or)\s+)(?:[A-Z][a-z]?|[a-z]{3,12}))*)(?![\w-])"
)
_AT_MOST = re.compile(
    r"\b(?:(?:no|not)\s+more\s+than|at\s+most|up\s+to|fewer\s+than|less\s+than|max(?:imum)?)\s+"
    r"(?:one|two|three|four|five|[1-9])\s+(?:different\s+|distinct\s+)?$",
    re.IGNORECASE,
)
_ANION_IS = re.compile(r"\b(?:the\s+)?anion\s*(?:is|should\s+be|must\s+be|:|=)\s*$", re.IGNORECASE)
_JOINED_BY_OR = re.compile(r"\s*(?:,\s*)?(?:or|/)\s*(?:an?\s+)?", re.IGNORECASE)
_FURTHER = re.compile(
    r"\b(?:and|plus|with)\s+(?:(?:one|an?|some|any)\s+)?(?:further|other|additional|more|second|third"
    r"|another|extra)\s+$",
    re.IGNORECASE,
)
_LONGEST_SYMBOL = 2
_ANION_GROUPS = frozenset({"halogen", "chalcogen", "pnictogen"})
_ANIONS = frozenset({"N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I"})
_KINDS = ("element", "group", "ions", "anion", "anion_amount")


def read_composition(reading: Reading) -> None:
    """Read everything said about elements, groups and anions."""
    for mention in reading.mentions("excluded_group"):
        reading.add(ExcludeGroups, mention.start, mention.end, groups=(mention.value,))
    for pattern in (_RELATIVE, _GROUP_CHOICE):
        for match in pattern.finditer(reading.source.open):
            reading.cannot_score(*match.span())
    _read_named_anion(reading)
    _read_exceptions(reading)
    _say_mixed_choices(reading)
    read_wildcards(reading)
    _read_systems(reading)
    for listing in listings(reading, _items(reading)):
        first = listing.items[0]
        if reading.source.is_open(first.start, first.end):
            _add(reading, listing)
    _let_anions_in(reading)
    _say_anions_once(reading)
    _keep_narrowest(reading)
    _drop_repeated(reading)


def _let_anions_in(reading: Reading) -> None:
    """Oxides of only Fe and Ti also hold the oxygen that makes them oxides."""
    classes = [ANION_CLASSES[clause.name] for clause in reading.of_kind(AnionClass)]
    for index, wish in enumerate(reading.wishes):
        clause = wish.clause
        if not isinstance(clause, OnlyElements):
            continue
        if not _ANIONS.isdisjoint(clause.elements):
            continue  # an oxide of only titanium and nitrogen cannot be
        missing = {e for c in classes if c.isdisjoint(clause.elements) for e in c}
        if missing:
            added = clause.model_copy(
                update={"elements": tuple(sorted({*clause.elements, *missing}))}
            )
            reading.wishes[index] = wish._replace(clause=added)
            reading.note(f"'{clause.words}' was read with {', '.join(sorted(missing))} allowed too")


def _read_exceptions(reading: Reading) -> None:
    """Read "a rare earth other than La": what is excepted from a group is excluded."""
    for group in reading.mentions("group"):
        said = _OTHER_THAN.match(reading.source.open, group.end)
        if said is None:
            continue
        names = [
            m for m in reading.mentions("element") if said.start("what") <= m.start < said.end()
        ]
        symbols = [m.value for m in names] + [
            word
            for word in re.findall(r"[A-Z][a-z]?(?![a-z])", said["what"])
            if word in ALL_ELEMENTS
        ]
        if symbols:
            reading.add(
                ExcludeElements, said.start(), said.end(), elements=tuple(sorted(set(symbols)))
            )


def _read_named_anion(reading: Reading) -> None:
    """Read "the anion is chlorine", "anion: S": a class of anions."""
    for mention in reading.mentions("element"):
        said = _ANION_IS.search(reading.text_before(mention.start, 30))
        names = [n for n, held in ANION_CLASSES.items() if held == {mention.value}]
        if said is not None and names:
            start = mention.start - (len(said.group()))
            reading.add(AnionClass, start, mention.end, name=names[0])


def _say_anions_once(reading: Reading) -> None:
    """The O of an oxide ABO3 is what makes it an oxide."""
    held = {e for clause in reading.of_kind(AnionClass) for e in ANION_CLASSES[clause.name]}
    patterns = {wish.start for wish in reading.wishes if isinstance(wish.clause, Ratio)}
    kept = []
    for wish in reading.wishes:
        clause = wish.clause
        if isinstance(clause, IncludeElements) and wish.start in patterns:
            rest = tuple(e for e in clause.elements if e not in held)
            if not rest:
                continue
            wish = wish._replace(clause=clause.model_copy(update={"elements": rest}))
        kept.append(wish)
    reading.wishes = kept


def _say_mixed_choices(reading: Reading) -> None:
    """Say "oxide or oxyfluoride", "sulfide or phosphate" back: an anion class or an oxyanion."""
    named = reading.mentions("anion", "ions")
    for first, second in pairwise(named):
        between = reading.source.plain[first.end : second.start]
        if first.kind == second.kind or _JOINED_BY_OR.fullmatch(between) is None:
            continue
        if reading.cue_before(first.start) is None or not reading.is_negated(first.start):
            note = "a choice between anions cannot be asked for; name one"
            reading.cannot_score(first.start, second.end, note)


def _keep_narrowest(reading: Reading) -> None:
    """Halides, chlorides if possible, are chlorides."""
    named = reading.of_kind(AnionClass)
    wide = [
        clause
        for clause in named
        if any(ANION_CLASSES[other.name] < ANION_CLASSES[clause.name] for other in named)
    ]
    if wide and len(named) - len(wide) == 1:
        reading.wishes = [wish for wish in reading.wishes if wish.clause not in wide]


def _drop_repeated(reading: Reading) -> None:
    """Elements that are named before the text says "only from these" are said twice."""
    only = reading.of_kind(OnlyElements)
    named = {e for clause in reading.of_kind(IncludeElements) for e in clause.elements}
    anions = {e for c in reading.of_kind(AnionClass) for e in ANION_CLASSES[c.name]}
    if not only or len(named) < 2 or named | anions != set(only[-1].elements) | anions:
        return
    start = next(w.start for w in reading.wishes if w.clause is only[-1])
    reading.wishes = [
        w
        for w in reading.wishes
        if not isinstance(w.clause, IncludeElements)
        or w.start > start
        or not re.search(r"[.!?\n]", reading.source.plain[w.end : start])
    ]


def _items(reading: Reading) -> list[Item]:
    items = [Item(m.start, m.end, m.kind, m.value) for m in reading.mentions(*_KINDS)]
    items += [Item(m.start, m.end, "group", "metal") for m in _metals(reading)]
    phrases = reading.mentions("application", "quality", "other_property")
    names = [
        (start_of_property(reading, m), m.end) for m in phrases if m.end - m.start > _LONGEST_SYMBOL
    ]
    names += [(m.start, m.end) for m in reading.mentions("property") if m.end - m.start == 1]
    items = [i for i in items if not any(start <= i.start and i.end <= end for start, end in names)]
    spans = [(i.start, i.end) for i in items] + names
    taken = {position for span in spans for position in range(*span)}
    symbols = [s for s in find_symbols(reading) if s.start not in taken]
    items += with_company(reading, items, symbols)
    items.sort(key=lambda item: item.start)
    return [
        Item(i.start, i.end, "anion" if i.kind == "anion_amount" else i.kind, i.value)
        for i in items
    ]


def _metals(reading: Reading) -> list[Mention]:
    """Where "metal" means an element: metal oxide, metal-free, containing a metal."""
    followed = {m.start - 1 for m in reading.mentions("anion", "ions", "anion_amount")}
    found = []
    for mention in reading.mentions("electronic"):
        if reading.source.plain[mention.start : mention.end].lower() not in ("metal", "metals"):
            continue
        if _FURTHER.search(reading.text_before(mention.start, 40)):
            reading.source.claim(mention.start, mention.end)  # Ti and one further metal
            continue
        cue = reading.cue_before(mention.start)
        cue_words = "" if cue is None else reading.source.plain[cue.start : cue.end].lower()
        contained = cue_words.startswith(("contain", "without", "includ", "incorporat"))
        counted = _COUNTED.search(reading.text_before(mention.start, 40))
        contained = contained or (counted is not None and counted[1].lower() not in ("one", "1"))
        affixed = has_affix(reading, mention.start, mention.end)
        if contained or affixed:
            found.append(mention)
        elif mention.end in followed:
            reading.source.claim(mention.start, mention.end)  # every oxide of a metal is an oxide
    return found


def _read_systems(reading: Reading) -> None:
    """Read Li-Fe-O as the chemical system of these elements."""
    for match in _CHAIN.finditer(reading.source.open):
        start, end = match.span()
        symbols = re.findall(r"[A-Z][a-z]?", match.group())
        unknown = [s for s in symbols if s not in ALL_ELEMENTS]
        if len(unknown) == 1 and len(unknown[0]) == 2 and len(symbols) > 2:
            message = f"{unknown[0]!r} in {match.group()!r} is not a chemical element"
            reading.refuse(start, end, RequestError(message))
            continue
        if unknown or len(set(symbols)) < len(symbols) or has_affix(reading, start, end):
            continue
        if _is_followed_by_anion(reading, end):
            continue  # Fe-Mn phosphates
        listing = listings(reading, [Item(start, end, "element", symbols[0])])[0]
        is_weak = len(symbols) == 2 and set(symbols) <= AMBIGUOUS
        if listing.role == "exclude" or (is_weak and not listing.has_cue):
            continue
        end = listing.end if listing.role == "only" else end
        reading.add(OnlyElements, start, end, elements=tuple(symbols))


def _is_followed_by_anion(reading: Reading, end: int) -> bool:
    anion = next(reading.after(end, "anion", "ions", "anion_amount"), None)
    return anion is not None and reading.source.plain[end : anion.start] == " "


def _add(reading: Reading, listing: Listing) -> None:
    if listing.items[0].kind == "anion":
        add_anions(reading, listing)
        return
    notes = {
        "choice": "a choice between elements cannot be asked for; name the ones that must be there",
        "doping": "doping cannot be scored; ordered crystals are designed",
    }
    words = reading.source.words(listing.start, listing.end)
    if listing.role in notes:
        reading.cannot_score(listing.start, listing.end, notes[listing.role])
    elif listing.role == "maybe":
        reading.source.claim(listing.start, listing.end)
        reading.note(f"'{words}' was taken as allowed, not as required")
    elif listing.role == "exclude" and _names_compound(reading, listing):
        return
    else:
        _add_elements(reading, listing)


def _names_compound(reading: Reading, listing: Listing) -> bool:
    """Say "no lead halides", "no phosphates" back: they exclude compounds, not elements."""
    last = listing.items[-1]
    anion = next(reading.after(last.end, "anion", "anion_amount"), None)
    is_compound = (
        anion is not None
        and listing.end == last.end
        and reading.source.plain[last.end : anion.start] == " "
        and not re.match(r"\s[a-z]", reading.source.plain[anion.end : anion.end + 2])
    )
    before = reading.source.plain[listing.start : listing.items[0].start].split()
    if "other" in before:  # without other metals
        reading.cannot_score(listing.start, listing.end)
        return True
    if not is_compound and not any(item.kind == "ions" for item in listing.items):
        return False
    end = anion.end if is_compound and anion is not None else listing.end
    reading.cannot_score(
        listing.start, end, "only elements and groups can be excluded, not compounds"
    )
    return True


def _add_elements(reading: Reading, listing: Listing) -> None:
    elements, groups = _members(listing)
    if listing.role == "only":
        if groups and not elements and set(groups) <= _ANION_GROUPS:
            reading.add(IncludeGroups, listing.start, listing.end, groups=tuple(groups))
            return
        allowed = [*elements, *(e for group in groups for e in ELEMENT_GROUPS[group])]
        reading.add(OnlyElements, listing.start, listing.end, elements=tuple(allowed))
        return
    excluded = listing.role == "exclude"
    if not excluded and _says_at_most(reading, listing):
        return
    if not excluded:
        _say_counted(reading, listing)
        elements = _not_yet_asked(reading, elements)
    for mention in reading.mentions("quality"):
        if listing.start <= mention.start and mention.end <= listing.items[0].start:
            if "(" in reading.source.plain[mention.end : listing.items[0].start]:
                reading.source.claim(mention.start, mention.end)  # conflict minerals (Ta, W)
                continue
            reading.cannot_score(mention.start, mention.end)  # heavy metals such as Pb
    reading.source.claim(listing.start, listing.end)
    if elements:
        kind = ExcludeElements if excluded else IncludeElements
        reading.add(kind, listing.start, listing.end, elements=tuple(elements))
    if groups:
        kind_of_groups = ExcludeGroups if excluded else IncludeGroups
        reading.add(kind_of_groups, listing.start, listing.end, groups=tuple(groups))


def _members(listing: Listing) -> tuple[list[str], list[str]]:
    names = [
        part.replace("_", " ")
        for item in listing.items
        for part in (item.value.split() if item.kind == "ions" else [item.value])
    ]
    groups = [name for name in names if name in ELEMENT_GROUPS]
    for first, second in pairwise(listing.items):  # the refractory metals Nb and Ta
        members = ELEMENT_GROUPS.get(first.value.replace("_", " "), frozenset())
        if first.kind == "group" and second.start == first.end + 1 and second.value in members:
            groups = [name for name in groups if name != first.value.replace("_", " ")]
    return [name for name in names if name not in ELEMENT_GROUPS], groups


def _not_yet_asked(reading: Reading, elements: list[str]) -> list[str]:
    """Elements that neither the formula nor an earlier wish asks for already."""
    formula = formula_of(reading)
    known = set() if formula is None else {element.symbol for element in formula.elements}
    for clause in reading.of_kind(IncludeElements):
        known |= set(clause.elements)
    return [element for element in dict.fromkeys(elements) if element not in known]


def _says_at_most(reading: Reading, listing: Listing) -> bool:
    """Say "no more than two metals" back: a limit asks for none of them."""
    first = listing.items[0]
    text = reading.source.plain[max(0, first.start - 40) : first.start]
    limit = _AT_MOST.search(text)
    if first.kind != "group" or limit is None or len(listing.items) > 1:
        return False
    reading.cannot_score(first.start - len(text) + limit.start(), first.end)
    return True


def _say_counted(reading: Reading, listing: Listing) -> None:
    """Two transition metals: the group is read, the number said back."""
    text = reading.text_before(listing.items[0].start, 40)
    counted = _COUNTED.search(text)
    is_plural = reading.source.plain[listing.items[0].end - 1] == "s"
    if counted is None or listing.items[0].kind != "group":
        return
    if counted[1].lower() not in ("one", "1") and not is_plural:
        return  # "3 alkali halides" counts halides
    start = listing.items[0].start - len(text) + counted.start()
    if counted[1].lower() in ("one", "1"):
        reading.source.claim(start, listing.items[0].start)
    else:
        reading.cannot_score(
            start,
            listing.items[0].end,
            "how many elements of a group there are cannot be asked for",
        )
