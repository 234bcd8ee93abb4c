"""What CHGNet knows about every atom of a crystal: features to predict properties from.

CHGNet (Deng et al. 2023, arXiv:2302.14231; weights in its package) is run on distinct atoms only,
without forces, and with the first linear map of every message split into the parts that belong to
atoms, bonds and angles. That gives its numbers to rounding at about an eighth of the time.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn.functional import layer_norm, silu

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from crystalsmith.models.surrogates.chgnet_graph import ChgnetGraph

WIDTH = 64  # of CHGNet's atom features
HEAVIEST = 94  # atomic number of plutonium, CHGNet's last element
FEATURES = 2 * WIDTH  # before and after its last layer
_EDGES_AT_ONCE = 1_500  # keeps the working set in the cache, which is half of the speed


class AtomKnowledge(NamedTuple):
    """What CHGNet says about a crystal.

    Attributes:
        energy: eV/atom, on CHGNet's scale (VASP, with Materials Project corrections).
        atoms: ``(n, FEATURES)`` features of the distinct atoms.
    """

    energy: float
    atoms: NDArray[np.float32]


class _Gated:
    """CHGNet's gated perceptron with its first map split by the origin of the inputs."""

    def __init__(self, module: Any, parts: int) -> None:
        core, gate = module.mlp_core.layers, module.mlp_gate.layers
        first = [layer for layer in (core[0], gate[0]) if hasattr(layer, "weight")]
        if not first:  # a single map behind a dropout
            first = [core[1], gate[1]]
        weight = torch.cat([layer.weight for layer in first])
        self.bias = torch.cat([layer.bias for layer in first])
        self.parts = [part.T.contiguous() for part in weight.split(WIDTH, dim=1)]
        assert len(self.parts) == parts  # noqa: S101
        self.second: tuple[Tensor, Tensor] | None = None
        if hasattr(core[-1], "weight") and len(core) > 2:
            self.second = (
                torch.stack([core[-1].weight.T, gate[-1].weight.T]).contiguous(),
                torch.stack([core[-1].bias, gate[-1].bias])[:, None],
            )
        self.scale = torch.stack([module.bn1.weight, module.bn2.weight])[:, None]
        self.shift = torch.stack([module.bn1.bias, module.bn2.bias])[:, None]

    def __call__(self, mixed: Tensor) -> Tensor:
        """From the sum of the first map's parts ``(n, 2 · WIDTH)`` to messages ``(n, WIDTH)``."""
        halves = mixed.view(-1, 2, WIDTH).transpose(0, 1)
        if self.second is not None:
            halves = torch.baddbmm(self.second[1], silu(halves), self.second[0])
        normed = layer_norm(halves, (WIDTH,)) * self.scale + self.shift
        return silu(normed[0]) * torch.sigmoid(normed[1])


class _Joined(NamedTuple):
    """Graphs side by side, as tensors; see `ChgnetGraph` for the names."""

    elements: Tensor
    multiplicities: Tensor
    crystal: Tensor
    centres: Tensor
    neighbours: Tensor
    distances: Tensor
    short: Tensor
    partner: Tensor
    angle_atom: Tensor
    left: Tensor
    right: Tensor
    angles: Tensor
    size: int


