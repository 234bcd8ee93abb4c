"""The command line: thin wrappers around the Python API.

Heavy libraries are imported inside the commands, so that help appears at once.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from typing import Annotated

import typer

from crystalsmith import __version__
from crystalsmith.agent.batch.commands import batch
from crystalsmith.agent.commands import chat, design, parse
from crystalsmith.agent.report.commands import report
from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.process import collect_rarely
from crystalsmith.evals.commands import bench_app, eval_app
from crystalsmith.models.commands import train_app
from crystalsmith.tools.commands import index_app

BAD_INPUT, INTERRUPTED = 2, 130  # exit codes

app = typer.Typer(
    name="crystalsmith",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Crystal structures for a sentence: say what material you need, get crystals that"
    " satisfy it, every wish checked.\n\n"
    'Start with: crystalsmith design "a lead-free double perovskite with a gap near 1.8 eV"',
)
app.add_typer(index_app, name="index")
app.add_typer(train_app, name="train")
app.add_typer(eval_app, name="eval")
app.add_typer(bench_app, name="bench")
for command in (design, parse, chat, batch, report):
    app.command()(command)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"crystalsmith {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def doctor() -> None:
    """Check what this machine has: weights, store, GPU, language model, Materials Project key."""
    from rich.console import Console
    from rich.table import Table

    from crystalsmith.agent.doctor import examine

    table = Table("part", "found", "what it means", title="crystalsmith doctor")
    findings = examine()
    for finding in findings:
        table.add_row(finding.part, finding.found, finding.meaning)
    Console().print(table)
    if any(finding.broken for finding in findings):
        raise typer.Exit(BAD_INPUT)


def main(arguments: list[str] | None = None) -> None:
    """Run a command; errors the user can act on become one sentence and exit code 2."""
    signal.signal(signal.SIGINT, _stop)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait must not spin
    os.environ.setdefault("SPGLIB_WARNING", "OFF")
    collect_rarely()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries' remarks to developers, not to users
    try:
        app(args=arguments)
    except CrystalsmithError as error:
        typer.echo(f"crystalsmith: {error}", err=True)
        sys.exit(BAD_INPUT)


def _stop(signal_number: int, frame: object) -> None:
    """Ctrl-C: leave through every ``finally``, without a traceback."""
    typer.echo("\ncrystalsmith: stopped; what was finished has been saved", err=True)
    raise SystemExit(INTERRUPTED)


if __name__ == "__main__":
    main()
