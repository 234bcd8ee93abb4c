"""Timing whole commands as a user sees them: a fresh process each time."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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
    seconds, memory, code = [], [], 0
    for run in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            command = ["design", EXAMPLE, "--budget", "quick", "--out", str(Path(folder) / "out")]
            if store is not None:
                command += ["--store", store]
            took, peak, code = _measure(command)
        seconds.append(took)
        memory.append(peak)
        progress("designing", run + 1, runs)
    return {
        "request": EXAMPLE,
        "runs": runs,
        "exit_code": code,
        "seconds_min": min(seconds),
        "seconds_median": statistics.median(seconds),
        "seconds_max": max(seconds),
        "peak_memory_gb": max(memory),
    }


def time_startup(runs: int = 10, progress: Progress = silent) -> dict[str, Any]:
    """Wall time of ``crystalsmith --help``."""
    seconds = []
    for run in range(runs):
        took, _, _ = _measure(["--help"])
        seconds.append(took)
        progress("starting", run + 1, runs)
    return {
        "runs": runs,
        "seconds_min": min(seconds),
        "seconds_median": statistics.median(seconds),
        "seconds_max": max(seconds),
    }


def _measure(arguments: list[str]) -> tuple[float, float, int]:
    """Seconds, peak resident memory in GB, and exit code of one command."""
    probe = (
        "import resource, subprocess, sys;"
        "code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, code)"
    )
    command = [sys.executable, "-c", probe, sys.executable, "-m", "crystalsmith.cli", *arguments]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    took = time.monotonic() - started
    peak, code = (int(word) for word in done.stdout.split())
    if code not in _FINE:
        raise CrystalsmithError(
            f"`crystalsmith {' '.join(arguments)}` ended with exit code {code}; run it by hand to"
            " see why"
        )
    return took, peak / _KIB_PER_GB, code
