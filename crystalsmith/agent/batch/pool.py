"""Worker processes on this machine, each with its own models.

A process that dies is replaced and its job handed back; when this process dies, they end too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing import connection, get_context
from typing import TYPE_CHECKING, Any, Protocol

from crystalsmith.agent.batch.work import Designer, Outcome, Setup
from crystalsmith.core.errors import CrystalsmithError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from crystalsmith.agent.batch.jobs import Job

_LOOK = 1.0  # seconds between looks at clocks and parents
_STARTS = 3  # deaths while loading, without a job done, that show that something is wrong


@dataclass(frozen=True)
class Done:
    """A job that came back.

    Attributes:
        job: the job.
        outcome: None when its worker died.
        reason: why it died.
    """

    job: Job
    outcome: Outcome | None
    reason: str = ""


class Pool(Protocol):
    """Workers of any kind."""

    ready: int

    def free(self) -> int:
        """How many jobs can be submitted now."""

    def submit(self, job: Job) -> None:
        """Hand a job to a worker that has none."""

    def wait(self) -> list[Done]:
        """Jobs that came back; waits a second for one."""

    def close(self) -> None:
        """End the workers."""


class _Worker:
    """One process and what it is doing."""

    def __init__(self, setup: Setup) -> None:
        context = get_context("spawn")  # a fork would inherit threads and open files
        self.pipe, end = context.Pipe()
        self.process = context.Process(target=_serve, args=(end, setup), daemon=True)
        self.process.start()
        end.close()
        self.job: Job | None = None
        self.is_ready = False
        self.since = 0.0

    def give(self, job: Job) -> None:
        """Send a job; a worker that is dead already shows when its pipe is read."""
        self.job, self.since = job, time.monotonic()
        with contextlib.suppress(OSError):
            self.pipe.send(job)

    def end(self) -> None:
        """Kill the process; it holds nothing that is worth keeping."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


class LocalPool:
    """Processes on this machine.

    Attributes:
        ready: workers that have loaded their models.
    """

    def __init__(self, setup: Setup, workers: int, limit: float | None = None) -> None:
        """Start the workers.

        Args:
            setup: what they load.
            workers: how many.
            limit: seconds that a job may take.
        """
        self._setup, self._limit = setup, limit
        self._workers = [_Worker(setup) for _ in range(workers)]
        self._starts_failed = 0
        self.ready = 0

    def free(self) -> int:
        """Workers without a job, those that still load among them."""
        return sum(worker.job is None for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Hand a job to a worker that has none."""
        next(worker for worker in self._workers if worker.job is None).give(job)

    def wait(self) -> list[Done]:
        """Jobs that came back within the next second.

        Raises:
            CrystalsmithError: the workers cannot load what they need.
        """
        by_pipe = {worker.pipe: worker for worker in self._workers}
        found = []
        for pipe in connection.wait(list(by_pipe), _LOOK):
            worker = by_pipe[pipe]  # type: ignore[index]
            try:
                kind, value = worker.pipe.recv()
            except (EOFError, OSError):
                found += self._replace(worker, "the process working on it died")
                continue
            if kind == "unusable":
                raise CrystalsmithError(value)
            if kind == "ready":
                worker.is_ready, worker.since = True, time.monotonic()
                self.ready += 1
            elif worker.job is not None:
                found.append(Done(worker.job, value))
                worker.job, self._starts_failed = None, 0
        return found + self._overdue()

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.end()

    def _overdue(self) -> list[Done]:
        if self._limit is None:
            return []
        now, found = time.monotonic(), []
        for worker in list(self._workers):
            if worker.is_ready and worker.job is not None and now - worker.since > self._limit:
                reason = f"it took longer than {self._limit:g} s"
                failed = Outcome("failed", now - worker.since, reason=reason)
                found.append(Done(worker.job, failed))
                self._replace(worker, reason)
        return found

    def _replace(self, worker: _Worker, reason: str) -> list[Done]:
        worker.end()
        if worker.is_ready:
            self.ready -= 1
        else:
            self._starts_failed += 1
            if self._starts_failed >= _STARTS:
                raise CrystalsmithError(
                    "the workers die while loading the models (out of memory?); try fewer --workers"
                )
        self._workers[self._workers.index(worker)] = _Worker(self._setup)
        return [] if worker.job is None else [Done(worker.job, None, reason)]


def _serve(pipe: Connection, setup: Setup) -> None:
    """What a worker process does: load, then one job after another."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    answer: tuple[str, Any]
    try:
        designer = Designer(setup)
        answer = ("ready", None)
    except CrystalsmithError as error:
        answer = ("unusable", str(error))
    with contextlib.suppress(EOFError, OSError):
        pipe.send(answer)
        while answer[0] == "ready":
            pipe.send(("done", designer(pipe.recv())))


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)
