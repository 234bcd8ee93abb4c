"""What a batch is told to do: a job a line, from text, JSON lines or CSV, read as it is needed."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crystalsmith.agent.budgets import BudgetName  # noqa: TC001  pydantic needs it
from crystalsmith.core.errors import DataError
from crystalsmith.core.request import MAX_COUNT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import TextIO

LONGEST = 20_000  # characters of one request
_SHOWN = 200  # characters of a broken line that are reported
_NAME_LENGTH = 60
_TAKEN = re.compile(r"(manifest|summary|failed|report|con|nul|prn|aux)\b.*", re.IGNORECASE)
_TEXT_COLUMNS = ("text", "prompt", "request")


class Options(BaseModel):
    """What a line may set for itself; the command's options hold otherwise.

    Attributes:
        count: how many candidates.
        budget: how much to look at.
        seed: of everything random.
        relax: relax the finalists.
        assume: use what an application usually needs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    count: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    budget: BudgetName = "quick"
    seed: int = 0
    relax: bool = False
    assume: bool = True


@dataclass(frozen=True)
class Job:
    """One request of a batch.

    Attributes:
        id: a safe name, of which the folder is made.
        source: the id as the file gives it.
        line: where it stands in the file, from 1.
        turns: what was said; a single request has one turn.
        options: how to design.
    """

    id: str
    source: str
    line: int
    turns: tuple[str, ...]
    options: Options

    def digest(self, setup: str) -> str:
        """A name for the work itself: the same turns, options and setup give the same result."""
        parts = [self.source, list(self.turns), self.options.model_dump(), setup]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class BrokenLine:
    """A line that is no request.

    Attributes:
        line: its number, from 1.
        reason: what is wrong with it.
        text: how it begins.
    """

    line: int
    reason: str
    text: str


def safe_name(source: str) -> str:
    """A folder name for an id: itself when it is plain, else its plain part and a hash."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", source).strip("-.")[:_NAME_LENGTH].rstrip("-.")
    if plain == source and not _TAKEN.fullmatch(plain):
        return plain
    mark = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain or 'id'}-{mark}"


def in_shard(name: str, shard: tuple[int, int]) -> bool:
    """Whether shard i of n works on an id; every id belongs to exactly one, whatever the file."""
    number, total = shard
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % total == number - 1


def read_jobs(path: Path, defaults: Options) -> Iterator[Job | BrokenLine]:
    """The jobs of a file, and its broken lines, in order and one at a time.

    Args:
        path: ``.txt`` (a request a line), ``.jsonl`` (``{"id", "text"}`` or ``"turns"``, options)
            or ``.csv`` (a column ``text``; ``id`` and options may be others).
        defaults: options where a line gives none.

    Raises:
        DataError: the file cannot be read, or is of another kind.
    """
    readers = {".txt": _text_rows, ".jsonl": _json_rows, ".csv": _csv_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path} must end in .txt, .jsonl or .csv")
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            for line, row in reader(stream):
                yield row if isinstance(row, BrokenLine) else _job(line, row, defaults)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None


Row = tuple[int, "dict[str, Any] | BrokenLine"]


def _text_rows(stream: TextIO) -> Iterator[Row]:
    for line, text in _lines(stream):
        yield line, {"text": text.strip()}


def _json_rows(stream: TextIO) -> Iterator[Row]:
    for line, text in _lines(stream):
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            yield line, BrokenLine(line, "not JSON", text[:_SHOWN])
            continue
        if isinstance(row, dict):
            yield line, row
        else:
            yield line, BrokenLine(line, "not a JSON object", text[:_SHOWN])


def _lines(stream: TextIO) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not empty."""
    for line, text in enumerate(stream, start=1):
        if text.strip():
            yield line, text.strip("\r\n")


def _csv_rows(stream: TextIO) -> Iterator[Row]:
    reader = csv.reader(stream)
    header = next(reader, None)
    names = [name.strip().lower() for name in header or ()]
    column = next((name for name in _TEXT_COLUMNS if name in names), None)
    if column is None:
        raise DataError(f"the CSV file needs a column {', '.join(_TEXT_COLUMNS[:-1])} or request")
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield line, BrokenLine(line, f"not CSV: {error}", "")
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            reason = f"{len(cells)} cells where the header has {len(names)}"
            yield line, BrokenLine(line, reason, ",".join(cells)[:_SHOWN])
            continue
        row: dict[str, Any] = {k: v for k, v in zip(names, cells, strict=True) if v != ""}
        yield line, {**row, "text": row.get(column, "")}


def _job(line: int, row: dict[str, Any], defaults: Options) -> Job | BrokenLine:
    try:
        turns = _turns(row)
        source = _source(row.get("id"), line)
        options = _options(row, defaults)
    except ValueError as error:
        return BrokenLine(line, str(error), _beginning(row))
    return Job(safe_name(source), source, line, turns, options)


def _turns(row: dict[str, Any]) -> tuple[str, ...]:
    text, turns = row.get("text"), row.get("turns")
    if (text is None) == (turns is None):
        raise ValueError('give either "text" or "turns"')
    said = [text] if turns is None else turns
    if not isinstance(said, list) or not all(isinstance(turn, str) for turn in said):
        raise ValueError('"text" must be words, "turns" a list of them')
    if not said or not all(turn.strip() for turn in said):
        raise ValueError("an empty request")
    if sum(map(len, said)) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    _ensure_text(said)
    return tuple(said)


def _source(given: Any, line: int) -> str:
    if given is None:
        return f"line-{line:06d}"
    if not isinstance(given, str | int) or isinstance(given, bool) or not str(given).strip():
        raise ValueError('"id" must be a word or a number')
    _ensure_text([str(given)])
    return str(given).strip()


def _ensure_text(words: Iterable[str]) -> None:
    try:
        for word in words:
            word.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("not UTF-8") from None


def _options(row: dict[str, Any], defaults: Options) -> Options:
    own = row.get("options", {})
    if not isinstance(own, dict):
        raise ValueError('"options" must be an object')
    beside = {key: row[key] for key in Options.model_fields if key in row}
    if not own and not beside:
        return defaults
    try:
        return Options.model_validate(defaults.model_dump() | beside | own)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"option {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _beginning(row: dict[str, Any]) -> str:
    text = json.dumps(row.get("text", row.get("turns")), ensure_ascii=False, default=str)
    return text.encode("utf-8", "backslashreplace").decode()[:_SHOWN]
