"""The templates of the training crystals, without their elements.

A pattern says which letters each element of a formula takes, elements in the order of
`electropositive_first`. It carries no element, no coordinate and no identifier.
"""

from __future__ import annotations

import string
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.core.errors import WeightsError
from crystalsmith.models.runs import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from crystalsmith.models.constraint.records import Record

CATALOGUE_FILE = "catalogue.json"


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


def pattern_of(record: Record) -> Pattern:
    """The pattern of a crystal.

    Raises:
        ValueError: the record has no structure.
    """
    if record.group is None:
        raise ValueError("a formula without structure has no pattern")
    return Pattern(record.group, record.units, tuple(record.letters), tuple(record.amounts))


class Catalogue:
    """Patterns, numbered, and found again by the amounts of a formula."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self.patterns = list(dict.fromkeys(patterns))
        self.index = {pattern: i for i, pattern in enumerate(self.patterns)}
        self._by_amounts: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, pattern in enumerate(self.patterns):
            self._by_amounts[pattern.amounts].append(i)

    def __len__(self) -> int:
        return len(self.patterns)

    def with_amounts(self, amounts: tuple[int, ...]) -> list[int]:
        """Numbers of the patterns that a formula with these amounts can take."""
        return self._by_amounts.get(amounts, [])

    def save(self, folder: Path) -> None:
        """Write ``catalogue.json``, a line for every pattern."""
        write_json(folder / CATALOGUE_FILE, {"patterns": [_line(p) for p in self.patterns]})

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        """Read ``catalogue.json``.

        Raises:
            WeightsError: it is missing or damaged.
        """
        path = folder / CATALOGUE_FILE
        try:
            return cls(_from_line(line) for line in read_json(path)["patterns"])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise WeightsError(
                f"{path} is no catalogue of templates; reinstall crystalsmith or train it again"
            ) from None


def _line(pattern: Pattern) -> str:
    """As in ``221 Z1 1a 1b 3c``: space group, formula units, amount and letters of each element."""
    slots = [f"{n}{own}" for n, own in zip(pattern.amounts, pattern.letters, strict=True)]
    return " ".join([str(pattern.number), f"Z{pattern.units}", *slots])


def _from_line(line: str) -> Pattern:
    number, units, *slots = line.split()
    amounts = [slot.rstrip(string.ascii_letters) for slot in slots]
    letters = [slot[len(amount) :] for slot, amount in zip(slots, amounts, strict=True)]
    return Pattern(int(number), int(units[1:]), tuple(letters), tuple(map(int, amounts)))
