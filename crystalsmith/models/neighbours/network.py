"""How much each known crystal says of a formula: a learned distance between elements, and more.

The votes of chemically near crystals, with weights that are learned instead of set: a neighbour
component analysis (Goldberger et al. 2004) on top of Pettifor's scale. Each element has a learned
place beside its known one, and a learned sharpness: how much depends on what it is exchanged for.
What else tells of a crystal's vote (its height above the hull beside the wanted one, how many of
its elements are the formula's own, how many crystals vote for the same) goes through a small
perceptron. Nothing is learned of templates, so that crystals indexed later vote as well.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from crystalsmith.core.chemistry.elements import element_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from crystalsmith.models.neighbours.prior import Neighbours

_N_ELEMENTS = 103
_FEATURES = 15
_ABSENT = -1e9
_HEIGHTS = (-0.2, 0.6)  # eV/atom above the hull that are told apart
_CONFIDENCE = 4  # features that tell whether the neighbours know anything


@dataclass(frozen=True)
class NeighbourConfig:
    """Sizes of the network.

    Attributes:
        width: learned coordinates of an element.
        hidden: of the perceptron.
        dropout: inside it, while training.
    """

    width: int = 16
    hidden: int = 64
    dropout: float = 0.1

    def as_dict(self) -> dict[str, Any]:
        """For ``config.json``."""
        return asdict(self)


class Circles(NamedTuple):
    """Formulas, each with the known crystals around it, padded.

    Attributes:
        elements: ``(B, slots)`` atomic numbers less one.
        shares: ``(B, slots)`` share of all atoms, 0 where padded.
        known: ``(B, N, slots)`` what each crystal has in the place of the elements.
        heights: ``(B, N)`` its recorded height above the hull in eV/atom, NaN where there is none.
        atoms: ``(B, N)`` in its primitive cell.
        templates: ``(B, N)`` number of what it votes for, counted within the formula.
        present: ``(B, N)`` False where padded.
        wanted: ``(B,)`` height above the hull asked for in eV/atom, NaN where none is.
    """

    elements: Tensor
    shares: Tensor
    known: Tensor
    heights: Tensor
    atoms: Tensor
    templates: Tensor
    present: Tensor
    wanted: Tensor

    def rows(self, index: Tensor) -> Circles:
        """Some of the formulas."""
        return Circles(*(part[index] for part in self))

    def to(self, device: torch.device) -> Circles:
        """The same on a device."""
        return Circles(*(part.to(device) for part in self))


class NeighbourNetwork(nn.Module):
    """Votes of known crystals, and whether they know the template at all."""

    places: Tensor

    def __init__(self, config: NeighbourConfig) -> None:
        super().__init__()
        self.config = config
        known = torch.tensor(element_places(), dtype=torch.float32)
        self.register_buffer("places", known, persistent=False)
        self.learned = nn.Embedding(_N_ELEMENTS, config.width)
        nn.init.normal_(self.learned.weight, std=0.02)
        self.sharpness = nn.Embedding(_N_ELEMENTS, 1)
        nn.init.zeros_(self.sharpness.weight)
        self.scales = nn.Parameter(torch.tensor([20.0, 10.0]))  # of known and learned distances
        first, last = nn.Linear(_FEATURES, config.hidden), nn.Linear(config.hidden, 1)
        nn.init.zeros_(last.weight)
        self.others = nn.Sequential(first, nn.SiLU(), nn.Dropout(config.dropout), last)
        self.confidence = nn.Sequential(nn.Linear(_CONFIDENCE, 16), nn.SiLU(), nn.Linear(16, 1))

    def forward(self, circles: Circles) -> tuple[Tensor, Tensor]:
        """Logarithms of the votes ``(B, N)``, and a logit ``(B,)`` of their being of any use."""
        apart = _lengths(self.places[circles.elements][:, None] - self.places[circles.known])
        learned = self.learned(circles.elements)[:, None] - self.learned(circles.known)
        weights = circles.shares * self.sharpness(circles.elements)[..., 0].exp()
        both = torch.stack((apart, _lengths(learned)), -1) * weights[:, None, :, None]
        features = _features(circles, apart)
        logits = self.others(features)[..., 0] - (both.sum(2) * self.scales).sum(-1)
        logs = logits.masked_fill(~circles.present, _ABSENT).log_softmax(1)
        return logs, self.confidence(_told(circles, apart, logs.detach()))[:, 0]


def _lengths(vectors: Tensor) -> Tensor:
    return (vectors.square().sum(-1) + 1e-6).sqrt()


def _distances(circles: Circles, apart: Tensor) -> tuple[Tensor, Tensor]:
    """Distance ``(B, N)`` of every crystal, and ``(B, 1)`` of the nearest."""
    distances = (apart * circles.shares[:, None]).sum(-1)
    return distances, distances.masked_fill(~circles.present, 9.0).amin(1, keepdim=True)


def _features(circles: Circles, apart: Tensor) -> Tensor:
    """What else tells of a crystal's vote, ``(B, N, features)``, each of the order of one."""
    distances, nearest = _distances(circles, apart)
    asked = ~circles.wanted.isnan()[:, None] & circles.present
    recorded = ~circles.heights.isnan()
    wanted = circles.wanted.nan_to_num()[:, None].clamp(*_HEIGHTS) * asked
    heights = circles.heights.nan_to_num().clamp(*_HEIGHTS)
    gap = 10 * (wanted - heights) * (asked & recorded)
    real = circles.shares[:, None] > 0
    equal = (circles.elements[:, None] == circles.known) & real
    votes = torch.zeros_like(distances).scatter_add(1, circles.templates, circles.present.float())
    features = (
        3 * distances,
        5 * (distances - nearest),
        5 * wanted,
        5 * heights,
        gap,
        gap.abs(),
        asked,
        recorded,
        asked & recorded,
        circles.atoms.clamp(min=1).log() / 3,
        (apart * real).amax(-1),
        equal.sum(-1) / 3,
        (equal * circles.shares[:, None]).sum(-1),
        votes.gather(1, circles.templates).log1p() / 2,
        real.sum(-1).expand_as(distances) / 3,
    )
    return torch.stack([feature.float() for feature in features], -1)


