"""Designing for the requests of the compliance benchmark, by the batch engine."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from crystalsmith.agent.batch.commands import pool_starter
from crystalsmith.agent.batch.jobs import Options, safe_name
from crystalsmith.agent.batch.run import Batch, run_batch
from crystalsmith.agent.batch.work import Setup
from crystalsmith.agent.toolbox import Toolbox
from crystalsmith.core.errors import OutputError
from crystalsmith.core.settings import settings
from crystalsmith.evals.compliance import Asked, Judgement, judge_results
from crystalsmith.models.surrogates.surrogates import Surrogates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crystalsmith.agent.batch.manifest import Counts
    from crystalsmith.agent.budgets import BudgetName
    from crystalsmith.core.progress import Progress


def drawn(asked: Sequence[Asked], limit: int | None, seed: int) -> list[Asked]:
    """So many requests at random, in their order; all when there is no limit."""
    if limit is None or limit >= len(asked):
        return list(asked)
    chosen = random.Random(seed).sample(range(len(asked)), limit)
    return [asked[index] for index in sorted(chosen)]


def design_and_judge(
    asked: Sequence[Asked],
    out: Path,
    budget: BudgetName,
    workers: int,
    seed: int,
    store: str | None,
    progress: Progress,
) -> list[Judgement]:
    """Design for every request and judge what comes back.

    Designs are kept in ``out``; what is there already is not designed again. Assumptions are left
    out: only what was asked counts.

    Raises:
        CrystalsmithError: nothing can be written, or models cannot be loaded.
    """
    config = settings()
    setup = Setup(store, config, config.threads or 1)
    prompts = out / "prompts.jsonl"
    try:
        out.mkdir(parents=True, exist_ok=True)
        rows = [json.dumps({"id": item.id, "turns": item.turns}) + "\n" for item in asked]
        prompts.write_text("".join(rows), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{prompts} cannot be written: {error.strerror}") from None

    def show(stage: str, counts: Counts, worked: int) -> None:
        progress(stage, counts.done, counts.total)

    batch = Batch(prompts, out, Options(budget=budget, seed=seed, assume=False))
    run_batch(batch, setup, pool_starter(setup, workers), show)
    toolbox = replace(
        Toolbox.load(store, config, progress), surrogates=Surrogates.load_judge(config.device)
    )
    folders = [out / safe_name(item.id) for item in asked]
    return judge_results(asked, folders, toolbox, progress)
