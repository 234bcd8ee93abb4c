"""How long-running functions report that they are alive."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called whenever there is something to show; how it is shown is the caller's business."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """``done`` of ``total`` steps of ``stage`` are finished."""


def silent(stage: str, done: int, total: int) -> None:
    """Report nothing."""
