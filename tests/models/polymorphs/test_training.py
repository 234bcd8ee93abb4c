"""Each known crystal is to be told by its formula's others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from crystalsmith.models.composition.model import CompositionModel
from crystalsmith.models.neighbours.model import NeighbourModel
from crystalsmith.models.neighbours.prior import NeighbourPrior
from crystalsmith.models.polymorphs.known import KnownPolymorphs
from crystalsmith.models.polymorphs.network import PolymorphConfig, PolymorphNetwork
from crystalsmith.models.polymorphs.training import Witnesses, lessons_of, surprise


@pytest.fixture
def chlorides(salts):
    """Two formulas, each as rock salt and as caesium chloride."""
    silver = [
        replace(
            entry,
            id=f"silver {entry.id}",
            crystal=entry.crystal.with_elements({"Na": "Ag"}),
            formation_energy=entry.formation_energy + 1.4,
        )
        for entry in salts
    ]
    return [*salts, *silver]


@pytest.fixture
def witnesses(chlorides):
    return Witnesses(
        KnownPolymorphs(chlorides),
        NeighbourPrior(chlorides),
        NeighbourModel.load(device="cpu"),
        CompositionModel.load(device="cpu"),
    )


def test_a_crystal_is_told_by_the_other_formula_and_not_by_itself(chlorides, witnesses):
    lessons = lessons_of(chlorides, witnesses)
    assert lessons.present.tolist() == [[True]] * 4
    assert lessons.right.tolist() == [0] * 4  # what the other formula has beside the other crystal
    lonely = replace(witnesses, known=KnownPolymorphs(chlorides[:2]))
    assert lessons_of(chlorides[:2], lonely).right.tolist() == [0, 0]  # nobody: no relatives
    assert lessons_of(chlorides[:2], lonely).present.shape == (2, 0)


def test_crystals_without_an_energy_or_without_others_teach_nothing(chlorides, witnesses, known):
    silent = [replace(chlorides[0], formation_energy=None), known[3]]
    assert len(lessons_of(silent, witnesses).right) == 0


def test_learning_makes_what_is_right_probable(chlorides, witnesses):
    torch.manual_seed(0)
    lessons = lessons_of(chlorides, witnesses)
    network = PolymorphNetwork(PolymorphConfig(hidden=4))
    network.scale_to(lessons.features[lessons.present])
    before = surprise(network, lessons).detach()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(20):
        optimiser.zero_grad()
        surprise(network, lessons).backward()
        optimiser.step()
    assert surprise(network, lessons) < before - 1
