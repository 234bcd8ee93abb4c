"""Training crystals as buckets of padded tensors that live on the training device."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import torch

from crystalsmith.models.structure.batch import CompactTemplate, TemplateBatch, collate
from crystalsmith.models.structure.equivalence import Descriptions
from crystalsmith.models.structure.lattice import matrices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from crystalsmith.models.structure.arrays import TrainingArrays
    from crystalsmith.models.structure.flow import CrystalFlow
    from crystalsmith.models.structure.wyckoff_table import WyckoffTable

_BUCKET = 512
_MAX_BORROWED = 6


@dataclass
class Borrowed:
    """Geometries borrowed from known crystals, B crystals with up to T each.

    Attributes:
        free: ``(B, T, n, 3)``; lattice: ``(B, T, 6)`` standardised; distance, spread: ``(B, T)``;
        count: ``(B,)`` how many there are.
    """

    free: Tensor
    lattice: Tensor
    distance: Tensor
    spread: Tensor
    count: Tensor


@dataclass
class Bucket:
    """Crystals of similar size.

    Attributes:
        batch: their templates.
        crystals: their equivalent descriptions.
        borrowed: what they may start from.
        band_gap, formation_energy: ``(B,)``, NaN where unknown.
    """

    batch: TemplateBatch
    crystals: Descriptions
    borrowed: Borrowed
    band_gap: Tensor
    formation_energy: Tensor

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def pairs(self) -> int:
        """Orbit-atom pairs of its largest crystal, at most."""
        return self.batch.orbit_mask.shape[1] * self.batch.atom_mask.shape[1]

    def select(self, index: Tensor) -> Bucket:
        """Some crystals of the bucket, trimmed to the largest of them."""
        batch = self.batch.select(index)
        orbits = batch.orbit_mask.shape[1]
        c, b = self.crystals, self.borrowed
        variants = int(c.mask[index].sum(1).max())
        crystals = Descriptions(
            free=c.free[index][:, :variants, :orbits],
            lattice=c.lattice[index][:, :variants],
            mask=c.mask[index][:, :variants],
            self_maps=c.self_maps[index][:, :orbits],
            self_shifts=c.self_shifts[index][:, :orbits],
            metric=c.metric[index][:, :orbits],
            classes=c.classes[index][:, :orbits],
        )
        borrowed = Borrowed(
            b.free[index][:, :, :orbits],
            b.lattice[index],
            b.distance[index],
            b.spread[index],
            b.count[index],
        )
        return Bucket(batch, crystals, borrowed, self.band_gap[index], self.formation_energy[index])


def fit_scales(flow: CrystalFlow, arrays: TrainingArrays, table: WyckoffTable) -> None:
    """Set the flow's element volumes and, per crystal family, the spread of lattice shapes."""
    flow.atomic_volume.copy_(torch.from_numpy(arrays.atomic_volume))  # type: ignore[operator]
    batch = collate([_compact(arrays, c, table) for c in range(len(arrays))], table)
    first = torch.from_numpy(arrays.lattice[arrays.descriptions[:-1]])
    gaps = first - flow.reference(batch)
    families = batch.lattice_mask.float() @ (2.0 ** torch.arange(6))
    masks, _ = _group_masks()
    family_of_group = masks.float() @ (2.0 ** torch.arange(6))
    for family in families.unique():
        chosen = gaps[families == family]
        groups = family_of_group == family
        flow.lattice_mean[groups] = chosen.mean(0) * masks[groups]  # type: ignore[operator]
        if len(chosen) > 1:  # one crystal has no spread
            flow.lattice_std[groups] = chosen.std(0).clamp_min(1e-3)  # type: ignore[operator]


def _group_masks() -> tuple[Tensor, Tensor]:
    from crystalsmith.models.structure.wyckoff_table import lattice_masks

    masks, constants = lattice_masks()
    return torch.from_numpy(masks), torch.from_numpy(constants)


