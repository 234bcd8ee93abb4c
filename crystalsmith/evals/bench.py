"""Timing whole commands as a user sees them: a fresh process each time."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.progress import Progress, silent

EXAMPLE = "three lead-free halide double perovskites with a band gap near 1.8 eV"
_KIB_PER_GB = 1e6 / 1.024
_FINE = {0, 3}  # found, or found with something missing


def time_design(
    runs: int = 3, store: str | None = None, progress: Progress = silent
) -> dict[str, Any]:
    """Wall time and peak memory of the example design, quick budget.

    Raises:
        CrystalsmithError: the command fails.
    """
    found = []
    for run in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            command = ["design", EXAMPLE, "--budget", "quick", "--out", str(Path(folder) / "out")]
            if store is not None:
                command += ["--store", store]
            found.append(_measure(command))
        progress("designing", run + 1, runs)
    seconds = [one.seconds for one in found]
    return {
        "request": EXAMPLE,
        "runs": runs,
        "exit_code": found[-1].code,
        "seconds_min": min(seconds),
        "seconds_median": statistics.median(seconds),
        "seconds_max": max(seconds),
        "cpu_seconds_median": statistics.median(one.cpu for one in found),
        "peak_memory_gb": max(one.memory for one in found),
    }


def time_startup(runs: int = 10, progress: Progress = silent) -> dict[str, Any]:
    """Wall time of ``crystalsmith --help``."""
    seconds = []
    for run in range(runs):
        seconds.append(_measure(["--help"]).seconds)
        progress("starting", run + 1, runs)
    return {
        "runs": runs,
        "seconds_min": min(seconds),
        "seconds_median": statistics.median(seconds),
        "seconds_max": max(seconds),
    }


class _Run(NamedTuple):
    """One command: wall time and CPU time in s, peak resident memory in GB, exit code."""

    seconds: float
    cpu: float
    memory: float
    code: int


def _measure(arguments: list[str]) -> _Run:
    """Run one command in a fresh process."""
    probe = (
        "import resource, subprocess, sys;"
        "code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss, code)"
    )
    command = [sys.executable, "-c", probe, sys.executable, "-m", "crystalsmith.cli", *arguments]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    took = time.monotonic() - started
    cpu, peak, code = done.stdout.split()
    if int(code) not in _FINE:
        raise CrystalsmithError(
            f"`crystalsmith {' '.join(arguments)}` ended with exit code {code}; run it by hand to"
            " see why"
        )
    return _Run(took, float(cpu), int(peak) / _KIB_PER_GB, int(code))
