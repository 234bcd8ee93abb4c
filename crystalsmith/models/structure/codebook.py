"""Prototypes as weights: where the free parameters of a template usually lie.

For every pattern (space group and Wyckoff letters, elements forgotten) that several training
crystals share, the codebook holds the centres of the groups that their geometries form, and which
elements each group likes. A centre averages three crystals at least; no crystal is stored.

Which centre suits a template best is decided by naive Bayes: how many crystals the group has, times
how often it has such elements in each slot, where like elements count as well as equal ones.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from pymatgen.core import Element

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, element_distances, element_places
from crystalsmith.core.crystallography.crystal import SymmetricCrystal, recanonicalised
from crystalsmith.core.crystallography.normaliser import slot_orders
from crystalsmith.core.errors import WeightsError
from crystalsmith.models.runs import load_tensors, save_tensors
from crystalsmith.models.structure.lattice import VOLUME, lattice_parameters
from crystalsmith.models.structure.library import expected_volume, slot_elements
from crystalsmith.models.structure.wyckoff_table import LETTERS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from crystalsmith.core.crystallography.template import SymmetryTemplate

CODEBOOK_FILE = "codebook.safetensors"
Pattern = tuple[int, tuple[str, ...]]


class Centre(NamedTuple):
    """A centre of the codebook, on the template asked for.

    Attributes:
        crystal: its geometry; the volume fits the elements.
        distance: how unlike the elements are that the group has at their places.
        spread: root mean square distance of the group's crystals from the centre, in units of the
            cube root of the volume per atom.
        size: how many crystals the group has.
    """

    crystal: SymmetricCrystal
    distance: float
    spread: float
    size: float


@dataclass(frozen=True)
class Codebook:
    """All centres. P patterns, K centres.

    Attributes:
        number: ``(P,)`` space groups.
        orbits: ``(P + 1,)`` offsets of ``letters`` and ``slots``: a pattern's orbits.
        letters: index of each orbit's letter in `LETTERS`.
        slots: which of the pattern's elements sits there, counted from 0.
        centres: ``(P + 1,)`` offsets of what follows: a pattern's centres.
        lattice: ``(K, 6)`` lattice coefficients, the last relative to the elements' volume.
        free: free coordinates, ``(sum of the orbits of all centres, 3)``.
        places: ``(sum of the slots of all centres, 5)`` mean `element_places` in each slot.
        variances: ``(sum of the slots of all centres,)`` their summed variances.
        likings: ``(sum of the slots of all centres, 103)``; see `likings_of`.
        spread: ``(K,)``; see `Centre`.
        count: ``(K,)`` crystals in the group.
    """

    number: NDArray[np.int16]
    orbits: NDArray[np.int32]
    letters: NDArray[np.uint8]
    slots: NDArray[np.uint8]
    centres: NDArray[np.int32]
    lattice: NDArray[np.float16]
    free: NDArray[np.float16]
    places: NDArray[np.float16]
    variances: NDArray[np.float16]
    likings: NDArray[np.float16]
    spread: NDArray[np.float16]
    count: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.lattice)

    def __contains__(self, template: SymmetryTemplate) -> bool:
        return template.pattern in self._rows

    def save(self, folder: Path) -> None:
        """Write it beside the weights."""
        tensors = {f.name: torch.from_numpy(getattr(self, f.name)) for f in fields(self)}
        save_tensors(folder / CODEBOOK_FILE, tensors)

    @classmethod
    def load(cls, folder: Path) -> Codebook:
        """Read what `save` wrote; weights without a codebook have an empty one.

        Raises:
            WeightsError: the file is damaged or of an older version.
        """
        if not (folder / CODEBOOK_FILE).exists():
            return cls.empty()
        tensors = load_tensors(folder / CODEBOOK_FILE)
        if missing := [f.name for f in fields(cls) if f.name not in tensors]:
            raise WeightsError(
                f"{folder / CODEBOOK_FILE} has no {', '.join(missing)}: it was made by an older"
                " crystalsmith; train the structure generator again"
            )
        return cls(**{f.name: tensors[f.name].numpy() for f in fields(cls)})

    @classmethod
    def empty(cls) -> Codebook:
        """No centres at all."""
        return CodebookBuilder().codebook()

    @cached_property
    def _rows(self) -> dict[Pattern, int]:
        """Row of every pattern."""
        table = {}
        for row, number in enumerate(self.number):
            span = slice(self.orbits[row], self.orbits[row + 1])
            rows: dict[int, str] = {}
            for letter, slot in zip(self.letters[span], self.slots[span], strict=True):
                rows[int(slot)] = rows.get(int(slot), "") + LETTERS[letter]
            table[int(number), tuple(rows.values())] = row
        return table

    @cached_property
    def _begins(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each pattern's blocks of ``free`` and of ``places`` begin."""
        n_centres = np.diff(self.centres).astype(np.int64)
        n_orbits = np.diff(self.orbits).astype(np.int64)
        n_slots = np.array([len(letters) for _, letters in self._rows], dtype=np.int64)
        return tuple(  # type: ignore[return-value]
            np.concatenate([[0], np.cumsum(n_centres * width)]) for width in (n_orbits, n_slots)
        )

    @property
    def patterns(self) -> list[Pattern]:
        """Patterns that it has centres of."""
        return list(self._rows)

    def size_of(self, template: SymmetryTemplate) -> int:
        """How many centres it has of a canonical template's pattern."""
        row = self._rows.get(template.pattern)
        return 0 if row is None else int(self.centres[row + 1] - self.centres[row])

    def nearest(
        self, template: SymmetryTemplate, volumes: NDArray[np.floating], count: int = 1
    ) -> list[Centre]:
        """The centres of a canonical template's pattern that suit its elements best, best first.

        Args:
            template: canonical template.
            volumes: Å³ per atom of each element, by atomic number.
            count: how many at most.
        """
        row = self._rows.get(template.pattern)
        if row is None:
            return []
        symbols = slot_elements(template)
        first = int(self.centres[row])
        chosen: dict[int, Centre] = {}
        for _, distance, centre, order in self._ranked(row, template, symbols):
            if len(chosen) == count:
                break
            if centre not in chosen:
                elements = [symbols[slot] for slot in order]
                crystal = self._crystal(row, centre, elements, template, volumes)
                spread, size = self.spread[first + centre], self.count[first + centre]
                chosen[centre] = Centre(crystal, distance, float(spread), float(size))
        return list(chosen.values())

    def _ranked(
        self, row: int, template: SymmetryTemplate, symbols: list[str]
    ) -> list[tuple[float, float, int, tuple[int, ...]]]:
        """All centres of a pattern in all orders of the elements, the likeliest first.

        Returns:
            Negative log-probability (unscaled), distance, centre within the pattern, and order.
        """
        first, last = int(self.centres[row]), int(self.centres[row + 1])
        shape = (last - first, len(symbols))
        block = slice(self._begins[1][row], self._begins[1][row] + shape[0] * shape[1])
        places = self.places[block].astype(float).reshape(*shape, self.places.shape[1])
        variances = self.variances[block].astype(float).reshape(shape)
        likings = self.likings[block].astype(float).reshape(*shape, self.likings.shape[1])
        sizes = np.log(self.count[first:last].astype(float))
        wanted = np.array([Element(symbol).Z - 1 for symbol in symbols])
        found: list[tuple[float, float, int, tuple[int, ...]]] = []
        for order in slot_orders(template.pattern):
            own = wanted[list(order)]
            squares = ((element_places()[own] - places) ** 2).sum(-1) + variances
            distances = np.sqrt(squares @ self._amounts(row, template, order))
            scores = sizes + likings[:, np.arange(len(own)), own].sum(1)
            found += [
                (-float(score), float(distance), centre, order)
                for centre, (score, distance) in enumerate(zip(scores, distances, strict=True))
            ]
        return sorted(found)

    def _amounts(
        self, row: int, template: SymmetryTemplate, order: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """Share of the atoms in each slot of a pattern."""
        span = slice(self.orbits[row], self.orbits[row + 1])
        amounts = np.zeros(len(order))
        for letter, slot in zip(self.letters[span], self.slots[span], strict=True):
            amounts[slot] += template.group.position(LETTERS[letter]).multiplicity
        return amounts / amounts.sum()

    def _crystal(
        self,
        row: int,
        centre: int,
        elements: list[str],
        template: SymmetryTemplate,
        volumes: NDArray[np.floating],
    ) -> SymmetricCrystal:
        """A centre with elements in its slots, in the canonical description."""
        first, last = int(self.orbits[row]), int(self.orbits[row + 1])
        begin = self._begins[0][row] + centre * (last - first)
        block = self.free[begin : begin + last - first].astype(float)
        orbits, free = [], []
        for index in range(first, last):
            letter = LETTERS[self.letters[index]]
            freedom = template.group.position(letter).freedom
            orbits.append((elements[self.slots[index]], letter))
            free.append(block[index - first, :freedom])
        values = self.lattice[int(self.centres[row]) + centre].astype(float)
        atoms = template.composition.num_atoms
        expected = expected_volume(template, volumes)
        values[VOLUME] += np.log(expected * atoms) / 3
        return recanonicalised(
            SymmetricCrystal.assembled(template.number, lattice_parameters(values), orbits, free)
        )


# chosen on mp20_val and held-out crystals of perov5_train
_LIKENESS = 0.05  # squared distance of elements at which one counts as e⁻¹ of the other
_UNSEEN = 0.1  # of an element, as much as if it had occurred so often
_KINDS = 10.0  # elements that a slot may have, roughly


def likings_of(elements: NDArray[np.integer]) -> NDArray[np.float64]:
    """How much a group likes each element in each slot, ``(slots, 103)`` log-probabilities.

    Args:
        elements: ``(members, slots)`` atomic numbers of its crystals.
    """
    likeness = np.exp(-(element_distances()[elements - 1] ** 2) / _LIKENESS)
    seen = likeness.sum(0)
    return np.asarray(np.log((seen + _UNSEEN) / (len(elements) + _UNSEEN * _KINDS)))


class CodebookBuilder:
    """Collects centres pattern by pattern."""

    def __init__(self) -> None:
        self.number: list[int] = []
        self.orbits, self.centres = [0], [0]
        self.letters: list[int] = []
        self.slots: list[int] = []
        self.rows: list[dict[str, NDArray[np.floating]]] = []

    def add(self, pattern: Pattern, centres: list[dict[str, NDArray[np.floating]]]) -> None:
        """A pattern with its centres, each a row of `Codebook`'s arrays."""
        number, letters = pattern
        self.number.append(number)
        for slot, row in enumerate(letters):
            self.letters += [LETTERS.index(letter) for letter in row]
            self.slots += [slot] * len(row)
        self.orbits.append(len(self.letters))
        self.rows += centres
        self.centres.append(len(self.rows))

    def codebook(self) -> Codebook:
        """Everything collected."""

        def stacked(name: str, *shape: int) -> NDArray[np.float16]:
            blocks = [np.reshape(row[name], (-1, *shape)) for row in self.rows]
            return np.concatenate([np.zeros((0, *shape)), *blocks]).astype(np.float16)

        return Codebook(
            number=np.array(self.number, dtype=np.int16),
            orbits=np.array(self.orbits, dtype=np.int32),
            letters=np.array(self.letters, dtype=np.uint8),
            slots=np.array(self.slots, dtype=np.uint8),
            centres=np.array(self.centres, dtype=np.int32),
            lattice=stacked("lattice", 6),
            free=stacked("free", 3),
            places=stacked("places", 5),
            variances=stacked("variances"),
            likings=stacked("likings", len(ALL_ELEMENTS)),
            spread=stacked("spread"),
            count=stacked("count"),
        )
