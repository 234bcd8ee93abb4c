"""What governs a list of elements: "no A, B or C", "only A and B", "A- and B-free"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.reading import only_words, word_set
from crystalsmith.agent.interpreter.tables import table

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading


@dataclass(frozen=True)
class Item:
    """An element, a group, an oxyanion or an anion class named in the text."""

    start: int
    end: int
    kind: str
    value: str


@dataclass(frozen=True)
class Listing:
    """Items with the role that the words around give them.

    Attributes:
        items: in order.
        role: include, exclude, only, maybe, doping or choice.
        start: where the words that say so begin.
        end: where they end.
        has_cue: whether the role was said, not assumed.
    """

    items: tuple[Item, ...]
    role: str
    start: int
    end: int
    has_cue: bool = False


_IN_OR_OUT = re.compile(r"\s(?:in|out)\s*(?:,|;|and\b|but\b)", re.IGNORECASE)
_SUSPENDED = re.compile(r"\s?-\s*(?:,|and|or|/|&)")
_NEGATED_AFFIX = re.compile(
    r"[\s-]*(?:containing|based|bearing|rich)\s*(?:,|or|nor|and)\s*(?:or\s|nor\s)?", re.I
)
_INSTEAD = re.compile(r"\s+(?:instead|rather)\b", re.IGNORECASE)
_MINUS = re.compile(r"(?:^|\s)-$")  # +Ti +O -Pb
_ANY_BUT = re.compile(r"\b(?:any|all|every|everything|anything)\s[\w\s-]{0,40}?\bbut\s$", re.I)
_ONE_OF = re.compile(
    r"\b(?:one|any|some|either|choice|two|most)\s+of\s+(?:the\s+|these\s+)?[:(]?\s*$|\beither\s+$",
    re.I,
)
_OR_ANYTHING = re.compile(
    r"(?:\bor|\bnor|,|\band)\s+(?:any(?:thing|\s+other|\s+of\s+the|\s+kind\s+of)?(?:\s+(?:else|that\s+is|that's))?"
    r"|other|similar|otherwise)\s+$",
    re.I,
)
_SO_MUST = re.compile(
    r"\b(?:so|neither|nor)\s+(?:must|should|is|are|does|do|can|may|shall|has|have)\s+"
    r"(?:(?:any(?:thing|\s+(?:other|of\s+the))?|every(?:thing)?|all|the)\s+)?(?:that\s+is\s+|other\s+)?$",
    re.I,
)
_SO_BEGINS = re.compile(r"\s*(?:and\s+)?(?:so|neither|nor)\b", re.I)
_DENIAL = re.compile(
    r"\b(?:absent|not|no|never|excluded|forbidden|banned|prohibited|out|removed|avoided)\b|n't",
    re.I,
)
_ATOMS = r"(?:[\s-]*(?:atoms?|elements?|ions?|metals?|content|\)))?"


@lru_cache(maxsize=1)
def _after() -> dict[str, re.Pattern[str]]:
    """Patterns of what is said after a list, by role."""
    words = {
        role: "|".join(f"(?:{p})" for p in rows) for role, rows in table("grammar")["after"].items()
    }
    copula = words["copula"]
    return {
        "exclude": re.compile(rf"\)?\s?-?\s?(?:{words['exclude']})(?!\w)", re.I),
        "exclude_all": re.compile(
            rf"{_ATOMS}\s*[,:=]?\s*(?:(?:all|both|each)\s+)?(?:(?:{copula})\s+)?(?:{words['exclude_all']})(?!\w)",
            re.I,
        ),
        "only": re.compile(rf"{_ATOMS}\s*,?\s*(?:{words['only']})(?!\w)", re.I),
        "system": re.compile(rf"[\s-]*(?:{words['system']})(?!\w)", re.I),
        "include": re.compile(rf"[\s-]*(?:{words['include']})(?!\w)", re.I),
        "doping": re.compile(rf"[\s-]*(?:{words['doping']})(?!\w)", re.I),
        "maybe": re.compile(rf"{_ATOMS}\s*(?:{words['maybe']})(?!\w)", re.I),
    }


def listings(reading: Reading, items: list[Item]) -> list[Listing]:
    """Group neighbouring items into lists and find the role of each list."""
    found: list[Listing] = []
    run: list[Item] = []
    for item in items:
        if run and not _connected(reading, run, item):
            found += _judged(reading, run)
            run = []
        run.append(item)
    if run:
        found += _judged(reading, run)
    return found


def connects(text: str) -> bool:
    """Whether a text only joins two items of a list."""
    if re.search(r"\s\+$", text):
        return False
    if text != "-" and _MINUS.search(text) and not text.strip().startswith(("and", "or", ",")):
        return False
    return only_words(text, word_set("list", "connectors"), ",/&+()[]-'\"")


def _connected(reading: Reading, run: list[Item], item: Item) -> bool:
    last = run[-1]
    if (last.kind == "anion") != (item.kind == "anion"):
        return False
    between = reading.source.plain[last.end : item.start]
    if _IN_OR_OUT.match(between):
        return False
    negated = reading.is_negated(run[0].start) is not None
    is_comma = between.strip() == ","
    if (is_comma or (negated and "," in between)) and item.kind == "ions" != last.kind:
        return False  # without lead, tungstate
    if is_comma and not negated and last.kind == "ions" != item.kind:
        return False  # borate, K and Be excluded
    if negated and _INSTEAD.match(reading.source.plain, item.end):
        return False  # no Co, Fe instead
    if connects(between):
        return not (negated and between == ", " and _names_compound(reading, item))
    return negated and _NEGATED_AFFIX.fullmatch(between) is not None


def _names_compound(reading: Reading, item: Item) -> bool:
    """Whether an item starts a compound's name: no cadmium, *zinc* selenide."""
    anion = next(reading.after(item.end, "anion", "ions", "anion_amount"), None)
    return anion is not None and reading.source.plain[item.end : anion.start] == " "


