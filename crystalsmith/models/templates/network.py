"""A small transformer over the elements of a formula that ranks the patterns it can take.

The score of a pattern is a product of what the formula is like as a whole with the pattern, plus
that of every element, in its company, with the letters it would take. Patterns share what they have
in common (space group, set of letters, letters of one element, how often they were seen), so that
rare ones are learned too. While learning, a crystal does not count among those that its own pattern
was seen with: the network learns how much to expect of patterns never seen, and seen once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from pymatgen.core import Element
from torch import nn

from crystalsmith.core.errors import WeightsError
from crystalsmith.models.templates.catalogue import MAX_ELEMENTS, OFTEN, Candidates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from crystalsmith.models.composition.network import CompositionNetwork
    from crystalsmith.models.templates.catalogue import Catalogue

MAX_Z = 104
MAX_AMOUNT = 40  # larger amounts look the same
_FRACTIONS = 24  # Gaussians that describe an element's share of the atoms
ALONE = OFTEN + 1  # seen of a crystal's pattern that could not have been named without it
_NEVER = -1e4  # its score
_HEIGHTS = (-0.2, 0.6, 25)  # eV/atom above the hull: range and number of Gaussians


@dataclass(frozen=True)
class TemplateConfig:
    """Sizes of the network.

    Attributes:
        width: features per element and per pattern.
        layers: transformer layers.
        heads: attention heads.
        dropout: inside the transformer, while training.
        feature_dropout: of what is compared with patterns, while training.
        element_dropout: of the elements' embeddings, while training.
        height_dropout: how often the height above the hull is not told, while training.
        height_noise: eV/atom added to it, while training, as hulls are predicted ones in use.
    """

    width: int = 128
    layers: int = 3
    heads: int = 4
    dropout: float = 0.2
    feature_dropout: float = 0.3
    element_dropout: float = 0.1
    height_dropout: float = 0.3
    height_noise: float = 0.03

    def as_dict(self) -> dict[str, Any]:
        """For ``config.json``."""
        return asdict(self)


class Formulas(NamedTuple):
    """Formulas as padded tensors, elements electropositive first.

    Attributes:
        elements: ``(B, MAX_ELEMENTS)`` atomic numbers, 0 where padded.
        shares: ``(B, MAX_ELEMENTS)`` share of all atoms.
        amounts: ``(B, MAX_ELEMENTS)`` per reduced formula unit.
        hypothetical: ``(B,)`` 1 for crystals that were never made.
        heights: ``(B,)`` eV/atom above the convex hull, NaN where not told.
    """

    elements: Tensor
    shares: Tensor
    amounts: Tensor
    hypothetical: Tensor
    heights: Tensor

    def rows(self, index: Tensor) -> Formulas:
        """Some of the formulas."""
        return Formulas(*(part[index] for part in self))

    def to(self, device: torch.device) -> Formulas:
        """The same on a device."""
        return Formulas(*(part.to(device) for part in self))


class Pairs(NamedTuple):
    """Formulas and the patterns that each can take, side by side.

    Attributes:
        rows: ``(N,)`` row of the formula.
        counts: ``(B,)`` patterns per formula.
        seen: ``(N,)`` formulas known with the pattern, `OFTEN` at most, or `ALONE`.
        own: ``(N,)`` as in `Candidates`, like what follows.
        groups: ``(N,)``
        sets: ``(N,)``
        letters: ``(N, MAX_ELEMENTS)``
    """

    rows: Tensor
    counts: Tensor
    seen: Tensor
    own: Tensor
    groups: Tensor
    sets: Tensor
    letters: Tensor

    def to(self, device: torch.device) -> Pairs:
        """The same on a device."""
        return Pairs(*(part.to(device) for part in self))


class TemplateNetwork(nn.Module):
    """Scores of patterns for formulas."""

    def __init__(self, config: TemplateConfig, catalogue: Catalogue) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.element = nn.Embedding(MAX_Z, width)
        self.share = nn.Linear(_FRACTIONS, width)
        self.amount = _small(MAX_AMOUNT + 1, width)
        self.place = _small(MAX_ELEMENTS, width)
        self.source = _small(2, width)
        self.height = nn.Linear(_HEIGHTS[2], width)
        layer = nn.TransformerEncoderLayer(
            width, config.heads, 2 * width, config.dropout, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.whole = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU())
        self.part = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width))
        self.drop = nn.Dropout(config.feature_dropout)
        self.drop_element = nn.Dropout(config.element_dropout)
        self.pattern = _small(len(catalogue.own) + 1, width)
        self.bias = nn.Embedding(len(catalogue.own) + 1, 1)
        nn.init.zeros_(self.bias.weight)
        self.group = _small(231, width)
        self.set_of_letters = _small(len(catalogue.sets) + 1, width)
        self.own_letters = _small(len(catalogue.letters) + 1, width)
        self.seen = _small(OFTEN + 1, width)
        self.seen_bias = nn.Embedding(OFTEN + 1, 1)
        nn.init.zeros_(self.seen_bias.weight)

    def start_from(self, composition: CompositionNetwork) -> None:
        """Begin with what the composition model knows of elements, where the sizes agree."""
        known = composition.state_dict()
        known = {name.replace("trunk.", "whole."): tensor for name, tensor in known.items()}
        own = self.state_dict()
        agreeing = {k: v for k, v in known.items() if k in own and own[k].shape == v.shape}
        self.load_state_dict(agreeing, strict=False)

    def continue_from(self, trained: TemplateNetwork, theirs: Catalogue, ours: Catalogue) -> None:
        """Begin with the weights of a finished network, where the catalogues have the same.

        Raises:
            WeightsError: it has other sizes.
        """
        rows = {
            "pattern.weight": (theirs.own, ours.own),
            "bias.weight": (theirs.own, ours.own),
            "set_of_letters.weight": (theirs.sets, ours.sets),
            "own_letters.weight": (theirs.letters, ours.letters),
        }
        own = self.state_dict()
        for name, tensor in trained.state_dict().items():
            if tensor.shape[1:] != own[name].shape[1:]:
                raise WeightsError("the network to start from has other sizes; give another folder")
            if name in rows:
                before, after = rows[name]
                both = [key for key in before if key in after]
                own[name][[after[key] for key in both]] = tensor[[before[key] for key in both]]
            else:
                own[name][...] = tensor
        self.load_state_dict(own)

    def forward(self, formulas: Formulas, pairs: Pairs) -> Tensor:
        """Scores ``(N,)`` of the pairs, to be compared within a formula."""
        hidden, present = self._read(formulas)
        total = present.sum(1)
        whole = self.drop(self.whole((hidden * present).sum(1) / total))
        scores = (whole[pairs.rows] * self._described(pairs)).sum(-1)
        scores = (
            scores + self.bias(pairs.own)[:, 0] + self.seen_bias(pairs.seen.clamp(max=OFTEN))[:, 0]
        )
        parts = self.drop(self.part(hidden)) * present
        scale = 2 / self.config.width**0.5
        for place in range(int(total.max())):
            own = self.own_letters(pairs.letters[:, place])
            scores = scores + scale * (parts[pairs.rows, place] * own).sum(-1)
        return scores.masked_fill(pairs.seen == ALONE, _NEVER)

    def _read(self, formulas: Formulas) -> tuple[Tensor, Tensor]:
        """Features of every element in its company, and a mask ``(B, MAX_ELEMENTS, 1)``."""
        tokens = self.drop_element(self.element(formulas.elements))
        tokens = tokens + self.share(_gaussians(formulas.shares)) + self.amount(formulas.amounts)
        tokens = tokens + self.place.weight + self.source(formulas.hypothetical)[:, None]
        tokens = tokens + self.height(self._told(formulas.heights))[:, None]
        padded = formulas.elements == 0
        return self.encoder(tokens, src_key_padding_mask=padded), (~padded)[..., None].float()

    def _told(self, heights: Tensor) -> Tensor:
        """Heights above the hull as features ``(B, Gaussians)``, zeros where not told."""
        known = ~torch.isnan(heights)
        if self.training:
            known = known & (torch.rand_like(heights) > self.config.height_dropout)
            heights = heights + self.config.height_noise * torch.randn_like(heights)
        lowest, highest, count = _HEIGHTS
        centres = torch.linspace(lowest, highest, count, device=heights.device)
        width = 1.2 * (highest - lowest) / (count - 1)
        clipped = heights.nan_to_num().clamp(lowest, highest)[:, None]
        return torch.exp(-0.5 * ((clipped - centres) / width) ** 2) * known[:, None]

    def _described(self, pairs: Pairs) -> Tensor:
        known: Tensor = self.pattern(pairs.own) + self.seen(pairs.seen.clamp(max=OFTEN))
        return known + self.set_of_letters(pairs.sets) + self.group(pairs.groups)


def encode(
    formulas: Sequence[tuple[Sequence[str], Sequence[int]]],
    heights: Sequence[float | None],
    hypothetical: Sequence[bool] | None = None,
) -> Formulas:
    """Formulas as tensors; those of more than `MAX_ELEMENTS` elements must have been left out.

    Args:
        formulas: elements and amounts, electropositive first.
        heights: eV/atom above the hull, None where not told.
        hypothetical: which crystals were never made; none when not given.
    """
    elements = np.zeros((len(formulas), MAX_ELEMENTS), np.int64)
    shares = np.zeros((len(formulas), MAX_ELEMENTS), np.float32)
    amounts = np.zeros((len(formulas), MAX_ELEMENTS), np.int64)
    for row, (symbols, counts) in enumerate(formulas):
        for place, (symbol, count) in enumerate(zip(symbols, counts, strict=True)):
            elements[row, place] = Element(symbol).Z
            shares[row, place] = count / sum(counts)
            amounts[row, place] = min(count, MAX_AMOUNT)
    source = np.array(hypothetical or [False] * len(formulas), np.int64)
    told = np.array([np.nan if height is None else height for height in heights], np.float32)
    return Formulas(*(torch.from_numpy(part) for part in (elements, shares, amounts, source, told)))


def pair_up(found: Sequence[Candidates]) -> Pairs:
    """Formulas with the patterns that each can take."""
    counts = torch.tensor([len(one.patterns) for one in found], dtype=torch.long)
    rows = torch.repeat_interleave(torch.arange(len(found)), counts)
    return Pairs(
        rows,
        counts,
        torch.cat([one.seen for one in found]),
        torch.cat([one.own for one in found]),
        torch.cat([one.groups for one in found]),
        torch.cat([one.sets for one in found]),
        torch.cat([one.letters for one in found]),
    )


def log_shares(scores: Tensor, pairs: Pairs) -> Tensor:
    """Log-probabilities ``(N,)`` of the pairs, normalised within each formula."""
    rows = len(pairs.counts)
    highest = scores.new_full((rows,), -torch.inf)
    highest = highest.scatter_reduce(0, pairs.rows, scores.detach(), "amax")[pairs.rows]
    sums = scores.new_zeros(rows).index_add(0, pairs.rows, (scores - highest).exp())
    return scores - highest - sums.log()[pairs.rows]


def _small(rows: int, width: int) -> nn.Embedding:
    embedding = nn.Embedding(rows, width)
    nn.init.normal_(embedding.weight, 0.0, 0.02)
    return embedding


def _gaussians(shares: Tensor) -> Tensor:
    centres = torch.linspace(0.0, 1.0, _FRACTIONS, device=shares.device)
    return torch.exp(-0.5 * ((shares[..., None] - centres) * (_FRACTIONS - 1)) ** 2)
