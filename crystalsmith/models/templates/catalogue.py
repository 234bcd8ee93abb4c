"""The templates of the training crystals, without their elements.

A pattern says which letters each element of a formula takes, elements in the order of
`electropositive_first`. It carries no element, no coordinate and no identifier. Patterns that no
training crystal has are reached by exchanging what the elements of a known one take: an
antiperovskite from a perovskite.
"""

from __future__ import annotations

import string
from collections import Counter, defaultdict
from itertools import islice, permutations, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from crystalsmith.core.crystallography.normaliser import canonical_letters
from crystalsmith.core.errors import WeightsError
from crystalsmith.models.runs import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from crystalsmith.models.constraint.records import Record

CATALOGUE_FILE = "catalogue.json"
MAX_ELEMENTS = 10
OFTEN = 3  # formulas from which on a pattern is known for itself
_MOST_ORDERS = 120  # orders of the elements that are tried for a pattern


class Pattern(NamedTuple):
    """A canonical template without elements.

    Attributes:
        number: space group.
        units: formula units per conventional cell.
        letters: letters of every element as one string, electropositive elements first.
        amounts: of every element per reduced formula unit.
    """

    number: int
    units: int
    letters: tuple[str, ...]
    amounts: tuple[int, ...]


class Candidates(NamedTuple):
    """The patterns that formulas with the same amounts can take, described for the network.

    Attributes:
        patterns: N patterns.
        seen: ``(N,)`` formulas that were known with it, `OFTEN` at most.
        own: ``(N,)`` its number among those seen often, from 1; 0 for the others.
        groups: ``(N,)`` space groups.
        sets: ``(N,)`` number of group, formula units and letters without the elements, from 1.
        letters: ``(N, MAX_ELEMENTS)`` numbers of group and letters of each element, from 1; 0
            where there is no element.
    """

    patterns: tuple[Pattern, ...]
    seen: Tensor
    own: Tensor
    groups: Tensor
    sets: Tensor
    letters: Tensor


def pattern_of(record: Record) -> Pattern:
    """The pattern of a crystal.

    Raises:
        ValueError: the record has no structure.
    """
    if record.group is None:
        raise ValueError("a formula without structure has no pattern")
    return Pattern(record.group, record.units, tuple(record.letters), tuple(record.amounts))


