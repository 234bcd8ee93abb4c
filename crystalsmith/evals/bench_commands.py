"""``crystalsmith bench`` of designs, models and the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crystalsmith.evals.options import JsonOption, SeedOption, StoreOption, read_cases

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from crystalsmith.core.progress import Progress

parts_app = typer.Typer()

CrystalsOption = Annotated[
    Path | None,
    typer.Option("--data", help="Crystals of an MP-20 file; pymatgen's prototypes otherwise."),
]


@parts_app.command()
def design(
    runs: Annotated[int, typer.Option(help="How often.")] = 3,
    store: StoreOption = None,
    json: JsonOption = None,
) -> None:
    """Wall time and peak memory of a design, quick budget, in a fresh process."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.bench import time_design
    from crystalsmith.evals.tables import save_json, show_columns

    with ConsoleProgress() as progress:
        figures = time_design(runs, store, progress)
    show_columns("design", {"": figures})
    save_json(json, figures)


@parts_app.command()
def startup(
    runs: Annotated[int, typer.Option(help="How often.")] = 10,
    json: JsonOption = None,
) -> None:
    """Wall time of `crystalsmith --help`."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.bench import time_startup
    from crystalsmith.evals.tables import save_json, show_columns

    with ConsoleProgress() as progress:
        figures = time_startup(runs, progress)
    show_columns("startup", {"": figures})
    save_json(json, figures)


@parts_app.command(name="symmetry")
def bench_symmetry(
    data: Annotated[
        Path | None,
        typer.Option(help="Formulas of an MP-20 file; of pymatgen's prototypes otherwise."),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many formulas.")] = 200,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """Formulas a second that the constraint generator answers, its size and memory."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.settings import settings
    from crystalsmith.evals.bench_symmetry import prototype_compositions, time_symmetry
    from crystalsmith.evals.tables import save_json, show_columns
    from crystalsmith.models.constraint.generator import ConstraintGenerator

    config = settings()
    with ConsoleProgress() as progress:
        if data is None:
            compositions = prototype_compositions(limit, seed)
        else:
            entries = read_cases(data, limit, seed, None, progress).entries
            compositions = [entry.composition for entry in entries]
        generator = ConstraintGenerator.load(config.constraint_weights, device=config.device)
        figures = time_symmetry(generator, compositions, config.constraint_weights, progress)
    show_columns("constraint generator", {"": figures})
    save_json(json, figures)


@parts_app.command()
def surrogates(
    data: CrystalsOption = None,
    limit: Annotated[int, typer.Option(help="How many crystals of at most 20 atoms.")] = 1000,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """Structures scored per second, all properties."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.settings import settings
    from crystalsmith.evals.bench_models import time_surrogates
    from crystalsmith.evals.tables import save_json, show_columns
    from crystalsmith.models.surrogates.surrogates import Surrogates

    config = settings()
    if config.threads:
        import torch

        torch.set_num_threads(config.threads)
    with ConsoleProgress() as progress:
        models = Surrogates.load(config.surrogate_weights, config.device)
        crystals = _crystals(data, limit, seed, progress)
        figures = time_surrogates(models, crystals, progress)
    show_columns("surrogates", {"": figures})
    save_json(json, figures)


@parts_app.command()
def relax(
    data: CrystalsOption = None,
    limit: Annotated[int, typer.Option(help="How many crystals of at most 20 atoms.")] = 20,
    seed: SeedOption = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 2,
    json: JsonOption = None,
) -> None:
    """Crystals perturbed and relaxed: how many come back, and how long it takes."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.settings import settings
    from crystalsmith.evals.bench_models import time_relaxation
    from crystalsmith.evals.tables import save_json, show_columns

    with ConsoleProgress() as progress:
        figures = time_relaxation(
            _crystals(data, limit, seed, progress),
            seed=seed,
            calculator=settings().calculator,
            workers=workers,
            progress=progress,
        )
    show_columns("relaxation", {"": figures})
    save_json(json, figures)


@parts_app.command(name="store")
def bench_store_command(
    data: CrystalsOption = None,
    store: StoreOption = None,
    entries: Annotated[int, typer.Option(min=1, help="Size of the store that is built.")] = 150_000,
    queries: Annotated[int, typer.Option(min=4, help="How many are asked, with filters.")] = 400,
    seed: SeedOption = 0,
    keep: Annotated[
        Path | None, typer.Option(help="Leave the store in this folder; a temporary one otherwise.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Build rate, time of queries and memory of the store, on two cores.

    The crystals are those of --data or --store (pymatgen's prototypes otherwise), varied until
    there are enough.
    """
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.bench_store import bench_store
    from crystalsmith.evals.cases import known_crystals
    from crystalsmith.evals.tables import save_json, show_columns

    with ConsoleProgress() as progress:
        real = (
            known_crystals(store or "none").entries()
            if data is None
            else read_cases(data, None, seed, None, progress).entries
        )
        figures = bench_store(
            real, n=entries, queries=queries, seed=seed, folder=keep, progress=progress
        )
    show_columns("store of known crystals", {"": figures})
    save_json(json, figures)


def _crystals(data: Path | None, limit: int, seed: int, progress: Progress) -> list[Structure]:
    """Primitive cells of at most 20 atoms, drawn at random; repeated when there are too few."""
    import random

    from crystalsmith.evals.bench_models import MOST_ATOMS
    from crystalsmith.tools.prototypes import prototypes

    entries = (
        prototypes().entries()
        if data is None
        else read_cases(data, None, seed, None, progress).entries
    )
    found: list[Structure] = []
    for entry in random.Random(seed).sample(list(entries), len(entries)):
        cell = entry.crystal.structure().get_primitive_structure()
        if len(cell) <= MOST_ATOMS:
            found.append(cell)
        if len(found) == limit:
            break
    return [found[index % len(found)] for index in range(limit)] if found else []
