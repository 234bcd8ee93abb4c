"""Running a batch: read the file, share out the work, keep every result, go on where it stopped."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crystalsmith.agent.batch.jobs import BrokenLine, Job, Options, in_shard, read_jobs
from crystalsmith.agent.batch.manifest import Counts, Manifest
from crystalsmith.agent.batch.summary import write_failures, write_summary
from crystalsmith.agent.batch.work import Outcome, Setup
from crystalsmith.core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from crystalsmith.agent.batch.pool import Done, Pool

    Show = Callable[[str, Counts, int], None]

JOB = "job.json"  # in every result's folder: which work it is the result of
_TRIES = 2  # times that a job may take its worker down with it
_SHOW_EVERY = 0.5  # seconds
_NOTED = 1000  # lines that are read before they are written down


@dataclass(frozen=True)
class Batch:
    """What to do and where.

    Attributes:
        prompts: the file.
        out: the folder of results.
        defaults: options of lines that give none.
        shard: part i of n.
        retry_failed: try again what failed before.
    """

    prompts: Path
    out: Path
    defaults: Options = field(default_factory=Options)
    shard: tuple[int, int] = (1, 1)
    retry_failed: bool = False

    def path(self, name: str, suffix: str) -> Path:
        """A file of this shard's own."""
        number, total = self.shard
        mark = "" if total == 1 else f"-{number}-of-{total}"
        return self.out / f"{name}{mark}{suffix}"


@dataclass(frozen=True)
class Report:
    """How a batch ended.

    Attributes:
        counts: of requests.
        misses: requests that fell short by each wish.
        worked: requests that this run designed for.
        seconds: of this run.
        loading: seconds until the first worker was ready.
        first: seconds from then to the first result; None when there was none.
        waited: seconds that workers waited for a next job, a number for every job.
        busy: seconds that workers designed, all together.
    """

    counts: Counts
    misses: Counter[str]
    worked: int
    seconds: float
    loading: float
    first: float | None
    waited: tuple[float, ...] = ()
    busy: float = 0.0


def run_batch(
    batch: Batch, setup: Setup, start: Callable[[], Pool], show: Show = lambda *_: None
) -> Report:
    """Do what is left of a batch.

    Args:
        batch: what to do.
        setup: what the workers load; part of what makes a result this job's.
        start: starts the workers, unless nothing is left to do.
        show: told the stage, how the batch stands, and how many were designed for in this run.

    Raises:
        DataError: the file cannot be read.
        OutputError: nothing can be written; what was finished is kept.
        CrystalsmithError: the workers cannot work.
    """
    began = time.monotonic()
    manifest = Manifest(batch.path("manifest", ".sqlite"))
    try:
        _note(batch, setup, manifest, show)
        write_failures(manifest, batch.path("failed", ".jsonl"))
        clock = _Clock()
        worked = _work(batch, manifest, start, show, clock)
        write_failures(manifest, batch.path("failed", ".jsonl"))
        misses = write_summary(manifest, batch.path("summary", ""))
        return Report(
            manifest.counts(),
            misses,
            worked,
            time.monotonic() - began,
            clock.loading,
            clock.first,
            tuple(clock.waited),
            clock.busy,
        )
    finally:
        manifest.close()


def _note(batch: Batch, setup: Setup, manifest: Manifest, show: Show) -> None:
    """Write down every line of the file."""
    words = setup.words()
    for count, item in enumerate(read_jobs(batch.prompts, batch.defaults), start=1):
        if isinstance(item, BrokenLine):
            manifest.add_broken(item)
        elif in_shard(item.id, batch.shard):
            reason = manifest.add(item, item.digest(words))
            if reason is not None:
                manifest.add_broken(BrokenLine(item.line, reason, " / ".join(item.turns)[:200]))
        if count % _NOTED == 0:
            manifest.save()
            show("reading", manifest.counts(), 0)
    manifest.save()
    if batch.retry_failed:
        manifest.forget_failures()


@dataclass
class _Clock:
    """When things happened first, in seconds."""

    start: float = field(default_factory=time.monotonic)
    loading: float = 0.0
    first: float | None = None
    waited: list[float] = field(default_factory=list)
    busy: float = 0.0

    def look(self, pool: Pool, came: list[Done]) -> None:
        """Note the first worker that is ready, the first result, and how workers spend time."""
        for done in came:
            if done.outcome is not None:
                self.waited.append(done.outcome.waited)
                self.busy += done.outcome.seconds
        now = time.monotonic() - self.start
        if pool.ready and not self.loading:
            self.loading = now
        if came and self.first is None:
            self.first = now - self.loading