class Catalogue:
    """Patterns, and with how many formulas each is known.

    Args:
        seen: formulas per pattern; 0 for patterns that only a teacher has named.

    Attributes:
        seen: the same, `OFTEN` at most.
        own: numbers, from 1, of the patterns seen often.
        sets: numbers of what patterns share when elements are forgotten.
        letters: numbers of groups with the letters of one element.
    """

    def __init__(self, seen: Mapping[Pattern, int]) -> None:
        self.seen = {pattern: min(count, OFTEN) for pattern, count in seen.items()}
        self.own = _numbered(pattern for pattern, count in self.seen.items() if count == OFTEN)
        self.sets = _numbered(_set_of(pattern) for pattern in self.seen)
        self.letters = _numbered(
            (pattern.number, own) for pattern in self.seen for own in pattern.letters
        )
        self._by_amounts: dict[tuple[int, ...], list[Pattern]] = defaultdict(list)
        for pattern in self.seen:
            self._by_amounts[tuple(sorted(pattern.amounts))].append(pattern)
        self._found: dict[tuple[int, ...], Candidates] = {}
        self._orders = Counter(_slots_of(pattern) for pattern in self.seen if self.seen[pattern])

    def is_reordered(self, pattern: Pattern) -> bool:
        """Whether crystals are known where the elements have changed places."""
        return self._orders[_slots_of(pattern)] > bool(self.seen.get(pattern))

    def candidates(self, amounts: tuple[int, ...]) -> Candidates:
        """What a formula with these amounts can take, in a fixed order (remembered)."""
        found = self._found.get(amounts)
        if found is None:
            found = self._found[amounts] = self._described(self._patterns(amounts))
        return found

    def _patterns(self, amounts: tuple[int, ...]) -> tuple[Pattern, ...]:
        known = self._by_amounts.get(tuple(sorted(amounts)), [])
        found = dict.fromkeys(pattern for pattern in known if pattern.amounts == amounts)
        for pattern in known:
            found.update(dict.fromkeys(_reordered(pattern, amounts)))
        return tuple(found)

    def _described(self, patterns: tuple[Pattern, ...]) -> Candidates:
        letters = np.zeros((len(patterns), MAX_ELEMENTS), np.int64)
        for row, pattern in enumerate(patterns):
            for place, own in enumerate(pattern.letters):
                letters[row, place] = self.letters.get((pattern.number, own), 0)
        return Candidates(
            patterns,
            torch.tensor([self.seen.get(pattern, 0) for pattern in patterns], dtype=torch.long),
            torch.tensor([self.own.get(pattern, 0) for pattern in patterns], dtype=torch.long),
            torch.tensor([pattern.number for pattern in patterns], dtype=torch.long),
            torch.tensor(
                [self.sets.get(_set_of(pattern), 0) for pattern in patterns], dtype=torch.long
            ),
            torch.from_numpy(letters),
        )

    def save(self, folder: Path) -> None:
        """Write ``catalogue.json``, a line for every pattern."""
        lines = [_line(pattern, count) for pattern, count in self.seen.items()]
        write_json(folder / CATALOGUE_FILE, {"patterns": lines})

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        """Read ``catalogue.json``.

        Raises:
            WeightsError: it is missing or damaged.
        """
        path = folder / CATALOGUE_FILE
        try:
            return cls(dict(_from_line(line) for line in read_json(path)["patterns"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise WeightsError(
                f"{path} is no catalogue of templates; reinstall crystalsmith or train it again"
            ) from None


def _set_of(pattern: Pattern) -> tuple[int, int, str]:
    return pattern.number, pattern.units, "".join(sorted("".join(pattern.letters)))


def _slots_of(pattern: Pattern) -> tuple[int, int, tuple[tuple[int, str], ...]]:
    slots = zip(pattern.amounts, pattern.letters, strict=True)
    return pattern.number, pattern.units, tuple(sorted(slots))


def _numbered(names: Iterable[Hashable]) -> dict[Hashable, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names), 1)}


def _reordered(pattern: Pattern, amounts: tuple[int, ...]) -> Iterator[Pattern]:
    """The pattern with its letters dealt out anew to elements of the given amounts."""
    slots: dict[int, list[str]] = defaultdict(list)
    for amount, own in zip(pattern.amounts, pattern.letters, strict=True):
        slots[amount].append(own)
    kinds = list(slots)
    ways = product(*(dict.fromkeys(permutations(slots[amount])) for amount in kinds))
    for way in islice(ways, _MOST_ORDERS):
        left = {amount: list(row) for amount, row in zip(kinds, way, strict=True)}
        letters = tuple(left[amount].pop(0) for amount in amounts)
        named = canonical_letters(pattern.number, letters)
        yield Pattern(pattern.number, pattern.units, tuple(named), amounts)


def _line(pattern: Pattern, seen: int) -> str:
    """As in ``221 Z1 x3 1a 1b 3c``: group, formula units, times seen, amounts with letters."""
    slots = [f"{n}{own}" for n, own in zip(pattern.amounts, pattern.letters, strict=True)]
    return " ".join([str(pattern.number), f"Z{pattern.units}", f"x{seen}", *slots])


def _from_line(line: str) -> tuple[Pattern, int]:
    number, units, seen, *slots = line.split()
    amounts = [slot.rstrip(string.ascii_letters) for slot in slots]
    letters = tuple(slot[len(amount) :] for slot, amount in zip(slots, amounts, strict=True))
    pattern = Pattern(int(number), int(units[1:]), letters, tuple(map(int, amounts)))
    return pattern, int(seen[1:])