def _told(circles: Circles, apart: Tensor, logs: Tensor) -> Tensor:
    """What tells whether the crystals know the template, ``(B, features)``."""
    _, nearest = _distances(circles, apart)
    shares = torch.zeros_like(logs).scatter_add(1, circles.templates, logs.exp())
    disorder = -(shares.clamp(min=1e-6).log() * shares).sum(1)
    count = circles.present.sum(1).clamp(min=1).float()
    return torch.stack((3 * nearest[:, 0], count.log(), disorder, shares.amax(1)), -1)


def collate(circles: Sequence[Neighbours], wanted: Sequence[float | None]) -> Circles:
    """Formulas with their neighbours as tensors.

    Args:
        circles: one or more, with one neighbour or more each.
        wanted: height above the hull asked for with each, eV/atom; None where none is.
    """
    rows, most = len(circles), max(len(own.known) for own in circles)
    slots = max(own.known.shape[1] for own in circles)
    elements, shares = np.zeros((rows, slots), np.int64), np.zeros((rows, slots), np.float32)
    known, templates = np.zeros((rows, most, slots), np.int64), np.zeros((rows, most), np.int64)
    heights, atoms = np.full((rows, most), np.nan, np.float32), np.ones((rows, most), np.float32)
    present = np.zeros((rows, most), bool)
    for row, own in enumerate(circles):
        count, size = own.known.shape
        elements[row, :size], shares[row, :size] = own.elements, own.shares
        known[row, :count, :size], present[row, :count] = own.known, True
        heights[row, :count], atoms[row, :count] = own.heights, own.atoms
        numbers = {key: number for number, key in enumerate(dict.fromkeys(own.letters))}
        templates[row, :count] = [numbers[key] for key in own.letters]
    told = np.array([np.nan if height is None else height for height in wanted], np.float32)
    arrays = (elements, shares, known, heights, atoms, templates, present, told)
    return Circles(*map(torch.from_numpy, arrays))
