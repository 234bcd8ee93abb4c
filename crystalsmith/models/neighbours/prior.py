"""What neighbours know: templates of known crystals whose formulas are chemically alike.

Ten neighbours with the same anonymous formula, voting with the closeness of their elements, are as
good at the first guess as a language model; the two are mixed. How much neighbours count falls with
their distance: on a fresh machine the nearest prototype is often too far to tell anything.

Known crystals of the very formula are told apart by their energies, if one is asked for:
calculations of one crystal agree, so that a crystal whose energy is far off is another polymorph.
Of two database crystals of one formula whose energies are 10 meV/atom or more apart, one in twenty
has the other's template.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pymatgen.core import Element

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.chemistry.exchange import nearest_exchanges
from crystalsmith.core.crystallography.normaliser import canonical, canonical_letters
from crystalsmith.core.crystallography.template import electropositive_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry

_SAME = 1e-9  # distance between formulas that are one
_AGREES = 0.002  # eV/atom: calculations of one crystal differ by no more
_HALF = 0.004  # eV/atom beyond that, where a template keeps half its weight
_LEAST = 0.1  # weight that it keeps however far the energy is


@dataclass(frozen=True)
class PriorSettings:
    """How neighbours vote.

    Attributes:
        neighbours: how many vote.
        softness: distance at which a neighbour's vote has fallen to 1/e.
        same_formula: weight of neighbours with the very formula asked for. They are the known
            crystals of that formula; benchmarks on new polymorphs want this low.
        reach: distance of the nearest neighbour at which trust in all has fallen to 1/e.
    """

    neighbours: int = 20
    softness: float = 0.05
    same_formula: float = 0.1
    reach: float = 0.2


class Votes(NamedTuple):
    """What the neighbours say.

    Attributes:
        shares: probability of each template.
        distance: of the nearest neighbour of another formula, 0 when there is none.
        trust: 0 to 1; falls with that distance.
    """

    shares: dict[SymmetryTemplate, float]
    distance: float = 0.0
    trust: float = 0.0


@dataclass(frozen=True)
class Neighbours:
    """Known crystals around a formula, nearest first; slots are in ascending amount.

    Attributes:
        symbols: elements of the formula, one per slot.
        elements: ``(slots,)`` their atomic numbers less one.
        shares: ``(slots,)`` share of all atoms.
        known: ``(N, slots)`` what each crystal has in their place, atomic numbers less one.
        heights: ``(N,)`` its recorded energy above the hull in eV/atom, NaN where there is none.
        atoms: ``(N,)`` in its primitive cell.
        letters: what it votes for: space group and canonical letters of the formula's elements,
            electropositive ones first.
        same: templates of the known crystals of the very formula, which are not among the N.
    """

    symbols: tuple[str, ...]
    elements: NDArray[np.int64]
    shares: NDArray[np.float64]
    known: NDArray[np.int64]
    heights: NDArray[np.float64]
    atoms: NDArray[np.float64]
    letters: list[tuple[int, tuple[str, ...]]]
    same: list[SymmetryTemplate]


@dataclass(frozen=True)
class _Shelf:
    """Known crystals of one anonymous formula; columns are slots in ascending amount."""

    entries: NDArray[np.int64]
    elements: NDArray[np.int64]  # atomic number - 1


class _Exchanges(NamedTuple):
    """A formula's distance from every known crystal with its amounts (`nearest_exchanges`)."""

    shelf: _Shelf
    symbols: list[str]
    wanted: NDArray[np.int64]
    weights: NDArray[np.float64]
    distances: NDArray[np.float64]
    orders: Sequence[Sequence[int]]


