"""What can be said at all: templates that reproduce a formula, letter by letter.

A template is realisable when the multiplicities of each element's letters add up to its atoms in
the conventional cell and every point without freedom is used at most once in the whole crystal. The
functions here answer, exactly, whether a half-written template can still be finished, so that
decoding never runs into a dead end and never has to reject what came out.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.prompts.constraint import MAX_AMOUNT, MAX_UNITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MAX_CELL_ATOMS = 400  # conventional cell; larger ones are beyond what the generators were shown
MAX_COUNT = max(MAX_CELL_ATOMS, MAX_AMOUNT)  # atoms of one element in a cell


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


@lru_cache(maxsize=230)
def fixed_kinds(number: int) -> tuple[int, ...]:
    """Multiplicities that a space group's points without freedom have, ascending (cached)."""
    letters = letters_of(number)
    pairs = zip(letters.multiplicities, letters.fixed, strict=True)
    return tuple(sorted({size for size, fixed in pairs if fixed}))


class Unfinished(NamedTuple):
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

    def options(self) -> tuple[int, ...]:
        """Indices of the letters that may come next and leave the rest possible."""
        needy = _needy(self.number, self.counts[1:])
        return _options(self.number, self.counts[0], needy, self.used, self.first)

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
        if not self.counts:
            return True
        needy = _needy(self.number, self.counts[1:])
        return _can_finish(self.number, self.counts[0], needy, self.used, self.first)


def _needy(number: int, counts: tuple[int, ...]) -> tuple[int, ...]:
    """Atoms of those elements that cannot do without fixed points; their order does not matter."""
    opened = _open_sums(number, 0)
    return tuple(sorted([count for count in counts if not opened >> count & 1]))


@lru_cache(maxsize=100_000)
def _options(
    number: int, count: int, needy: tuple[int, ...], used: int, first: int
) -> tuple[int, ...]:
    letters, found = letters_of(number), []
    for index in range(first, len(letters.names)):
        left, bit = count - letters.multiplicities[index], 0
        if letters.fixed[index]:
            bit = 1 << index
        if left >= 0 and not used & bit and _can_finish(number, left, needy, used | bit, index):
            found.append(index)
    return tuple(found)


def _can_finish(number: int, count: int, needy: tuple[int, ...], used: int, first: int) -> bool:
    open_now = _open_sums(number, first)
    if not needy and open_now >> count & 1:
        return True
    most = _most_sums(number)
    if not (most >> count & 1 and all(most >> other & 1 for other in needy)):
        return False
    vacant, reachable = _vacancies(number, used, 0), _vacancies(number, used, first)
    return _can_place(number, count, needy, vacant, reachable, open_now)


@lru_cache(maxsize=100_000)
def _vacancies(number: int, used: int, first: int) -> tuple[int, ...]:
    """Points without freedom still free from a letter on, counted by kind."""
    letters = letters_of(number)
    free = [
        letters.multiplicities[i]
        for i in range(first, len(letters.names))
        if letters.fixed[i] and not used >> i & 1
    ]
    return tuple(free.count(kind) for kind in fixed_kinds(number))


@lru_cache(maxsize=10_000)
def _open_sums(number: int, first: int) -> int:
    """Totals that letters with freedom, from a letter on, add up to: one bit each."""
    letters = letters_of(number)
    sums, within = 1, (1 << MAX_COUNT + 1) - 1
    for size, fixed in list(zip(letters.multiplicities, letters.fixed, strict=True))[first:]:
        step = MAX_COUNT + 1 if fixed else size
        while step <= MAX_COUNT:  # 1, then up to 3, then up to 7 of them, and so on
            sums |= sums << step & within
            step *= 2
    return sums


@lru_cache(maxsize=230)
def _most_sums(number: int) -> int:
    """Totals that all letters together add up to: one bit each."""
    letters, sums = letters_of(number), _open_sums(number, 0)
    for size, fixed in zip(letters.multiplicities, letters.fixed, strict=True):
        if fixed:
            sums |= sums << size
    return sums


def _can_place(
    number: int,
    count: int,
    needy: tuple[int, ...],
    vacant: tuple[int, ...],
    reachable: tuple[int, ...],
    open_now: int,
) -> bool:
    """Whether all atoms can be placed.

    Args:
        number: space group.
        count: atoms of the element at hand.
        needy: atoms of the others that open letters do not add up to.
        vacant: fixed points still free, counted by kind.
        reachable: those among them that the element at hand may use.
        open_now: totals that the open letters it may use add up to.
    """
    if open_now >> count & 1:  # who needs no fixed point takes none
        return _can_share(number, needy, vacant)
    ways = _fillings(fixed_kinds(number), reachable, count, open_now)
    return any(_can_share(number, needy, _less(vacant, taken)) for taken in ways)


@lru_cache(maxsize=200_000)
def _can_share(number: int, needy: tuple[int, ...], vacant: tuple[int, ...]) -> bool:
    """Whether the vacant fixed points are enough for all elements that need some.

    There are few kinds of points and few of a kind, so that few cases are ever tried.
    """
    if not needy:
        return True
    ways = _fillings(fixed_kinds(number), vacant, needy[-1], _open_sums(number, 0))
    return any(_can_share(number, needy[:-1], _less(vacant, taken)) for taken in ways)


def _less(vacant: tuple[int, ...], taken: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(map(sub, vacant, taken))


@lru_cache(maxsize=100_000)
def _fillings(
    kinds: tuple[int, ...], free: tuple[int, ...], count: int, open_sums: int
) -> tuple[tuple[int, ...], ...]:
    """Choices of fixed points, counted by kind, that open letters complete to a count."""
    chosen = []
    for taken in itertools.product(*(range(most + 1) for most in free)):
        left = count - sum(kind * times for kind, times in zip(kinds, taken, strict=True))
        if left >= 0 and open_sums >> left & 1:
            chosen.append(taken)
    return tuple(chosen)


def allowed_units(number: int, amounts: tuple[int, ...]) -> tuple[int, ...]:
    """Formula units per conventional cell for which a group can hold a formula.

    Args:
        number: space group.
        amounts: of each element per formula unit.
    """
    return _allowed_units(number, tuple(sorted(amounts)))


def fitting_units(
    number: int, amounts: tuple[int, ...], atoms: Callable[[int], bool] | None
) -> tuple[int, ...]:
    """`allowed_units` whose primitive cell has a number of atoms that is allowed, too."""
    units = allowed_units(number, amounts)
    if atoms is None:
        return units
    centring = space_group(number).centring
    return tuple(n for n in units if atoms(n * sum(amounts) // centring))


@lru_cache(maxsize=50_000)
def _allowed_units(number: int, amounts: tuple[int, ...]) -> tuple[int, ...]:
    most = max(1, min(MAX_UNITS, MAX_CELL_ATOMS // sum(amounts)))
    counts = np.outer(np.arange(1, most + 1), sorted(set(amounts)))
    sure, possible = (sums[counts].all(1).tolist() for sums in _sums_as_arrays(number))
    return tuple(
        units
        for units in range(1, most + 1)
        if possible[units - 1]
        and (
            sure[units - 1]
            or Unfinished(number, tuple(units * amount for amount in amounts)).can_finish()
        )
    )


@lru_cache(maxsize=230)
def _sums_as_arrays(number: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether open letters, and all letters, add up to each total up to `MAX_COUNT`."""
    totals = range(MAX_COUNT + 1)
    both = (_open_sums(number, 0), _most_sums(number))
    opened, most = (np.array([sums >> total & 1 for total in totals], bool) for sums in both)
    return opened, most
