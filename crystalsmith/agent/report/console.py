"""What a person sees in the terminal: the reading of the request, then the candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.evidence import Status
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from rich.console import Console

    from crystalsmith.core.evidence import Prediction
    from crystalsmith.core.properties import Property
    from crystalsmith.core.request import DesignRequest
    from crystalsmith.core.results import Candidate, DesignResult

_MARKS = {
    Status.PASS: "[green]pass[/]",
    Status.FAIL: "[red]fail[/]",
    Status.NOT_CHECKED: "[yellow]not checked[/]",
}

_COLUMNS = 3  # of properties in the overview, which has to fit into 80 characters
_USUAL = ("e_above_hull", "band_gap", "formation_energy")
_SHORT = {"formation_energy": "formation", "e_above_hull": "above hull"}


def show_request(request: DesignRequest, console: Console) -> None:
    """The reading of a request, clause by clause, with the words each was read from."""
    from crystalsmith.agent.interpreter.explain import explain

    table = Table("understood", "from the words", title="Request", title_justify="left")
    for wish, words in explain(request):
        table.add_row(escape(wish), escape(words))
    console.print(table)


def show_result(result: DesignResult, console: Console) -> None:
    """The candidates, every clause of each, and how the search went."""
    console.print(_overview(result))
    for candidate in result.candidates:
        console.print(_clauses(candidate))
    counts = ", ".join(f"{number} {what}" for what, number in result.run.counts.items())
    console.print(
        f"{counts}; {result.run.budget} budget, seed {result.run.seed},"
        f" {result.run.seconds:.1f} s. Known crystals: {escape(result.run.store)}.",
        highlight=False,
    )
    for remark in result.run.remarks:
        console.print(escape(f"Note: {remark}."), highlight=False)
    console.print(verdict_sentence(result), highlight=False)


def verdict_sentence(result: DesignResult) -> str:
    """One sentence that sums the result up."""
    good, shown = len(result.satisfied), len(result.candidates)
    if good == shown:
        noun = "candidate satisfies" if good == 1 else "candidates satisfy"
        return f"[green]{good} {noun} everything asked for.[/]"
    failing = sorted({item.clause.wish() for c in result.candidates for item in c.failed})
    unchecked = sorted({item.clause.wish() for c in result.candidates for item in c.unchecked})
    reasons = []
    if failing:
        reasons.append(f"failed by some: {', '.join(failing)}")
    if unchecked:
        reasons.append(f"not checked for some: {', '.join(unchecked)}")
    return f"[yellow]{good} of {shown} satisfy everything asked for[/]; {'; '.join(reasons)}."


def shown_properties(request: DesignRequest) -> list[Property]:
    """What the overview has room for: the properties asked for, then those that always matter."""
    asked = [name for name in PROPERTIES if any(c.interval(name) for c in request.clauses)]
    chosen = [*asked, *(name for name in _USUAL if name not in asked)][:_COLUMNS]
    return [PROPERTIES[name] for name in PROPERTIES if name in chosen]


def _overview(result: DesignResult) -> Table:
    table = Table(title="Candidates", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("id", "formula", "space group"):
        table.add_column(name, no_wrap=True)
    columns = shown_properties(result.request)
    for item in columns:
        words = _SHORT.get(item.name, item.words)
        table.add_column(f"{words}\n{item.unit}", justify="right", no_wrap=True)
    table.add_column("asked,\nmet", justify="right", no_wrap=True)
    for candidate in result.candidates:
        passed = sum(item.verdict.status is Status.PASS for item in candidate.judged)
        number = candidate.evidence.space_group
        symbol = space_group(number).symbol
        table.add_row(
            candidate.id,
            candidate.formula,
            f"{symbol} ({number})",
            *(_number(candidate.predictions.get(item.name)) for item in columns),
            f"{passed}/{len(candidate.judged)}",
        )
    return table


def _number(prediction: Prediction | None) -> str:
    if prediction is None:
        return "–"
    digits = 0 if prediction.std >= 1.0 else 2
    mark = "" if prediction.reliable else "?"
    return f"{prediction.mean:.{digits}f} ± {prediction.std:.{digits}f}{mark}"


def _clauses(candidate: Candidate) -> Table:
    origin = candidate.provenance
    start = (
        "drawn from noise"
        if origin.structure == "noise"
        else f"geometry started from {origin.structure}"
    )
    table = Table(
        "verdict",
        "clause",
        "why",
        title=f"{candidate.id}  {candidate.formula}: {escape(origin.formula)};"
        f" {escape(origin.template)}; {escape(start)}",
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
    )
    for item in candidate.judged:
        table.add_row(
            _MARKS[item.verdict.status], escape(item.clause.wish()), escape(item.verdict.reason)
        )
    if origin.relaxation is not None:
        facts = ", ".join(f"{key} {value}" for key, value in origin.relaxation.items())
        table.add_row("[dim]relaxed[/]", "", escape(facts))
    return table