def build_buckets(
    arrays: TrainingArrays, table: WyckoffTable, flow: CrystalFlow, device: torch.device
) -> list[Bucket]:
    """Sort crystals by size and collate them bucket by bucket."""
    rows = table.rows(arrays.keys)
    n_orbits = np.diff(arrays.orbits)
    points = np.add.reduceat(table.n_points[rows], arrays.orbits[:-1])
    selves = np.maximum.reduceat(table.n_self_maps[rows], arrays.orbits[:-1])
    order = np.lexsort((points, selves, n_orbits))
    groups = []
    start = 0
    while start < len(order):
        size = _BUCKET
        while size > 1 and _cost(order[start : start + size], n_orbits, selves) > 4e8:
            size //= 2  # keep the padded self maps of one bucket within a few hundred MB
        groups.append(order[start : start + size])
        start += size
    return [_bucket(arrays, group, table, flow, device) for group in groups]


def _cost(
    group: NDArray[np.int64], n_orbits: NDArray[np.int64], selves: NDArray[np.int64]
) -> float:
    return float(len(group) * n_orbits[group].max() * selves[group].max() * 12 * 4)


def _compact(arrays: TrainingArrays, crystal: int, table: WyckoffTable) -> CompactTemplate:
    span = slice(arrays.orbits[crystal], arrays.orbits[crystal + 1])
    return CompactTemplate(
        int(arrays.number[crystal]), arrays.elements[span], table.rows(arrays.keys[span])
    )


def _bucket(
    arrays: TrainingArrays,
    group: NDArray[np.int64],
    table: WyckoffTable,
    flow: CrystalFlow,
    device: torch.device,
) -> Bucket:
    batch = collate([_compact(arrays, c, table) for c in group], table)
    free, lattice, mask = _ragged(
        arrays, group, arrays.descriptions, arrays.free, arrays.lattice, None
    )
    b_free, b_lattice, b_mask = _ragged(
        arrays, group, arrays.borrowed, arrays.borrowed_free, arrays.borrowed_lattice, _MAX_BORROWED
    )
    distance, spread = (np.zeros(b_mask.shape, np.float32) for _ in range(2))
    for row, crystal in enumerate(group):
        span = slice(arrays.borrowed[crystal], arrays.borrowed[crystal + 1])
        distance[row, : span.stop - span.start] = arrays.borrowed_distance[span]
        spread[row, : span.stop - span.start] = arrays.borrowed_spread[span]
    crystals = Descriptions(
        free=torch.from_numpy(free),
        lattice=_standardised(flow, batch, torch.from_numpy(lattice)),
        mask=torch.from_numpy(mask),
        metric=_metric(batch, torch.from_numpy(lattice[:, 0])),
        **_orbit_classes(arrays, group, table, batch),
    )
    borrowed = Borrowed(
        torch.from_numpy(b_free),
        _standardised(flow, batch, torch.from_numpy(b_lattice)),
        torch.from_numpy(distance),
        torch.from_numpy(spread),
        torch.from_numpy(b_mask.sum(1)),
    )

    def moved(part: Descriptions | Borrowed) -> dict[str, Tensor]:
        return {f.name: getattr(part, f.name).to(device) for f in fields(part)}

    return Bucket(
        batch.to(device),
        Descriptions(**moved(crystals)),
        Borrowed(**moved(borrowed)),
        torch.from_numpy(arrays.band_gap[group]).to(device),
        torch.from_numpy(arrays.formation_energy[group]).to(device),
    )


