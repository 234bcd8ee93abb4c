"""How many formulas a second the constraint generator answers, and what it takes."""

from __future__ import annotations

import random
import resource
import time
from typing import TYPE_CHECKING, Any

import torch

from crystalsmith.core.crystallography.groups import N_SPACE_GROUPS
from crystalsmith.core.crystallography.normaliser import normaliser_operations
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.composition import model as composition
from crystalsmith.models.constraint.generator import SHIPPED, ConstraintGenerator, Wanted
from crystalsmith.models.constraint.realisable import letters_of
from crystalsmith.models.neighbours import model as neighbours
from crystalsmith.models.templates import model as templates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pymatgen.core import Composition

BEAMS = (20, 1)
_BESIDE = (composition.SHIPPED, neighbours.SHIPPED, templates.SHIPPED)
_WARM_UP = 16  # formulas answered before the clock starts
_MIB = 2**20


def time_symmetry(
    generator: ConstraintGenerator,
    compositions: Sequence[Composition],
    folder: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Requests a second at beam 20 and at beam 1, once everything is loaded.

    Args:
        generator: what is timed; its beam width is changed while it is.
        compositions: asked for together.
        folder: its weights; the shipped ones when not given.
        progress: told about finished beam widths.

    Returns:
        ``requests_per_s_beam_…``, size of the files of all weights that take part (language model,
        template and neighbour network, composition model) and highest resident memory of this
        process (MiB), number of threads.
    """
    figures: dict[str, Any] = {"n": len(compositions), "threads": torch.get_num_threads()}
    for number in range(1, N_SPACE_GROUPS + 1):  # tables that every process reads once
        letters_of(number)
        normaliser_operations(number)
    told, width = [Wanted()] * len(compositions), generator.width
    generator.propose_many(compositions[:_WARM_UP], told[:_WARM_UP])
    for done, beam in enumerate(BEAMS, start=1):
        generator.width = beam
        started = time.monotonic()
        generator.propose_many(compositions, told, count=beam)
        seconds = time.monotonic() - started
        figures[f"requests_per_s_beam_{beam}"] = len(compositions) / seconds
        progress("timing beam widths", done, len(BEAMS))
    generator.width = width
    figures["model_mib"] = sum(_size(where) for where in (folder or SHIPPED, *_BESIDE)) / _MIB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    return figures | {"resident_mib": peak / 1024}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def prototype_compositions(count: int, seed: int) -> list[Composition]:
    """Formulas of the prototypes that every machine has, drawn at random."""
    from crystalsmith.tools.prototypes import prototypes

    known = sorted({entry.formula: entry.composition for entry in prototypes().entries()}.items())
    compositions = [composition for _, composition in known]
    return random.Random(seed).sample(compositions, min(count, len(compositions)))
