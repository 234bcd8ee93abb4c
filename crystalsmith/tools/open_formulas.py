"""Formulas for requests that name neither a formula nor a family: elements in usual ratios.

Ionic compounds must balance the charges of usual oxidation states; compounds of metals, and of
metals with elements such as boron that form no simple ions, only keep to usual ratios.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.chemistry.elements import (
    ALL_ELEMENTS,
    ELEMENT_GROUPS,
    electronegativity_of,
)
from crystalsmith.tools.drafts import Draft
from crystalsmith.tools.enumeration import (
    all_choices,
    anion_ranks,
    best_of_each,
    indices,
    members,
)
from crystalsmith.tools.ions import commonness, familiarity, usual_ions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.chemistry.site_rules import Ion
    from crystalsmith.tools.enumeration import Indices
    from crystalsmith.tools.search_space import SearchSpace

_MOST_SLOTS = 500  # combinations of ratio and charges that a sample is drawn from
_MOST = 30_000  # formulas of one kind that are looked at; of more, a sample
_KEPT = 9_000  # the best of them, which the clauses may still cut

# Amounts of the cations, then of the anion, with their share (%) among ordered compounds of that
# many elements that lie at most 0.1 eV/atom above the hull (Materials Project, MP-20 and MPTS-52
# training splits).
_IONIC_RATIOS: dict[int, dict[tuple[int, ...], float]] = {
    2: {
        (1, 2): 24.2, (1, 1): 17.3, (1, 3): 13.4, (2, 3): 8.0, (1, 4): 5.9, (2, 1): 5.8,
        (1, 5): 3.2, (3, 4): 3.1, (1, 6): 1.6, (3, 1): 1.6, (2, 5): 1.5, (3, 8): 1.2, (3, 2): 1.2,
        (4, 3): 0.9, (4, 5): 0.9,
    },
    3: {
        (1, 1, 3): 9.8, (1, 2, 4): 7.2, (1, 1, 2): 7.1, (1, 1, 4): 5.7, (1, 1, 1): 5.0,
        (1, 2, 2): 4.3, (1, 2, 6): 4.1, (1, 3, 6): 2.9, (1, 2, 3): 2.7, (1, 2, 5): 2.5,
        (1, 3, 3): 2.2, (1, 1, 6): 2.0, (2, 2, 7): 1.9, (1, 3, 1): 1.8, (1, 3, 4): 1.7,
        (1, 2, 1): 1.5, (1, 3, 7): 1.1, (2, 3, 4): 1.0, (1, 3, 5): 1.0, (1, 1, 5): 1.0,
        (1, 2, 8): 0.8, (2, 2, 5): 0.8, (1, 3, 8): 0.8, (1, 4, 4): 0.8, (2, 3, 8): 0.7,
    },
    4: {
        (1, 1, 2, 6): 14.0, (1, 1, 2, 4): 5.2, (1, 1, 1, 4): 4.7, (1, 1, 2, 8): 3.4,
        (1, 1, 1, 3): 3.3, (1, 1, 2, 7): 2.9, (1, 1, 2, 5): 2.6, (1, 1, 1, 1): 2.5,
        (1, 3, 4, 12): 2.2, (1, 2, 2, 7): 2.2, (1, 2, 2, 8): 1.6, (1, 1, 1, 5): 1.6,
        (1, 2, 3, 8): 1.6, (1, 1, 3, 6): 1.4, (1, 1, 3, 7): 1.4, (1, 2, 3, 12): 1.0,
    },
    5: {
        (1, 1, 1, 1, 6): 6.4, (1, 1, 1, 1, 5): 3.8, (1, 1, 1, 2, 8): 3.8, (1, 1, 2, 2, 8): 3.0,
        (1, 2, 2, 2, 14): 3.0, (1, 1, 2, 2, 7): 2.0, (1, 1, 1, 2, 3): 1.4,
    },
}  # fmt: skip
_METALLIC_RATIOS: dict[int, dict[tuple[int, ...], float]] = {
    1: {(1,): 100.0},
    2: {
        (1, 3): 28.7, (1, 2): 21.4, (1, 1): 16.9, (3, 5): 6.0, (2, 3): 4.3, (1, 5): 4.0,
        (1, 4): 2.7, (3, 4): 2.2, (2, 5): 1.7, (2, 7): 1.1, (1, 6): 0.8, (1, 12): 0.8,
    },
    3: {
        (1, 1, 2): 28.4, (1, 1, 1): 16.5, (1, 2, 2): 9.9, (1, 1, 4): 4.8, (1, 2, 3): 4.1,
        (1, 1, 3): 2.2, (1, 2, 4): 2.0, (1, 2, 6): 1.7, (1, 1, 5): 0.9, (1, 2, 20): 0.8,
    },
    4: {(1, 1, 1, 3): 19.3, (1, 1, 2, 4): 10.9, (1, 1, 2, 2): 8.3, (1, 1, 1, 1): 2.6},
}  # fmt: skip
_UNKNOWN_SHARE = 0.3  # % for a ratio that was asked for and is not in the table
_OXYANION = 0.6  # of nonmetal cations: in oxides (carbonates, sulfates), and P in S, Se and N
_STRANGE_CATION = 0.05  # and anywhere else
_METALLIC = ELEMENT_GROUPS["metal"] | ELEMENT_GROUPS["metalloid"]
# anions that also form compounds without charge balance (borides, carbides, pnictides, hydrides …)
_COVALENT = frozenset({"B", "C", "Si", "Ge", "P", "As", "Sb", "Bi", "H", "N", "Te", "Se"})


@dataclass(frozen=True)
class _Slots:
    """Amounts in a formula with the ions that each may hold."""

    amounts: tuple[int, ...]
    ions: tuple[tuple[Ion, ...], ...]
    share: float

    @property
    def size(self) -> int:
        return prod(len(row) for row in self.ions)


@dataclass(frozen=True)
class _Chosen:
    """Ways of choosing ions for slots: ``(N, n)`` elements, and ``(N,)`` how usual they are."""

    slots: _Slots
    elements: Indices
    weights: NDArray[np.float64]


def ionic_formulas(
    space: SearchSpace, rng: np.random.Generator, credit: float = 1.0
) -> list[Draft]:
    """Charge-neutral formulas of usual ions in usual ratios; the credit scales their support."""
    if space.intermetallic:
        return []
    slots = [s for n in space.counts for s in _ionic_slots(n, space)]
    return _drafts(slots, space, rng, "charge-neutral combination", credit)


def metallic_formulas(
    space: SearchSpace, rng: np.random.Generator, credit: float = 1.0
) -> list[Draft]:
    """Formulas of metals (and metalloids, or covalent anions asked for) in usual ratios."""
    if space.wants_a_gap and not _covalent_anions(space):
        return []
    slots = [s for n in space.counts for s in _metallic_slots(n, space)]
    return _drafts(slots, space, rng, "combination in a usual ratio", credit)


def _ionic_slots(count: int, space: SearchSpace) -> Iterator[_Slots]:
    by_charge: dict[int, list[Ion]] = {}
    for ion in usual_ions():
        if ion[0] in space.allowed:
            by_charge.setdefault(ion[1], []).append(ion)
    positive = sorted(q for q in by_charge if q > 0)
    negative = sorted(q for q in by_charge if q < 0)
    for amounts, share in _ratios(count, space, _IONIC_RATIOS):
        for charges in _cation_charges(amounts[:-1], positive):
            total = sum(n * q for n, q in zip(amounts, charges, strict=False))
            for anion in negative:
                if total + amounts[-1] * anion == 0:
                    anions = _anions(by_charge[anion], space)
                    cations = [tuple(by_charge[q]) for q in charges]
                    yield from _with_required(amounts, (*cations, anions), share, space)


def _metallic_slots(count: int, space: SearchSpace) -> Iterator[_Slots]:
    covalent = _covalent_anions(space)
    if space.anions is not None and not covalent:
        return
    metals = tuple((symbol, 0) for symbol in sorted(space.allowed & _METALLIC))
    for amounts, share in _ratios(count, space, _METALLIC_RATIOS, bool(covalent)):
        last = tuple((symbol, 0) for symbol in sorted(covalent)) if covalent else metals
        yield from _with_required(amounts, (*[metals] * (count - 1), last), share, space)


def _covalent_anions(space: SearchSpace) -> frozenset[str]:
    return frozenset() if space.anions is None else space.anions & _COVALENT


def _ratios(
    count: int,
    space: SearchSpace,
    table: dict[int, dict[tuple[int, ...], float]],
    has_anion: bool = True,
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Amounts (the anion's last) with their share; all arrangements of a ratio asked for."""
    known = table.get(count) or _many(count, table is _METALLIC_RATIOS)
    if table is _METALLIC_RATIOS and not has_anion:
        # which metal has which amount is left to the slots
        if space.ratio is not None:
            yield space.ratio, known.get(space.ratio, _UNKNOWN_SHARE)
        else:
            yield from known.items()
        return
    arranged = {
        (*sorted(amounts[:i] + amounts[i + 1 :]), amounts[i]): share
        for amounts, share in known.items()
        for i in (range(count) if table is _METALLIC_RATIOS else (count - 1,))
    }
    if space.ratio is None:
        yield from arranged.items()
        return
    for i in range(count):
        amounts = (*sorted(space.ratio[:i] + space.ratio[i + 1 :]), space.ratio[i])
        if space.ratio.index(space.ratio[i]) == i:  # equal amounts give one arrangement
            yield amounts, arranged.get(amounts, _UNKNOWN_SHARE)