class _Queue:
    """Jobs to hand out: those that a dying worker gave back first, then the file's."""

    def __init__(self, todo: Iterator[tuple[Job, str]]) -> None:
        self._todo = todo
        self._following = next(todo, None)
        self._again: list[Job] = []
        self._tries: Counter[str] = Counter()
        self._digests: dict[str, str] = {}  # of the jobs that are handed out

    def waiting(self) -> bool:
        """Whether there is a job to hand out."""
        return bool(self._again) or self._following is not None

    def open(self) -> bool:
        """Whether there is a job to hand out or one that has not come back."""
        return self.waiting() or bool(self._digests)

    def take(self) -> Job:
        """The next job."""
        if self._again or self._following is None:
            return self._again.pop()
        job, self._digests[job.id] = self._following
        self._following = next(self._todo, None)
        return job

    def settle(self, done: Done) -> tuple[Outcome, str] | None:
        """The outcome of a job and its digest; None when it is handed out once more."""
        outcome = done.outcome
        if outcome is None:
            self._tries[done.job.id] += 1
            if self._tries[done.job.id] < _TRIES:
                self._again.append(done.job)
                return None
            outcome = Outcome("failed", 0.0, reason=f"{done.reason}, {_TRIES} times")
        return outcome, self._digests.pop(done.job.id)


def _work(
    batch: Batch, manifest: Manifest, start: Callable[[], Pool], show: Show, clock: _Clock
) -> int:
    """Share out what is left; returns how many requests were designed for."""
    staging = batch.path(".working", "")
    shutil.rmtree(staging, ignore_errors=True)
    queue = _Queue(_left(batch.out, manifest))
    if not queue.open():
        return 0
    pool = start()
    worked, shown = 0, 0.0
    try:
        _hand_out(queue, pool)
        while queue.open():
            came = pool.wait()
            clock.look(pool, came)
            settled = [(done.job, queue.settle(done)) for done in came]
            _hand_out(queue, pool)  # first, so that workers need not wait for the disk
            for job, found in settled:
                if found is not None:
                    _keep(batch.out, staging, job, found[1], found[0])
                    manifest.finish(job, found[0])
                    worked += 1
            if time.monotonic() - shown > _SHOW_EVERY or not queue.open():
                shown = time.monotonic()
                show("designing" if pool.ready else "loading models", manifest.counts(), worked)
    finally:
        pool.close()
        shutil.rmtree(staging, ignore_errors=True)
    return worked


def _hand_out(queue: _Queue, pool: Pool) -> None:
    while queue.waiting() and pool.free():
        pool.submit(queue.take())


def _left(out: Path, manifest: Manifest) -> Iterator[tuple[Job, str]]:
    """Jobs to do; those whose folder is there already are noted as done instead."""
    for job, digest in manifest.pending():
        found = finished_before(out / job.id, digest)
        if found is None:
            yield job, digest
        else:
            manifest.finish(job, found)


def finished_before(folder: Path, digest: str) -> Outcome | None:
    """The outcome in a folder, when it is the result of the same work."""
    try:
        record = json.loads((folder / JOB).read_text(encoding="utf-8"))
        return Outcome.from_row(record["outcome"]) if record["digest"] == digest else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(out: Path, staging: Path, job: Job, digest: str, outcome: Outcome) -> None:
    """Make the result's folder appear, whole; there is none for a request that failed."""
    if not outcome.files:
        return
    target, folder = out / job.id, staging / job.id
    if target.exists() and not (target / JOB).exists():
        raise OutputError(f"{target} is there already and is no result of a batch; move it away")
    record = {
        "id": job.source,
        "line": job.line,
        "turns": list(job.turns),
        "options": job.options.model_dump(),
        "digest": digest,
        "outcome": outcome.row(),
    }
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, text in outcome.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        (folder / JOB).write_text(text, encoding="utf-8")
        if target.exists():  # the result of another request or of other options
            target.replace(staging / f"{job.id}.before")
        folder.replace(target)
        shutil.rmtree(staging / f"{job.id}.before", ignore_errors=True)
    except OSError as error:
        raise OutputError(
            f"results cannot be written to {out}: {error.strerror}; everything finished is kept:"
            " when there is space, run the same command again"
        ) from None
