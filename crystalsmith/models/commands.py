"""``crystalsmith train``: the shipped weights again, or better ones from more data."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crystalsmith.core.errors import DataError

if TYPE_CHECKING:
    from crystalsmith.core.progress import Progress
    from crystalsmith.models.training_data import TrainingData

train_app = typer.Typer(
    no_args_is_help=True,
    help="Train the models on your own data. A stopped run goes on when the command is repeated;"
    " finished weights are in OUT/weights.",
)

DataOption = Annotated[
    list[Path],
    typer.Option("--data", help="Crystals in MP-20 format (.csv or .csv.gz); may be repeated."),
]
ValidationOption = Annotated[
    Path, typer.Option("--validation", help="Held-out crystals, for model selection.")
]
ValidationOrHoldOutOption = Annotated[
    Path | None, typer.Option("--validation", help="Held-out crystals, for model selection.")
]
HoldOutOption = Annotated[
    float, typer.Option(min=0.0, max=0.5, help="Share of the formulas to hold out from the data.")
]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder of the training run.")]
HypotheticalOption = Annotated[
    list[Path] | None,
    typer.Option("--hypothetical", help="Crystals never made (WBM, say); may be repeated."),
]
FurtherOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--further",
        help="Crystals of another source, of which only formulas that no other file has are taken;"
        " may be repeated.",
    ),
]
ApartOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--apart-from",
        help="A benchmark, whose formulas are not taken from --further either; may be repeated.",
    ),
]
FormulasOption = Annotated[
    Path | None,
    typer.Option("--formulas", help="Formulas with band gap and formation energy, no structure."),
]
TeacherOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--teacher",
        help="Finished weights of a template network; with the known crystals it says what the"
        " formulas without structure may look like, which is learned too. May be repeated.",
    ),
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Another value of a setting, as in steps=20000; may be repeated."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
SecondsOption = Annotated[
    float | None, typer.Option(help="Stop after so many seconds; repeat the command to go on.")
]


def _read(
    data: list[Path],
    validation: Path | None,
    hypothetical: list[Path] | None,
    formulas: Path | None,
    progress: Progress,
    hold_out: float = 0.0,
    further: list[Path] | None = None,
    apart_from: list[Path] | None = None,
) -> TrainingData:
    from crystalsmith.models.training_data import read_training_data

    if validation is None and not hold_out:
        raise DataError("nothing to validate with; give --validation FILE or --hold-out 0.1")
    found = read_training_data(
        data,
        validation,
        hold_out=hold_out,
        hypothetical=hypothetical or (),
        further=further or (),
        apart_from=apart_from or (),
        formulas=formulas,
        progress=progress,
    )
    for line in found.reports:
        typer.echo(line, err=True)
    return found


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
        found = _read(data, validation, hypothetical, None, progress)
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
        found = _read(data, validation, hypothetical, formulas, progress, hold_out)
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
            found = _read(
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
        found = _read(data, validation, hypothetical, None, progress)
        train_constraint_adapters(
            base, found, out, settings, device=device, seconds=limit, progress=progress
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
        found = _read(data, validation, hypothetical, formulas, progress, hold_out)
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


@train_app.command()
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
        found = _read(
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


@train_app.command()
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
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.models.neighbours.recipe import train_neighbours
    from crystalsmith.models.neighbours.training import NeighbourTraining
    from crystalsmith.models.recipes import with_options

    settings = with_options(NeighbourTraining(), setting or ())
    with ConsoleProgress() as progress:
        found = _read(data, validation, hypothetical, None, progress)
        train_neighbours(
            found,
            out,
            settings,
            device=device,
            seconds=seconds or math.inf,
            progress=progress,
        )
