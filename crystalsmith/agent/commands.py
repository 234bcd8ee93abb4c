"""``crystalsmith design``, ``parse`` and ``chat``."""

from __future__ import annotations

import json
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
    from crystalsmith.agent.readers import Reader
    from crystalsmith.core.results import DesignResult

COMPLETE, FELL_SHORT = 0, 3  # exit codes


def design(
    request: Annotated[
        str | None, typer.Argument(help="What you need, in plain words.", show_default=False)
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n", "--count", min=1, max=1000, help="How many candidates; your words or 5 otherwise."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="Folder for CIFs, results.json and summary.csv (default: a new"
            " folder under results/).",
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option(help="How much to look at: quick, standard or thorough.")
    ] = "quick",
    order: Annotated[
        str,
        typer.Option(help="best-first, or breadth-first for the most varied answers."),
    ] = "best-first",
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="Draw nothing new after so long; no limit otherwise."),
    ] = None,
    structures: Annotated[
        int | None,
        typer.Option(min=1, help="Draw so many structures at most; the budget's number otherwise."),
    ] = None,
    seed_structure: Annotated[
        Path | None,
        typer.Option(help="A crystal that the answer is to be like (CIF, POSCAR, …)."),
    ] = None,
    like: Annotated[str, typer.Option(help="In what: family, chemistry or properties.")] = "family",
    relax: Annotated[
        bool, typer.Option("--relax", help="Relax the finalists with CHGNet, symmetry kept.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Same seed, same answer.")] = 0,
    store: Annotated[
        str | None,
        typer.Option(help="Folder of known crystals; 'none' for pymatgen's prototypes only."),
    ] = None,
    assume: Annotated[
        bool,
        typer.Option(
            "--assume/--no-assume",
            help="Use what an application usually needs where you give no figure.",
        ),
    ] = True,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON and nothing else.")
    ] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Write report.html too: crystals in 3-D, plots, offline.")
    ] = False,
    llm: LlmOption = None,
    llm_url: LlmUrlOption = None,
    llm_model: LlmModelOption = None,
) -> None:
    """Find crystals that satisfy a request.

    Exit code 0: the candidates satisfy everything asked. 3: the best found fall short (they are
    still shown and saved, and the table says which clause). 2: the input cannot be used.

    Example: crystalsmith design "stable ternary nitride semiconductor, gap 1-2 eV" -n 5
    """
    from rich.console import Console

    from crystalsmith.agent.budgets import budget_named, order_named
    from crystalsmith.agent.design import design as run_design
    from crystalsmith.agent.readers import reader_of
    from crystalsmith.agent.report.console import show_request, show_result
    from crystalsmith.agent.report.files import ensure_writable, folder_for, write_results
    from crystalsmith.agent.seeds import likeness_named
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.errors import RequestError
    from crystalsmith.core.request import DesignRequest

    width, way, likeness = budget_named(budget), order_named(order), likeness_named(like)
    if request is None and seed_structure is None:
        raise RequestError("say in words what you need, or give a --seed-structure")
    understood = DesignRequest(text="")
    if request is not None:
        read = reader_of(settings_with(llm, llm_url, llm_model))
        understood = read(request).ensure_consistent()
    name = request or f"like {seed_structure.stem if seed_structure else ''}"
    folder = out if out is not None or (as_json and not html) else folder_for(name)
    if folder is not None:
        ensure_writable(folder)
    console = Console()
    if not as_json and request is not None:
        show_request(understood, console)

    def save(result: DesignResult) -> None:
        if folder is not None:
            write_results(result, folder)

    with ConsoleProgress() as progress:
        result = run_design(
            understood,
            count,
            budget=width,
            order=way,
            seconds=seconds,
            most_structures=structures,
            seed=seed,
            seed_structure=seed_structure,
            like=likeness,
            store=store,
            relax=relax,
            assume=assume,
            found=save,
            progress=progress,
        )
    save(result)
    if html and folder is not None:
        _write_html(folder)
    if as_json:
        _print_json(result)
    else:
        show_result(result, console)
        console.print(f"Saved in {folder}", highlight=False, soft_wrap=True)
    raise typer.Exit(COMPLETE if result.complete else FELL_SHORT)


def _write_html(folder: Path) -> None:
    from crystalsmith.agent.report.page.build import PAGE, page_of_folder, write_page

    text, _ = page_of_folder(folder)
    write_page(folder / PAGE, text)