class NeighbourPrior:
    """Votes of the chemically nearest known crystals."""

    def __init__(self, entries: Sequence[Entry], settings: PriorSettings | None = None) -> None:
        self.settings = settings or PriorSettings()
        self.templates = [entry.crystal.template for entry in entries]
        self._energies = _values(entry.formation_energy for entry in entries)
        self._heights = _values(entry.e_above_hull for entry in entries)
        self._atoms = np.ones(len(self.templates))
        rows: dict[tuple[int, ...], list[tuple[int, list[int]]]] = defaultdict(list)
        for index, template in enumerate(self.templates):
            composition = template.composition
            amounts, symbols = _slots(composition)
            rows[amounts].append((index, [Element(symbol).Z - 1 for symbol in symbols]))
            self._atoms[index] = round(composition.num_atoms) // template.group.centring
        self._shelves = {
            amounts: _Shelf(np.array([i for i, _ in group]), np.array([z for _, z in group]))
            for amounts, group in rows.items()
        }

    def propose(self, composition: Composition, without: SymmetryTemplate | None = None) -> Votes:
        """Votes on the templates of a composition; no shares when no neighbour is known.

        Args:
            composition: any multiple of the formula.
            without: a crystal that does not vote (nor do its copies), as when a model is to learn
                from its neighbours what it is itself.
        """
        found = self._exchanges(composition)
        if found is None:
            return Votes({})
        shelf, symbols, _, _, distances, orders = found
        votes: dict[SymmetryTemplate, float] = defaultdict(float)
        if without is not None:
            for row in np.flatnonzero(distances < _SAME):
                if self.templates[int(shelf.entries[row])] == without:
                    distances[row] = np.inf
        nearest = np.argsort(distances, kind="stable")[: self.settings.neighbours]
        nearest = nearest[np.isfinite(distances[nearest])]
        if not len(nearest):
            return Votes({})
        for row in nearest:
            template = self.templates[int(shelf.entries[row])]
            known = shelf.elements[row][list(orders[row])].tolist()
            replacement = {ALL_ELEMENTS[z]: own for z, own in zip(known, symbols, strict=True)}
            same = distances[row] < _SAME
            vote = self.settings.same_formula if same else 1.0
            vote *= float(
                np.exp(-(distances[row] - distances[nearest[0]]) / self.settings.softness)
            )
            votes[canonical(template.with_elements(replacement))[0]] += vote
        total = sum(votes.values())
        shares = {template: vote / total for template, vote in votes.items()}
        others = distances[(distances >= _SAME) & np.isfinite(distances)]
        closest = float(others.min()) if len(others) else 0.0
        return Votes(shares, closest, float(np.exp(-closest / self.settings.reach)))

    def around(self, composition: Composition, count: int = 64) -> Neighbours | None:
        """The nearest known crystals with the formula's amounts; None where there is none.

        Args:
            composition: any multiple of the formula.
            count: how many at most, beside those of the formula itself.
        """
        found = self._exchanges(composition)
        if found is None:
            return None
        shelf, symbols, wanted, weights, distances, orders = found
        same = distances < _SAME
        distances[same] = np.inf
        rows = np.argsort(distances, kind="stable")[: min(count, int((~same).sum()))]
        entries = shelf.entries[rows]
        order = sorted(range(len(symbols)), key=lambda slot: electropositive_first(symbols[slot]))
        known = np.array([shelf.elements[row][list(orders[row])] for row in rows], np.int64)
        return Neighbours(
            tuple(symbols),
            wanted,
            weights,
            known.reshape(len(rows), len(symbols)),
            self._heights[entries],
            self._atoms[entries],
            [self._letters(entry, own[order]) for entry, own in zip(entries, known, strict=True)],
            [self.templates[int(entry)] for entry in shelf.entries[same]],
        )

    def _exchanges(self, composition: Composition) -> _Exchanges | None:
        """How far every known crystal with the formula's amounts is; None where there is none."""
        amounts, symbols = _slots(composition)
        shelf = self._shelves.get(amounts)
        if shelf is None:
            return None
        wanted = np.array([Element(symbol).Z - 1 for symbol in symbols])
        weights = np.array(amounts) / sum(amounts)
        distances, orders = nearest_exchanges(wanted, shelf.elements, weights, amounts)
        return _Exchanges(shelf, symbols, wanted, weights, distances, orders)

    def _letters(self, entry: int, known: NDArray[np.int64]) -> tuple[int, tuple[str, ...]]:
        """A crystal's space group, and canonical letters that other elements take over in order."""
        template = self.templates[int(entry)]
        letters = template.letters
        taken = tuple(letters[ALL_ELEMENTS[number]] for number in known.tolist())
        return template.number, canonical_letters(template.number, taken)

    def agreement(
        self, composition: Composition, energy: float | None
    ) -> dict[SymmetryTemplate, float]:
        """How well the templates known for a formula agree with the energy asked for.

        Args:
            composition: any multiple of the formula.
            energy: wanted formation energy in eV/atom.

        Returns:
            Weights from 0.1 to 1 of the templates that crystals of the formula have, by the crystal
            with the nearest energy; 1 where it agrees as far as the digits asked for can tell. None
            without an energy asked for.
        """
        amounts, symbols = _slots(composition)
        shelf = self._shelves.get(amounts)
        if energy is None or shelf is None:
            return {}
        wanted = np.array([Element(symbol).Z - 1 for symbol in symbols])
        agrees = max(_AGREES, rounding(energy))
        weights: dict[SymmetryTemplate, float] = {}
        for index in shelf.entries[(shelf.elements == wanted).all(axis=1)]:
            gap = abs(float(self._energies[index]) - energy)
            if np.isfinite(gap):  # the crystal's energy is known
                template = self.templates[int(index)]
                weight = max(_LEAST, 1 / (1 + max(0.0, gap - agrees) / _HALF))
                weights[template] = max(weights.get(template, 0.0), weight)
        return weights


def _values(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def rounding(value: float) -> float:
    """Half a unit of a number's last digit, 0.005 of -2.13: as exactly as it was asked for."""
    exponent = Decimal(repr(float(value))).as_tuple().exponent
    return 0.5 * 10.0**exponent if isinstance(exponent, int) else 0.0


def _slots(composition: Composition) -> tuple[tuple[int, ...], list[str]]:
    """Reduced amounts in ascending order, and the elements in the same order."""
    reduced = composition.element_composition
    smallest = np.gcd.reduce([round(amount) for amount in reduced.values()])
    pairs = sorted((round(amount) // int(smallest), el.symbol) for el, amount in reduced.items())
    return tuple(amount for amount, _ in pairs), [symbol for _, symbol in pairs]
