"""``crystalsmith eval`` and ``crystalsmith bench``: every figure that we quote comes from here."""

from __future__ import annotations

import typer

from crystalsmith.evals.batch_commands import batch_app
from crystalsmith.evals.bench_commands import parts_app
from crystalsmith.evals.design_commands import design_app
from crystalsmith.evals.model_commands import models_app
from crystalsmith.evals.search_commands import search_app
from crystalsmith.evals.steering_commands import steering_app

eval_app = typer.Typer(
    no_args_is_help=True,
    help="Measure quality; each command prints a table.",
)
bench_app = typer.Typer(no_args_is_help=True, help="Time commands as a user sees them.")

for part in (models_app, design_app, search_app, steering_app):
    eval_app.add_typer(part)
for part in (parts_app, batch_app):
    bench_app.add_typer(part)
