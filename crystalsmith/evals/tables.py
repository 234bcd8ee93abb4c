"""Printing and saving benchmark figures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from crystalsmith.core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def show_columns(title: str, columns: Mapping[str, Mapping[str, Any]]) -> None:
    """A table with one column per group and one row per figure."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    rows = list(dict.fromkeys(key for column in columns.values() for key in column))
    for key in rows:
        values = [column.get(key) for column in columns.values()]
        if not any(isinstance(value, dict) for value in values):
            table.add_row(key, *(_text(value) for value in values))
    Console().print(table)


def show_rows(title: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """A table with one row per group and one column per figure, for many groups."""
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    for name, row in rows.items():
        table.add_row(name, *(_text(row.get(key)) for key in columns))
    Console().print(table)


def show_properties(title: str, figures: Mapping[str, Any]) -> None:
    """One column per property, then the figures that belong to none."""
    show_columns(title, {k: v for k, v in figures.items() if isinstance(v, dict)})
    show_columns("", {"all": {k: v for k, v in figures.items() if not isinstance(v, dict)}})


def save_json(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write figures, when a file was asked for.

    Raises:
        OutputError: the file cannot be written.
    """
    _save(path, json.dumps(figures, indent=2) + "\n")


def save_lines(path: Path | None, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as JSON, one a line, when a file was asked for.

    Raises:
        OutputError: the file cannot be written.
    """
    _save(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _save(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from None


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
