"""Batches: how fast, how much the engine itself costs, and whether anything is lost when killed."""

from __future__ import annotations

import json
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crystalsmith.agent.batch.commands import pool_starter
from crystalsmith.agent.batch.jobs import Options
from crystalsmith.agent.batch.run import JOB, Batch, Report, run_batch
from crystalsmith.agent.batch.work import Setup
from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.settings import settings
from crystalsmith.evals.compliance import BUNDLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.agent.batch.manifest import Counts

_FINE = {0, 3}  # every request satisfied, or some not
_LONGEST = 3600  # seconds that a run of the kill test may take
_KIB_PER_MB = 1000 / 1.024


def time_batches(
    limit: int,
    workers: Sequence[int],
    *,
    ray: int | None,
    store: str | None,
    seed: int,
    progress: Progress = silent,
) -> dict[str, dict[str, Any]]:
    """Throughput and the engine's own cost for every number of workers.

    Args:
        limit: requests, drawn from the compliance benchmark's.
        workers: numbers of processes to try.
        ray: workers of a run on Ray; None leaves it out.
        store: known crystals.
        seed: of the draw and the designs.
        progress: told about finished requests.
    """
    lines = BUNDLED.read_text(encoding="utf-8").splitlines()
    chosen = random.Random(seed).sample(lines, min(limit, len(lines)))
    runs = [(f"{number} workers", "local", number) for number in workers]
    runs += [] if ray is None else [(f"Ray, {ray} workers", "ray", ray)]
    config = settings()
    setup = Setup(store, config, config.threads or 1)
    figures = {}
    for name, engine, number in runs:

        def show(stage: str, counts: Counts, _: int, name: str = name) -> None:
            progress(f"{name}, {stage}", counts.done, counts.total)

        with tempfile.TemporaryDirectory() as folder:
            prompts = Path(folder) / "prompts.jsonl"
            prompts.write_text("\n".join(chosen) + "\n", encoding="utf-8")
            batch = Batch(prompts, Path(folder) / "out", Options(seed=seed))
            report = run_batch(batch, setup, pool_starter(setup, number, engine), show)
        figures[name] = _figures(report, number)
    return figures


def _figures(report: Report, workers: int) -> dict[str, Any]:
    working = report.seconds - report.loading
    waits = [1000 * seconds for seconds in report.waited if seconds]
    return {
        "requests": report.worked,
        "requests a minute": 60 * report.worked / working,
        "seconds a request": report.busy / report.worked,
        "workers busy, %": 100 * report.busy / (workers * working),
        "engine, ms a request (median)": statistics.median(waits) if waits else float("nan"),
        "engine, ms a request (mean)": statistics.mean(waits) if waits else float("nan"),
        "loading, s": report.loading,
        "first result after loading, s": report.first,
        "failed": report.counts.failed,
    }


def kill_and_resume(
    kills: int, limit: int, *, workers: int, seed: int, progress: Progress = silent
) -> dict[str, Any]:
    """Kill a batch (signal 9) at random moments, resume it each time, and look at what is left.

    The moments are drawn over the time that loading and the first results take. Everything is
    compared with a run of the same command that nothing interrupted.
    """
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        prompts, whole, torn = (Path(scratch) / name for name in ("p.txt", "whole", "torn"))
        prompts.write_text("\n".join(_quick_requests(limit)) + "\n", encoding="utf-8")
        started = time.monotonic()
        _finish(prompts, whole, workers, seed)
        longest = max(10.0, 0.6 * (time.monotonic() - started))
        moments: list[float] = []
        marks: dict[str, tuple[int, int]] = {}
        for number in range(kills):
            moments.append(draw.uniform(0.2, longest))
            _run_and_kill(prompts, torn, workers, seed, moments[-1])
            marks |= {name: mark for name, mark in _marks(torn).items() if name not in marks}
            progress("killing", number + 1, kills)
        before = len(marks)
        _finish(prompts, torn, workers, seed)
        after = _marks(torn)
        expected = _contents(whole)
        found = _contents(torn)
        return {
            "kills": kills,
            "requests": limit,
            "workers": workers,
            "moments, s": f"{min(moments):.1f} to {max(moments):.1f}",
            "finished before the last kill": before,
            "lost": len(expected.keys() - found.keys()) + len(marks.keys() - after.keys()),
            "done twice": sum(after.get(name) != mark for name, mark in marks.items()),
            "different": sum(found.get(name) != text for name, text in expected.items()),
            "left behind": len(list(torn.glob(".working*"))) + len(list(torn.rglob("*.part"))),
        }


