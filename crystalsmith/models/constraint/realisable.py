"""What can be said at all: templates that reproduce a formula, letter by letter.

A template is realisable when the multiplicities of each element's letters add up to its atoms in
the conventional cell and every point without freedom is used at most once in the whole crystal. The
functions here answer, exactly, whether a half-written template can still be finished, so that
decoding never runs into a dead end and never has to reject what came out.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.prompts.constraint import MAX_UNITS

MAX_CELL_ATOMS = 400  # conventional cell; larger ones are beyond what the generators were shown


@dataclass(frozen=True)
class Letters:
    """The letters of a space group in order.

    Attributes:
        names: ``a`` first.
        multiplicities: points per conventional cell.
        fixed: True for points without freedom.
    """

    names: tuple[str, ...]
    multiplicities: tuple[int, ...]
    fixed: tuple[bool, ...]


@lru_cache(maxsize=230)
def letters_of(number: int) -> Letters:
    """The letters of a space group (cached)."""
    positions = space_group(number).positions.values()
    return Letters(
        tuple(position.letter for position in positions),
        tuple(position.multiplicity for position in positions),
        tuple(position.freedom == 0 for position in positions),
    )


@dataclass(frozen=True)
class Unfinished:
    """A template that is being written.

    Attributes:
        number: space group.
        counts: atoms per conventional cell still to place, of the element at hand and those after.
        used: fixed letters taken, one bit each.
        first: index of the smallest letter that may come next (letters of an element are sorted).
    """

    number: int
    counts: tuple[int, ...]
    used: int = 0
    first: int = 0

    def options(self) -> list[int]:
        """Indices of the letters that may come next and leave the rest possible."""
        letters = letters_of(self.number)
        return [
            index
            for index in range(self.first, len(letters.names))
            if letters.multiplicities[index] <= self.counts[0]
            and not (letters.fixed[index] and self.used >> index & 1)
            and self.with_letter(index).can_finish()
        ]

    def with_letter(self, index: int) -> Unfinished:
        """The state after placing the element at hand on a letter."""
        letters = letters_of(self.number)
        left = self.counts[0] - letters.multiplicities[index]
        used = self.used | (1 << index if letters.fixed[index] else 0)
        return Unfinished(self.number, (left, *self.counts[1:]), used, index)

    def next_element(self) -> Unfinished:
        """The state once the element at hand is placed."""
        return Unfinished(self.number, self.counts[1:], self.used, 0)

    def can_finish(self) -> bool:
        """Whether every remaining atom can still be placed."""
        letters = letters_of(self.number)
        vacant = tuple(
            letters.multiplicities[i]
            for i in range(len(letters.names))
            if letters.fixed[i] and not self.used >> i & 1
        )
        reachable = tuple(
            letters.multiplicities[i]
            for i in range(self.first, len(letters.names))
            if letters.fixed[i] and not self.used >> i & 1
        )
        open_now = frozenset(
            letters.multiplicities[i]
            for i in range(self.first, len(letters.names))
            if not letters.fixed[i]
        )
        return _can_place(
            self.number, self.counts, tuple(sorted(vacant)), tuple(sorted(reachable)), open_now
        )


@lru_cache(maxsize=100_000)
def _can_place(
    number: int,
    counts: tuple[int, ...],
    vacant: tuple[int, ...],
    reachable: tuple[int, ...],
    open_now: frozenset[int],
) -> bool:
    """Whether all counts can be placed.

    Args:
        number: space group.
        counts: atoms to place per element.
        vacant: multiplicities of all fixed letters still free, sorted.
        reachable: those among them that the first element may use.
        open_now: multiplicities of the letters with freedom that the first element may use.
    """
    if not counts:
        return True
    letters = letters_of(number)
    open_later = frozenset(
        m for m, fixed in zip(letters.multiplicities, letters.fixed, strict=True) if not fixed
    )
    available = Counter(reachable)
    kinds = sorted(available)
    for amounts in itertools.product(*(range(available[kind] + 1) for kind in kinds)):
        taken = dict(zip(kinds, amounts, strict=True))
        left = counts[0] - sum(kind * amount for kind, amount in taken.items())
        if left < 0 or not _adds_up(left, open_now):
            continue
        remaining = Counter(vacant)
        remaining.subtract(taken)
        rest = tuple(sorted(remaining.elements()))
        if _can_place(number, counts[1:], rest, rest, open_later):
            return True
    return False


@lru_cache(maxsize=100_000)
def _adds_up(total: int, parts: frozenset[int]) -> bool:
    """Whether a total is a sum of parts, each used any number of times."""
    reached = {0}
    for value in range(1, total + 1):
        if any(value - part in reached for part in parts):
            reached.add(value)
    return total in reached


@lru_cache(maxsize=20_000)
def allowed_units(number: int, amounts: tuple[int, ...]) -> tuple[int, ...]:
    """Formula units per conventional cell for which a group can hold a formula.

    Args:
        number: space group.
        amounts: of each element per formula unit.
    """
    most = max(1, min(MAX_UNITS, MAX_CELL_ATOMS // sum(amounts)))
    return tuple(
        units
        for units in range(1, most + 1)
        if Unfinished(number, tuple(units * amount for amount in amounts)).can_finish()
    )
