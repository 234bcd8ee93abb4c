"""What is to do and what is done, in SQLite: the truth of a batch, written as things happen."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from crystalsmith.agent.batch.jobs import BrokenLine, Job, Options
from crystalsmith.agent.batch.work import Outcome
from crystalsmith.core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAGE = 200
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY COLLATE NOCASE, line INTEGER NOT NULL, run INTEGER NOT NULL,
    digest TEXT NOT NULL, job TEXT NOT NULL, outcome TEXT);
CREATE INDEX IF NOT EXISTS jobs_by_line ON jobs (run, line);
CREATE TABLE IF NOT EXISTS broken (line INTEGER PRIMARY KEY, reason TEXT, text TEXT);
CREATE TABLE IF NOT EXISTS runs (number INTEGER PRIMARY KEY AUTOINCREMENT, input TEXT);
"""


@dataclass(frozen=True)
class Counts:
    """How a batch stands."""

    total: int
    satisfied: int
    fell_short: int
    failed: int
    broken: int

    @property
    def done(self) -> int:
        """Jobs that need no more work."""
        return self.satisfied + self.fell_short + self.failed


class Manifest:
    """The jobs of a folder with their outcomes; one process at a time may hold it.

    Every run of the command numbers the jobs that it finds in its file; only those count, so that
    lines taken out of the file are neither worked on nor summed up, and their results stay.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path.with_name(path.name + ".lock"), timeout=0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout:
            raise OutputError(f"another batch is working in {path.parent}") from None
        except OSError as error:
            raise OutputError(f"{path.parent} cannot be used: {error.strerror}") from None
        with self._writing():
            self._database = sqlite3.connect(path)
            self._database.executescript(_SCHEMA)
            made = self._database.execute("INSERT INTO runs (input) VALUES ('')")
            self._run = made.lastrowid
            self._database.execute("DELETE FROM broken")
            self._database.commit()

    def close(self) -> None:
        """Let others have it."""
        self._database.close()
        self._lock.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OutputError(
                f"the manifest {self._path} cannot be written ({error}); nothing finished is lost:"
                " free space or mend the file, then run the same command again"
            ) from None

    def add(self, job: Job, digest: str) -> str | None:
        """Note a job; what is done of it already stays done unless the work has changed.

        Returns:
            Why it cannot be noted, None when it was.
        """
        with self._writing():
            row = self._database.execute(
                "SELECT id, line, run, digest FROM jobs WHERE id = ?", (job.id,)
            ).fetchone()
            if row is not None and row[2] == self._run:
                return f"the id {job.source!r} is taken by line {row[1]}"
            kept = row is not None and row[3] == digest and row[0] == job.id
            self._database.execute(
                "INSERT INTO jobs VALUES (:id, :line, :run, :digest, :job, NULL)"
                " ON CONFLICT (id) DO UPDATE SET id = :id, line = :line, run = :run,"
                " digest = :digest, job = :job, outcome = CASE WHEN :kept THEN outcome END",
                {
                    "id": job.id,
                    "line": job.line,
                    "run": self._run,
                    "digest": digest,
                    "job": _job_text(job),
                    "kept": kept,
                },
            )
        return None

    def add_broken(self, broken: BrokenLine) -> None:
        """Note a line that is no request."""
        with self._writing():
            self._database.execute(
                "INSERT OR REPLACE INTO broken VALUES (?, ?, ?)", tuple(asdict(broken).values())
            )

    def save(self) -> None:
        """Make certain what was noted."""
        with self._writing():
            self._database.commit()

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Note, for certain, what came of a job."""
        with self._writing():
            self._database.execute(
                "UPDATE jobs SET outcome = ? WHERE id = ?",
                (json.dumps(outcome.row(), ensure_ascii=False), job.id),
            )
            self._database.commit()

    def forget_failures(self) -> None:
        """Let failed jobs be tried again."""
        with self._writing():
            self._database.execute(
                "UPDATE jobs SET outcome = NULL WHERE json_extract(outcome, '$.status') = 'failed'"
            )
            self._database.commit()

    def pending(self) -> Iterator[tuple[Job, str]]:
        """Jobs to do, with their digests, in the file's order, a page at a time."""
        for job, digest, _ in self._jobs("outcome IS NULL"):
            yield job, digest

    def finished(self) -> Iterator[tuple[Job, Outcome]]:
        """Jobs done, in the file's order, a page at a time."""
        for job, _, outcome in self._jobs("outcome IS NOT NULL"):
            if outcome is not None:
                yield job, outcome

    def broken(self) -> Iterator[BrokenLine]:
        """Lines that are no requests."""
        for row in self._database.execute("SELECT * FROM broken ORDER BY line"):
            yield BrokenLine(*row)

    def counts(self) -> Counts:
        """How the batch stands."""
        table = dict(
            self._database.execute(
                "SELECT coalesce(json_extract(outcome, '$.status'), 'pending'), count(*)"
                " FROM jobs WHERE run = ? GROUP BY 1",
                (self._run,),
            ).fetchall()
        )
        return Counts(
            sum(table.values()),
            table.get("satisfied", 0),
            table.get("fell short", 0),
            table.get("failed", 0),
            self._database.execute("SELECT count(*) FROM broken").fetchone()[0],
        )

    def _jobs(self, which: str) -> Iterator[tuple[Job, str, Outcome | None]]:
        line = 0
        while True:
            page = self._database.execute(
                f"SELECT line, job, digest, outcome FROM jobs WHERE run = ? AND line > ?"  # noqa: S608
                f" AND {which} ORDER BY line LIMIT {_PAGE}",
                (self._run, line),
            ).fetchall()
            for line, job, digest, outcome in page:  # noqa: B007
                done = None if outcome is None else Outcome.from_row(json.loads(outcome))
                yield _job_from(job), digest, done
            if len(page) < _PAGE:
                return


def _job_text(job: Job) -> str:
    fields: dict[str, Any] = {**vars(job), "options": job.options.model_dump()}
    return json.dumps(fields, ensure_ascii=False)


def _job_from(text: str) -> Job:
    fields = json.loads(text)
    turns, options = tuple(fields["turns"]), Options.model_validate(fields["options"])
    return Job(**{**fields, "turns": turns, "options": options})
