"""``crystalsmith batch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crystalsmith.agent.options import (
    LlmModelOption,
    LlmOption,
    LlmUrlOption,
    settings_with,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from crystalsmith.agent.batch.pool import Pool
    from crystalsmith.agent.batch.work import Setup

_FELL_SHORT = 3


def batch(
    prompts: Annotated[
        Path,
        typer.Argument(
            help="Requests: .txt (one a line), .jsonl (id, text or turns, options) or .csv.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for the results.", show_default=False)
    ],
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with its models.")] = 1,
    shard: Annotated[
        str, typer.Option(help="Only part i of n, as i/n: one command on each machine.")
    ] = "1/1",
    engine: Annotated[str, typer.Option(help="local processes, or ray.")] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of a running Ray cluster; Ray is started here otherwise.")
    ] = None,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs that each Ray worker asks for.")] = 0.0,
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, max=1000, help="Candidates a request.")
    ] = None,
    budget: Annotated[str, typer.Option(help="quick, standard or thorough.")] = "quick",
    relax: Annotated[bool, typer.Option("--relax", help="Relax the finalists.")] = False,
    seed: Annotated[int, typer.Option(help="Same seed, same answers.")] = 0,
    store: Annotated[
        str | None,
        typer.Option(help="Folder of known crystals; 'none' for pymatgen's prototypes only."),
    ] = None,
    assume: Annotated[
        bool, typer.Option("--assume/--no-assume", help="Use what applications usually need.")
    ] = True,
    time_limit: Annotated[
        float | None, typer.Option(min=1, help="Seconds that a request may take (local engine).")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed in an earlier run.")
    ] = False,
    llm: LlmOption = None,
    llm_url: LlmUrlOption = None,
    llm_model: LlmModelOption = None,
) -> None:
    """Design for every request of a file; stop it at any time, run it again and it goes on.

    Each result is a folder OUT/<id> that appears whole; OUT/summary.csv and .parquet sum up, and
    OUT/failed.jsonl lists broken lines and requests that failed. Exit code 0: every request is
    satisfied. 3: some fell short, failed or were no requests.

    Example: crystalsmith batch prompts.txt --out results/batch --workers 4
    """
    from rich.console import Console

    from crystalsmith.agent.batch.display import BatchDisplay, show_report
    from crystalsmith.agent.batch.jobs import Options
    from crystalsmith.agent.batch.run import Batch, run_batch
    from crystalsmith.agent.batch.work import Setup
    from crystalsmith.agent.budgets import budget_named

    defaults = Options(
        count=count, budget=budget_named(budget), seed=seed, relax=relax, assume=assume
    )
    config = settings_with(llm, llm_url, llm_model)
    setup = Setup(store, config, config.threads or 1)
    start = pool_starter(setup, workers, engine, address, gpus, time_limit)
    task = Batch(prompts, out, defaults, parse_shard(shard), retry_failed)
    with BatchDisplay() as display:
        report = run_batch(task, setup, start, display)
    console = Console()
    show_report(report, console)
    console.print(f"Saved in {out}", highlight=False, soft_wrap=True)
    counts = report.counts
    if counts.satisfied < counts.total or counts.broken:
        raise typer.Exit(_FELL_SHORT)


def pool_starter(
    setup: Setup,
    workers: int,
    engine: str = "local",
    address: str | None = None,
    gpus: float = 0.0,
    limit: float | None = None,
) -> Callable[[], Pool]:
    """What starts the workers of an engine.

    Raises:
        RequestError: there is no such engine.
    """
    from functools import partial

    from crystalsmith.agent.batch.pool import LocalPool
    from crystalsmith.core.errors import RequestError

    if engine == "local":
        return partial(LocalPool, setup, workers, limit)
    if engine == "ray":
        from crystalsmith.agent.batch.ray_pool import RayPool

        return partial(RayPool, setup, workers, address, gpus)
    raise RequestError(f"there is no engine {engine!r}; take local or ray")


def parse_shard(text: str) -> tuple[int, int]:
    """Part i of n from ``i/n``.

    Raises:
        RequestError: it is not that.
    """
    from crystalsmith.core.errors import RequestError

    number, _, total = text.partition("/")
    if number.isdecimal() and total.isdecimal() and 1 <= int(number) <= int(total):
        return int(number), int(total)
    raise RequestError(f"--shard must be i/n with i from 1 to n, such as 2/4, not {text!r}")
