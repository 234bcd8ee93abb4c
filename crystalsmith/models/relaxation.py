"""Relaxing crystals with an interatomic potential through ASE, their symmetry kept.

CHGNet (Deng et al. 2023, arXiv:2302.14231) by default; its weights come in its package.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import multiprocessing
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from crystalsmith.core.crystallography.crystal import SYMMETRY_PRECISION
from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.structure.soundness import found_space_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymatgen.core import Structure

MAX_ATOMS = 400  # a step would take seconds
DEFAULT_CALCULATOR = "chgnet.model.dynamics.CHGNetCalculator"


@dataclass(frozen=True)
class RelaxationLimits:
    """When to stop.

    Attributes:
        force: largest remaining force, eV/Å, at which a crystal counts as relaxed.
        steps: at most so many.
        seconds: at most so long.
    """

    force: float = 0.05
    steps: int = 100
    seconds: float = 30.0


@dataclass(frozen=True)
class Relaxed:
    """Outcome of a relaxation.

    Attributes:
        structure: relaxed, or as it was when the relaxation failed.
        energy: eV/atom, on the calculator's own scale.
        force: largest remaining force, eV/Å.
        steps: taken.
        volume_change: relative.
        rmsd: root mean square displacement of the atoms, Å, the cell's change left aside.
        space_group_kept: spglib finds the same space group as before.
        converged: forces and stress fell below the limit.
        failure: one sentence, None when all went well.
    """

    structure: Structure
    energy: float
    force: float
    steps: int
    volume_change: float
    rmsd: float
    space_group_kept: bool
    converged: bool
    failure: str | None = None


def relax(
    structure: Structure,
    *,
    calculator: str = DEFAULT_CALCULATOR,
    limits: RelaxationLimits | None = None,
) -> Relaxed:
    """Relax cell and positions within the structure's symmetry.

    Args:
        structure: starting point.
        calculator: dotted name of an ASE calculator class.
        limits: when to stop.

    Returns:
        The outcome; a relaxation that explodes is reported in ``failure``, not raised.

    Raises:
        CrystalsmithError: the calculator cannot be loaded.
    """
    from ase.constraints import FixSymmetry
    from ase.filters import FrechetCellFilter
    from ase.optimize import FIRE
    from pymatgen.io.ase import AseAtomsAdaptor

    bounds = limits or RelaxationLimits()
    engine = load_calculator(calculator)
    if (reason := _hopeless(structure)) is not None:
        return failed(structure, reason)
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.calc = engine
    before = found_space_group(structure)
    started = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms.set_constraint(FixSymmetry(atoms, symprec=SYMMETRY_PRECISION))
            optimiser = FIRE(FrechetCellFilter(atoms), logfile=None)
            converged = False
            for done in optimiser.irun(fmax=bounds.force, steps=bounds.steps):
                converged = bool(done)
                if time.monotonic() - started > bounds.seconds:
                    break
                if not 0.5 < atoms.get_volume() / structure.volume < 2.0:
                    return failed(structure, "the cell collapsed or exploded")
            energy = float(atoms.get_potential_energy()) / len(atoms)
            force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
            atoms.set_constraint()
            relaxed = AseAtomsAdaptor.get_structure(atoms)
    except Exception as error:  # potentials and ASE fail in many ways on odd crystals
        return failed(structure, f"the calculator failed ({type(error).__name__})")
    if not np.isfinite([energy, force]).all():
        return failed(structure, "the calculator gave no numbers")
    return Relaxed(
        structure=relaxed,
        energy=energy,
        force=force,
        steps=int(optimiser.nsteps),
        volume_change=float(relaxed.volume / structure.volume - 1),
        rmsd=displacement(structure, relaxed),
        space_group_kept=found_space_group(relaxed) == before,
        converged=converged,
    )


def relax_many(
    structures: Sequence[Structure],
    *,
    calculator: str = DEFAULT_CALCULATOR,
    limits: RelaxationLimits | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> list[Relaxed]:
    """Relax structures, on several cores if asked; one that fails does not stop the others.

    Args:
        structures: starting points.
        calculator: dotted name of an ASE calculator class.
        limits: for every structure.
        workers: processes. They are started afresh, so a script that asks for more than one needs
            the usual ``if __name__ == "__main__"``.
        progress: told about finished structures.

    Raises:
        CrystalsmithError: the calculator cannot be loaded.
    """
    load_calculator(calculator)  # said once, and before any process is started
    results: list[Relaxed] = []
    if workers <= 1 or len(structures) < 2:
        for structure in structures:
            results.append(relax(structure, calculator=calculator, limits=limits))
            progress("relaxing", len(results), len(structures))
        return results
    # forked children cannot differentiate once the parent has, so they are spawned
    context = multiprocessing.get_context("spawn")
    count = min(workers, len(structures))
    with ProcessPoolExecutor(count, mp_context=context, initializer=_one_thread) as pool:
        jobs = [pool.submit(relax, s, calculator=calculator, limits=limits) for s in structures]
        for structure, job in zip(structures, jobs, strict=True):
            try:
                results.append(job.result())
            except BrokenProcessPool:
                results.append(failed(structure, "the process that relaxed it died"))
            progress("relaxing", len(results), len(structures))
    return results


def displacement(before: Structure, after: Structure) -> float:
    """Root mean square displacement of the atoms between two states of one crystal, Å.

    Atoms are compared in their order, in fractional coordinates of the cell in between, without
    the drift of the whole crystal.
    """
    steps = after.frac_coords - before.frac_coords
    steps -= np.round(steps)
    steps -= steps.mean(axis=0)
    cell = (before.lattice.matrix + after.lattice.matrix) / 2
    return float(np.sqrt(((steps @ cell) ** 2).sum(axis=1).mean()))


def _hopeless(structure: Structure) -> str | None:
    """Why a structure cannot even be handed to a calculator."""
    if not len(structure):
        return "the structure is empty"
    if not structure.is_ordered:
        return "the structure is disordered"
    if len(structure) > MAX_ATOMS:
        return f"the structure has {len(structure)} atoms, more than {MAX_ATOMS}"
    cell, points = structure.lattice.matrix, structure.frac_coords
    if not (np.isfinite(cell).all() and np.isfinite(points).all()):
        return "the structure's cell or coordinates hold values that are no numbers"
    return None


def failed(structure: Structure, reason: str) -> Relaxed:
    """What a relaxation that came to nothing gives."""
    nothing = float("nan")
    return Relaxed(structure, nothing, nothing, 0, 0.0, 0.0, False, False, reason)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)  # every core has a process of its own


@lru_cache(maxsize=2)
def load_calculator(name: str) -> Any:
    """An ASE calculator by the dotted name of its class (cached).

    Raises:
        CrystalsmithError: there is no such class, or it cannot be set up.
    """
    module, _, class_name = name.rpartition(".")
    try:
        factory = getattr(importlib.import_module(module), class_name)
        # CHGNet announces itself on stdout, which belongs to results
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            if name == DEFAULT_CALCULATOR:
                return factory(use_device="cpu", on_isolated_atoms="ignore")
            return factory()
    except Exception as error:  # whatever a foreign calculator's constructor raises
        raise CrystalsmithError(
            f"the calculator {name} cannot be loaded ({type(error).__name__}: {error});"
            f" the default is {DEFAULT_CALCULATOR}"
        ) from None