def _quick_requests(limit: int) -> list[str]:
    """Formulas, whose designs are quick and differ from each other."""
    from crystalsmith.tools.prototypes import prototypes

    small = [e for e in prototypes().entries() if e.crystal.template.n_atoms <= 6]
    formulas = sorted({entry.formula for entry in small if len(entry.composition) > 1})
    if limit > len(formulas):
        raise CrystalsmithError(f"there are {len(formulas)} quick requests, fewer than {limit}")
    return [f"crystals of {formula}" for formula in random.Random(0).sample(formulas, limit)]


def _command(prompts: Path, out: Path, workers: int, seed: int) -> list[str]:
    options = ["--out", str(out), "--workers", str(workers), "--seed", str(seed)]
    batch = ["-m", "crystalsmith.cli", "batch", str(prompts), *options, "--store", "none"]
    return [sys.executable, *batch]


def _finish(prompts: Path, out: Path, workers: int, seed: int) -> None:
    done = subprocess.run(  # noqa: S603
        _command(prompts, out, workers, seed),
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
    )
    if done.returncode not in _FINE:
        raise CrystalsmithError(f"the batch ended with {done.returncode}: {done.stderr[-300:]}")


def _run_and_kill(prompts: Path, out: Path, workers: int, seed: int, moment: float) -> None:
    process = subprocess.Popen(  # noqa: S603
        _command(prompts, out, workers, seed),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _marks(out: Path) -> dict[str, tuple[int, int]]:
    """What tells whether a result was made again: the file's number and time."""
    found = {}
    for path in out.glob(f"*/{JOB}"):
        status = path.stat()
        found[path.parent.name] = (status.st_ino, status.st_mtime_ns)
    return found


def _contents(out: Path) -> dict[str, str]:
    """Every result file by its path, without the times that it took."""
    found = {}
    for path in out.glob("*/*"):
        if path.name == JOB or path.parent.name.startswith("."):
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            record = json.loads(text)
            del record["run"]["seconds"]
            text = json.dumps(record, sort_keys=True)
        found[str(path.relative_to(out))] = text
    return found


def read_long_file(
    lines: int, broken: float, seed: int, progress: Progress = silent
) -> dict[str, Any]:
    """Work through a long file of requests that contradict themselves, some lines broken.

    Each takes a worker a few milliseconds, so that the file, the manifest and the pool are what is
    measured: memory after a tenth of the file and after all of it. The first line is one of the
    compliance benchmark's requests, so that the time to the first result is that of a design.
    """
    draw = random.Random(seed)
    real = json.loads(draw.choice(BUNDLED.read_text(encoding="utf-8").splitlines()))["text"]
    config = settings()
    setup = Setup("none", config, config.threads or 1)
    memory: list[float] = []

    def show(stage: str, counts: Counts, worked: int) -> None:
        progress(stage, counts.done, counts.total)
        if worked >= 0.1 * counts.total or not memory:
            memory.append(_resident_mb())

    with tempfile.TemporaryDirectory() as folder:
        prompts = Path(folder) / "prompts.jsonl"
        with prompts.open("w", encoding="utf-8") as stream:
            for number in range(lines):
                text = f"oxide number {number} with lead and without lead" if number else real
                row = json.dumps({"id": f"request-{number}", "text": text})
                torn = number > 0 and draw.random() < broken
                stream.write((row[: len(row) // 2] if torn else row) + "\n")
        batch = Batch(prompts, Path(folder) / "out", Options(seed=seed))
        report = run_batch(batch, setup, pool_starter(setup, 1), show)
    return {
        "lines": lines,
        "broken lines": report.counts.broken,
        "worked through": report.worked,
        "first request": real,
        "requests a second, without it": _rate(report),
        "first result after loading, s": report.first,
        "memory when reading began, MB": memory[0],
        "memory after a tenth, MB": memory[1] if len(memory) > 1 else memory[0],
        "memory at the end, MB": memory[-1],
        "peak memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_MB,
    }


def _rate(report: Report) -> float:
    """Requests a second after the first."""
    left = report.seconds - report.loading - (report.first or 0.0)
    return (report.worked - 1) / left if left > 0 else float("nan")


def _resident_mb() -> float:
    """Resident memory of this process, MB."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6
