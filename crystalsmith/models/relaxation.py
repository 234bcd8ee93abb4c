"""Relaxing crystals with an interatomic potential through ASE, their symmetry kept.

CHGNet (Deng et al. 2023, arXiv:2302.14231) by default; its weights come in its package.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import time
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from crystalsmith.core.crystallography.crystal import SYMMETRY_PRECISION
from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.models.structure.soundness import found_space_group

if TYPE_CHECKING:
    from pymatgen.core import Structure

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
        space_group_kept: spglib finds the same space group as before.
        converged: forces and stress fell below the limit.
        failure: one sentence, None when all went well.
    """

    structure: Structure
    energy: float
    force: float
    steps: int
    volume_change: float
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
    atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)
    atoms.calc = load_calculator(calculator)
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
                    return _failed(structure, "the cell collapsed or exploded")
            energy = float(atoms.get_potential_energy()) / len(atoms)
            force = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    except Exception as error:  # potentials and ASE fail in many ways on odd crystals
        return _failed(structure, f"the calculator failed ({type(error).__name__})")
    relaxed = AseAtomsAdaptor.get_structure(atoms)
    return Relaxed(
        structure=relaxed,
        energy=energy,
        force=force,
        steps=int(optimiser.nsteps),
        volume_change=float(relaxed.volume / structure.volume - 1),
        space_group_kept=found_space_group(relaxed) == before,
        converged=converged,
    )


def _failed(structure: Structure, reason: str) -> Relaxed:
    nothing = float("nan")
    return Relaxed(structure, nothing, nothing, 0, 0.0, False, False, reason)


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
