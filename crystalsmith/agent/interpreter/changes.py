"""Taking wishes back, allowing what was excluded, and exchanging one thing for another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from pymatgen.core import Composition

from crystalsmith.agent.interpreter.lexicon import all_mentions
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.chemistry.formulas import ANION_CLASSES
from crystalsmith.core.clauses import (
    AnionClass,
    CrystalSystemClause,
    ElectronicClass,
    ElementCount,
    ExactFormula,
    ExcludeElements,
    ExcludeGroups,
    FamilyClause,
    IncludeElements,
    IncludeGroups,
    OnlyElements,
    PropertyRange,
)
from crystalsmith.core.public_request import keys_of

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.reading import Reading
    from crystalsmith.core.clauses import AnyClause, Clause
    from crystalsmith.core.request import DesignRequest

_I_SAY = re.compile(r"(?<![\w-])I(?=\s(?!and\b|or\b)[a-z])")  # no iodine: what I said
_LISTS = (IncludeElements, ExcludeElements, OnlyElements, IncludeGroups, ExcludeGroups)


@dataclass(frozen=True)
class Subject:
    """Something that a change is about: a value (Zn, cubic) or a wish by its key (band_gap)."""

    kind: str
    value: str


@dataclass(frozen=True)
class Change:
    """Something taken back ("drop") or no longer excluded ("allow").

    Attributes:
        kind: drop or allow.
        subjects: what it is about.
        may_exclude: whether dropping an element that was never asked for excludes it.
    """

    kind: str
    subjects: tuple[Subject, ...]
    may_exclude: bool = True


@dataclass(frozen=True)
class Exchange:
    """What goes and what comes."""

    leaving: tuple[Subject, ...]
    coming: tuple[Subject, ...]


_VALUE_KINDS = frozenset(
    {"element", "group", "ions", "anion", "family", "system", "electronic", "stable", "novel",
     "centrosymmetric", "polar", "chiral", "element_number", "quality", "application",
     "other_property", "excluded_group"}
)  # fmt: skip


def subjects_of(reading: Reading, start: int, end: int) -> tuple[Subject, ...]:
    """What a stretch of the text names."""
    found: list[Subject] = []
    words = " ".join(reading.source.plain[start:end].lower().split())
    for key, names in _named_keys():
        if any(f" {name} " in f" {words} " for name in names):
            found.append(Subject("key", key))
    for mention in reading.all_mentions:
        if start <= mention.start and mention.end <= end:
            if mention.kind == "property":
                found.append(Subject("key", mention.value))
            elif mention.kind in _VALUE_KINDS:
                parts = mention.value.split() if mention.kind == "ions" else [mention.value]
                kind = "element" if mention.kind == "ions" else mention.kind
                found += [Subject(kind, part) for part in parts]
    text = reading.source.plain[start:end]
    for symbol in _I_SAY.sub(" ", text).replace(",", " ").split():
        if symbol in _symbols():
            found.append(Subject("element", symbol))
    if not found and words not in _SMALL_WORDS and words.title() in _symbols():
        found.append(Subject("element", words.title()))  # swap cs for rb
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=1)
def _named_keys() -> tuple[tuple[str, tuple[str, ...]], ...]:
    rows = table("refinement")["subjects"]
    return tuple((key, tuple(names)) for key, names in rows.items())


@lru_cache(maxsize=1)
def _symbols() -> frozenset[str]:
    from crystalsmith.core.chemistry.elements import ALL_ELEMENTS

    return frozenset(ALL_ELEMENTS)


_MADE_INTO = re.compile(
    r"\b(?:change|switch|turn|convert|swap|make|go|move)\b[^,.;!?]{0,24}?\b(?:to|into|it|that|this|them|these|those"
    r"|for|with)\s+(?:be\s+|to\s+|an?\s+|the\s+)*(?:[a-z]+\s+)?$",
    re.IGNORECASE,
)
_SMALL_WORDS = frozenset({"i", "in", "as", "at", "be", "he", "no", "am", "us", "y", "u"})
_INSTEAD = re.compile(r"[^,.;!?]{0,30}\binstead\b", re.IGNORECASE)


def other_oxyanion(reading: Reading, request: DesignRequest) -> tuple[Subject, ...]:
    """What leaves when phosphates are made into sulfates: the elements of the earlier oxyanion."""
    plain = reading.source.plain
    coming = next((m for m in reading.all_mentions if m.kind in ("ions", "anion")), None)
    if coming is None or not (
        _MADE_INTO.search(plain[max(0, coming.start - 60) : coming.start])
        or _INSTEAD.match(plain, coming.end)
    ):
        return ()
    held = {e for c in request.clauses if isinstance(c, IncludeElements) for e in c.elements}
    said = [
        set(mention.value.split())
        for mention in all_mentions(Source(request.text))
        if mention.kind == "ions" and held.issuperset(mention.value.split())
    ]
    stays = set(coming.value.split()) if coming.kind == "ions" else set()
    leaving = said[-1] - stays if said else set()
    return tuple(Subject("element", symbol) for symbol in sorted(leaving))


def stands(request: DesignRequest, subject: Subject) -> bool:
    """Whether a value is among the request's wishes."""
    return any(_is_value(clause, subject) for clause in request.clauses)


