"""Learned votes of known crystals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pymatgen.core import Composition

from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.core.errors import WeightsError
from crystalsmith.models.constraint.generator import ConstraintGenerator
from crystalsmith.models.neighbours.model import SHIPPED, NeighbourModel
from crystalsmith.models.neighbours.network import NeighbourConfig, NeighbourNetwork, collate
from crystalsmith.models.neighbours.prior import NeighbourPrior
from crystalsmith.models.neighbours.training import surprise


@pytest.fixture(scope="module")
def shipped() -> NeighbourModel:
    return NeighbourModel.load(device="cpu")


def votes_on(model, prior, *formulas, heights=None):
    circles = [prior.around(Composition(formula)) for formula in formulas]
    return model.votes(circles, heights or [None] * len(circles))


def test_the_crystals_around_a_formula_take_its_elements(prior):
    around = prior.around(Composition("K2Br2"))
    assert around.symbols == ("Br", "K")
    assert around.known.shape == (len(around.letters), 2)
    assert (225, ("a", "b")) in around.letters  # rock salt
    assert around.letters.count((225, ("a", "b"))) == 2  # NaCl and MgO
    assert around.same == []
    assert np.isfinite(around.heights).all()
    assert around.atoms.tolist() == [2 if n != 186 else 4 for n, _ in around.letters]
    assert prior.around(Composition("Al2O3")) is None
    assert len(prior.around(Composition("KBr"), count=2).letters) == 2


def test_crystals_of_the_formula_itself_stand_apart(prior, known):
    salt = next(entry for entry in known if entry.formula == "NaCl")
    around = prior.around(salt.composition)
    assert around.same == [salt.crystal.template]
    assert len(around.letters) == len(prior.around(Composition("KBr")).letters) - 1


def test_shipped_votes(shipped, prior):
    (salt,) = votes_on(shipped, prior, "KBr")
    assert sum(salt.shares.values()) == pytest.approx(1)
    assert 0 < salt.trust < 1
    assert all(t.composition.reduced_formula == "KBr" for t in salt.shares)
    first = max(salt.shares, key=lambda template: salt.shares[template])
    assert first == SymmetryTemplate.from_letters(225, {"K": "a", "Br": "b"})


def test_far_neighbours_are_trusted_less(shipped, prior):
    near, far = votes_on(shipped, prior, "KCl", "WAu")
    assert far.trust < near.trust


def test_each_formula_is_voted_on_as_if_alone(shipped, prior):
    formulas, heights = ["KBr", "SrSnO3", "Al2O3", "NaCl", "Ge"], [0.0, 0.1, None, None, 0.0]
    together = votes_on(shipped, prior, *formulas, heights=heights)
    for formula, height, votes in zip(formulas, heights, together, strict=True):
        (alone,) = votes_on(shipped, prior, formula, heights=[height])
        assert votes.shares == pytest.approx(alone.shares, abs=1e-4)
        assert votes.trust == pytest.approx(alone.trust, abs=1e-4)
    assert votes_on(shipped, prior, "Al2O3") == [({}, 0.0, 0.0)]


def test_known_crystals_of_the_formula_have_three_tenths_or_all(shipped, prior, known):
    salt = next(entry for entry in known if entry.formula == "NaCl")
    others = NeighbourPrior([entry for entry in known if entry.formula != "NaCl"])
    (votes,) = votes_on(shipped, prior, "NaCl")
    (without,) = votes_on(shipped, others, "NaCl")
    own = salt.crystal.template
    alone = NeighbourPrior([salt])
    assert votes.shares[own] >= 0.3
    assert without.trust < 1
    assert votes_on(shipped, alone, "NaCl") == [({own: 1.0}, 0.0, 1.0)]


def test_a_generator_asks_the_voter(shipped, prior):
    generator = ConstraintGenerator(None, prior, voter=shipped)
    ranked = generator.propose(Composition("KBr"))
    (votes,) = votes_on(shipped, prior, "KBr")
    assert {row.template: row.probability for row in ranked} == pytest.approx(votes.shares)


def test_learning_makes_the_right_votes_count(prior):
    torch.manual_seed(0)
    network = NeighbourNetwork(NeighbourConfig(width=4, hidden=8))
    circles = collate([prior.around(Composition("KBr"))], [0.0])
    around = prior.around(Composition("KBr"))
    hits = torch.tensor([[key == (221, ("a", "b")) for key in around.letters]])
    before = surprise(network, circles, hits).detach()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(20):
        optimiser.zero_grad()
        surprise(network, circles, hits).backward()
        optimiser.step()
    assert surprise(network, circles, hits) < before - 0.1


def test_padding_says_nothing(shipped, prior):
    around = prior.around(Composition("KBr"))
    short = replace(
        around,
        known=around.known[:1],
        heights=around.heights[:1],
        atoms=around.atoms[:1],
        letters=around.letters[:1],
    )
    logs, useful = shipped.network(collate([around, short], [0.0, None]))
    alone, own = shipped.network(collate([short], [None]))
    assert logs[1, 0].item() == pytest.approx(0, abs=1e-5)
    assert alone[0].tolist() == pytest.approx([0])
    assert useful[1].item() == pytest.approx(own.item(), abs=1e-4)


def test_damaged_weights_are_told(tmp_path):
    with pytest.raises(WeightsError, match="no model weights"):
        NeighbourModel.load(tmp_path)
    (tmp_path / "config.json").write_text('{"network": {"depth": 3}}')
    with pytest.raises(WeightsError, match="does not describe a neighbour network"):
        NeighbourModel.load(tmp_path)
    assert (SHIPPED / "README.md").exists()
