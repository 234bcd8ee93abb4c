"""Formulas next to known crystals: the crystals themselves, and others by ionic substitution."""

from __future__ import annotations

import itertools
from math import exp, prod
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.chemistry.site_rules import anion_rank
from crystalsmith.tools.drafts import Draft, composition_of, formula_of
from crystalsmith.tools.substitution import substitutability, substitutes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crystalsmith.core.entry import Entry
    from crystalsmith.tools.catalogue import Catalogue
    from crystalsmith.tools.drafts import Formula
    from crystalsmith.tools.search_space import SearchSpace

_PARENTS = 400  # known crystals that analogues are made of
_CHOICES = 6  # substitutes tried for an element that must go
_OPTIONS = 4  # substitutes tried for an element that might go
_MOST_CHANGES = 2
_UNKNOWN_STABILITY = 0.8
_HULL_REACH = 0.1  # eV/atom above the hull over which a parent loses credit
_WRONG_GAP = 0.5  # credit of a parent whose own gap is not the wanted one
_CONTRADICTED = 0.1  # and of that crystal itself


class Parent(NamedTuple):
    """A known crystal to start from.

    Attributes:
        entry: the crystal.
        formula: its reduced formula.
        forced: elements that have to go.
        missing: elements that have to come.
        credit: how much it speaks for its analogues, 0 to 1.
    """

    entry: Entry
    formula: Formula
    forced: tuple[str, ...]
    missing: tuple[str, ...]
    credit: float


def analogue_formulas(catalogue: Catalogue, space: SearchSpace) -> list[Draft]:
    """Known crystals of the wanted kind and their analogues by substitution.

    A parent has the wanted symmetry, family, ratio and number of elements; at most two of its
    elements are exchanged, always those that are unwanted.
    """
    parents = sorted(
        _parents(catalogue, space), key=lambda p: (len(p.forced), -p.credit, p.entry.id)
    )
    return [draft for parent in _spread(parents) for draft in _children(parent, space)]


def _spread(parents: Iterable[Parent]) -> list[Parent]:
    """The first parents, of every formula one."""
    seen: dict[Formula, Parent] = {}
    for parent in parents:
        seen.setdefault(parent.formula, parent)
        if len(seen) == _PARENTS:
            break
    return list(seen.values())


def _parents(catalogue: Catalogue, space: SearchSpace) -> Iterator[Parent]:
    for entry, formula in zip(catalogue.entries, catalogue.formulas, strict=True):
        if len(formula) not in space.counts and not space.families:
            continue
        if space.ratio is not None and tuple(sorted(n for _, n in formula)) != space.ratio:
            continue
        template = entry.crystal.template
        if template.number not in space.space_groups:
            continue
        symbols = [symbol for symbol, _ in formula]
        anion = max(symbols, key=anion_rank)
        forced = {symbol for symbol in symbols if symbol not in space.allowed}
        if space.anions is not None and anion not in space.anions:
            forced.add(anion)
        missing = space.required - set(symbols)
        if max(len(forced), len(missing)) > _MOST_CHANGES:
            continue
        if not all(item.has_template(template) for item in space.families):
            continue
        credit = _credit(entry, space)
        yield Parent(entry, formula, tuple(sorted(forced)), tuple(sorted(missing)), credit)


def _credit(entry: Entry, space: SearchSpace) -> float:
    above = entry.e_above_hull
    credit = _UNKNOWN_STABILITY if above is None else exp(-max(above, 0.0) / _HULL_REACH)
    return credit if _has_wanted_gap(entry, space) else credit * _WRONG_GAP


def _has_wanted_gap(entry: Entry, space: SearchSpace) -> bool:
    """False only when the gap is known and another one was asked for."""
    if space.gap is None or entry.band_gap is None:
        return True
    low, high = space.gap
    return low <= entry.band_gap <= high


def _children(parent: Parent, space: SearchSpace) -> Iterator[Draft]:
    name = f"{_written(parent)} ({parent.entry.id})"
    if not parent.forced and not parent.missing:
        credit = parent.credit if _has_wanted_gap(parent.entry, space) else _CONTRADICTED
        yield Draft(parent.formula, f"known crystal {name}", credit, parent.entry, is_parent=True)
    for exchange, score in _exchanges(parent, space):
        amounts = {exchange.get(symbol, symbol): n for symbol, n in parent.formula}
        if len(amounts) < len(parent.formula):
            continue  # two elements became one
        words = ", ".join(f"{old}→{new}" for old, new in exchange.items())
        yield Draft(
            formula_of(amounts),
            f"analogue of {name} by {words}",
            parent.credit * score**0.5,
            parent.entry,
        )


def _exchanges(parent: Parent, space: SearchSpace) -> Iterator[tuple[dict[str, str], float]]:
    """Exchanges that remove what must go and bring what must come, with their score."""
    symbols = [symbol for symbol, _ in parent.formula]
    anion = max(symbols, key=anion_rank)
    free = [s for s in symbols if s not in parent.forced and s not in space.required]
    more = max(len(parent.missing) - len(parent.forced), 0)
    if not parent.forced and not parent.missing:
        more = 1
    limit = _CHOICES if parent.forced else _OPTIONS
    for extra in itertools.combinations(free, more):
        places = (*parent.forced, *extra)
        rows = []
        for old in places:
            allowed = space.allowed
            if old == anion and space.anions is not None:
                allowed = space.anions
            coming = [(new, _score(old, new)) for new in parent.missing if new in allowed]
            others = [row for row in substitutes(old, allowed, limit) if row not in coming]
            rows.append(coming + others)
        for chosen in itertools.product(*rows):
            news = [new for new, _ in chosen]
            if set(parent.missing) <= set(news) and not set(news) & set(symbols):
                exchange = dict(zip(places, news, strict=True))
                yield exchange, prod(score for _, score in chosen)


def _score(old: str, new: str) -> float:
    return float(substitutability()[ALL_ELEMENTS.index(old), ALL_ELEMENTS.index(new)])


def _written(parent: Parent) -> str:
    return str(composition_of(parent.formula).reduced_formula)
