"""What known crystals and trained networks say of formulas that nobody has told a structure of."""

from __future__ import annotations

import random

import pytest
from pymatgen.core import Composition

from crystalsmith.models.composition.model import CompositionModel
from crystalsmith.models.constraint.examples import example
from crystalsmith.models.constraint.records import Record
from crystalsmith.models.constraint.teaching import taught
from crystalsmith.models.neighbours.model import NeighbourModel
from crystalsmith.models.templates.model import TemplateModel
from crystalsmith.models.templates.training import usable
from crystalsmith.prompts.constraint import GROUP, group_word

ASKED = [
    Record(("K", "Br"), (1, 1), "database", formation_energy=-2.0),
    Record(("K", "Br"), (1, 1), "database"),  # the same formula once more
    Record(("Al", "O"), (2, 3), "database"),  # no crystal at hand has this ratio
]


@pytest.fixture(scope="module")
def compositions():
    return CompositionModel.load(device="cpu")


@pytest.fixture(scope="module")
def voter():
    return NeighbourModel.load(device="cpu")


def test_neighbours_and_networks_agree_on_shares(prior, voter, compositions):
    network = TemplateModel.load(device="cpu")
    salt, alumina = taught(ASKED, prior, voter, [network], compositions)
    for row in (salt, alumina):
        shares = [known.share for known in row.taught]
        assert sum(shares) == pytest.approx(1)
        assert shares == sorted(shares, reverse=True)
        assert row.group is None
        assert usable([row]) == [row]
    assert salt.taught[0].group == 225  # rock salt, say both
    assert salt.near
    assert not alumina.near
    assert alumina.taught  # the network alone
    assert (salt.height is None, alumina.height is None) == (False, True)


def test_neighbours_alone_teach_what_they_know(prior, voter, compositions):
    salt, alumina = taught(ASKED, prior, voter, [], compositions)
    (weighed,) = voter.votes([prior.around(Composition("KBr"))], [salt.height])
    votes = weighed.shares
    letters = {t: tuple(t.letters[element] for element in salt.elements) for t in votes}
    assert {(k.group, k.letters): k.share for k in salt.taught} == {
        (template.number, letters[template]): pytest.approx(share, abs=1e-6)
        for template, share in votes.items()
        if share >= 0.002  # less is not worth passing on
    }
    assert alumina.taught == ()
    assert usable([alumina]) == []


def test_what_is_taught_is_drawn_by_its_share(prior, voter, compositions, tiny_settings):
    (salt,) = taught(ASKED[:1], prior, voter, [], compositions)
    rng = random.Random(0)
    words = [example(salt, tiny_settings, rng).words for _ in range(300)]
    groups = {known.group: 0.0 for known in salt.taught}
    for known in salt.taught:
        groups[known.group] += known.share
    for number, share in groups.items():
        drawn = sum(row[row.index("units") - 1] == group_word(number) for row in words) / 300
        assert drawn == pytest.approx(share, abs=0.12)
    assert all(GROUP in row for row in words)