def _many(count: int, metallic: bool) -> dict[tuple[int, ...], float]:
    """Ratios of so many elements that there are no statistics: equal amounts, but of the anion."""
    if metallic:
        return {(1,) * count: 100.0}
    return {(*(1,) * (count - 1), amount): 3.0**-count for amount in range(count, count + 4)}


def _anions(ions: list[Ion], space: SearchSpace) -> tuple[Ion, ...]:
    return tuple(ion for ion in ions if space.anions is None or ion[0] in space.anions)


def _cation_charges(amounts: tuple[int, ...], states: list[int]) -> Iterator[tuple[int, ...]]:
    """Charges for slots in ascending order of amount; equal slots are not told apart."""
    groups = [len(list(equal)) for _, equal in itertools.groupby(amounts)]
    rows = [itertools.combinations_with_replacement(states, size) for size in groups]
    for chosen in itertools.product(*rows):
        yield tuple(itertools.chain.from_iterable(chosen))


def _with_required(
    amounts: tuple[int, ...], ions: tuple[tuple[Ion, ...], ...], share: float, space: SearchSpace
) -> Iterator[_Slots]:
    """The slots once for every way of giving what must occur its places.

    That are the required elements, and one place for each group of which some element must occur:
    of Li-M-X with M a transition metal and X a halogen, nothing is left to chance.
    """
    required = [frozenset({symbol}) for symbol in sorted(space.required)]
    groups = [group for group in space.one_of if not group & space.required]
    if len(required) + len(groups) > len(amounts):
        groups = []  # one element may speak for several groups; the clauses decide
    wanted = [*required, *groups]
    if len(wanted) > len(amounts):
        return
    for places in itertools.permutations(range(len(amounts)), len(wanted)):
        rows = list(ions)
        for place, allowed in zip(places, wanted, strict=True):
            rows[place] = tuple(ion for ion in rows[place] if ion[0] in allowed)
        if all(rows):
            yield _Slots(amounts, tuple(rows), share)