def _ragged(
    arrays: TrainingArrays,
    group: NDArray[np.int64],
    offsets: NDArray[np.int64],
    free: NDArray[np.float32],
    lattice: NDArray[np.float32],
    at_least: int | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Pad descriptions (or borrowed geometries): ``(B, V, n, 3)``, ``(B, V, 6)``, ``(B, V)``."""
    counts = np.diff(offsets)
    n_orbits = np.diff(arrays.orbits)
    # where each crystal's block of free coordinates begins
    begins = np.concatenate([[0], np.cumsum(counts * n_orbits)])
    width = max(int(counts[group].max()), at_least or 1)
    out_free = np.zeros((len(group), width, int(n_orbits[group].max()), 3), np.float32)
    out_lattice = np.zeros((len(group), width, 6), np.float32)
    mask = np.zeros((len(group), width), bool)
    for row, crystal in enumerate(group):
        count, orbits = int(counts[crystal]), int(n_orbits[crystal])
        block = free[begins[crystal] : begins[crystal + 1]].reshape(count, orbits, 3)
        out_free[row, :count, :orbits] = block
        out_lattice[row, :count] = lattice[offsets[crystal] : offsets[crystal] + count]
        mask[row, :count] = True
    return out_free, out_lattice, mask


def _standardised(flow: CrystalFlow, batch: TemplateBatch, lattice: Tensor) -> Tensor:
    values = [flow.standardised(batch, lattice[:, v]) for v in range(lattice.shape[1])]
    return torch.stack(values, dim=1).clamp(-6.0, 6.0)


def _metric(batch: TemplateBatch, lattice: Tensor) -> Tensor:
    cells = matrices(lattice)
    return torch.einsum("bnij,bik,blk,bnlm->bnjm", batch.orbit_map, cells, cells, batch.orbit_map)


def _orbit_classes(
    arrays: TrainingArrays, group: NDArray[np.int64], table: WyckoffTable, batch: TemplateBatch
) -> dict[str, Tensor]:
    size, n_orbits = batch.orbit_mask.shape
    classes = np.full((size, n_orbits), -1, np.int64)
    spans = [slice(arrays.orbits[c], arrays.orbits[c + 1]) for c in group]
    rows = [table.rows(arrays.keys[span]) for span in spans]
    most = max(int(table.n_self_maps[r].max()) for r in rows)
    maps = np.zeros((size, n_orbits, most, 3, 3), np.float32)
    shifts = np.zeros((size, n_orbits, most, 3), np.float32)
    for index, (span, own) in enumerate(zip(spans, rows, strict=True)):
        classes[index, : len(own)] = arrays.elements[span] * 10_000 + own
        for orbit, row in enumerate(own):
            first, count = table.first_self_map[row], table.n_self_maps[row]
            picks = first + np.arange(most) % count  # repeat to fill: the minimum does not change
            maps[index, orbit] = table.self_maps[picks]
            shifts[index, orbit] = table.self_shifts[picks]
    return {
        "classes": torch.from_numpy(classes),
        "self_maps": torch.from_numpy(maps),
        "self_shifts": torch.from_numpy(shifts),
    }


def epoch(buckets: list[Bucket], pair_budget: int, generator: torch.Generator) -> Iterator[Bucket]:
    """Crystals in batches of at most ``pair_budget`` orbit-atom pairs, shuffled.

    No crystal comes twice. Where little is free there is little to learn, and most are left out,
    unless all crystals are of that kind.
    """
    lots = [torch.rand(len(bucket), generator=generator) for bucket in buckets]
    taken = [lot < _share_taken(bucket) for lot, bucket in zip(lots, buckets, strict=True)]
    if not any(bool(rows.any()) for rows in taken):
        taken = [torch.ones_like(rows) for rows in taken]
    plan: list[tuple[int, Tensor]] = []
    for index, (bucket, chosen) in enumerate(zip(buckets, taken, strict=True)):
        rows = chosen.nonzero().squeeze(1)
        if len(rows):
            size = max(1, min(len(rows), pair_budget // bucket.pairs))
            shuffled = rows[torch.randperm(len(rows), generator=generator)]
            plan += [(index, part) for part in shuffled.chunk(-(-len(rows) // size))]
    for which in torch.randperm(len(plan), generator=generator).tolist():
        index, rows = plan[which]
        bucket = buckets[index]
        yield bucket.select(rows.to(bucket.band_gap.device))


def _share_taken(bucket: Bucket) -> Tensor:
    """How many of such crystals an epoch takes, ``(B,)``."""
    free = bucket.batch.free_parameters.cpu() - 1  # but for the volume
    return torch.where(free == 0, 0.05, torch.where(free <= 3, 0.6, 1.0))
