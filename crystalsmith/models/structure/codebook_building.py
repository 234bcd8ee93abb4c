"""Making the codebook: training crystals of one pattern, laid upon each other and grouped."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from pymatgen.core import Element

from crystalsmith.core.chemistry.elements import element_places
from crystalsmith.core.crystallography.crystal import pattern_descriptions
from crystalsmith.core.crystallography.normaliser import different_choices
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.structure.batch import CompactTemplate, TemplateBatch, collate
from crystalsmith.models.structure.codebook import (
    Centre,
    Codebook,
    CodebookBuilder,
    Pattern,
    likings_of,
)
from crystalsmith.models.structure.equivalence import Descriptions, nearest_description
from crystalsmith.models.structure.lattice import VOLUME, coefficients, matrices
from crystalsmith.models.structure.library import expected_volume
from crystalsmith.models.structure.wyckoff_table import WyckoffTable, position_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.entry import Entry

LEAST = 3  # crystals behind every centre
REACHES = (0.05, 0.10, 0.25)  # how near crystals of a group are: close groups first
_STRAIN = 1.5  # a unit of strain weighs as much as this displacement over the length per atom
_MAX_DESCRIPTIONS = 32
_MAX_ORBITS = 24
_LEADERS = 6
_SAMPLE = 80  # crystals that a possible centre is judged by
_CHUNK = 48  # crystals aligned at a time


@dataclass(frozen=True)
class Group:
    """Crystals that one centre stands for.

    Attributes:
        members: positions in the list of entries.
        row: what the centre stores (see `codebook.Codebook`).
        aligned_free: ``(members, orbits, 3)`` their free coordinates beside the centre's.
        aligned_lattice: ``(members, 6)``.
        elements: ``(members, slots)`` atomic numbers in the pattern's slots.
    """

    members: NDArray[np.int64]
    row: dict[str, NDArray[np.floating]]
    aligned_free: NDArray[np.float32]
    aligned_lattice: NDArray[np.float32]
    elements: NDArray[np.int64]


def build_codebook(
    entries: Sequence[Entry],
    volumes: NDArray[np.floating],
    table: WyckoffTable,
    progress: Progress = silent,
) -> tuple[Codebook, dict[Pattern, list[Group]]]:
    """Group the crystals of every pattern.

    Args:
        entries: training crystals.
        volumes: Å³ per atom of each element.
        table: with self maps, of all space groups.
        progress: told about every pattern.

    Returns:
        The codebook, and the groups behind it.
    """
    shelves: dict[Pattern, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        shelves[entry.crystal.template.pattern].append(index)
    builder = CodebookBuilder()
    groups: dict[Pattern, list[Group]] = {}
    kept = sorted(pattern for pattern, members in shelves.items() if len(members) >= LEAST)
    for done, pattern in enumerate(kept, start=1):
        progress("grouping crystals", done, len(kept))
        template = entries[shelves[pattern][0]].crystal.template
        if template.free_parameters == 1 or len(template.orbits) > _MAX_ORBITS:
            continue  # nothing but the volume is free
        shelf = _Shelf(pattern, shelves[pattern], entries, volumes, table)
        found = shelf.groups()
        if found:
            groups[pattern] = found
            builder.add(pattern, [group.row for group in found])
    return builder.codebook(), groups


class CentresWithout:
    """The codebook as it would be without the crystals of one formula: for training.

    Args:
        codebook: of all crystals.
        groups: behind the centres of each pattern.
        entries: the crystals that it was made from.
        volumes: Å³ per atom of each element.
    """

    def __init__(
        self,
        codebook: Codebook,
        groups: dict[Pattern, list[Group]],
        entries: Sequence[Entry],
        volumes: NDArray[np.floating],
    ) -> None:
        self.codebook, self.groups, self.volumes = codebook, groups, volumes
        self.formulas = np.array([entry.formula for entry in entries], dtype=object)

    def nearest(self, entry: Entry, count: int) -> list[Centre]:
        """`Codebook.nearest` for a crystal that the codebook has not seen."""
        pattern = entry.crystal.template.pattern
        if pattern not in self.groups:
            return []
        rows = [self._without(group, entry.formula) for group in self.groups[pattern]]
        builder = CodebookBuilder()
        builder.add(pattern, [row for row in rows if row is not None])
        return builder.codebook().nearest(entry.crystal.template, self.volumes, count)

    def _without(self, group: Group, formula: str) -> dict[str, NDArray[np.floating]] | None:
        kept = self.formulas[group.members] != formula
        if kept.all():
            return group.row
        if kept.sum() < LEAST - 1:
            return None
        own_free, own_lattice = group.aligned_free[kept], group.aligned_lattice[kept]
        return group.row | _mean_row(own_free, own_lattice, group.elements[kept])


class _Shelf:
    """All training crystals of one pattern, ready to be laid upon each other."""

    def __init__(
        self,
        pattern: Pattern,
        members: list[int],
        entries: Sequence[Entry],
        volumes: NDArray[np.floating],
        table: WyckoffTable,
    ) -> None:
        self.members = np.array(members)
        number, letters = pattern
        rows = [
            _descriptions(entries[index].crystal, letters, volumes)[:_MAX_DESCRIPTIONS]
            for index in members
        ]
        self.elements = [np.array([slots for slots, _, _ in row]) for row in rows]
        width = max(len(row) for row in rows)
        n_orbits = sum(map(len, letters))
        self.free = torch.zeros(len(rows), width, n_orbits, 3)
        self.lattice = torch.zeros(len(rows), width, 6)
        self.mask = torch.zeros(len(rows), width, dtype=torch.bool)
        for index, row in enumerate(rows):
            self.free[index, : len(row)] = torch.from_numpy(np.stack([free for _, free, _ in row]))
            self.lattice[index, : len(row)] = torch.from_numpy(np.stack([c for _, _, c in row]))
            self.mask[index, : len(row)] = True
        keys = [position_key(number, letter) for row in letters for letter in row]
        own = table.rows(np.array(keys, dtype=np.int64))
        slots = np.repeat(np.arange(len(letters)), [len(row) for row in letters])
        self.compact = CompactTemplate(number, slots + 1, own)
        self.table = table
        self.batch = collate([self.compact], table)
        most = int(table.n_self_maps[own].max())
        picks = [
            table.first_self_map[r] + np.arange(most) % table.n_self_maps[r] for r in own
        ]  # repeated to fill: the minimum does not change
        self.self_maps = torch.from_numpy(table.self_maps[np.array(picks)])
        self.self_shifts = torch.from_numpy(table.self_shifts[np.array(picks)])
        self.classes = torch.from_numpy(slots * 10_000 + own)

    def groups(self) -> list[Group]:
        """Groups of crystals that lie near their mean, the largest first."""
        remaining = np.arange(len(self.members))
        found: list[Group] = []
        for reach in REACHES:
            tried: set[int] = set()
            while len(remaining) >= LEAST:
                leaders = [index for index in remaining if index not in tried][:_LEADERS]
                if not leaders:
                    break
                best: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
                for leader in leaders:
                    some = remaining[:: max(1, len(remaining) // _SAMPLE)]
                    near = self._near(self.free[leader, 0], self.lattice[leader, 0], some, reach)
                    tried.add(int(leader))
                    if len(near) > len(best):
                        best, first = near, leader
                    if len(near) > len(some) / 2:
                        break
                if len(best) < LEAST:
                    continue
                group = self._settled(int(first), best, remaining, reach)
                if group is None:
                    continue
                found.append(group)
                gone = set(group.members.tolist())
                remaining = np.array(
                    [i for i in remaining if int(self.members[i]) not in gone], dtype=np.int64
                )
        return sorted(found, key=lambda group: -len(group.members))

    def _near(
        self, free: Tensor, lattice: Tensor, which: NDArray[np.int64], reach: float
    ) -> NDArray[np.int64]:
        gaps = self._laid_upon(free, lattice, which)[0]
        return which[gaps.numpy() < reach]

    def _settled(
        self, leader: int, near: NDArray[np.int64], which: NDArray[np.int64], reach: float
    ) -> Group | None:
        """Move the centre to the mean of what is near it, a few times."""
        free, lattice = self.free[leader, 0], self.lattice[leader, 0]
        for _ in range(3):
            _, own_free, own_lattice, _ = self._laid_upon(free, lattice, near)
            free, lattice = own_free.mean(0), own_lattice.mean(0)
            near = self._near(free, lattice, which, reach)
            if len(near) < LEAST:
                return None
        gaps, own_free, own_lattice, chosen = self._laid_upon(free, lattice, near)
        aligned = own_free.numpy(), own_lattice.numpy()
        elements = np.stack(
            [self.elements[i][v] for i, v in zip(near, chosen.tolist(), strict=True)]
        )
        row = _mean_row(*aligned, elements)
        row["spread"] = np.array([float(gaps.square().mean().sqrt())])
        return Group(self.members[near], row, *aligned, elements)

    def _laid_upon(
        self, free: Tensor, lattice: Tensor, which: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Crystals in the description nearest to a geometry.

        Returns:
            ``(m,)`` distance in units of the length per atom, ``(m, n, 3)`` free coordinates
            (not wrapped), ``(m, 6)`` coefficients, and ``(m,)`` which description it is.
        """
        parts = [
            self._laid_part(free, lattice, torch.from_numpy(part))
            for part in np.split(which, range(_CHUNK, len(which), _CHUNK))
        ]
        return tuple(torch.cat(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]

    def _laid_part(
        self, free: Tensor, lattice: Tensor, which: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        size = len(which)
        batch = _repeated(self.batch, size)
        cells = matrices(lattice[None])  # unit volume per atom, by the choice of coefficients
        scale = self.batch.conventional_atoms ** (1 / 3)
        maps = self.batch.orbit_map
        metric = torch.einsum("bnij,bik,blk,bnlm->bnjm", maps, cells, cells, maps) * scale**2
        share = self.batch.multiplicity / self.batch.multiplicity.sum()
        crystals = Descriptions(
            free=self.free[which],
            lattice=self.lattice[which] * _STRAIN,
            mask=self.mask[which],
            self_maps=self.self_maps.expand(size, *self.self_maps.shape),
            self_shifts=self.self_shifts.expand(size, *self.self_shifts.shape),
            metric=(metric * share[..., None, None]).expand(size, *metric.shape[1:]),
            classes=self.classes.expand(size, -1),
        )
        start = free.expand(size, *free.shape)
        move, stretch, chosen = nearest_description(
            batch, start, lattice.expand(size, 6) * _STRAIN, crystals
        )
        squared = torch.einsum("bni,bnij,bnj->b", move, crystals.metric, move)
        shape = stretch[:, :VOLUME].square().sum(1)
        return (
            (squared + shape).sqrt(),
            free + move,
            lattice + stretch / _STRAIN,
            chosen,
        )


def _mean_row(
    free: NDArray[np.float32], lattice: NDArray[np.float32], elements: NDArray[np.int64]
) -> dict[str, NDArray[np.floating]]:
    """What the codebook stores of crystals laid upon each other, but for their spread."""
    places = element_places()[elements - 1]
    return {
        "lattice": lattice.mean(0),
        "free": free.mean(0) % 1.0,
        "places": places.mean(0),
        "variances": places.var(0).sum(-1),
        "likings": likings_of(elements),
        "count": np.array([float(len(elements))]),
    }


def _repeated(batch: TemplateBatch, size: int) -> TemplateBatch:
    return batch.select(torch.zeros(size, dtype=torch.long))


def _descriptions(
    crystal: SymmetricCrystal, letters: tuple[str, ...], volumes: NDArray[np.floating]
) -> list[tuple[tuple[int, ...], NDArray[np.float32], NDArray[np.float32]]]:
    """A crystal in all descriptions with its pattern, elements in all slots that they can take.

    Returns:
        Atomic number in every slot, free coordinates ``(n, 3)`` slot by slot, and coefficients with
        the volume per atom relative to what the elements' volumes add up to.
    """
    atoms = crystal.template.composition.num_atoms
    expected = np.log(expected_volume(crystal.template, volumes) * atoms) / 3
    found = []
    for other in pattern_descriptions(crystal):
        values = coefficients(other.lattice)
        values[VOLUME] -= expected
        rows = other.template.letters
        choices = [[symbol for symbol in rows if rows[symbol] == row] for row in letters]
        for order in different_choices(choices):
            slots = tuple(Element(symbol).Z for symbol in order)
            found.append((slots, _free_by_slot(other, order), values.astype(np.float32)))
    return found


def _free_by_slot(crystal: SymmetricCrystal, order: tuple[str, ...]) -> NDArray[np.float32]:
    rows = []
    for symbol in order:
        for orbit, free in zip(crystal.template.orbits, crystal.free, strict=True):
            if orbit.element == symbol:
                rows.append(np.pad(free, (0, 3 - len(free))))
    return np.array(rows, dtype=np.float32)