def is_held(request: DesignRequest, subject: Subject) -> bool:
    """Whether an element is in the formula or among the elements asked for."""
    formula = request.formula
    held = {e.symbol for e in formula.elements} if formula is not None else set()
    return subject.kind == "element" and (subject.value in held or stands(request, subject))


def said_back_in(words: str) -> tuple[Subject, ...]:
    """The wish that is only said back and that some words name: transparency, price."""
    found = [
        Subject("quality", name)
        for names in table("refinement")["alike"].values()
        for name in names
        if name in words.lower()
    ]
    return tuple(found[:1])


def dropped(request: DesignRequest, change: Change) -> DesignRequest:
    """The request without the wishes; an element that it never asked for is excluded."""
    for subject in change.subjects:
        after = _without(request, subject)
        if after is request and change.may_exclude and subject.kind in ("element", "group"):
            after = _excluding(request, subject)
        request = after
    return request


def allowed(request: DesignRequest, change: Change) -> DesignRequest:
    """The request without exclusions of the subjects."""
    for subject in change.subjects:
        if subject.kind in ("element", "group", "excluded_group"):
            kinds: tuple[type[Clause], ...] = (ExcludeElements, ExcludeGroups)
            request = _with_list(request, kinds, subject.value)
            if subject.kind == "element":
                request = _widened(request, subject.value)
        elif subject.kind == "element_number" and subject.value.isdigit():
            request = _wider(request, int(subject.value))
        elif subject.kind == "stable":
            request = _without_key(request, "stable")
        elif subject.value == "novel" or subject.kind == "novel":
            request = _without_key(request, "novel")
    return request


def _wider(request: DesignRequest, number: int) -> DesignRequest:
    """Ternary ones, and quaternary is fine too: three to four elements."""
    clauses = tuple(
        c.model_copy(update={"minimum": min(c.minimum, number), "maximum": max(c.maximum, number)})
        if isinstance(c, ElementCount) and c.minimum is not None and c.maximum is not None
        else c
        for c in request.clauses
    )
    return request.model_copy(update={"clauses": clauses})


def _widened(request: DesignRequest, symbol: str) -> DesignRequest:
    """The request whose only elements are joined by one more."""
    clauses = tuple(
        clause.model_copy(update={"elements": tuple(sorted({*clause.elements, symbol}))})
        if isinstance(clause, OnlyElements)
        else clause
        for clause in request.clauses
    )
    return request.model_copy(update={"clauses": clauses})


def exchanged(request: DesignRequest, exchange: Exchange) -> DesignRequest:
    """One for the other; chlorine for bromine makes a chloride a bromide."""
    coming = [s for s in exchange.coming if s.kind == "element"]
    in_formula = _in_formula(request, exchange.leaving, coming)
    if in_formula is not None:
        return in_formula
    for subject in exchange.leaving:
        anion = _anion_of(request, subject)
        new_class = next((_class_of(s.value) for s in coming if _class_of(s.value)), None)
        if anion is not None and new_class is not None:
            clauses = [c for c in request.clauses if c is not anion]
            clause = AnionClass(name=new_class, words=anion.words)
            return request.model_copy(update={"clauses": (*clauses, clause)})
        after = _without(request, subject)
        if after is request and subject.kind == "element":
            after = _excluding(request, subject)
        request = after
    if coming:
        words = ", ".join(s.value for s in coming)
        clause_in = IncludeElements(elements=tuple(s.value for s in coming), words=words)
        request = request.model_copy(update={"clauses": (*request.clauses, clause_in)})
    return request


def _in_formula(
    request: DesignRequest, leaving: tuple[Subject, ...], coming: list[Subject]
) -> DesignRequest | None:
    """LiCoO2 with nickel for cobalt is LiNiO2; None where the formula has no part in it."""
    old = next(iter(request.of_kind(ExactFormula)), None)
    if old is None or len(leaving) != 1 or len(coming) != 1 or leaving[0].kind != "element":
        return None
    held = Composition(old.formula).get_el_amt_dict()
    if leaving[0].value not in held or coming[0].value in held:
        return None
    held[coming[0].value] = held.pop(leaving[0].value)
    new = ExactFormula(formula=Composition(held).reduced_formula, words=old.words)
    clauses = tuple(new if clause is old else clause for clause in request.clauses)
    return request.model_copy(update={"clauses": clauses})


