"""``crystalsmith index``: the store of known crystals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

index_app = typer.Typer(
    no_args_is_help=True,
    help="Known crystals: what the search takes analogues, novelty and stability from.",
)

StoreOption = Annotated[
    Path | None, typer.Option("--store", help="Folder of the store; the configured one otherwise.")
]


@index_app.command()
def build(
    csv: Annotated[
        list[Path] | None,
        typer.Option("--csv", help="A file in MP-20 format, plain or .gz; may be repeated."),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Make the store, or add files to it; a file that was added before changes nothing.

    Without --csv the store holds the prototypes that come with pymatgen.
    """
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.tools.store import open_store

    with ConsoleProgress() as progress:
        known = open_store(store)
        for path in csv or ():
            report = known.build_from_csv(path, progress=progress)
            typer.echo(str(report))
    typer.echo(str(known.info()))


@index_app.command()
def info(store: StoreOption = None) -> None:
    """Say what the store holds, by source and date."""
    from crystalsmith.tools.store import open_store

    found = open_store(store, create=False).info()
    typer.echo(str(found))
    for source, count in found.counts.items():
        typer.echo(f"  {source}: {count} entries, last added {found.dates.get(source, 'unknown')}")


@index_app.command()
def search(
    query: Annotated[str, typer.Argument(help="Words, such as 'cubic oxide with a wide gap'.")],
    count: Annotated[int, typer.Option("-n", "--count", help="How many.")] = 10,
    store: StoreOption = None,
) -> None:
    """Find known crystals by what they are like."""
    from rich.console import Console
    from rich.table import Table

    from crystalsmith.tools.store import open_store

    table = Table("id", "formula", "space group", "gap, eV", "formation energy, eV/atom", "source")
    for hit in open_store(store).search_text(query, count):
        entry = hit.entry
        group = entry.crystal.template.group
        table.add_row(
            entry.id,
            entry.formula,
            f"{group.symbol} ({group.number})",
            "–" if entry.band_gap is None else f"{entry.band_gap:.2f}",
            "–" if entry.formation_energy is None else f"{entry.formation_energy:.2f}",
            entry.source,
        )
    Console().print(table)