def _judged(reading: Reading, run: list[Item]) -> list[Listing]:
    """The role of a list; a hyphenated "-free" at its end may govern the last item alone."""
    before_role, before_start = role_before(reading, run[0].start)
    after_role, after_end, reach = _role_after(reading, run)
    if after_role == "exclude" and before_role != "exclude" and reach < len(run):
        head, tail = run[: len(run) - reach], run[len(run) - reach :]
        rest = _listed(reading, head, before_role, before_start, head[-1].end)
        return [*rest, Listing(tuple(tail), "exclude", tail[0].start, after_end, has_cue=True)]
    if after_role == "exclude" and before_role == "include":
        last = _last_clause(reading, run)
        if last:  # with tantalum, rare earths not allowed
            head, tail = run[:last], run[last:]
            rest = _listed(reading, head, before_role, before_start, head[-1].end)
            return [*rest, Listing(tuple(tail), "exclude", tail[0].start, after_end, has_cue=True)]
    if after_role == "maybe" and before_role != "exclude":
        last = _last_part(reading, run)
        if last:
            head, tail = run[:last], run[last:]
            rest = _listed(reading, head, before_role, before_start, head[-1].end)
            return [*rest, Listing(tuple(tail), "maybe", tail[0].start, after_end, has_cue=True)]
    if before_role == "only" and after_role == "maybe":
        return [Listing(tuple(run), "only", before_start, after_end, has_cue=True)]
    if after_role and not (before_role == "exclude" and after_role in ("include", "maybe")):
        if after_role == "include" and any(choice for _, choice in _by_choice(reading, run)):
            return _listed(reading, run, "", run[0].start, after_end)
        start = before_start if before_role in ("only", after_role) else run[0].start
        return [Listing(tuple(run), after_role, start, after_end, has_cue=True)]
    return _listed(reading, run, before_role, before_start, run[-1].end)


def _last_clause(reading: Reading, run: list[Item]) -> int:
    """Where a clause of its own begins in "with Ta, rare earths not allowed"; 0 in one list.

    "With In, Ga and Ge all ruled out" is one list: its last comma stands before no clause.
    """
    text = reading.source.plain
    commas = [
        index
        for index in range(1, len(run))
        if re.fullmatch(r"\s*,\s*", text[run[index - 1].end : run[index].start])
    ]
    if len(commas) != 1 or len(run) - commas[0] > 1:
        return 0
    after = text[run[-1].end : run[-1].end + 12]
    return 0 if re.match(r"\s*,?\s*(?:all|both|each)\b", after, re.I) else commas[0]


def _last_part(reading: Reading, run: list[Item]) -> int:
    """Where the part after a list's last comma begins: lithium, *Mn/Ni* allowed."""
    text = reading.source.plain
    if re.search(r"\b(?:or|and)\b", text[run[0].end : run[-1].start], re.IGNORECASE):
        return 0  # Fe, Mn or Ti is one list
    for index in range(len(run) - 1, 0, -1):
        if "," in text[run[index - 1].end : run[index].start]:
            return index
    return 0


