"""What the ``crystalsmith train`` commands are given, and how their files are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crystalsmith.core.errors import DataError

if TYPE_CHECKING:
    from crystalsmith.core.progress import Progress
    from crystalsmith.models.training_data import TrainingData

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


def read_data(
    data: list[Path],
    validation: Path | None,
    hypothetical: list[Path] | None,
    formulas: Path | None,
    progress: Progress,
    hold_out: float = 0.0,
    further: list[Path] | None = None,
    apart_from: list[Path] | None = None,
) -> TrainingData:
    """The files of a run, telling how many of their rows are used.

    Raises:
        DataError: a file cannot be read, or there is nothing to validate with.
    """
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
