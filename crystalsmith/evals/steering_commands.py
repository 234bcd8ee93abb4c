"""``crystalsmith eval steering``: what telling the structure generator a property is worth."""

from __future__ import annotations

from typing import Annotated

import typer

from crystalsmith.evals.options import (
    DataOption,
    JsonOption,
    LimitOption,
    SeedOption,
    StoreOption,
    read_cases,
)

steering_app = typer.Typer()


@steering_app.command()
def steering(
    data: DataOption,
    name: Annotated[
        str, typer.Option("--property", help="band_gap or formation_energy.")
    ] = "formation_energy",
    strategy: Annotated[
        str,
        typer.Option(
            help="default: told this property alone; full: the other one too; less: the other one"
            " drawn from what the formula suggests (Con-CDVAE's three)."
        ),
    ] = "default",
    guidance: Annotated[
        list[float] | None,
        typer.Option(help="Weight of classifier-free guidance; may be repeated."),
    ] = None,
    start: Annotated[str, typer.Option(help="auto, noise or template.")] = "auto",
    limit: LimitOption = 100,
    seed: SeedOption = 0,
    store: StoreOption = None,
    json: JsonOption = None,
) -> None:
    """What steering the structure generator to a property is worth, by the independent judge."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.settings import settings
    from crystalsmith.evals.cases import known_crystals
    from crystalsmith.evals.steering import evaluate_steering, property_named
    from crystalsmith.evals.structures import start_named
    from crystalsmith.evals.tables import save_json, show_columns
    from crystalsmith.models.structure.generator import StructureGenerator
    from crystalsmith.models.structure.steering import strategy_named
    from crystalsmith.models.surrogates.surrogates import Surrogates

    which, how, begin = property_named(name), strategy_named(strategy), start_named(start)
    with ConsoleProgress() as progress:
        cases = read_cases(data, limit, seed, None, progress)
        known, config = known_crystals(store), settings()
        figures = evaluate_steering(
            StructureGenerator.load(config.structure_weights, known.entries(), config.device),
            Surrogates.load_judge(config.device),
            cases,
            name=which,
            strategy=how,
            guidances=guidance or (1.0, 2.0, 4.0),
            start=begin,
            seed=seed,
            progress=progress,
        )
    columns = {key: value for key, value in figures.items() if isinstance(value, dict)}
    show_columns(f"steering to a {which} ({how}), {figures['n']} templates", columns)
    save_json(
        json,
        figures | {"context": {"data": data.name, "store": store or "configured", "seed": seed}},
    )
