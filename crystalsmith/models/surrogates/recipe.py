"""What ``crystalsmith train surrogate`` does: prepare graphs, train a team, calibrate, collect."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.properties import PROPERTIES, Property, register
from crystalsmith.models.composition.model import CompositionModel
from crystalsmith.models.recipes import ARRAYS, WEIGHTS, require, with_options
from crystalsmith.models.runs import load_config
from crystalsmith.models.surrogates import training
from crystalsmith.models.surrogates.arrays import GraphArrays
from crystalsmith.models.surrogates.calibration import ship
from crystalsmith.models.surrogates.preparation import prepare
from crystalsmith.models.surrogates.surrogates import JUDGE, SHIPPED
from crystalsmith.models.training_data import targets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from crystalsmith.models.surrogates.training import SurrogateTraining
    from crystalsmith.models.training_data import TrainingData

# The team of the shipped band gap and formation energy: the network with messages is the better
# one, those without cost little and err in other places.
TEAM = ("", "", "layers=1,blocks=1,steps=5200,seed=0")


def team_of(
    settings: SurrogateTraining, members: Sequence[str], options: Sequence[str] = ()
) -> list[SurrogateTraining]:
    """Settings of every member of an ensemble.

    Args:
        settings: of all.
        members: for each what differs, such as ``layers=1,steps=900``; seeds count up.
        options: ``name=value`` settings that override the others for all.

    Raises:
        DataError: there is no such setting, or the value is no number.
    """
    team = []
    for index, text in enumerate(members):
        own = with_options(replace(settings, seed=index), filter(None, text.split(",")))
        team.append(with_options(own, options))
    return team


def learnable(settings: SurrogateTraining, properties: Sequence[str]) -> SurrogateTraining:
    """Settings for other properties, each a known name or a TOML file that defines one.

    Raises:
        DataError: there is no such property or file, or the file defines none.
    """
    if not properties:
        return settings
    names = tuple(_property_named(text).name for text in properties)
    return replace(settings, network=replace(settings.network, properties=names))


def _property_named(text: str) -> Property:
    if text in PROPERTIES:
        return PROPERTIES[text]
    if not text.endswith(".toml"):
        raise DataError(
            f"there is no property {text!r}; take one of {', '.join(PROPERTIES)}, or a TOML file"
            " that defines one"
        )
    try:
        return register(tomllib.loads(Path(text).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{text} cannot be read: {error}") from None


def start_named(name: str | None) -> Path | None:
    """Folder of surrogates to start from: ``shipped``, ``judge`` or a path."""
    named = {"shipped": SHIPPED / "gap_energy", "judge": JUDGE / "gap_energy"}
    return None if name is None else named.get(name, Path(name))


def train_surrogates(
    data: TrainingData,
    folder: Path,
    team: Sequence[SurrogateTraining],
    *,
    start: Path | None = None,
    device: str = "auto",
    seconds: float = np.inf,
    progress: Progress = silent,
) -> None:
    """Train the members of the ensemble one after the other, then calibrate and collect them.

    Args:
        data: crystals with the properties of the team's networks.
        folder: of the run.
        team: settings of every member; see `team_of`.
        start: weights of an ensemble for other properties to start from.
        device: torch device.
        seconds: stop every member after this time even if steps remain.
        progress: told about every report.
    """
    arrays = folder / ARRAYS
    names = team[0].network.properties
    known = any(own.network.known for own in team)
    values = targets_of(data.held_out, names)
    if not (arrays / training.VALIDATION_FILE).exists():
        require(names, targets_of(data.crystals, names), "training crystal")
        require(names, values, "validation crystal")
        arrays.mkdir(parents=True, exist_ok=True)
        for rows, file in (
            (data.crystals, training.TRAIN_FILE),
            (data.held_out, training.VALIDATION_FILE),
        ):
            prepare(rows, names, with_chgnet=known, progress=progress).save(arrays / file)
    starts = _starts(start, len(team))
    runs = []
    for index, own in enumerate(team):
        run = folder / f"member-{index}"
        training.train(
            arrays,
            run,
            own,
            start=starts[index],
            device=device,
            seconds=seconds,
            progress=progress,
        )
        runs.append(run / WEIGHTS)
    useful = [entry for entry, row in zip(data.held_out, values, strict=True) if _tells(row)]
    kept = GraphArrays.load(arrays / training.VALIDATION_FILE)
    held_out = [(entry, kept.graph(row)) for row, entry in enumerate(useful)]
    learnt = GraphArrays.load(arrays / training.TRAIN_FILE)
    ship(
        runs,
        folder / WEIGHTS,
        [learnt.graph(row) for row in range(len(learnt))],
        held_out,
        CompositionModel.load(device=device) if known and "band_gap" in names else None,
        sum(_tells(row) for row in values[: data.validation]),
    )


def _starts(start: Path | None, members: int) -> list[Path | None]:
    """Weights for every member to start from; members of the other ensemble take turns."""
    if start is None:
        return [None] * members
    names = load_config(start).get("members") or ["."]
    return [start / names[index % len(names)] for index in range(members)]


def _tells(values: NDArray[np.float64]) -> bool:
    return not np.isnan(values).all()
