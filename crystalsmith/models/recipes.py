"""From training files to shipped weights: what each ``crystalsmith train`` command does.

Every recipe prepares its arrays once, trains (resumably) and leaves finished weights in
``<out>/weights``. The settings in the training modules are the ones the shipped weights were made
with, so that the plain command makes them again.
"""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from crystalsmith.core.crystallography.template import ordered_amounts
from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.runs import pick_device, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from crystalsmith.models.constraint.pretrained import AdapterTraining
    from crystalsmith.models.constraint.records import Record
    from crystalsmith.models.constraint.training import ConstraintTraining
    from crystalsmith.models.structure.training import StructureTraining
    from crystalsmith.models.templates.model import TemplateModel
    from crystalsmith.models.templates.training import TemplateTraining
    from crystalsmith.models.training_data import TrainingData

ARRAYS, WEIGHTS = "arrays", "weights"
_Settings = TypeVar("_Settings")


def with_options(settings: _Settings, options: Iterable[str]) -> _Settings:
    """Settings with some values replaced, each given as ``name=value``.

    Names may be those of the settings or of the network sizes inside them.

    Raises:
        DataError: there is no such setting, or the value is no number.
    """
    for option in options:
        name, _, text = option.partition("=")
        settings = _with_option(settings, name.strip(), text.strip())
    return settings


def _with_option(settings: Any, name: str, text: str) -> Any:
    own = {field.name: getattr(settings, field.name) for field in fields(settings)}
    if name in own and isinstance(own[name], bool):
        if text not in ("true", "false"):
            raise DataError(f"{name}={text}: {text!r} is neither true nor false")
        return replace(settings, **{name: text == "true"})
    if name in own and isinstance(own[name], int | float):
        try:
            return replace(settings, **{name: type(own[name])(text)})
        except ValueError:
            raise DataError(f"{name}={text}: {text!r} is not a number") from None
    if is_dataclass(own.get("network")) and hasattr(own["network"], name):
        return replace(settings, network=_with_option(own["network"], name, text))
    numbers = [key for key, value in own.items() if isinstance(value, int | float)]
    raise DataError(f"there is no setting {name!r}; take one of {', '.join(numbers)}")


def train_structure(
    data: TrainingData,
    folder: Path,
    settings: StructureTraining,
    *,
    initial: Path | None = None,
    device: str = "auto",
    seconds: float = np.inf,
    progress: Progress = silent,
) -> None:
    """Train the structure generator: codebook, flow, and the selector on held-out crystals."""
    from crystalsmith.models.structure import training
    from crystalsmith.models.structure.codebook import Codebook
    from crystalsmith.models.structure.codebook_building import CentresWithout, build_codebook
    from crystalsmith.models.structure.generator import StructureGenerator
    from crystalsmith.models.structure.library import TemplateLibrary
    from crystalsmith.models.structure.preparation import fit_atomic_volumes, prepare
    from crystalsmith.models.structure.selection_training import train_selector
    from crystalsmith.models.structure.wyckoff_table import WyckoffTable

    arrays, weights = folder / ARRAYS, folder / WEIGHTS
    if not (arrays / training.TABLE_FILE).exists():
        arrays.mkdir(parents=True, exist_ok=True)
        volumes = fit_atomic_volumes(data.crystals)
        table = WyckoffTable.of_groups(range(1, 231), self_maps=True)
        codebook, groups = build_codebook(data.crystals, volumes, table, progress)
        codebook.save(arrays)
        centres = CentresWithout(codebook, groups, data.crystals, volumes)
        prepare(data.crystals, progress=progress, centres=centres).save(
            arrays / training.TRAIN_FILE
        )
        prepare(data.held_out, data.crystals, progress, centres=centres).save(
            arrays / training.VALIDATION_FILE
        )
        table.save(arrays / training.TABLE_FILE)
    flow = training.train(
        arrays,
        folder,
        settings,
        initial=initial,
        device=device,
        seconds=seconds,
        progress=progress,
    )
    codebook = Codebook.load(arrays)
    codebook.save(weights)
    if read_json(folder / "state.json")["step"] < settings.steps:
        return
    generator = StructureGenerator(
        flow, TemplateLibrary(data.crystals), device=pick_device(device), codebook=codebook
    )
    train_selector(generator, data.held_out, settings.seed, progress).save(weights)


def train_constraint(
    data: TrainingData,
    folder: Path,
    settings: ConstraintTraining,
    *,
    start: Path | None = None,
    teachers: Sequence[Path] = (),
    device: str = "auto",
    seconds: float = np.inf,
    progress: Progress = silent,
) -> None:
    """Train the base model and both adapters of the constraint generator.

    Args:
        data: crystals, and formulas without structure.
        folder: of the run.
        settings: what and how long.
        start: a base trained before, to begin with.
        teachers: finished template networks; with neighbours they say what structure the formulas
            may have.
        device: torch device.
        seconds: stop after this time even if steps remain.
        progress: told about every report.
    """
    from crystalsmith.models.constraint import training

    records = folder / ARRAYS
    _write_constraint_records(data, records, device, progress, teachers)
    if not training.train_base(
        records,
        folder,
        settings,
        start=start,
        device=device,
        seconds=seconds,
        progress=progress,
    ):
        return
    training.train_adapters(records, folder, settings, device=device, progress=progress)
    config = {
        "model": "constraint",
        "model_weight": settings.model_weight,
        "training": asdict(settings),
    }
    write_json(folder / WEIGHTS / "config.json", config)


