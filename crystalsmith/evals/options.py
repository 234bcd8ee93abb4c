"""Options that commands of ``crystalsmith eval`` and ``crystalsmith bench`` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from crystalsmith.core.progress import Progress
    from crystalsmith.evals.cases import Cases

DataOption = Annotated[
    Path, typer.Option("--data", help="Test crystals in MP-20 format (.csv or .csv.gz).")
]
LimitOption = Annotated[
    int | None, typer.Option(help="Only so many crystals, drawn at random with the seed.")
]
SeedOption = Annotated[int, typer.Option(help="Of everything random.")]
StoreOption = Annotated[
    str | None,
    typer.Option(help="'none' for a fresh machine, or a folder; the configured store otherwise."),
]
TrainDataOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--train-data", help="Training files, to report unseen formulas; may be repeated."
    ),
]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")]


def read_cases(
    data: Path,
    limit: int | None,
    seed: int,
    train_data: list[Path] | None,
    progress: Progress,
) -> Cases:
    """The test crystals that the options ask for; stderr says how many rows were used."""
    from crystalsmith.evals.cases import load_cases

    cases = load_cases(data, limit=limit, seed=seed, train_data=train_data or (), progress=progress)
    typer.echo(str(cases.report), err=True)
    return cases
