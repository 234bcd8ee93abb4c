"""``crystalsmith train``: the shipped weights again, or better ones from more data."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from crystalsmith.models.symmetry_commands import constraint, neighbours, polymorphs, templates
from crystalsmith.models.train_options import (
    DataOption,
    DeviceOption,
    FormulasOption,
    HoldOutOption,
    HypotheticalOption,
    OutOption,
    SecondsOption,
    SettingOption,
    ValidationOption,
    ValidationOrHoldOutOption,
    read_data,
)

train_app = typer.Typer(
    no_args_is_help=True,
    help="Train the models on your own data. A stopped run goes on when the command is repeated;"
    " finished weights are in OUT/weights.",
)


@train_app.command()
def structure(
    data: DataOption,
    validation: ValidationOption,
    out: OutOption,
    hypothetical: HypotheticalOption = None,
    initial: Annotated[
        Path | None, typer.Option(help="Finished weights to begin with instead of random ones.")
    ] = None,
    setting: SettingOption = None,
    device: DeviceOption = "auto",
    seconds: SecondsOption = None,
) -> None:
    """Train the structure generator (flow matching over what symmetry leaves free)."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.models.recipes import train_structure, with_options
    from crystalsmith.models.structure.training import StructureTraining

    settings = with_options(StructureTraining(), setting or ())
    with ConsoleProgress() as progress:
        found = read_data(data, validation, hypothetical, None, progress)
        train_structure(
            found,
            out,
            settings,
            initial=initial,
            device=device,
            seconds=seconds or math.inf,
            progress=progress,
        )


@train_app.command()
def surrogate(
    data: DataOption,
    out: OutOption,
    validation: ValidationOrHoldOutOption = None,
    hold_out: HoldOutOption = 0.0,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            help="What to learn: a known property, or a TOML file that defines one (name, unit,"
            " words, tolerance, column, logarithmic); may be repeated. Band gap and formation"
            " energy when not given.",
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Weights of other surrogates to start from: a folder, 'shipped' or 'judge'."
        ),
    ] = None,
    hypothetical: HypotheticalOption = None,
    formulas: FormulasOption = None,
    member: Annotated[
        list[str] | None,
        typer.Option(
            help="One network of the ensemble, with settings of its own such as layers=1,steps=900,"
            " or '' for none; may be repeated. The shipped team of three when not given."
        ),
    ] = None,
    setting: SettingOption = None,
    device: DeviceOption = "auto",
    seconds: SecondsOption = None,
) -> None:
    """Train property predictors (an ensemble of networks) and calibrate them.

    A formula file fills in band gaps that crystal files lack, by material id.
    """
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.models.surrogates.recipe import (
        TEAM,
        learnable,
        start_named,
        team_of,
        train_surrogates,
    )
    from crystalsmith.models.surrogates.training import SurrogateTraining

    settings = learnable(SurrogateTraining(), properties or ())
    team = team_of(settings, member or TEAM, setting or ())
    where = start_named(start)
    with ConsoleProgress() as progress:
        found = read_data(data, validation, hypothetical, formulas, progress, hold_out)
        train_surrogates(
            found,
            out,
            team,
            start=where,
            device=device,
            seconds=seconds or math.inf,
            progress=progress,
        )


@train_app.command()
def composition(
    data: DataOption,
    out: OutOption,
    validation: ValidationOrHoldOutOption = None,
    hold_out: HoldOutOption = 0.0,
    hypothetical: HypotheticalOption = None,
    formulas: FormulasOption = None,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            help="What to learn, such as volume_per_atom or bulk_modulus; may be repeated. Band"
            " gap, formation energy and hull energy when not given.",
        ),
    ] = None,
    setting: SettingOption = None,
    device: DeviceOption = "auto",
    seconds: SecondsOption = None,
) -> None:
    """Train the composition model (properties from the formula alone)."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.models.composition.recipe import learnable, train_composition
    from crystalsmith.models.composition.training import CompositionTraining
    from crystalsmith.models.recipes import with_options

    settings = with_options(learnable(CompositionTraining(), properties or ()), setting or ())
    with ConsoleProgress() as progress:
        found = read_data(data, validation, hypothetical, formulas, progress, hold_out)
        train_composition(
            found,
            out,
            settings,
            device=device,
            seconds=seconds or math.inf,
            progress=progress,
        )


@train_app.command()
def phrases(
    data: Annotated[
        Path, typer.Option("--data", help='{"phrase", "asks"} a line: asks of a material or not.')
    ],
    out: OutOption,
    averaged: Annotated[
        bool,
        typer.Option("--averaged", help="Use the mean of the word pieces' vectors (quick)."),
    ] = False,
) -> None:
    """Train the phrase model (which unknown words of a request ask something of a material)."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.models.phrases.training import train_phrases

    with ConsoleProgress() as progress:
        share = train_phrases(data, out, progress, averaged=averaged)
    typer.echo(f"{share:.1%} of the phrases are told right on ten folds")


for command in (constraint, templates, neighbours, polymorphs):
    train_app.command()(command)