def _drafts(
    slots: list[_Slots],
    space: SearchSpace,
    rng: np.random.Generator,
    words: str,
    credit: float,
) -> list[Draft]:
    """The formulas that the slots allow, or those of a sample, each with its best support."""
    top = max((s.share for s in slots), default=1.0)
    found: list[Draft] = []
    by_count: dict[int, list[_Chosen]] = {}
    for chosen in _chosen(slots, rng):
        by_count.setdefault(len(chosen.slots.amounts), []).append(chosen)
    for rows in by_count.values():
        elements = np.concatenate([row.elements for row in rows])
        sizes = [len(row.elements) for row in rows]
        amounts = np.repeat([row.slots.amounts for row in rows], sizes, axis=0)
        shares = np.repeat([(row.slots.share / top) ** 0.5 for row in rows], sizes)
        ionic = rows[0].slots.ions[-1][0][1] < 0
        suit = _cations_suit(elements, space) if ionic else _contrast(elements)
        support = credit * shares * np.concatenate([row.weights for row in rows]) * suit
        ordered = np.sort(elements, axis=1)
        support[(ordered[:, 1:] == ordered[:, :-1]).any(axis=1)] = 0.0  # one element twice
        kept = support > 0
        support = support[kept]
        found += [
            Draft(formula, words, float(support[row]))
            for formula, row in best_of_each(elements[kept], amounts[kept], support, _KEPT)
        ]
    return found


