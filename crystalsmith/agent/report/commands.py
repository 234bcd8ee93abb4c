"""``crystalsmith report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder of a design, or of a batch.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File to write; FOLDER/report.html otherwise."),
    ] = None,
) -> None:
    """Write results as one HTML page: clauses, crystals in 3-D, plots; works offline.

    Example: crystalsmith report results/batch
    """
    from crystalsmith.agent.report.page.build import MOST, PAGE, page_of_folder, write_page

    text, left_out = page_of_folder(folder)
    path = out or folder / PAGE
    write_page(path, text)
    if left_out:
        typer.echo(f"The page shows the first {MOST} results; {left_out} are left out.", err=True)
    typer.echo(f"Saved in {path}")