def train_constraint_adapters(
    base: str,
    data: TrainingData,
    folder: Path,
    settings: AdapterTraining,
    *,
    device: str = "auto",
    seconds: float = np.inf,
    progress: Progress = silent,
) -> None:
    """Train both adapters of the constraint generator on any Hugging Face causal LM.

    Args:
        base: a folder or a name on the hub; it is recorded with the adapters, not copied.
        data: crystals.
        folder: of the run.
        settings: what and how long.
        device: torch device.
        seconds: stop after this time even if steps remain.
        progress: told about every report.
    """
    from crystalsmith.models.constraint.pretrained import train_on_base

    records = folder / ARRAYS
    _write_constraint_records(data, records, device, progress)
    if not train_on_base(
        base, records, folder, settings, device=device, seconds=seconds, progress=progress
    ):
        return
    config = {
        "model": "constraint",
        "base": base,
        "model_weight": settings.model_weight,
        "training": asdict(settings),
    }
    write_json(folder / WEIGHTS / "config.json", config)


def _write_constraint_records(
    data: TrainingData,
    folder: Path,
    device: str,
    progress: Progress,
    teachers: Sequence[Path] = (),
) -> None:
    """Write what a constraint generator learns from, unless it is there from before."""
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.constraint import training
    from crystalsmith.models.constraint.context import informed
    from crystalsmith.models.constraint.records import write_records
    from crystalsmith.models.constraint.teaching import taught
    from crystalsmith.models.neighbours.model import NeighbourModel
    from crystalsmith.models.neighbours.prior import NeighbourPrior

    if (folder / training.VALIDATION_FILE).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    known, held_out = _crystal_records(data)
    prior = NeighbourPrior(data.crystals)
    compositions = CompositionModel.load(device=device)  # the one that is asked in use
    known = informed(known, prior, compositions, progress=progress)
    held_out = informed(held_out, prior, compositions, progress=progress)
    write_records(folder / training.TRAIN_FILE, known)
    formulas = _formula_records(data)
    if teachers:
        formulas = _unheard_of(formulas, [*known, *held_out])
        voter, networks = NeighbourModel.load(device=device), _networks(teachers, device)
        formulas = taught(formulas, prior, voter, networks, compositions, progress)
    write_records(folder / training.FORMULAS_FILE, formulas)
    write_records(folder / training.VALIDATION_FILE, held_out)


def _crystal_records(data: TrainingData) -> tuple[list[Record], list[Record]]:
    """Crystals to learn from and held-out ones, as records."""
    from crystalsmith.models.constraint.records import record_of

    known = [record_of(entry, "database") for entry in data.entries]
    known += [record_of(entry, "hypothetical") for entry in data.hypothetical]
    return known, [record_of(entry, "database") for entry in data.held_out]


def _formula_records(data: TrainingData) -> list[Record]:
    from crystalsmith.models.constraint.records import Record

    rows = []
    for row in data.formulas:
        elements, amounts = ordered_amounts(row.composition)
        rows.append(
            Record(
                elements,
                amounts,
                "database",
                band_gap=row.band_gap,
                formation_energy=row.formation_energy,
            )
        )
    return rows


def _unheard_of(formulas: list[Record], crystals: Sequence[Record]) -> list[Record]:
    """The formulas that no crystal at hand has.

    Raises:
        DataError: there is none for the teachers to speak of.
    """
    at_hand = {(record.elements, record.amounts) for record in crystals}
    others = [row for row in formulas if (row.elements, row.amounts) not in at_hand]
    if not others:
        raise DataError("teachers need formulas that no crystal at hand has; add --formulas FILE")
    return others


def _networks(folders: Sequence[Path], device: str) -> list[TemplateModel]:
    from crystalsmith.models.templates.model import TemplateModel

    return [TemplateModel.load(folder, device) for folder in folders]


def train_templates(
    data: TrainingData,
    folder: Path,
    settings: TemplateTraining,
    *,
    start: Path | None = None,
    teachers: Sequence[Path] = (),
    device: str = "auto",
    seconds: float = np.inf,
    progress: Progress = silent,
) -> None:
    """Train the template network; heights above the hull are the composition model's.

    Args:
        data: crystals, and formulas for the teachers.
        folder: of the run.
        settings: what and how long.
        start: a finished network to begin with.
        teachers: finished networks; with neighbours they say what structure the formulas of
            ``data`` may have, which is learned too.
        device: torch device.
        seconds: stop after this time even if steps remain.
        progress: told about every report.
    """
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.constraint.records import read_records, write_records
    from crystalsmith.models.constraint.teaching import taught
    from crystalsmith.models.neighbours.model import NeighbourModel
    from crystalsmith.models.neighbours.prior import NeighbourPrior
    from crystalsmith.models.templates import training

    known, held_out = _crystal_records(data)
    compositions = CompositionModel.load(device=device)  # the one that is asked in use
    lessons = folder / ARRAYS / "taught.jsonl"
    if teachers and not lessons.exists():
        rows = _unheard_of(_formula_records(data), [*known, *held_out])
        prior, voter = NeighbourPrior(data.crystals), NeighbourModel.load(device=device)
        rows = taught(rows, prior, voter, _networks(teachers, device), compositions, progress)
        lessons.parent.mkdir(parents=True, exist_ok=True)
        write_records(lessons, rows)
    training.train(
        [*known, *(read_records(lessons) if teachers else [])],
        held_out,
        compositions,
        folder,
        settings,
        start=_networks([start], device)[0] if start else None,
        device=device,
        seconds=seconds,
        progress=progress,
    )


def require(names: Sequence[str], values: NDArray[np.float64], row: str) -> None:
    """Refuse to learn what no row tells; values are ``(rows, names)``, NaN where unknown."""
    for name, column in zip(names, values.T, strict=True):
        if np.isnan(column).all():
            raise DataError(f"no {row} has a {name.replace('_', ' ')}; add data that tell it")