class ChgnetAtoms:
    """CHGNet as a source of atom features.

    Args:
        device: torch device.
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        model: Any = _pretrained().to(self.device)
        self.model = model
        layers = list(model.atom_conv_layers)
        self.atom_maps = [_Gated(layer.twoBody_atom, 3) for layer in layers]
        self.atom_outs = [layer.mlp_out.layers[-1].weight.T for layer in layers]
        bonds = list(model.bond_conv_layers)
        self.bond_maps = [_Gated(layer.twoBody_bond, 4) for layer in bonds]
        self.bond_outs = [layer.mlp_out.layers[-1].weight.T for layer in bonds]
        self.angle_maps = [_Gated(layer.twoBody_bond, 4) for layer in model.angle_layers]

    @torch.no_grad()
    def know(self, graphs: Sequence[ChgnetGraph]) -> list[AtomKnowledge]:
        """Energy and atom features of crystals, in their order."""
        order = sorted(range(len(graphs)), key=lambda index: len(graphs[index].centres))
        found: dict[int, AtomKnowledge] = {}
        chunk: list[int] = []
        edges = 0
        for index in order:
            if chunk and edges + len(graphs[index].centres) > _EDGES_AT_ONCE:
                found |= self._know(graphs, chunk)
                chunk, edges = [], 0
            chunk.append(index)
            edges += len(graphs[index].centres)
        if chunk:
            found |= self._know(graphs, chunk)
        return [found[index] for index in range(len(graphs))]

    def _know(self, graphs: Sequence[ChgnetGraph], chunk: list[int]) -> dict[int, AtomKnowledge]:
        batch = _joined([graphs[index] for index in chunk], self.device)
        before, after = self._features(batch)
        energies = self.model.mlp(after).squeeze(-1) + self._composition(batch.elements)
        totals = energies.new_zeros(batch.size)
        totals.index_add_(0, batch.crystal, energies * batch.multiplicities)
        counts = torch.zeros_like(totals).index_add_(0, batch.crystal, batch.multiplicities)
        rows = torch.cat([before, after], dim=1).cpu()
        split = rows.split([len(graphs[index].elements) for index in chunk])
        return {
            index: AtomKnowledge(energy, atoms.numpy())
            for index, energy, atoms in zip(
                chunk, (totals / counts).cpu().tolist(), split, strict=True
            )
        }

    def _composition(self, elements: Tensor) -> Tensor:
        """CHGNet's own reference energies of the elements, eV."""
        reference: Tensor = self.model.composition_model.fc.weight
        return reference[0][elements - 1]

    def _features(self, batch: _Joined) -> tuple[Tensor, Tensor]:
        """Atom features ``(n, WIDTH)`` before and after the last layer."""
        model = self.model
        basis = model.bond_basis_expansion
        atoms = model.atom_embedding(batch.elements - 1)
        radial = basis.rbf_expansion_ag(batch.distances)
        bonds = model.bond_embedding(radial)
        atom_weights = model.bond_weights_ag(radial)
        close = model.bond_weights_bg(basis.rbf_expansion_bg(batch.distances[batch.short]))
        angles = model.angle_embedding(model.angle_basis_expansion.fourier_expansion(batch.angles))
        last = len(self.atom_maps) - 1
        for index in range(last):
            atoms = self._atom_layer(index, atoms, bonds, atom_weights, batch)
            if not len(batch.angles):
                continue
            bonds = self._bond_layer(index, atoms, bonds, close, angles, batch)
            if index < last - 1:  # nobody looks at the angles after the last bond layer
                mixed = _mixed(self.angle_maps[index], atoms, bonds[batch.short], angles, batch)
                angles = self.angle_maps[index](mixed) + angles
        final = self._atom_layer(last, atoms, bonds, atom_weights, batch)
        return atoms, model.readout_norm(final)

    def _atom_layer(
        self, index: int, atoms: Tensor, bonds: Tensor, weights: Tensor, batch: _Joined
    ) -> Tensor:
        gated = self.atom_maps[index]
        centre, bond, neighbour = gated.parts
        mixed = torch.addmm(gated.bias, atoms, centre)[batch.centres]
        mixed += bonds @ bond
        mixed += (atoms @ neighbour)[batch.neighbours]
        messages = gated(mixed) * weights
        total = torch.zeros_like(atoms).index_add_(0, batch.centres, messages)
        return atoms + total @ self.atom_outs[index]

    def _bond_layer(
        self,
        index: int,
        atoms: Tensor,
        bonds: Tensor,
        weights: Tensor,
        angles: Tensor,
        batch: _Joined,
    ) -> Tensor:
        """Bonds learn from the angles at both of their ends."""
        short = bonds[batch.short]
        mixed = _mixed(self.bond_maps[index], atoms, short, angles, batch)
        messages = self.bond_maps[index](mixed) * weights[batch.left] * weights[batch.right]
        here = torch.zeros_like(short).index_add_(0, batch.left, messages)
        total = here + here[batch.partner]
        return bonds.index_add(0, batch.short, total @ self.bond_outs[index])


def _mixed(gated: _Gated, atoms: Tensor, short: Tensor, angles: Tensor, batch: _Joined) -> Tensor:
    left, right, angle, centre = gated.parts
    mixed = torch.addmm(gated.bias, angles, angle)
    mixed += (short @ left)[batch.left]
    mixed += (short @ right)[batch.right]
    mixed += (atoms @ centre)[batch.angle_atom]
    return mixed


def _joined(graphs: Sequence[ChgnetGraph], device: torch.device) -> _Joined:
    def starts(counts: list[int]) -> Tensor:
        return torch.tensor([0, *counts[:-1]]).cumsum(0)

    atoms = [len(graph.elements) for graph in graphs]
    edges = [len(graph.centres) for graph in graphs]
    short = [len(graph.short) for graph in graphs]
    corners = [len(graph.left) for graph in graphs]

    def joined(name: str, counts: list[int] | None = None, offsets: Tensor | None = None) -> Tensor:
        whole = torch.cat([torch.from_numpy(getattr(graph, name)) for graph in graphs])
        if counts is not None and offsets is not None:
            whole = whole + torch.repeat_interleave(offsets, torch.tensor(counts))
        return whole.to(device)

    first_atom, first_edge, first_short = starts(atoms), starts(edges), starts(short)
    return _Joined(
        elements=joined("elements"),
        multiplicities=joined("multiplicities").float(),
        crystal=torch.repeat_interleave(torch.arange(len(graphs)), torch.tensor(atoms)).to(device),
        centres=joined("centres", edges, first_atom),
        neighbours=joined("neighbours", edges, first_atom),
        distances=joined("distances").float(),
        short=joined("short", short, first_edge),
        partner=joined("partner", short, first_short),
        angle_atom=joined("angle_atom", corners, first_atom),
        left=joined("left", corners, first_short),
        right=joined("right", corners, first_short),
        angles=joined("angles").float(),
        size=len(graphs),
    )


@lru_cache(maxsize=1)
def _pretrained() -> nn.Module:
    # CHGNet announces itself on stdout, which belongs to results
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from chgnet.model import CHGNet

        model: nn.Module = CHGNet.load(use_device="cpu", verbose=False)
    return model.eval().requires_grad_(False)
