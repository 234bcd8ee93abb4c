"""Keeping what was measured, table by table, so that a long run can be made in parts."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from crystalsmith.core.errors import DataError, OutputError
from crystalsmith.evals.papers.tables import Measured, PaperTable, markdown, paper_tables
from crystalsmith.evals.tables import save_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Saved:
    """The figures in a JSON file and the page that is made of them."""

    def __init__(self, path: Path | None, page: Path | None, context: Mapping[str, Any]) -> None:
        """Read what the file has.

        Raises:
            DataError: the file is not one of ours.
        """
        self._path, self._page, self._context = path, page, dict(context)
        self._tables: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            try:
                self._tables = json.loads(path.read_text(encoding="utf-8"))["tables"]
            except (OSError, ValueError, KeyError, TypeError):
                raise DataError(f"{path} is no file of `eval papers`; name another") from None

    def add(self, table: PaperTable, measured: Measured) -> None:
        """Keep a table; one that was skipped does not replace one that was measured.

        Raises:
            OutputError: a file cannot be written.
        """
        if measured.skipped and table.key in self._tables:
            return
        self._tables[table.key] = asdict(measured) | {"context": self._context}
        save_json(
            self._path,
            {
                "tables": self._tables,
                "published": {
                    item.key: {"columns": item.columns, "rows": item.rows}
                    for item in paper_tables()
                },
            },
        )
        self._write_page()

    def _write_page(self) -> None:
        if self._page is None:
            return
        found = []
        for table in paper_tables():
            kept = dict(self._tables.get(table.key, {}))
            context = kept.pop("context", {})
            measured = Measured(**kept) if kept else Measured(skipped="not asked for")
            facts = ", ".join(f"{name} {value}" for name, value in context.items())
            found.append((table, measured, facts))
        try:
            self._page.write_text(markdown(found), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{self._page} cannot be written: {error.strerror}") from None
