"""What ``crystalsmith train composition`` does: tabulate formulas, train, calibrate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.composition import training
from crystalsmith.models.composition.calibration import calibrate
from crystalsmith.models.composition.model import LEARNABLE
from crystalsmith.models.composition.training import FormulaTable
from crystalsmith.models.recipes import WEIGHTS, require
from crystalsmith.models.runs import load_config, write_json
from crystalsmith.models.training_data import targets_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pymatgen.core import Composition

    from crystalsmith.core.entry import Entry
    from crystalsmith.models.composition.training import CompositionTraining
    from crystalsmith.models.training_data import FormulaRow, TrainingData


def learnable(settings: CompositionTraining, properties: Sequence[str]) -> CompositionTraining:
    """Settings for other properties; the default ones when none are named.

    Raises:
        DataError: there is no such property.
    """
    if not properties:
        return settings
    for name in properties:
        if name not in LEARNABLE:
            raise DataError(f"there is no property {name!r}; take some of {', '.join(LEARNABLE)}")
    return replace(settings, network=replace(settings.network, properties=tuple(properties)))


def train_composition(
    data: TrainingData,
    folder: Path,
    settings: CompositionTraining,
    *,
    device: str = "auto",
    seconds: float = np.inf,
    progress: Progress = silent,
) -> None:
    """Train the composition model and calibrate its uncertainty.

    Raises:
        DataError: no crystal or formula tells one of the properties.
    """
    names = settings.network.properties
    table, held_out = _table(data.crystals, names, data.formulas), _table(data.held_out, names)
    for rows, kind in ((table, "training"), (held_out, "validation")):
        require(names, rows.targets, f"{kind} formula")
    network = training.train(
        table, held_out, folder, settings, device=device, seconds=seconds, progress=progress
    )
    config = load_config(folder / WEIGHTS)
    write_json(folder / WEIGHTS / "config.json", config | {"spread": calibrate(network, held_out)})


def _table(
    entries: Sequence[Entry], names: Sequence[str], formulas: Sequence[FormulaRow] = ()
) -> FormulaTable:
    """Crystals, and the formulas without structures that tell one of the properties."""
    rows = np.array(
        [[getattr(row, name, None) for name in names] for row in formulas], dtype=float
    ).reshape(-1, len(names))
    useful = np.flatnonzero(~np.isnan(rows).all(axis=1))
    compositions = [entry.composition for entry in entries]
    compositions += [formulas[int(row)].composition for row in useful]
    targets = np.concatenate([targets_of(entries, names), rows[useful]])
    return FormulaTable([_amounts(one) for one in compositions], targets)


def _amounts(composition: Composition) -> tuple[tuple[int, float], ...]:
    return tuple((element.Z, float(amount)) for element, amount in composition.items())
