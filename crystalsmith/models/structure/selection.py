"""Which of many drafts of one template is the crystal: a learned match probability.

A small network reads facts about a draft: what it started from, how the flow sees it, distances
between atoms against their radii, the volume, how far other drafts agree with it, and how its
predicted energy compares with theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.runs import load_tensors, save_tensors
from crystalsmith.models.structure.geometry import N_RADIAL, pair_geometry
from crystalsmith.models.structure.lattice import VOLUME, matrices
from crystalsmith.models.structure.network import Conditions
from crystalsmith.models.structure.soundness import atomic_radii

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.models.structure.batch import TemplateBatch
    from crystalsmith.models.structure.flow import CrystalFlow

SELECTOR_FILE = "selector.safetensors"
_OWN_FACTS = (
    "from a crystal",
    "from a centre",
    "unlikeness of the elements",
    "spread of the centre",
    "free parameters",
    "atoms",
    "shortest contact over the radii",
    "volume against the elements'",
    "shape against the usual",
    "moved from the start",
    "unrest of the atoms",
    "unrest of the cell",
)
_SHARED_FACTS = (
    "agreement",
    "nearest other draft",
    "agreement among noise",
    "drafts",
    "rank of the start",
    "least unrest of all",
    "energy above the lowest",
    "energy against the median",
    "rank by energy",
)
FACTS = (*_OWN_FACTS, *_SHARED_FACTS)
_AGREE = 0.15  # relative difference of fingerprints at which drafts agree


@dataclass(frozen=True)
class DraftFacts:
    """What is known of a draft by itself.

    Attributes:
        values: in the order of the first facts.
        fingerprint: distances by kind of pair; equal for equal crystals, whatever their size.
    """

    values: NDArray[np.float32]
    fingerprint: NDArray[np.float32]


@torch.inference_mode()
def draft_facts(
    flow: CrystalFlow,
    batch: TemplateBatch,
    start: Tensor,
    free: Tensor,
    values: Tensor,
    conditions: Conditions,
) -> list[DraftFacts]:
    """Facts about a batch of finished drafts.

    Args:
        flow: that drew them.
        batch: their templates.
        start: ``(B, n, 3)`` free coordinates that they started from.
        free: ``(B, n, 3)`` those that they have now.
        values: ``(B, 6)`` lattice coefficients.
        conditions: what the flow was told.
    """
    cells = matrices(values)
    length = torch.exp(values[:, VOLUME]) / batch.conventional_atoms ** (1 / 3)
    share = batch.multiplicity / batch.multiplicity.sum(1, keepdim=True)

    def size(moves: Tensor) -> Tensor:
        """Root mean square of moves of free coordinates, in lengths per atom."""
        cartesian = torch.einsum("bnij,bnj,bik->bnk", batch.orbit_map, moves, cells)
        return ((cartesian.square().sum(-1) * share).sum(1)).sqrt() / length

    gaps = free - start
    gaps = (gaps - gaps.round()) * batch.freedom
    standardised = flow.standardised(batch, values)
    ones, zeros = torch.ones_like(length), torch.zeros_like(length)
    nothing = torch.full_like(length, torch.nan)
    blank = Conditions(nothing, nothing, zeros, zeros, zeros)
    v_free, v_lattice = flow.velocity(batch, free, standardised, ones, blank)
    reference = flow.reference(batch)
    usual = values.clone()
    usual[:, VOLUME] = reference[:, VOLUME]  # fingerprints do not see the volume
    columns = [
        conditions.from_template * (conditions.spread == 0),
        (conditions.spread > 0).float(),
        conditions.distance,
        conditions.spread,
        (batch.free_parameters - 1).float().log1p(),
        batch.multiplicity.sum(1).log(),
        _shortest_contact(batch, free, cells),
        (values - reference)[:, VOLUME] * 3,
        standardised[:, :VOLUME].square().sum(1).sqrt(),
        size(gaps) * conditions.from_template,
        size(v_free).log1p(),
        v_lattice.square().sum(1).sqrt().log1p(),
    ]
    own = torch.stack(columns, dim=1).cpu().numpy().astype(np.float32)
    prints = _fingerprints(batch, free, matrices(usual)).cpu().numpy()
    return [DraftFacts(row, print_) for row, print_ in zip(own, prints, strict=True)]


def _shortest_contact(batch: TemplateBatch, free: Tensor, cells: Tensor) -> Tensor:
    """Shortest distance between two atoms over the sum of their radii, ``(B,)``; at most 3."""
    ratios, owner = _contact_ratios(batch, free, cells)
    least = torch.full((len(batch),), 3.0, device=batch.device)
    return least.scatter_reduce(0, owner, ratios, "amin")


def crowding(batch: TemplateBatch, free: Tensor, values: Tensor) -> Tensor:
    """How much atoms are nearer to each other than the sum of their radii, ``(B,)``; 0 for not.

    Args:
        batch: the templates.
        free: ``(B, n, 3)`` free coordinates.
        values: ``(B, 6)`` lattice coefficients.
    """
    ratios, owner = _contact_ratios(batch, free, matrices(values))
    nothing = torch.zeros(len(batch), device=batch.device)
    return nothing.index_add(0, owner, (1.0 - ratios).clamp_min(0.0).square())


def _contact_ratios(batch: TemplateBatch, free: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """Distances of all contacts over the sums of the radii, and whose contacts they are."""
    geometry = pair_geometry(batch, free, cells)
    known = torch.from_numpy(atomic_radii()).float().to(batch.device)
    radii = known[batch.elements]
    atoms = radii.gather(1, batch.atom_orbit)
    sums = (radii[:, :, None] + atoms[:, None, :]).flatten()
    owner = geometry.pair // (batch.orbit_mask.shape[1] * batch.atom_mask.shape[1])
    return geometry.distance / sums[geometry.pair], owner


def _fingerprints(batch: TemplateBatch, free: Tensor, cells: Tensor) -> Tensor:
    """Radial sums by pair of elements, ``(B, 5 · 5 · N_RADIAL)``; further elements share a slot."""
    radial = pair_geometry(batch, free, cells).features[..., :N_RADIAL]
    kinds = torch.zeros(*batch.elements.shape, 5, device=batch.device)
    for row, elements in enumerate(batch.elements):
        order = elements[batch.orbit_mask[row]].unique()
        slots = torch.searchsorted(order, elements).clamp_max(4)
        kinds[row, torch.arange(len(slots)), slots] = batch.orbit_mask[row].float()
    atoms = (
        kinds.gather(1, batch.atom_orbit[..., None].expand(-1, -1, 5))
        * (batch.atom_mask[..., None])
    )
    share = batch.multiplicity / batch.multiplicity.sum(1, keepdim=True)
    sums = torch.einsum("bns,bn,bnmr,bmt->bstr", kinds, share, radial, atoms)
    return sums.flatten(1)


def shared_facts(
    drafts: Sequence[DraftFacts], energies: NDArray[np.floating]
) -> NDArray[np.float32]:
    """All facts about the drafts of one template, ``(drafts, len(FACTS))``.

    Args:
        drafts: what is known of each by itself.
        energies: predicted, eV/atom; NaN where that failed.
    """
    own = np.stack([draft.values for draft in drafts])
    noise = (own[:, 0] == 0) & (own[:, 1] == 0)
    rank = np.array([np.sum((own[:i, :2] == own[i, :2]).all(1)) for i in range(len(drafts))])
    columns = [
        *_agreement(np.stack([draft.fingerprint for draft in drafts]), noise),
        np.full(len(drafts), np.log(len(drafts))),
        np.where(noise, 0, rank),
        np.full(len(drafts), own[:, 10].min()),
        *_energy_facts(np.asarray(energies, dtype=float)),
    ]
    return np.concatenate([own, np.stack(columns, axis=1)], axis=1).astype(np.float32)


def _agreement(prints: NDArray[np.float32], noise: NDArray[np.bool_]) -> list[NDArray[np.floating]]:
    """With all others, with the nearest one, and with those that started from noise."""
    count = len(prints)
    lengths = np.linalg.norm(prints, axis=1)
    gaps = np.linalg.norm(prints[:, None] - prints[None], axis=2)
    gaps /= np.maximum(np.minimum(lengths[:, None], lengths[None]), 1e-6)
    agree = np.exp(-((gaps / _AGREE) ** 2))
    np.fill_diagonal(agree, 0.0)
    others = gaps + np.diag(np.full(count, np.inf))
    nearest = np.minimum(others.min(1), 2.0) if count > 1 else np.full(count, 2.0)
    among_noise = agree[:, noise].sum(1) / np.maximum(noise.sum() - noise, 1)
    return [agree.sum(1) / max(count - 1, 1), nearest, among_noise]


def _energy_facts(energies: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    count = len(energies)
    if np.isnan(energies).all():
        return [np.zeros(count)] * 3
    known = np.where(np.isnan(energies), np.nanmax(energies), energies)
    above = np.sqrt(np.minimum(known - known.min(), 1.0))
    against = np.clip(known - np.median(known), -1.0, 1.0)
    return [above, against, np.argsort(np.argsort(known)) / max(count - 1, 1)]


class Selector(nn.Module):
    """From facts to the chance that the draft is the crystal.

    It learns ``exp(-RMSE / 0.3)``, 0 for no match, so that a near match counts more than a far one.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.register_buffer("fact_mean", torch.zeros(len(FACTS)))
        self.register_buffer("fact_std", torch.ones(len(FACTS)))
        self.layers = nn.Sequential(
            nn.Linear(len(FACTS), width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 1),
        )

    def forward(self, facts: Tensor) -> Tensor:
        """Logits ``(…,)`` of facts ``(…, len(FACTS))``."""
        mean: Tensor = self.fact_mean  # type: ignore[assignment]
        std: Tensor = self.fact_std  # type: ignore[assignment]
        scaled = ((facts - mean) / std).clamp(-5, 5)
        return torch.as_tensor(self.layers(scaled)).squeeze(-1)

    @torch.no_grad()
    def probabilities(
        self, drafts: Sequence[DraftFacts], energies: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Match probability of every draft of one template; see `shared_facts`."""
        facts = torch.from_numpy(shared_facts(drafts, energies))
        return np.asarray(self(facts).sigmoid().numpy())

    def save(self, folder: Path) -> None:
        """Write it beside the weights."""
        save_tensors(folder / SELECTOR_FILE, self.state_dict())

    @classmethod
    def load(cls, folder: Path) -> Selector | None:
        """Read what `save` wrote; None where there is none.

        Raises:
            WeightsError: the file is damaged.
        """
        if not (folder / SELECTOR_FILE).exists():
            return None
        tensors = load_tensors(folder / SELECTOR_FILE)
        selector = cls(len(tensors["layers.0.bias"]))
        selector.load_state_dict(tensors)
        return selector.eval()


# Fitted on 300 validation crystals, 8 templates each: a soft energy, never a hard one, because DFT
# and predicted energies differ by as much.
SOFTNESS = 0.025  # eV/atom
_DISTANCE_WEIGHT = 1.0


def scores_of_templates(
    probabilities: NDArray[np.floating],
    distances: NDArray[np.floating],
    energies: NDArray[np.floating],
) -> NDArray[np.float64]:
    """What structures of one formula in different templates are ranked by; the highest is best.

    Args:
        probabilities: of the templates.
        distances: how unlike the elements were that each structure started from.
        energies: predicted, eV/atom; NaN where that failed.
    """
    known = np.asarray(energies, dtype=float)
    if np.isnan(known).all():
        known = np.zeros(len(known))
    known = np.where(np.isnan(known), np.nanmax(known), known)
    above = np.minimum(known - known.min(), 1.0)
    chances = np.log(np.maximum(np.asarray(probabilities, dtype=float), 1e-9))
    return np.asarray(chances - above / SOFTNESS - _DISTANCE_WEIGHT * np.asarray(distances))


# from crystals to eV/atom, NaN where that fails
Energies = Callable[["Sequence[SymmetricCrystal]", Progress], "NDArray[np.float64]"]


def shipped_energies(device: torch.device) -> Energies:
    """Formation energies as the surrogates predict them."""
    from crystalsmith.models.surrogates.surrogates import Surrogates

    surrogates = Surrogates.load(device=str(device))

    def energies(
        crystals: Sequence[SymmetricCrystal], progress: Progress = silent
    ) -> NDArray[np.float64]:
        scored = surrogates.predict((crystal.structure() for crystal in crystals), progress)
        found = [one.predictions.get("formation_energy") for one in scored]
        return np.array([np.nan if one is None else one.mean for one in found])

    return energies
