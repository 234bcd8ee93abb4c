"""The work on one job, the same in this process, in another and on another machine."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.process import collect_rarely
from crystalsmith.core.settings import Settings, settings

if TYPE_CHECKING:
    from crystalsmith.agent.batch.jobs import Job
    from crystalsmith.core.results import DesignResult

_ANYTHING = "a stable oxide with a band gap above 1 eV"

Status = Literal["satisfied", "fell short", "failed"]


@dataclass(frozen=True)
class Setup:
    """What a worker loads.

    Attributes:
        store: folder of known crystals; ``none`` for prototypes only, None for the configured one.
        config: the settings.
        threads: of every worker; results do not depend on how many workers there are.
    """

    store: str | None = None
    config: Settings = field(default_factory=settings)
    threads: int = 1

    def words(self) -> str:
        """What of it decides about results."""
        reader = self.config.llm_model or self.config.llm
        return json.dumps([self.store, self.threads, reader])


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        status: every candidate satisfies everything; some fall short; there are none.
        seconds: designing took.
        candidates: how many there are.
        satisfied: how many of them satisfy everything.
        misses: wishes that some candidate fails, or that could not be checked.
        reason: why it failed.
        waited: seconds that the worker had nothing to do before this job.
        files: names and contents of what is to be kept.
    """

    status: Status
    seconds: float
    candidates: int = 0
    satisfied: int = 0
    misses: tuple[str, ...] = ()
    reason: str = ""
    waited: float = 0.0
    files: dict[str, str] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """The outcome as the manifest keeps it."""
        return {
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "candidates": self.candidates,
            "satisfied": self.satisfied,
            "misses": list(self.misses),
            "reason": self.reason,
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Outcome:
        """The outcome that `row` describes."""
        return cls(**{**row, "misses": tuple(row["misses"])})


class Designer:
    """Models and known crystals, loaded once for many jobs."""

    def __init__(self, setup: Setup) -> None:
        collect_rarely()
        from threadpoolctl import threadpool_limits

        from crystalsmith.agent.interpreter import interpret
        from crystalsmith.agent.readers import reader_of
        from crystalsmith.agent.toolbox import Toolbox

        config = setup.config.model_copy(update={"threads": setup.threads})
        self._read = reader_of(config)
        self._toolbox = Toolbox.load(setup.store, config)
        interpret(_ANYTHING)  # the tables that reading needs are loaded with the first sentence
        self._toolbox.try_out()
        # after everything is loaded; several workers with a thread a core each slow each other
        self._limits = threadpool_limits(setup.threads)
        self._free_since: float | None = None

    def __call__(self, job: Job) -> Outcome:
        """Design for one job; whatever goes wrong with it becomes its reason."""
        started = time.monotonic()
        waited = 0.0 if self._free_since is None else started - self._free_since
        outcome = self._worked(job)
        self._free_since = time.monotonic()
        return replace(outcome, seconds=self._free_since - started, waited=waited)

    def _worked(self, job: Job) -> Outcome:
        try:
            result = self._design(job)
            files = _rendered(result)
        except CrystalsmithError as error:
            return Outcome("failed", 0.0, reason=str(error))
        except Exception as error:  # a poisoned request must not end the batch
            return Outcome("failed", 0.0, reason=f"unexpected {type(error).__name__}: {error}")
        open_wishes = [item for c in result.candidates for item in (*c.failed, *c.unchecked)]
        return Outcome(
            "satisfied" if result.complete else "fell short",
            0.0,
            len(result.candidates),
            len(result.satisfied),
            tuple(sorted({item.clause.wish() for item in open_wishes})),
            files=files,
        )

    def _design(self, job: Job) -> DesignResult:
        from crystalsmith.agent.conversation import read_turns
        from crystalsmith.agent.design import design

        options = job.options
        return design(
            read_turns(job.turns, self._read)[-1],
            options.count,
            budget=options.budget,
            seed=options.seed,
            relax=options.relax,
            assume=options.assume,
            toolbox=self._toolbox,
        )


def _rendered(result: DesignResult) -> dict[str, str]:
    from crystalsmith.agent.report.files import rendered

    return rendered(result)
