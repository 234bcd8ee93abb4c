"""Reads a file of requests, one JSON object a line, into a file of readings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crystalsmith.core.errors import DataError, OutputError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.public_request import public_view

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from crystalsmith.core.request import DesignRequest

    Reader = Callable[[Sequence[str]], list[DesignRequest]]


@dataclass(frozen=True)
class Line:
    """One line of a batch file: an id, which is only copied, and what was said."""

    id: Any
    turns: tuple[str, ...]
    is_dialogue: bool


def read_lines(path: Path) -> list[Line]:
    """The requests of a file.

    Raises:
        DataError: the file cannot be read, or a line is not ``{"id", "text"}`` or
            ``{"id", "turns"}``; the message gives the line.
    """
    try:
        rows = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    return [_line(path, number, row) for number, row in enumerate(rows, start=1) if row.strip()]


def _line(path: Path, number: int, row: str) -> Line:
    try:
        found = json.loads(row)
    except (ValueError, RecursionError):
        raise DataError(f"{path}, line {number}: not JSON") from None
    if isinstance(found, dict) and isinstance(found.get("text"), str):
        return Line(found.get("id", number), (found["text"],), is_dialogue=False)
    turns = found.get("turns") if isinstance(found, dict) else None
    if isinstance(turns, list) and all(isinstance(turn, str) for turn in turns):
        return Line(found.get("id", number), tuple(turns), is_dialogue=True)
    raise DataError(
        f'{path}, line {number}: give {{"id", "text": "…"}} or {{"id", "turns": ["…", …]}}'
    )


def json_line(value: Any, indent: int | None = None) -> str:
    """JSON as it is, but for halves of characters, which no file can hold: those are escaped."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def parse_lines(
    lines: Sequence[Line], out: Path | None, reader: Reader, progress: Progress = silent
) -> list[str]:
    """Readings in the public JSON, one line each, written as they come.

    Args:
        lines: what to read.
        out: the file to write; None to return the lines only.
        reader: turns to one reading after each.
        progress: told about every line.

    Raises:
        OutputError: the file cannot be written.
    """
    done: list[str] = []
    try:
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
        stream = out.open("w", encoding="utf-8") if out is not None else None
        try:
            for index, line in enumerate(lines):
                progress("reading requests", index, len(lines))
                views = [public_view(request) for request in reader(line.turns)]
                answer = {"requests": views} if line.is_dialogue else {"request": views[0]}
                done.append(json_line({"id": line.id, **answer}))
                if stream is not None:
                    stream.write(done[-1] + "\n")
        finally:
            if stream is not None:
                stream.close()
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}") from None
    return done
