"""Adds what a turn says to a request: later words win, elements and groups add up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pymatgen.core import Composition

from crystalsmith.agent.interpreter.figures import joined, moves_bound
from crystalsmith.agent.interpreter.lexicon import all_mentions
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.core.chemistry.formulas import ANION_CLASSES
from crystalsmith.core.clauses import (
    AnionClass,
    AtomCount,
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
    Ratio,
    SpaceGroupClause,
)

if TYPE_CHECKING:
    from crystalsmith.core.clauses import AnyClause
    from crystalsmith.core.request import DesignRequest


_FIGURES = (PropertyRange, ElementCount, AtomCount)
_SEVERAL = 2  # elements, from which on a list of cations is a list
_OFFERED = ("element", "anion", "family", "system")
_AS_WELL = re.compile(r"\b(?:as\s+well|too)\b", re.IGNORECASE)


def merged(request: DesignRequest, said: DesignRequest, text: str) -> DesignRequest:
    """The request after a turn.

    Args:
        request: as it was.
        said: the turn, read on its own.
        text: the turn's plain text; its verbs tell whether a bound is moved.
    """
    said, settled = _chosen(request, said)
    clauses = list(request.clauses)
    keeps_side = moves_bound(text)
    for clause in said.clauses:
        if isinstance(clause, ElementCount) and _AS_WELL.search(text):
            clause = _widened(clauses, clause)
        clauses = _with(clauses, clause, keeps_side)
    return request.model_copy(
        update={
            "text": f"{request.text}\n{said.text}",
            "clauses": tuple(_beside_figures(clauses)),
            "count": said.count or request.count,
            "count_words": said.count_words or request.count_words,
            "unsupported": tuple(dict.fromkeys((*settled, *said.unsupported))),
            "assumptions": tuple(dict.fromkeys((*request.assumptions, *said.assumptions))),
            "not_understood": said.not_understood,
            "refusals": tuple(dict.fromkeys((*request.refusals, *said.refusals))),
            "notes": said.notes,
            "off_topic": False,
        }
    )


def _beside_figures(clauses: list[AnyClause]) -> list[AnyClause]:
    """Semiconductors, and "gap above 3 eV" a turn later: the figure says which."""
    beside = any(isinstance(c, PropertyRange) and c.name == "band_gap" for c in clauses)
    return [
        c.model_copy(update={"beside_figure": beside}) if isinstance(c, ElectronicClass) else c
        for c in clauses
    ]


def _widened(clauses: list[AnyClause], new: ElementCount) -> ElementCount:
    """Binary ones, and "ternary as well": two to three elements."""
    old = next((c for c in clauses if isinstance(c, ElementCount)), None)
    if old is None or None in (old.minimum, old.maximum, new.minimum, new.maximum):
        return new
    low = min(value for value in (old.minimum, new.minimum) if value is not None)
    high = max(value for value in (old.maximum, new.maximum) if value is not None)
    return new.model_copy(update={"minimum": low, "maximum": high})


def _chosen(request: DesignRequest, said: DesignRequest) -> tuple[DesignRequest, tuple[str, ...]]:
    """What is said and what stays unsupported: "just Mg" after "Mg or Ca" settles the choice."""
    named = {
        e for c in said.clauses if isinstance(c, OnlyElements | IncludeElements) for e in c.elements
    }
    kinds = (AnionClass, CrystalSystemClause, FamilyClause)
    spelled = named | {clause.name for clause in said.clauses if isinstance(clause, kinds)}
    open_choices = [words for words in request.unsupported if spelled & _choice_in(words)]
    if not open_choices:
        return said, request.unsupported
    clauses = tuple(
        IncludeElements(elements=c.elements, words=c.words)
        if isinstance(c, OnlyElements) and len(c.elements) == 1
        else c
        for c in said.clauses
    )
    kept = tuple(words for words in request.unsupported if words not in open_choices)
    return said.model_copy(update={"clauses": clauses}), kept


def _choice_in(words: str) -> set[str]:
    """What a choice is between: calcium or strontium, Mg/Ca, 钙或锶, cubic or tetragonal."""
    source = Source(words)
    if not re.search(r"\bor\b|/", source.plain):
        return set()
    named = {m.value for m in all_mentions(source) if m.kind in _OFFERED}
    return named | set(re.findall(r"\w+", source.plain))


def _with(clauses: list[AnyClause], new: AnyClause, keeps_side: bool) -> list[AnyClause]:
    if isinstance(new, IncludeElements):
        palette = next((c for c in clauses if isinstance(c, OnlyElements)), None)
        if palette is not None and not set(new.elements) <= set(palette.elements):
            both = tuple(sorted({*palette.elements, *new.elements}))  # Li-P-S only, and add Cl
            wider = palette.model_copy(update={"elements": both})
            return [wider if c is palette else c for c in clauses]
        return [*_freed(clauses, new.elements, ExcludeElements), new]
    if isinstance(new, ExcludeElements):
        return [*_freed(clauses, new.elements, IncludeElements), new]
    if isinstance(new, IncludeGroups):
        return [*_freed(clauses, new.groups, ExcludeGroups), new]
    if isinstance(new, ExcludeGroups):
        return [*_freed(clauses, new.groups, IncludeGroups), new]
    if isinstance(new, OnlyElements):
        new = _with_anion(clauses, new)
        wanted = {e for c in clauses if isinstance(c, IncludeElements) for e in c.elements}
        if not wanted <= set(new.elements):  # just nickel
            more = IncludeElements(elements=new.elements, words=new.words)
            return [*_freed(clauses, new.elements, ExcludeElements), more]
        return [c for c in clauses if not isinstance(c, OnlyElements)] + [new]
    for index, old in enumerate(clauses):
        if not _same_wish(old, new):
            continue
        if isinstance(old, _FIGURES) and isinstance(new, _FIGURES):
            return [*clauses[:index], joined(old, new, keeps_side), *clauses[index + 1 :]]
        return [*_consistent(clauses[:index] + clauses[index + 1 :], new), new]
    return [*_consistent(clauses, new), new]


def _with_anion(clauses: list[AnyClause], new: OnlyElements) -> OnlyElements:
    """Sulfides of "Cu-Zn-Sn only" hold the sulfur that makes them sulfides."""
    held = [ANION_CLASSES[c.name] for c in clauses if isinstance(c, AnionClass)]
    named = {e for c in clauses if isinstance(c, IncludeElements) for e in c.elements}
    anions = frozenset().union(*ANION_CLASSES.values())
    if len(held) != 1 or len(held[0]) != 1 or not named <= set(new.elements):
        return new
    if len(new.elements) < _SEVERAL or anions & set(new.elements):
        return new
    return new.model_copy(update={"elements": tuple(sorted({*new.elements, *held[0]}))})


def _same_wish(old: AnyClause, new: AnyClause) -> bool:
    if isinstance(old, PropertyRange) and isinstance(new, PropertyRange):
        return old.name == new.name
    if isinstance(old, ElectronicClass) and isinstance(new, ElectronicClass):
        return ("wide_gap" in (old.name, new.name)) == (old.name == new.name)
    return old.kind == new.kind


def _consistent(clauses: list[AnyClause], new: AnyClause) -> list[AnyClause]:
    """What stays beside a new wish: a new space group ends another crystal system."""
    kept: list[AnyClause] = []
    for old in clauses:
        symmetry = isinstance(old, SpaceGroupClause | CrystalSystemClause)
        if symmetry and isinstance(new, SpaceGroupClause | CrystalSystemClause):
            both = (number for number in range(1, 231) if old.allows_space_group(number))
            if not any(new.allows_space_group(number) for number in both):
                continue
        if isinstance(new, ExactFormula) and _gives_way(old, new):
            continue
        if _is_other_class(old, new):
            continue
        kept.append(old)
    return kept


def _gives_way(old: AnyClause, new: ExactFormula) -> bool:
    """Whether a new formula says all that an earlier wish said, or something else."""
    kinds = (AnionClass, FamilyClause, IncludeGroups, ElementCount, Ratio)
    if isinstance(old, IncludeElements):
        return True
    return isinstance(old, kinds) and not old.allows_composition(Composition(new.formula))


def _is_other_class(old: AnyClause, new: AnyClause) -> bool:
    """Whether a new electronic class rules an earlier wide gap out."""
    if not (isinstance(old, ElectronicClass) and isinstance(new, ElectronicClass)):
        return False
    return {old.name, new.name} == {"metallic", "wide_gap"}


def _freed(
    clauses: list[AnyClause],
    values: tuple[str, ...],
    kind: type[IncludeElements | ExcludeElements | IncludeGroups | ExcludeGroups],
) -> list[AnyClause]:
    """Clauses of one kind without some values: what is now wanted is no longer excluded."""
    kept: list[AnyClause] = []
    for clause in clauses:
        if not isinstance(clause, kind):
            kept.append(clause)
            continue
        name = "groups" if isinstance(clause, IncludeGroups | ExcludeGroups) else "elements"
        rest = tuple(value for value in getattr(clause, name) if value not in values)
        if rest:
            kept.append(clause.model_copy(update={name: rest}))
    return kept
