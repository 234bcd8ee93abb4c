"""``crystalsmith eval`` of whole designs: compliance with requests, and the papers' tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crystalsmith.evals.options import JsonOption, LimitOption, SeedOption, StoreOption

design_app = typer.Typer()


@design_app.command()
def compliance(
    prompts: Annotated[
        Path | None,
        typer.Option(
            "--prompts", help='Requests with "clauses" or "gold", JSON lines; the bundled set else.'
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Keep the designs here and go on from them (resumable)."),
    ] = None,
    budget: Annotated[str, typer.Option(help="quick, standard or thorough.")] = "standard",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    store: StoreOption = None,
    failed: Annotated[
        Path | None,
        typer.Option("--failures", help="Write requests that are not satisfied, JSON lines."),
    ] = None,
    json: JsonOption = None,
) -> None:
    """How often crystals do what was asked: all clauses, each clause, strictly and loosely."""
    import tempfile

    from crystalsmith.agent.budgets import budget_named
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.compliance import BUNDLED, PUBLISHED, failures, load_asked, summarise
    from crystalsmith.evals.compliance_run import design_and_judge, drawn
    from crystalsmith.evals.tables import save_json, save_lines, show_columns, show_rows

    width = budget_named(budget)
    path = prompts or BUNDLED
    asked = drawn(load_asked(path), limit, seed)
    with tempfile.TemporaryDirectory() as scratch, ConsoleProgress() as progress:
        judged = design_and_judge(
            asked, out or Path(scratch), width, workers, seed, store, progress
        )
    figures = summarise(judged)
    title = f"compliance with {path.name}, {width} budget"
    show_columns(title, {"all": figures["all"], **figures["by_language"]})
    show_columns("by part", figures["by_part"])
    show_columns("by number of clauses", figures["by_number_of_clauses"])
    show_rows("by group of clauses", figures["by_group"])
    show_rows("by kind of clause", figures["by_kind"])
    show_columns("published, each on its own test set", {"": PUBLISHED})
    save_lines(failed, failures(judged))
    context = {"prompts": path.name, "budget": width, "seed": seed, "store": store or "configured"}
    save_json(json, figures | {"published": PUBLISHED, "context": context})


@design_app.command(name="compliance-prompts")
def compliance_prompts(
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write, JSON lines.")],
    seed: Annotated[int, typer.Option(help="Another seed gives other requests.")] = 8,
) -> None:
    """Write the requests of the compliance benchmark, as they are bundled (same seed)."""
    from crystalsmith.evals.compliance_prompts import build_prompts
    from crystalsmith.evals.tables import save_lines

    prompts = build_prompts(seed)
    save_lines(out, [prompt.row() for prompt in prompts])
    typer.echo(f"{len(prompts)} requests written to {out}", err=True)


@design_app.command()
def papers(
    data: Annotated[
        Path, typer.Option("--data", help="Folder of the test files, mp20_test.csv.gz and others.")
    ],
    only: Annotated[
        list[str] | None, typer.Option("--only", help="A table, such as crystalgf-2; repeatable.")
    ] = None,
    designs: Annotated[
        int, typer.Option(min=1, help="Crystals of each design request (GenMS, Con-CDVAE).")
    ] = 20,
    limit: LimitOption = 200,
    seed: SeedOption = 0,
    store: StoreOption = None,
    page: Annotated[
        Path | None, typer.Option(help="Write the tables as Markdown (docs/results.md).")
    ] = None,
    json: JsonOption = None,
) -> None:
    """The tables of CrystalGF, Uni-MDM, Con-CDVAE and GenMS, with our figures beside theirs.

    Tables that were measured before, in the file that --json names, are kept unless measured again.
    """
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.evals.papers.run import Bench, measure
    from crystalsmith.evals.papers.saved import Saved
    from crystalsmith.evals.papers.tables import paper_tables
    from crystalsmith.evals.tables import show_rows

    tables = paper_tables(only or ())
    context = {
        "limit": limit, "designs": designs, "seed": seed, "store": store or "configured",
    }  # fmt: skip
    saved = Saved(json, page, context)
    with ConsoleProgress() as progress:
        bench = Bench(data, store, limit, designs, seed, progress)
        found = measure(tables, bench, saved.add)
    for table, measured in found:
        rows = {**table.rows, **measured.rows}
        show_rows(
            table.title,
            {name: dict(zip(table.columns, row, strict=False)) for name, row in rows.items()},
        )
        if measured.note or measured.skipped:
            typer.echo(measured.note or f"not run: {measured.skipped}")
