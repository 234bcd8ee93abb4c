"""``crystalsmith eval`` of single models: every figure about their quality comes from here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crystalsmith.agent.options import LlmModelOption, LlmOption, LlmUrlOption, settings_with
from crystalsmith.evals.options import (
    DataOption,
    JsonOption,
    LimitOption,
    SeedOption,
    StoreOption,
    TrainDataOption,
    read_cases,
)

if TYPE_CHECKING:
    from crystalsmith.evals.cases import Cases

models_app = typer.Typer()


def _context(data: Path, store: str | None, cases: Cases, seed: int) -> dict[str, Any]:
    return {
        "data": data.name,
        "store": store or "configured",
        "rows_used": cases.report.used,
        "rows_skipped": dict(cases.report.skipped),
        "seed": seed,
    }


@models_app.command()
def symmetry(
    data: DataOption,
    given: Annotated[
        str, typer.Option(help="formula, or elements, whose ratio is then predicted too.")
    ] = "formula",
    told: Annotated[
        str,
        typer.Option("--property", help="Told beside it: formation_energy, band_gap or none."),
    ] = "formation_energy",
    part: Annotated[
        str,
        typer.Option(
            help="Which part speaks: mixed (all), model (language model), network (of templates),"
            " learned (both) or neighbours."
        ),
    ] = "mixed",
    limit: LimitOption = None,
    seed: SeedOption = 0,
    store: StoreOption = None,
    train_data: TrainDataOption = None,
    json: JsonOption = None,
    confusion: Annotated[
        Path | None,
        typer.Option(help="Folder for the space groups' confusion matrix (CSV and PNG)."),
    ] = None,
) -> None:
    """Space group and Wyckoff letters from formula or elements (CrystalGF's Table 1)."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.settings import settings
    from crystalsmith.evals.cases import known_crystals
    from crystalsmith.evals.confusion import save_confusion
    from crystalsmith.evals.element_sets import symmetry_benchmark
    from crystalsmith.evals.symmetry import given_property, only_part
    from crystalsmith.evals.tables import save_json, show_columns
    from crystalsmith.models.constraint.generator import ConstraintGenerator

    evaluate = symmetry_benchmark(given)
    beside = given_property(told)
    guesses: list[tuple[int, int]] = []
    with ConsoleProgress() as progress:
        cases = read_cases(data, limit, seed, train_data, progress)
        known = known_crystals(store)
        config = settings()
        generator = ConstraintGenerator.load(
            config.constraint_weights,
            known.entries(),
            config.device,
            config.constraint_url,
            config.template_weights,
        )
        figures = evaluate(
            only_part(generator, part), cases, given=beside, guesses=guesses, progress=progress
        )
    show_columns(f"symmetry from the {given}, {known.info()}", figures)
    if confusion is not None:
        save_confusion(confusion, guesses)
    save_json(json, figures | {"context": _context(data, store, cases, seed)})


@models_app.command()
def structures(
    data: DataOption,
    constraints: Annotated[
        str, typer.Option(help="true: the crystal's own template; predicted: from the formula.")
    ] = "true",
    start: Annotated[str, typer.Option(help="auto, noise or template.")] = "auto",
    samples: Annotated[int, typer.Option(help="Structures per crystal.")] = 1,
    drafts: Annotated[
        int, typer.Option(help="Drafts per template that the selector chooses from.")
    ] = 1,
    with_properties: Annotated[
        bool, typer.Option(help="Tell the generator the crystal's gap and formation energy.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that share the crystals (true constraints).")
    ] = 1,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    store: StoreOption = None,
    train_data: TrainDataOption = None,
    json: JsonOption = None,
) -> None:
    """Match rate and RMSE of generated crystals (CrystalGF's Table 2)."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.settings import settings
    from crystalsmith.evals.cases import known_crystals
    from crystalsmith.evals.structures import constraints_named, evaluate_structures, start_named
    from crystalsmith.evals.tables import save_json, show_columns
    from crystalsmith.models.constraint.generator import ConstraintGenerator
    from crystalsmith.models.structure.generator import StructureGenerator

    which, begin = constraints_named(constraints), start_named(start)
    with ConsoleProgress() as progress:
        cases = read_cases(data, limit, seed, train_data, progress)
        known = known_crystals(store)
        entries = known.entries()
        config = settings()
        predictor = (
            ConstraintGenerator.load(
                config.constraint_weights,
                entries,
                config.device,
                config.constraint_url,
                config.template_weights,
            )
            if which == "predicted"
            else None
        )
        figures = evaluate_structures(
            StructureGenerator.load(config.structure_weights, entries, config.device),
            cases,
            constraints=which,
            constraint_generator=predictor,
            start=begin,
            samples=samples,
            drafts=drafts,
            with_properties=with_properties,
            seed=seed,
            workers=workers,
            progress=progress,
        )
    show_columns(f"structures, {known.info()}", {"generator": figures})
    show_columns("copying the nearest known geometry", {"": figures["template_baseline"]})
    show_columns("by free parameters", figures["by_free_parameters"])
    show_columns("by crystal family", figures["by_crystal_family"])
    save_json(json, figures | {"context": _context(data, store, cases, seed)})


@models_app.command()
def rag(
    data: DataOption,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    store: StoreOption = None,
    train_data: TrainDataOption = None,
    json: JsonOption = None,
) -> None:
    """What known crystals add: the same models with and without retrieval (GenMS's Table 4)."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.cases import known_crystals
    from crystalsmith.evals.rag import evaluate_rag
    from crystalsmith.evals.tables import save_json, show_columns

    with ConsoleProgress() as progress:
        cases = read_cases(data, limit, seed, train_data, progress)
        known = known_crystals(store)
        figures = evaluate_rag(known, cases, seed=seed, progress=progress)
    for name in figures["with"]:
        columns = {f"{way} retrieval": figures[way][name] for way in ("without", "with")}
        show_columns(f"{name}, {known.info()}", columns)
    save_json(json, figures | {"context": _context(data, store, cases, seed)})


@models_app.command()
def surrogates(
    data: DataOption,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    store: StoreOption = None,
    train_data: TrainDataOption = None,
    judge: Annotated[
        bool, typer.Option(help="Measure the independent judge, which takes no part in a search.")
    ] = False,
    parity: Annotated[
        Path | None, typer.Option(help="Folder for plots of predicted against true values (PNG).")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write parity and calibration as one HTML page.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Errors and uncertainties of the property predictors (they do not look at any store)."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.settings import settings
    from crystalsmith.evals.parity import save_parity
    from crystalsmith.evals.plots import save_plots
    from crystalsmith.evals.surrogates import evaluate_surrogates, predictions_for
    from crystalsmith.evals.tables import save_json, show_properties
    from crystalsmith.models.surrogates.surrogates import Surrogates

    with ConsoleProgress() as progress:
        config = settings()
        models = (
            Surrogates.load_judge(config.device)
            if judge
            else Surrogates.load(config.surrogate_weights, config.device)
        )
        cases = read_cases(data, limit, seed, train_data, progress)
        scored, seconds = predictions_for(models, cases, progress)
        figures = evaluate_surrogates(models.properties, scored, seconds, cases)
    show_properties(models.source, figures)
    if parity is not None:
        save_parity(parity, cases, scored)
    if html is not None:
        save_plots(html, f"{models.source}, {data.name}", cases, scored)
    save_json(json, figures | {"context": _context(data, store, cases, seed)})


@models_app.command()
def composition(
    data: DataOption,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    store: StoreOption = None,
    train_data: TrainDataOption = None,
    json: JsonOption = None,
) -> None:
    """Errors and uncertainties of the model that sees the formula alone (nor any store)."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.settings import settings
    from crystalsmith.evals.surrogates import evaluate_composition
    from crystalsmith.evals.tables import save_json, show_properties
    from crystalsmith.models.composition.model import CompositionModel

    with ConsoleProgress() as progress:
        cases = read_cases(data, limit, seed, train_data, progress)
        config = settings()
        model = CompositionModel.load(config.composition_weights, config.device)
        figures = evaluate_composition(model, cases)
    show_properties("composition model", figures)
    save_json(json, figures | {"context": _context(data, store, cases, seed)})


@models_app.command()
def backend(
    data: DataOption,
    url: Annotated[
        str | None,
        typer.Option(help="Server of the constraint generator; the configured one otherwise."),
    ] = None,
    limit: LimitOption = 200,
    seed: SeedOption = 0,
    json: JsonOption = None,
) -> None:
    """Whether the constraint generator behind a server (vLLM) says the same as in process."""
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.errors import ServerError
    from crystalsmith.core.settings import settings
    from crystalsmith.evals.backend import compare_backends
    from crystalsmith.evals.tables import save_json, show_columns
    from crystalsmith.models.constraint.generator import ConstraintGenerator

    config = settings()
    where = url or config.constraint_url
    if not where:
        raise ServerError(
            "no server to compare with; give --url or set CRYSTALSMITH_CONSTRAINT_URL"
        )
    with ConsoleProgress() as progress:
        served = ConstraintGenerator.load(config.constraint_weights, url=where)
        here = ConstraintGenerator.load(config.constraint_weights, device=config.device)
        cases = read_cases(data, limit, seed, None, progress)
        figures = compare_backends(here, served, cases.entries, progress)
    show_columns("served and in process", {"": figures})
    save_json(json, figures | {"context": _context(data, "none", cases, seed)})


@models_app.command()
def requests(
    data: Annotated[
        Path, typer.Option("--data", help="Requests with gold readings, one JSON object a line.")
    ],
    failures: Annotated[
        Path | None, typer.Option(help="Write every failure to this file, one JSON object a line.")
    ] = None,
    llm: LlmOption = None,
    llm_url: LlmUrlOption = None,
    llm_model: LlmModelOption = None,
    json: JsonOption = None,
) -> None:
    """How exactly requests and dialogues are read (docs/requests.md has the keys)."""
    from functools import partial

    from crystalsmith.agent.conversation import read_turns
    from crystalsmith.agent.readers import reader_name, reader_of
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.requests import evaluate_requests, load_cases
    from crystalsmith.evals.tables import save_json, save_lines, show_columns

    config = settings_with(llm, llm_url, llm_model)
    cases = load_cases(data)
    with ConsoleProgress() as progress:
        read = partial(read_turns, reader=reader_of(config))
        figures, failed = evaluate_requests(cases, read, progress)
    show_columns(f"requests of {data.name}, read by the {reader_name(config)}", figures)
    save_lines(failures, failed)
    context = {"data": data.name, "reader": reader_name(config)}
    save_json(json, figures | {"context": context})