def _anion_of(request: DesignRequest, subject: Subject) -> AnionClass | None:
    if subject.kind != "element":
        return None
    found = request.of_kind(AnionClass)
    return next((c for c in found if ANION_CLASSES[c.name] == {subject.value}), None)


def _class_of(symbol: str) -> str | None:
    return next((name for name, held in ANION_CLASSES.items() if held == {symbol}), None)


def _without(request: DesignRequest, subject: Subject) -> DesignRequest:
    """The request without what a subject names; the same object when it names nothing in it."""
    if subject.kind == "key":
        return _without_key(request, subject.value)
    if subject.kind in ("element", "group"):
        for kind in (IncludeElements, IncludeGroups, OnlyElements):
            after = _with_list(request, (kind,), subject.value)
            if after is not request:
                return after
        anion = _anion_of(request, subject)
        if anion is not None:
            return _keeping(request, lambda clause: clause is not anion)
        return _with_list(request, (ExcludeElements, ExcludeGroups), subject.value)
    if subject.kind == "excluded_group":
        return _with_list(request, (ExcludeGroups,), subject.value)
    if subject.kind in ("quality", "application", "other_property"):
        names = _alike(subject.value)
        kept = tuple(w for w in request.unsupported if not _has_any(w, names))
        offers = tuple(a for a in request.assumptions if not _has_any(a.words, names))
        if (kept, offers) == (request.unsupported, request.assumptions):
            return request
        return request.model_copy(update={"unsupported": kept, "assumptions": offers})
    return _keeping(request, lambda clause: not _is_value(clause, subject))


def _has_any(words: str, names: tuple[str, ...]) -> bool:
    return any(name in words.lower() for name in names)


@lru_cache(maxsize=256)
def _alike(value: str) -> tuple[str, ...]:
    """How else a wish that is said back may have been put: magnetism, ferromagnetic."""
    for names in table("refinement")["alike"].values():
        if any(name in value for name in names):
            return (value, *names)
    return (value,)


def _is_value(clause: Clause, subject: Subject) -> bool:
    if isinstance(clause, AnionClass | FamilyClause | CrystalSystemClause | ElectronicClass):
        return clause.name == subject.value
    if subject.kind == "element":
        return isinstance(clause, IncludeElements) and subject.value in clause.elements
    key = "n_elements" if subject.kind == "element_number" else subject.kind
    return key in keys_of(clause)


def _without_key(request: DesignRequest, key: str) -> DesignRequest:
    if key == "count" and request.count is not None:
        return request.model_copy(update={"count": None, "count_words": ""})
    return _keeping(request, lambda clause: key not in keys_of(clause))


def _keeping(request: DesignRequest, keep: object) -> DesignRequest:
    test = cast("type[bool]", keep)
    kept = tuple(clause for clause in request.clauses if test(clause))
    if len(kept) == len(request.clauses):
        return request
    return request.model_copy(update={"clauses": kept})


def _with_list(
    request: DesignRequest, kinds: tuple[type[Clause], ...], value: str
) -> DesignRequest:
    """The request with one element or group less in its lists of some kinds."""
    clauses: list[AnyClause] = []
    changed = False
    for clause in request.clauses:
        if not isinstance(clause, kinds) or not isinstance(clause, _LISTS):
            clauses.append(clause)
            continue
        name = "groups" if isinstance(clause, IncludeGroups | ExcludeGroups) else "elements"
        values = tuple(item for item in getattr(clause, name) if item != value)
        changed = changed or len(values) < len(getattr(clause, name))
        if values:
            clauses.append(clause.model_copy(update={name: values}))
    return request.model_copy(update={"clauses": tuple(clauses)}) if changed else request


def _excluding(request: DesignRequest, subject: Subject) -> DesignRequest:
    clause: AnyClause
    if subject.kind == "group":
        clause = ExcludeGroups(groups=(subject.value,), words=subject.value)
    else:
        clause = ExcludeElements(elements=(subject.value,), words=subject.value)
    return request.model_copy(update={"clauses": (*request.clauses, clause)})


def has_figure(clause: Clause) -> bool:
    """Whether a clause is about a number."""
    return isinstance(clause, PropertyRange) or hasattr(clause, "minimum")


__all__ = [
    "Change",
    "ExactFormula",
    "Exchange",
    "Subject",
    "allowed",
    "dropped",
    "exchanged",
    "has_figure",
    "stands",
    "subjects_of",
]
