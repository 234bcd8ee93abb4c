"""``crystalsmith eval families``, ``search`` and ``control``: GenMS's tables on our search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crystalsmith.evals.options import JsonOption, SeedOption, StoreOption

if TYPE_CHECKING:
    from pymatgen.core import Composition

    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.progress import Progress

search_app = typer.Typer()
_KINDS = (
    "a ternary oxide",
    "a ternary halide",
    "a ternary chalcogenide",
    "a ternary nitride",
    "a ternary intermetallic",
    "a quaternary oxide",
    "a binary compound",
)


@search_app.command()
def families(
    name: Annotated[
        list[str] | None, typer.Option("--family", help="Only this one; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Structures of each family.")] = 100,
    seed: SeedOption = 0,
    store: StoreOption = None,
    json: JsonOption = None,
) -> None:
    """Members of every structure family: do they belong, are they sound and new (Table 1)."""
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.families import checked_families, evaluate_families
    from crystalsmith.evals.tables import save_json, show_rows

    names = checked_families(name or ())
    with ConsoleProgress() as progress:
        toolbox = Toolbox.load(store, progress=progress)
        figures = evaluate_families(toolbox, names, limit=limit, seed=seed, progress=progress)
    info = str(toolbox.known.info())
    rows = {key: figures[key] for key in (*names, "all")}
    show_rows(f"{figures['families']} families, {limit} structures each, {info}", rows)
    save_json(json, figures | {"context": {"limit": limit, "seed": seed, "store": info}})


@search_app.command()
def search(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Test crystals in MP-20 format, whose formulas are drawn for; formulas that the"
            " proposer makes up otherwise.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Compositions for best of ten.")] = 100,
    formulas: Annotated[
        int, typer.Option(min=1, help="Formulas of each of three families, for the widths.")
    ] = 16,
    seed: SeedOption = 0,
    store: StoreOption = None,
    json: JsonOption = None,
) -> None:
    """Whether a wider tree finds lower energies (Table 2, Figure 4)."""
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.search import evaluate_search
    from crystalsmith.evals.tables import save_json, show_rows
    from crystalsmith.models.surrogates.surrogates import Surrogates

    with ConsoleProgress() as progress:
        toolbox = Toolbox.load(store, progress=progress)
        if data is None:
            compositions = _made_up(toolbox, limit, seed)
        else:
            compositions = _of_file(data, limit, seed, progress)
        judge = Surrogates.load_judge()
        figures = evaluate_search(
            toolbox, judge, compositions, formulas=formulas, seed=seed, progress=progress
        )
    monotone = figures["branching"]["monotone"]
    widths = {k: v for k, v in figures["branching"].items() if k != "monotone"}
    show_rows("formation energy of the chosen crystal (independent judge), eV/atom", widths)
    show_rows("does it fall with the width, within two standard errors", {"": monotone})
    show_rows("chosen of ten draws against a single draw, % of compositions", figures["best_of_10"])
    context = {
        "data": None if data is None else data.name,
        "limit": limit,
        "seed": seed,
        "store": str(toolbox.known.info()),
    }
    save_json(json, figures | {"context": context})


def _made_up(toolbox: Toolbox, limit: int, seed: int) -> list[Composition]:
    """Formulas of several kinds that the proposer makes up."""
    from crystalsmith.agent.interpreter import interpret
    from crystalsmith.tools.proposer import Advisers, propose_formulas

    each = -(-limit // len(_KINDS))
    advisers = Advisers(toolbox.compositions, toolbox.constraints)
    known = toolbox.known
    found: dict[str, Composition] = {}
    for kind in _KINDS:
        for item in propose_formulas(interpret(kind), known, each, seed, advisers):
            found[item.formula] = item.composition
    return list(found.values())[:limit]


def _of_file(data: Path, limit: int, seed: int, progress: Progress) -> list[Composition]:
    from crystalsmith.evals.options import read_cases

    cases = read_cases(data, limit, seed, None, progress)
    return [entry.composition for entry in cases.entries]


@search_app.command()
def control(
    limit: Annotated[
        int | None, typer.Option(min=1, help="Requests of each kind; all when not given.")
    ] = None,
    candidates: Annotated[int, typer.Option(min=1, help="Crystals of each request.")] = 3,
    budget: Annotated[str, typer.Option(help="quick, standard or thorough.")] = "quick",
    seed: SeedOption = 0,
    store: StoreOption = None,
    json: JsonOption = None,
) -> None:
    """Whether elements, metals and new compounds come out when asked for (Table 3)."""
    from crystalsmith.agent.budgets import budget_named
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.control import evaluate_control
    from crystalsmith.evals.tables import save_json, show_rows
    from crystalsmith.models.surrogates.surrogates import Surrogates

    width = budget_named(budget)
    with ConsoleProgress() as progress:
        toolbox = Toolbox.load(store, progress=progress)
        figures = evaluate_control(
            toolbox,
            Surrogates.load_judge(),
            limit=limit,
            candidates=candidates,
            budget=width,
            seed=seed,
            progress=progress,
        )
    show_rows(f"what was asked for came out, %; {toolbox.known.info()}", figures)
    context = {"limit": limit, "candidates": candidates, "budget": budget, "seed": seed}
    save_json(json, figures | {"context": context | {"store": str(toolbox.known.info())}})
