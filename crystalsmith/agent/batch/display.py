"""A batch as a person watches it: how many are done, how fast, how long it will take."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

if TYPE_CHECKING:
    from types import TracebackType

    from crystalsmith.agent.batch.manifest import Counts
    from crystalsmith.agent.batch.run import Report

_PLAIN_EVERY = 5.0  # seconds between lines where there is no terminal
_SHOWN = 10  # wishes that most requests fell short by


class BatchDisplay:
    """A bar in a terminal, a line now and then elsewhere; always on stderr."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._started: float | None = None
        self._said, self._stage = 0.0, ""

    def __enter__(self) -> BatchDisplay:
        if self.console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                console=self.console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("reading", total=None, note="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, stage: str, counts: Counts, worked: int) -> None:
        """Show how the batch stands; ``worked`` requests were designed for in this run."""
        now = time.monotonic()
        if stage == "designing" and self._started is None:
            self._started = now
        note = self._note(counts, worked, now)
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=stage,
                completed=counts.done,
                total=counts.total or None,
                note=note,
            )
        elif stage != self._stage or now - self._said > _PLAIN_EVERY:
            self._said, self._stage = now, stage
            text = f"{stage} … {counts.done}/{counts.total}{', ' if note else ''}{note}"
            self.console.print(text, style="dim", highlight=False)

    def _note(self, counts: Counts, worked: int, now: float) -> str:
        parts = [f"{counts.failed} failed"] if counts.failed else []
        parts += [f"{counts.broken} broken lines"] if counts.broken else []
        if worked and self._started is not None and now > self._started:
            rate = worked / (now - self._started)
            left = timedelta(seconds=round((counts.total - counts.done) / rate))
            parts.append(f"{60 * rate:.1f} a minute, {left} left")
        return ", ".join(parts)


def show_report(report: Report, console: Console) -> None:
    """The summary at the end."""
    counts = report.counts
    table = Table("requests", "", title="Batch", title_justify="left")
    for name, number in (
        ("satisfied", counts.satisfied),
        ("fell short", counts.fell_short),
        ("failed", counts.failed),
        ("broken lines", counts.broken),
    ):
        table.add_row(name, str(number))
    console.print(table)
    if report.misses:
        wishes = Table("fell short by", "requests")
        for wish, number in report.misses.most_common(_SHOWN):
            wishes.add_row(wish, str(number))
        console.print(wishes)
    console.print(f"{report.worked} designed in this run, {report.seconds:.0f} s.", highlight=False)
