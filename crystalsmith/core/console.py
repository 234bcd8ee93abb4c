"""Progress as a person sees it; standard output stays free for results."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

if TYPE_CHECKING:
    from types import TracebackType

_PLAIN_EVERY = 5.0  # seconds between lines where there is no terminal


class ConsoleProgress:
    """Shows progress on stderr: bars in a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._bars: RichProgress | None = None
        self._tasks: dict[str, Any] = {}
        self._last = 0.0

    def __enter__(self) -> ConsoleProgress:
        if self.console.is_terminal:
            self._bars = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` steps of a stage are finished."""
        if self._bars is not None:
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(stage, total=total)
            self._bars.update(self._tasks[stage], completed=done, total=total)
            return
        now = time.monotonic()
        if stage not in self._tasks or now - self._last > _PLAIN_EVERY:
            self._tasks[stage], self._last = True, now
            self.console.print(f"{stage} … {done}/{total}", style="dim", highlight=False)
