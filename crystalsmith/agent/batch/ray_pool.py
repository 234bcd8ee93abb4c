"""The same workers as Ray actors, here or on a cluster.

Actors only compute: results come back to this process, which alone writes, so that the machines
need no common folder. Each needs crystalsmith installed and, unless it is ``none``, the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crystalsmith.agent.batch.pool import Done
from crystalsmith.agent.batch.work import Designer, Setup
from crystalsmith.core.errors import CrystalsmithError, ServerError

if TYPE_CHECKING:
    from crystalsmith.agent.batch.jobs import Job

_LOOK = 1.0  # seconds


class RayPool:
    """Ray actors, one job each at a time.

    Attributes:
        ready: actors that have loaded their models.
    """

    def __init__(self, setup: Setup, workers: int, address: str | None, gpus: float = 0.0) -> None:
        """Join or start Ray, and start the actors.

        Args:
            setup: what they load.
            workers: how many.
            address: of a cluster (``auto``, ``ray://host:10001``); None starts Ray here.
            gpus: that each actor asks for.

        Raises:
            CrystalsmithError: Ray is not installed or cannot be reached.
        """
        try:
            import ray
        except ImportError:
            raise CrystalsmithError(
                "Ray is not installed: pip install 'crystalsmith[ray]', or --engine local"
            ) from None
        self._ray: Any = ray
        here: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False}
        options: dict[str, Any] = {"address": address} if address else here
        try:
            ray.init(log_to_driver=False, ignore_reinit_error=True, **options)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            where = f"at {address}" if address else "here"
            first = (str(error).splitlines() or ["no reason given"])[0]
            raise ServerError(f"Ray cannot be used {where}: {first}") from None
        self._setup = setup
        self._kind: Any = ray.remote(num_cpus=1, num_gpus=gpus)(Designer)
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, Job]] = {}
        self.ready = 0
        for _ in range(workers):
            self._start()

    def _start(self) -> None:
        actor = self._kind.remote(self._setup)
        self._starting[actor.__ray_ready__.remote()] = actor
        self._idle.append(actor)

    def free(self) -> int:
        """Actors without a job, those that still load among them."""
        return len(self._idle)

    def submit(self, job: Job) -> None:
        """Hand a job to an actor that has none."""
        actor = self._idle.pop(0)
        self._running[actor.__call__.remote(job)] = (actor, job)

    def wait(self) -> list[Done]:
        """Jobs that came back within the next second.

        Raises:
            CrystalsmithError: the actors cannot load what they need.
        """
        waiting = [*self._running, *self._starting]
        if not waiting:
            return []
        arrived, _ = self._ray.wait(waiting, num_returns=1, timeout=_LOOK)
        found = []
        for reference in arrived:
            if reference in self._starting:
                self._started(reference)
            else:
                found.append(self._finished(reference))
        return found

    def _started(self, reference: Any) -> None:
        self._starting.pop(reference)
        try:
            self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            words = str(cause).strip().splitlines()[-1]
            raise CrystalsmithError(f"a Ray worker cannot load its models: {words}") from None
        self.ready += 1

    def _finished(self, reference: Any) -> Done:
        actor, job = self._running.pop(reference)
        try:
            outcome = self._ray.get(reference)
        except self._ray.exceptions.RayError:
            self._start()
            return Done(job, None, "the Ray worker working on it died")
        self._idle.append(actor)
        return Done(job, outcome)

    def close(self) -> None:
        """Leave Ray; the actors end with it."""
        self._ray.shutdown()
