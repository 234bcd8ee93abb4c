"""Settings by name, and what data must tell before hours of training begin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crystalsmith.core.errors import DataError
from crystalsmith.models.composition.recipe import train_composition
from crystalsmith.models.composition.training import CompositionTraining
from crystalsmith.models.constraint.training import ConstraintTraining
from crystalsmith.models.recipes import with_options
from crystalsmith.models.structure.training import StructureTraining
from crystalsmith.models.surrogates.recipe import TEAM, team_of, train_surrogates
from crystalsmith.models.surrogates.training import SurrogateTraining
from crystalsmith.models.training_data import TrainingData

ALL = [CompositionTraining(), ConstraintTraining(), StructureTraining(), SurrogateTraining()]
NAMES = [type(settings).__name__ for settings in ALL]


@pytest.mark.parametrize("settings", ALL, ids=NAMES)
def test_settings_by_name(settings):
    changed = with_options(settings, ["steps=12", " learning_rate = 5e-4 ", "seed=3"])
    assert changed == replace(settings, steps=12, learning_rate=5e-4, seed=3)
    assert with_options(settings, []) == settings


@pytest.mark.parametrize("settings", ALL, ids=NAMES)
def test_sizes_of_the_network_by_name(settings):
    changed = with_options(settings, ["width=16", "layers=1"])
    inner = getattr(changed, "network", changed)
    assert (inner.width, inner.layers) == (16, 1)
    before = getattr(settings, "network", settings)
    assert replace(inner, width=before.width, layers=before.layers) == before


@pytest.mark.parametrize("settings", ALL, ids=NAMES)
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("depth=3", "there is no setting 'depth'; take one of steps,"),
        ("properties=1", "there is no setting 'properties'"),
        ("=3", "there is no setting ''"),
        ("steps=many", "'many' is not a number"),
        ("steps=1.5", "'1.5' is not a number"),
        ("steps", "'' is not a number"),
    ],
)
def test_wrong_settings_are_refused_in_words(settings, option, words):
    with pytest.raises(DataError, match=words):
        with_options(settings, [option])


def without(entries, name):
    return [replace(entry, **{name: None}) for entry in entries]


@pytest.mark.parametrize("name", ["band_gap", "formation_energy"])
def test_surrogates_need_every_property(known, held_out, tmp_path, name):
    told = name.replace("_", " ")
    data = TrainingData(without(known, name), [], held_out)
    with pytest.raises(DataError, match=f"no training crystal has a {told}"):
        train_surrogates(data, tmp_path, [SurrogateTraining()])
    data = TrainingData(known, [], without(held_out, name))
    with pytest.raises(DataError, match=f"no validation crystal has a {told}"):
        train_surrogates(data, tmp_path, [SurrogateTraining()])


def test_the_composition_model_needs_hull_energies(known, held_out, tmp_path):
    data = TrainingData(without(known, "e_above_hull"), [], held_out)
    with pytest.raises(DataError, match="no training formula has a hull energy"):
        train_composition(data, tmp_path, CompositionTraining())
    data = TrainingData(known, [], without(held_out, "e_above_hull"))
    with pytest.raises(DataError, match="no validation formula has a hull energy"):
        train_composition(data, tmp_path, CompositionTraining())


def test_members_differ_in_what_they_say_and_options_stand_above():
    team = team_of(SurrogateTraining(), ["", "layers=1,steps=50", "seed=7"], ["batch=9"])
    assert [own.seed for own in team] == [0, 1, 7]
    assert [own.network.layers for own in team] == [0, 1, 0]
    assert [own.steps for own in team] == [8000, 50, 8000]
    assert {own.batch for own in team} == {9}
    assert {own.steps for own in team_of(SurrogateTraining(), TEAM, ["steps=3"])} == {3}
