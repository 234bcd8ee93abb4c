"""``crystalsmith bench`` of batches."""

from __future__ import annotations

from typing import Annotated

import typer

from crystalsmith.core.errors import DataError
from crystalsmith.evals.options import JsonOption, SeedOption, StoreOption

batch_app = typer.Typer()


@batch_app.command(name="batch")
def bench_batch(
    limit: Annotated[int, typer.Option(help="How many requests.")] = 200,
    workers: Annotated[str, typer.Option(help="Numbers of processes, with commas.")] = "1,2,4",
    ray: Annotated[
        int | None, typer.Option(help="Also on Ray, with so many workers; 0 leaves it out.")
    ] = 2,
    store: StoreOption = None,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """Requests a minute of a batch, quick budget, and what the engine itself costs."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.bench_batch import time_batches
    from crystalsmith.evals.tables import save_json, show_columns

    try:
        numbers = [int(number) for number in workers.split(",") if number.strip()]
    except ValueError:
        raise DataError(f"--workers must be numbers such as 1,2,4, not {workers!r}") from None
    with ConsoleProgress() as progress:
        figures = time_batches(
            limit, numbers, ray=ray or None, store=store, seed=seed, progress=progress
        )
    show_columns("batches", figures)
    save_json(json, figures)


@batch_app.command()
def resume(
    kills: Annotated[int, typer.Option(min=1, help="How often the batch is killed.")] = 20,
    limit: Annotated[int, typer.Option(min=2, help="How many requests.")] = 40,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """Kill a batch at random moments and resume it: what is lost, done twice, different."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.bench_batch import kill_and_resume
    from crystalsmith.evals.tables import save_json, show_columns

    with ConsoleProgress() as progress:
        figures = kill_and_resume(kills, limit, workers=workers, seed=seed, progress=progress)
    show_columns("killed and resumed", {"": figures})
    save_json(json, figures)


@batch_app.command()
def lines(
    lines: Annotated[int, typer.Option(min=10, help="Lines of the file.")] = 10_000,
    broken: Annotated[float, typer.Option(min=0, max=1, help="Share of broken lines.")] = 0.05,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """A long file through the batch engine: memory, and the time to the first result."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.bench_batch import read_long_file
    from crystalsmith.evals.tables import save_json, show_columns

    with ConsoleProgress() as progress:
        figures = read_long_file(lines, broken, seed, progress)
    show_columns("a long file", {"": figures})
    save_json(json, figures)