def _print_json(result: DesignResult) -> None:
    from crystalsmith.agent.report.records import result_record

    typer.echo(json.dumps(result_record(result), indent=2, ensure_ascii=False))


def parse(
    request: Annotated[
        str | None, typer.Argument(help="A request in plain words.", show_default=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the reading as JSON (docs/requests.md).")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option(help='Requests to read, a JSON object a line: {"id", "text"} or "turns".'),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File for the readings; the terminal otherwise."),
    ] = None,
    llm: LlmOption = None,
    llm_url: LlmUrlOption = None,
    llm_model: LlmModelOption = None,
) -> None:
    """Show how a request is understood, without designing anything.

    Example: crystalsmith parse "lead-free perovskite, gap near 1.5 eV" --json
    """
    from crystalsmith.agent.batch.parsing import json_line
    from crystalsmith.agent.readers import reader_of
    from crystalsmith.core.errors import RequestError
    from crystalsmith.core.public_request import public_view

    if (request is None) == (file is None):
        raise RequestError("give a request in words, or --file with one JSON object a line")
    read = reader_of(settings_with(llm, llm_url, llm_model))
    if file is not None:
        _parse_file(file, out, read)
        return
    understood = read(request or "")
    if as_json:
        typer.echo(json_line(public_view(understood), indent=2))
        return
    from rich.console import Console

    from crystalsmith.agent.report.console import show_request

    if understood.off_topic:
        raise RequestError(understood.refusals[0])
    show_request(understood, Console())


def _parse_file(file: Path, out: Path | None, read: Reader) -> None:
    from functools import partial

    from crystalsmith.agent.batch.parsing import parse_lines, read_lines
    from crystalsmith.agent.conversation import read_turns
    from crystalsmith.core.console import ConsoleProgress

    lines = read_lines(file)
    with ConsoleProgress() as progress:
        done = parse_lines(lines, out, partial(read_turns, reader=read), progress)
    if out is None:
        typer.echo("\n".join(done))
    else:
        typer.echo(f"{len(done)} requests read into {out}", err=True)


def chat(
    resume: Annotated[
        str | None, typer.Option("--resume", help="Go on with a session; 'last' for the last one.")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder that /export writes to.")] = Path(
        "results/chat"
    ),
    budget: Annotated[
        str, typer.Option(help="How much to look at: quick, standard or thorough.")
    ] = "quick",
    seed: Annotated[int, typer.Option(help="Same seed, same answer.")] = 0,
    store: Annotated[
        str | None,
        typer.Option(help="Folder of known crystals; 'none' for pymatgen's prototypes only."),
    ] = None,
    llm: LlmOption = None,
    llm_url: LlmUrlOption = None,
    llm_model: LlmModelOption = None,
) -> None:
    """Design crystals in conversation: refine, ask why, compare, export.

    Works in a terminal and in a pipe. Sessions are kept, and survive a crash.

    Example: crystalsmith chat
    """
    from crystalsmith.agent.budgets import budget_named
    from crystalsmith.agent.chat.agent import ChatAgent
    from crystalsmith.agent.chat.sessions import (
        checked_name,
        new_session,
        open_sessions,
        session_names,
    )
    from crystalsmith.agent.chat.shell import chat as talk
    from crystalsmith.agent.chat.workbench import Workbench
    from crystalsmith.agent.llm import language_model
    from crystalsmith.agent.readers import reader_of
    from crystalsmith.core.console import ConsoleProgress
    from crystalsmith.core.errors import RequestError

    width = budget_named(budget)
    config = settings_with(llm, llm_url, llm_model)
    model = language_model(config)
    with open_sessions() as saver, ConsoleProgress() as progress:
        names = session_names(saver)
        name = names[0] if resume == "last" and names else checked_name(resume or new_session())
        if resume is not None and name not in names:
            raise RequestError(f"there is no session {name!r}; /sessions in a chat lists them")
        bench = Workbench(
            out, reader_of(config), budget=width, seed=seed, store=store, progress=progress
        )
        agent = ChatAgent(
            bench,
            saver,
            name,
            None if model is None else model.chat,
            steps=config.llm_steps,
            tokens=config.llm_tokens,
        )
        talk(agent, saver, typer.echo)