def _contrast(elements: Indices) -> NDArray[np.float64]:
    """Metals that differ in electronegativity combine more often: 0.4 for none, up to 1."""
    values = _electronegativities()[elements]
    return np.asarray(1.0 - 0.6 * np.exp(-(values.max(axis=1) - values.min(axis=1)) / 0.3))


@lru_cache(maxsize=1)
def _electronegativities() -> NDArray[np.float64]:
    return np.array([electronegativity_of(symbol) for symbol in ALL_ELEMENTS])


def _cations_suit(elements: Indices, space: SearchSpace) -> NDArray[np.float64]:
    """0 where a cation outranks the anion, little for nonmetals in a place where they are rare."""
    cations, anions = elements[:, :-1], elements[:, -1]
    ranks = anion_ranks()
    rare = members(ELEMENT_GROUPS["nonmetal"] - space.required)[cations]
    hydrogen, phosphorus, oxygen = indices(("H", "P", "O"))
    at_home = (anions == oxygen)[:, None] | (
        (cations == phosphorus) & members({"S", "Se", "N"})[anions][:, None]
    )
    suit = np.where(rare, np.where(at_home, _OXYANION, _STRANGE_CATION), 1.0)
    suit[rare & (cations == hydrogen)] = 0.0
    suit[ranks[cations] >= ranks[anions][:, None]] = 0.0
    return np.asarray(suit.prod(axis=1))


def _chosen(slots: list[_Slots], rng: np.random.Generator) -> Iterator[_Chosen]:
    """All choices of ions, or a sample in which usual ratios and ions come up more often."""
    usual = {row: np.array([_weight(ion) for ion in row]) for item in slots for row in item.ions}
    places = {row: indices(symbol for symbol, _ in row) for row in usual}

    def some(item: _Slots, picks: Sequence[NDArray[np.int64]]) -> _Chosen:
        rows = list(zip(item.ions, picks, strict=True))
        elements = np.stack([places[row][pick] for row, pick in rows], axis=1)
        weights = np.prod([usual[row][pick] for row, pick in rows], axis=0)
        return _Chosen(item, elements, weights)

    def everything(item: _Slots) -> _Chosen:
        return some(item, list(all_choices([len(row) for row in item.ions]).T))

    if sum(item.size for item in slots) <= _MOST:
        yield from map(everything, slots)
        return
    shares = np.array([s.share * prod(float(usual[row].sum()) for row in s.ions) for s in slots])
    if len(slots) > _MOST_SLOTS:
        shares[np.argsort(-shares, kind="stable")[_MOST_SLOTS:]] = 0.0
    numbers = np.ceil(_MOST * shares / shares.sum()).astype(int)
    chances = {row: weights / weights.sum() for row, weights in usual.items()}
    for item, number in zip(slots, numbers, strict=True):
        if item.size <= number:
            yield everything(item)
        elif number:
            picks = [rng.choice(len(row), size=number, p=chances[row]) for row in item.ions]
            yield some(item, picks)


@lru_cache(maxsize=1024)
def _weight(ion: Ion) -> float:
    """How usual an ion is, counting how much is known of its element at all."""
    symbol, state = ion
    return float((commonness(ion) if state else 1.0) ** 0.5 * familiarity(symbol) ** 0.5)
