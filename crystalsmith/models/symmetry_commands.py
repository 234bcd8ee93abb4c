"""``crystalsmith train`` for the models that say which symmetry a formula takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crystalsmith.models.train_options import (
    ApartOption,
    DataOption,
    DeviceOption,
    FormulasOption,
    FurtherOption,
    HypotheticalOption,
    OutOption,
    SecondsOption,
    SettingOption,
    TeacherOption,
    ValidationOption,
    read_data,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def constraint(
    data: DataOption,
    validation: ValidationOption,
    out: OutOption,
    hypothetical: HypotheticalOption = None,
    further: FurtherOption = None,
    apart_from: ApartOption = None,
    formulas: FormulasOption = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="Train the adapters on this causal language model (a folder, or a name on the"
            " Hugging Face hub) instead of a small one of our own."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Begin with this base of our own, trained before, not from nothing."),
    ] = None,
    teacher: TeacherOption = None,
    setting: SettingOption = None,
    device: DeviceOption = "auto",
    seconds: SecondsOption = None,
) -> None:
    """Train the constraint generator: a small language model and its two LoRA adapters."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.models.constraint.pretrained import find_base, recipe_for
    from crystalsmith.models.constraint.training import ConstraintTraining
    from crystalsmith.models.recipes import (
        train_constraint,
        train_constraint_adapters,
        with_options,
    )

    limit = seconds or math.inf
    if base is None:
        own = with_options(ConstraintTraining(), setting or ())
        with ConsoleProgress() as progress:
            found = read_data(
                data,
                validation,
                hypothetical,
                formulas,
                progress,
                further=further,
                apart_from=apart_from,
            )
            train_constraint(
                found,
                out,
                own,
                start=start,
                teachers=teacher or (),
                device=device,
                seconds=limit,
                progress=progress,
            )
        return
    settings = with_options(recipe_for(base), setting or ())
    base = find_base(base)
    with ConsoleProgress() as progress:
        found = read_data(data, validation, hypothetical, None, progress)
        train_constraint_adapters(
            base, found, out, settings, device=device, seconds=limit, progress=progress
        )


def templates(
    data: DataOption,
    validation: ValidationOption,
    out: OutOption,
    hypothetical: HypotheticalOption = None,
    further: FurtherOption = None,
    apart_from: ApartOption = None,
    formulas: FormulasOption = None,
    start: Annotated[
        Path | None,
        typer.Option(help="Begin with these finished weights, not from nothing."),
    ] = None,
    teacher: TeacherOption = None,
    setting: SettingOption = None,
    device: DeviceOption = "auto",
    seconds: SecondsOption = None,
) -> None:
    """Train the template network (the known templates that a formula can take)."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.models.recipes import train_templates, with_options
    from crystalsmith.models.templates.training import TemplateTraining

    settings = with_options(TemplateTraining(), setting or ())
    with ConsoleProgress() as progress:
        found = read_data(
            data,
            validation,
            hypothetical,
            formulas,
            progress,
            further=further,
            apart_from=apart_from,
        )
        train_templates(
            found,
            out,
            settings,
            start=start,
            teachers=teacher or (),
            device=device,
            seconds=seconds or math.inf,
            progress=progress,
        )


def neighbours(
    data: DataOption,
    validation: ValidationOption,
    out: OutOption,
    hypothetical: HypotheticalOption = None,
    setting: SettingOption = None,
    device: DeviceOption = "auto",
    seconds: SecondsOption = None,
) -> None:
    """Train the neighbour network (how much each known crystal says of a formula)."""
    from crystalsmith.models.neighbours.recipe import train_neighbours
    from crystalsmith.models.neighbours.training import NeighbourTraining

    files = data, validation, hypothetical
    _train(train_neighbours, files, out, NeighbourTraining(), setting, device, seconds)


def polymorphs(
    data: DataOption,
    validation: ValidationOption,
    out: OutOption,
    hypothetical: HypotheticalOption = None,
    setting: SettingOption = None,
    device: DeviceOption = "auto",
    seconds: SecondsOption = None,
) -> None:
    """Train the polymorph network (further structures of a formula that has known ones)."""
    from crystalsmith.models.polymorphs.recipe import train_polymorphs
    from crystalsmith.models.polymorphs.training import PolymorphTraining

    files = data, validation, hypothetical
    _train(train_polymorphs, files, out, PolymorphTraining(), setting, device, seconds)


def _train(
    train: Callable[..., None],
    files: tuple[list[Path], Path, list[Path] | None],
    out: Path,
    settings: object,
    changes: list[str] | None,
    device: str,
    seconds: float | None,
) -> None:
    """Read crystals and train what is learned from crystals alone.

    Args:
        train: the recipe.
        files: of crystals, of held-out ones, and of hypothetical ones.
        out: folder of the run.
        settings: the recipe's own.
        changes: other values, see `SettingOption`.
        device: torch device.
        seconds: when to stop at the latest.
    """
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.models.recipes import with_options

    chosen = with_options(settings, changes or ())
    data, validation, hypothetical = files
    with ConsoleProgress() as progress:
        found = read_data(data, validation, hypothetical, None, progress)
        limit = seconds or math.inf
        train(found, out, chosen, device=device, seconds=limit, progress=progress)
