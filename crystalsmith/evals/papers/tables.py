"""The papers' tables as data, and the page that puts ours beside them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from math import isnan
from typing import TYPE_CHECKING

from crystalsmith.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = list[float | int | str | None]

_INTRODUCTION = (
    "Written by `crystalsmith eval papers` ([how](batches.md)); do not edit. Each table has the"
    " paper's rows first, then ours in bold. Below it stand what differs in data and judge, on how"
    " many crystals ours was measured, and the command that measures it alone; `DIR` is the folder"
    " of the test files.",
    "",
    "- Data and judges are never quite the same, so no row says that one model is better than"
    " another. A share of n crystals is uncertain by up to 100/√n points (95 %).",
    "- *The judge* is a set of networks that see elements and geometry alone and take part in no"
    " search. The papers' crystals were mostly judged by DFT.",
    "- *limit*: test crystals of each file; *designs*: crystals that each design request asks for;"
    " *store none*: a fresh machine, which knows 288 prototypes and what its models have learned.",
    "- An empty cell: the paper has no figure there, or ours cannot be measured so.",
)


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper.

    Attributes:
        key: its name for ``--only``.
        title: paper, number and what is measured.
        command: the one command that gives our side.
        columns: of every row.
        differences: in data and judge.
        rows: what the paper prints.
    """

    key: str
    title: str
    command: str
    columns: tuple[str, ...]
    differences: str
    rows: dict[str, Row]


@dataclass(frozen=True)
class Measured:
    """Our side of a table.

    Attributes:
        rows: by name.
        note: how many crystals, which store.
        skipped: why it was not run.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    note: str = ""
    skipped: str = ""


def paper_tables(only: Sequence[str] = ()) -> list[PaperTable]:
    """The tables, or those of them that are named.

    Raises:
        DataError: there is no table of that name.
    """
    text = files("crystalsmith.evals.papers").joinpath("published.toml").read_text("utf-8")
    found = {
        key: PaperTable(
            key,
            item["title"],
            item["command"],
            tuple(item["columns"]),
            item["differences"],
            item.get("rows", {}),
        )
        for key, item in tomllib.loads(text).items()
    }
    unknown = [name for name in only if name not in found]
    if unknown:
        raise DataError(f"there is no table {unknown[0]!r}; take {', '.join(found)}")
    return [found[name] for name in only] if only else list(found.values())


def markdown(tables: Sequence[tuple[PaperTable, Measured, str]]) -> str:
    """The page ``docs/results.md``.

    Args:
        tables: each with our side and the options that it was measured with.
    """
    parts = ["# The papers' tables, on our models", "", *_INTRODUCTION]
    for table, measured, options in tables:
        parts += ["", f"## {table.title}", "", _header(table)]
        parts += [_line(name, row, table) for name, row in table.rows.items()]
        parts += [_line(f"**{name}**", row, table) for name, row in measured.rows.items()]
        parts += ["", table.differences]
        if measured.note:
            parts += ["", f"Ours: {measured.note} ({options})."]
        if measured.skipped:
            parts += ["", f"Not measured: {measured.skipped}."]
        parts += ["", f"    {table.command}"]
    return "\n".join(parts) + "\n"


def _header(table: PaperTable) -> str:
    names = " | ".join(table.columns)
    return f"| | {names} |\n|{'---|' * (len(table.columns) + 1)}"


def _line(name: str, row: Row, table: PaperTable) -> str:
    cells = [_cell(row[i]) if i < len(row) else "" for i in range(len(table.columns))]
    return f"| {name} | {' | '.join(cells)} |"


def _cell(value: float | str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if isnan(value) else f"{value:.4g}"
    return str(value)
