"""How fast crystals are scored and relaxed, and whether relaxing finds the way back."""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.relaxation import DEFAULT_CALCULATOR, RelaxationLimits, relax_many

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymatgen.core import Structure

    from crystalsmith.models.relaxation import Relaxed
    from crystalsmith.models.surrogates.surrogates import Surrogates

MOST_ATOMS = 20
_STRAIN = 0.04  # standard deviation of every component
_PUSH = 0.15  # Å, standard deviation of every coordinate


def time_surrogates(
    surrogates: Surrogates, structures: Sequence[Structure], progress: Progress = silent
) -> dict[str, Any]:
    """Structures scored per second, every property of each.

    Returns:
        ``structures_per_second`` of the wall clock and ``per_cpu_second`` of the processor time,
        which other programs on the machine do not spoil.
    """
    import torch

    surrogates.predict(structures[:8])  # the first call sets things up
    started, busy = time.perf_counter(), time.process_time()
    scored = surrogates.predict(structures, progress)
    seconds, worked = time.perf_counter() - started, time.process_time() - busy
    return {
        "structures": len(structures),
        "failed": sum(one.failure is not None for one in scored),
        "atoms_mean": statistics.mean(len(structure) for structure in structures),
        "properties": ", ".join(surrogates.properties),
        "threads": torch.get_num_threads(),
        "structures_per_second": len(structures) / seconds,
        "per_cpu_second": len(structures) / worked,
    }


class _Case(NamedTuple):
    """A crystal, spoilt, and how far its atoms and its volume are off, Å and relative."""

    crystal: Structure
    spoilt: Structure
    rmsd: float


def time_relaxation(
    crystals: Sequence[Structure],
    *,
    seed: int = 0,
    calculator: str = DEFAULT_CALCULATOR,
    workers: int = 1,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Strain crystals, push their atoms, relax them, and compare with what they were.

    Strains are normal of width 0.04 in each component, displacements of 0.15 Å in each direction,
    so that no symmetry is left to help. A crystal is back when pymatgen's StructureMatcher (default
    tolerances, volumes not rescaled) says so and its atoms are nearer to their places than before.
    """
    from crystalsmith.models.relaxation import displacement

    rng = np.random.default_rng(seed)
    cases = []
    for crystal in crystals:
        spoilt = perturbed(crystal, rng)
        cases.append(_Case(crystal, spoilt, displacement(crystal, spoilt)))
    limits = RelaxationLimits(steps=300, seconds=300.0)
    started = time.perf_counter()
    done = relax_many(
        [case.spoilt for case in cases],
        calculator=calculator,
        limits=limits,
        workers=workers,
        progress=progress,
    )
    seconds = time.perf_counter() - started
    return _figures(cases, done) | {
        "workers": workers,
        "cores": os.cpu_count(),
        "seconds_each": seconds / len(cases),
    }


def perturbed(crystal: Structure, rng: np.random.Generator) -> Structure:
    """The crystal with its cell strained and its atoms pushed at random."""
    from pymatgen.core import Lattice, Structure

    strain = rng.normal(scale=_STRAIN, size=(3, 3))
    cell = crystal.lattice.matrix @ (np.eye(3) + (strain + strain.T) / 2)
    pushes = rng.normal(scale=_PUSH, size=(len(crystal), 3))
    places = crystal.frac_coords @ cell + pushes
    return Structure(Lattice(cell), crystal.species, places, coords_are_cartesian=True)


def _figures(cases: Sequence[_Case], done: Sequence[Relaxed]) -> dict[str, Any]:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    from crystalsmith.models.relaxation import displacement

    matcher = StructureMatcher(scale=False)
    missed, after, volumes = [], [], []
    for case, outcome in zip(cases, done, strict=True):
        formula = case.crystal.composition.reduced_formula
        if outcome.failure is not None:
            missed.append(f"{formula} ({outcome.failure})")
            continue
        left = displacement(case.crystal, outcome.structure)
        after.append(left)
        volumes.append(abs(outcome.structure.volume / case.crystal.volume - 1))
        nearer = len(case.crystal) == 1 or left < case.rmsd
        if not matcher.fit(case.crystal, outcome.structure):
            missed.append(f"{formula} (no match)")
        elif not nearer:
            missed.append(f"{formula} (atoms {left:.2f} Å off)")
    nothing = float("nan")
    return {
        "n": len(cases),
        "match": 100 * (1 - len(missed) / len(cases)),
        "missed": ", ".join(missed) or "none",
        "converged": 100 * sum(outcome.converged for outcome in done) / len(done),
        "failed": sum(outcome.failure is not None for outcome in done),
        "rmsd_before": statistics.median(case.rmsd for case in cases),
        "rmsd_after": statistics.median(after) if after else nothing,
        "volume_off_percent": 100 * statistics.median(volumes) if volumes else nothing,
        "steps_mean": statistics.mean(outcome.steps for outcome in done),
    }