def _listed(reading: Reading, run: list[Item], role: str, start: int, end: int) -> list[Listing]:
    if role not in ("", "include"):
        return [Listing(tuple(run), role, start, end, has_cue=True)]
    parts = _by_choice(reading, run)
    if not any(is_choice for _, is_choice in parts):
        return [Listing(tuple(run), "include", run[0].start, end, has_cue=bool(role))]
    return [
        Listing(
            tuple(part),
            "choice" if is_choice else "include",
            part[0].start,
            part[-1].end,
            bool(role),
        )
        for part, is_choice in parts
    ]


def role_before(reading: Reading, position: int) -> tuple[str, int]:
    """The role that the words before an offset give to what stands there, and their start."""
    cue = reading.cue_before(position)
    if _MINUS.search(reading.source.plain[max(0, position - 2) : position]):
        return "exclude", position - 1
    if _OR_ANYTHING.search(reading.source.plain[max(0, position - 32) : position]):
        for other in reading.before(position - 3, "before"):
            if not reading.source.same_sentence(other.start, position):
                break
            if other.value == "exclude":
                return "exclude", position
    if _SO_MUST.search(reading.source.plain[max(0, position - 24) : position]):
        start = reading.source.sentence_start(position)
        if start > 1 and _SO_BEGINS.match(reading.source.plain, start):
            start = reading.source.sentence_start(start - 2)  # lead is out. So is cadmium
        if _DENIAL.search(reading.source.plain[start:position]):
            return "exclude", position
    if cue is None:
        but = _ANY_BUT.search(reading.source.plain[max(0, position - 60) : position])
        return ("exclude", position - 4) if but else ("", position)
    if cue.value == "include":
        earlier = reading.cue_before(cue.start, word_set("list", "topic_nouns"))
        names_elements = reading.source.plain[cue.start : cue.end].lower().startswith("element")
        governing = ("exclude", "maybe", "only") if names_elements else ("exclude", "maybe")
        if earlier is not None and earlier.value in governing:
            return earlier.value, earlier.start
    return cue.value, cue.start


def _role_after(reading: Reading, run: list[Item]) -> tuple[str, int, int]:
    """Role, end of the words that say it, and how many items of the run they reach back to."""
    text, end = reading.source.plain, run[-1].end
    patterns = _after()
    window = end + 60
    match = patterns["exclude"].match(text, end, window)
    if match:
        return (
            "exclude",
            match.end(),
            _reach(reading, run, text[end : end + 2].lstrip(")")[:1] == "-"),
        )
    for role, name in (
        ("doping", "doping"),
        ("exclude", "exclude_all"),
        ("only", "only"),
        ("only", "system"),
        ("include", "include"),
        ("maybe", "maybe"),
    ):
        match = patterns[name].match(text, end, window)
        if match is None:
            continue
        says_all = role == "only" and match.group().lstrip()[:1] in (
            ".",
            ";",
        )  # Zn, N. Nothing else
        if says_all or reading.source.same_sentence(end, match.end() - 1):
            return role, match.end(), len(run)
    return "", end, 0


def _reach(reading: Reading, run: list[Item], hyphen: bool) -> int:
    """How far back "-free" reaches: over "A- and B-free", "A and B free", "lead (Pb)-free"."""
    reach = 1
    text = reading.source.plain
    for index in range(len(run) - 2, -1, -1):
        between = text[run[index].end : run[index + 1].start]
        same = run[index].value == run[index + 1].value and "(" in between
        joined = re.fullmatch(r"\s+(?:and|or|&)\s+|\s?[/&]\s?", between, re.I) is not None
        if same or _SUSPENDED.match(between) or between.strip() == "/" or (joined and not hyphen):
            reach += 1
        else:
            break
    return reach


def _by_choice(reading: Reading, run: list[Item]) -> list[tuple[list[Item], bool]]:
    """Split a list into what must be there and what the text leaves a choice of.

    "Cu, Se and either In or Ga" asks for Cu and Se; "Mg, Ca or Ba" and "one of Li, Na" for none.
    """
    text = reading.source.plain
    if len(run) > 1 and _ONE_OF.search(text[max(0, run[0].start - 30) : run[0].start]):
        return [(run, True)]
    parts: list[list[Item]] = [[run[0]]]
    choices = [False]
    for before, item in pairwise(run):
        between = text[before.end : item.start]
        is_or = re.search(r"\bor\b", between, re.I) is not None or between.strip() == "/"
        opens = re.search(r"\beither\b|\((?![IV]+\))", between, re.I) is not None
        if opens or not (is_or or between.strip() == ","):
            parts.append([item])
            choices.append(False)
        else:
            parts[-1].append(item)
            choices[-1] = choices[-1] or is_or
    found = []
    for part, is_choice in zip(parts, choices, strict=True):
        found.append((part, is_choice and len({item.value for item in part}) > 1))
    return found
