"""What a batch leaves beside the results: the table, and what failed."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from crystalsmith.core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crystalsmith.agent.batch.manifest import Manifest

_COLUMNS = (
    "id", "line", "source_id", "request", "status", "candidates", "satisfied", "falls_short_by",
    "reason", "seconds",
)  # fmt: skip
_ROWS = 1000  # of a Parquet row group, so that memory does not grow with the batch


def write_failures(manifest: Manifest, path: Path) -> None:
    """``failed.jsonl``: broken lines and failed requests, each with its line number and reason.

    Raises:
        OutputError: the file cannot be written.
    """

    def rows() -> Iterator[dict[str, Any]]:
        for broken in manifest.broken():
            yield {"line": broken.line, "reason": broken.reason, "text": broken.text}
        for job, outcome in manifest.finished():
            if outcome.status == "failed":
                yield {
                    "line": job.line,
                    "id": job.source,
                    "reason": outcome.reason,
                    "text": " / ".join(job.turns)[:200],
                }

    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows())
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from None


def write_summary(manifest: Manifest, stem: Path) -> Counter[str]:
    """``summary.csv`` and ``summary.parquet``: a row for every finished request.

    Returns:
        How many requests fell short by each wish.

    Raises:
        OutputError: the files cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = {"line", "candidates", "satisfied"}
    schema = pa.schema(
        (name, pa.int64() if name in whole else pa.float64() if name == "seconds" else pa.string())
        for name in _COLUMNS
    )
    misses: Counter[str] = Counter()
    table, columns = stem.with_suffix(".csv"), stem.with_suffix(".parquet")
    parts = [path.with_name(path.name + ".part") for path in (table, columns)]
    try:
        with (
            parts[0].open("w", encoding="utf-8", newline="") as stream,
            pq.ParquetWriter(parts[1], schema) as parquet,
        ):
            writer = csv.DictWriter(stream, fieldnames=_COLUMNS)
            writer.writeheader()
            group: list[dict[str, Any]] = []
            for row in _rows(manifest, misses):
                writer.writerow(row)
                group.append(row)
                if len(group) == _ROWS:
                    parquet.write_table(pa.Table.from_pylist(group, schema))
                    group = []
            parquet.write_table(pa.Table.from_pylist(group, schema))
        for part, path in zip(parts, (table, columns), strict=True):
            part.replace(path)
    except OSError as error:
        raise OutputError(f"{stem}.* cannot be written: {error}") from None
    return misses


def _rows(manifest: Manifest, misses: Counter[str]) -> Iterator[dict[str, Any]]:
    for job, outcome in manifest.finished():
        misses.update(outcome.misses)
        yield {
            "id": job.id,
            "line": job.line,
            "source_id": job.source,
            "request": " / ".join(job.turns),
            "status": outcome.status,
            "candidates": outcome.candidates,
            "satisfied": outcome.satisfied,
            "falls_short_by": "; ".join(outcome.misses),
            "reason": outcome.reason,
            "seconds": outcome.seconds,
        }
