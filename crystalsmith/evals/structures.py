"""How often the structure generator finds a crystal again.

Match rate and RMSE follow CDVAE and DiffCSP (StructureMatcher with stol 0.5, ltol 0.3, angle_tol
10; RMSE in units of the cube root of the volume per atom, over matches). StructureMatcher
forgives a wrong volume; its error is reported beside it. So is what copying the nearest known
geometry gives without any learning.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

import numpy as np

from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.parallel import in_forks
from crystalsmith.models.structure.drafts import Targets
from crystalsmith.models.structure.generator import Start, StructureGenerator
from crystalsmith.models.structure.library import expected_volume
from crystalsmith.models.structure.selection import scores_of_templates
from crystalsmith.models.structure.soundness import found_space_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.entry import Entry
    from crystalsmith.evals.cases import Cases
    from crystalsmith.models.constraint.generator import ConstraintGenerator
    from crystalsmith.models.structure.drafts import Draft

Constraints = Literal["true", "predicted"]
_STRICT_PRECISION = 0.01  # Å
_ON_HULL = 1e-6  # eV/atom
_BINS = ((0, 0), (1, 3), (4, 6), (7, 12), (13, 999))


class _Match(NamedTuple):
    """A draft compared with the truth."""

    rms: float | None
    composition: bool
    group_loose: bool
    group_strict: bool


def constraints_named(name: str) -> Constraints:
    """Kind of constraints, checked.

    Raises:
        DataError: there is no such kind.
    """
    if name in get_args(Constraints):
        return cast("Constraints", name)
    raise DataError(f"--constraints must be true or predicted, not {name!r}")


def start_named(name: str) -> Start:
    """Kind of start, checked.

    Raises:
        DataError: there is no such kind.
    """
    if name in get_args(Start):
        return cast("Start", name)
    raise DataError(f"--start must be auto, noise or template, not {name!r}")


def evaluate_structures(
    generator: StructureGenerator,
    cases: Cases,
    *,
    constraints: Constraints = "true",
    constraint_generator: ConstraintGenerator | None = None,
    start: Start = "auto",
    samples: int = 1,
    drafts: int = 1,
    with_properties: bool = False,
    seed: int = 0,
    workers: int = 1,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        generator: flow and library of known geometries.
        cases: test crystals.
        constraints: ``true`` gives the crystal's own template; ``predicted`` the templates that the
            constraint generator ranks highest, one draft each.
        constraint_generator: needed for predicted constraints.
        start: where drafts start from.
        samples: structures per crystal; the first one counts for ``match``.
        drafts: what the selector chooses them from, template by template; no choice when these are
            not more than the samples.
        with_properties: tell the generator the crystal's band gap and formation energy.
        seed: of the noise.
        workers: processes that share the crystals, if their own templates are given; the noise
            that a crystal starts from depends on how many there are.
        progress: told about finished crystals.

    Raises:
        DataError: several workers cannot share this.
    """
    entries = cases.entries
    if workers > 1 and (constraints != "true" or generator.device.type != "cpu"):
        raise DataError("--workers are for true constraints on a CPU; leave them out")
    workers = min(workers, len(entries))
    started = time.monotonic()
    if constraints == "true":

        def share(worker: int) -> list[list[Draft]]:
            own = entries[worker::workers]
            return generator.generate(
                [entry.crystal.template for entry in own],
                [_targets(entry, with_properties) for entry in own],
                samples=samples,
                drafts=drafts,
                start=start,
                seed=seed,
                progress=progress if worker == 0 else silent,
            )

        drawn: list[list[Draft]] = [[] for _ in entries]
        for worker, own in enumerate(in_forks(share, workers)):
            drawn[worker::workers] = own
    else:
        if constraint_generator is None:
            raise ValueError("predicted constraints need a constraint generator")
        drawn = _predicted(
            generator, constraint_generator, entries, start, samples, drafts, seed, progress
        )
    seconds = time.monotonic() - started
    matches = _compare_all(drawn, entries, progress)
    return _report(drawn, matches, cases, samples, seconds) | {
        "drafts": max(drafts, samples if constraints == "true" else 1),
        "template_baseline": _baseline(generator, cases, progress),
    }


def _targets(entry: Entry, told: bool) -> Targets:
    return Targets(entry.band_gap, entry.formation_energy) if told else Targets()


def _predicted(
    generator: StructureGenerator,
    constraint_generator: ConstraintGenerator,
    entries: Sequence[Entry],
    start: Start,
    samples: int,
    n_drafts: int,
    seed: int,
    progress: Progress,
) -> list[list[Draft]]:
    """One structure for each of the most probable templates of every formula, the best first."""
    owners, templates, chances = [], [], []
    for index, entry in enumerate(entries):
        for item in constraint_generator.propose(entry.composition, count=samples):
            owners.append(index)
            templates.append(item.template)
            chances.append(item.probability)
        progress("predicting symmetry", index + 1, len(entries))
    drafts = generator.generate(
        templates, drafts=n_drafts, start=start, seed=seed, progress=progress
    )
    energies = generator.energies([group[0].crystal for group in drafts], progress)
    distances = np.array([group[0].distance for group in drafts])
    result: list[list[Draft]] = [[] for _ in entries]
    for index in range(len(entries)):
        own = np.flatnonzero(np.array(owners) == index)
        if len(own):
            scores = scores_of_templates(np.array(chances)[own], distances[own], energies[own])
            result[index] = [drafts[row][0] for row in own[np.argsort(-scores, kind="stable")]]
    return result


def _compare_all(
    drafts: Sequence[Sequence[Draft]], entries: Sequence[Entry], progress: Progress
) -> list[list[_Match]]:
    jobs = [
        ([draft.crystal for draft in group], entry.crystal)
        for group, entry in zip(drafts, entries, strict=True)
    ]
    matches = []
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        for row in pool.map(_compare, jobs, chunksize=8):
            matches.append(row)
            progress("comparing", len(matches), len(jobs))
    return matches


def _compare(job: tuple[list[SymmetricCrystal], SymmetricCrystal]) -> list[_Match]:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    crystals, truth = job
    matcher = StructureMatcher(stol=0.5, ltol=0.3, angle_tol=10)
    target = truth.structure()
    rows = []
    for crystal in crystals:
        structure = crystal.structure()
        distance = matcher.get_rms_dist(structure, target)
        rows.append(
            _Match(
                rms=None if distance is None else float(distance[0]),
                # cells of predicted templates may hold more or fewer formulas
                composition=structure.composition.fractional_composition.almost_equals(
                    target.composition.fractional_composition
                ),
                group_loose=found_space_group(structure) == crystal.template.number,
                group_strict=found_space_group(structure, _STRICT_PRECISION)
                == crystal.template.number,
            )
        )
    return rows


def _report(
    drafts: Sequence[Sequence[Draft]],
    matches: Sequence[Sequence[_Match]],
    cases: Cases,
    samples: int,
    seconds: float,
) -> dict[str, Any]:
    entries = cases.entries
    first = [row[0].rms if row else None for row in matches]
    best = [any(match.rms is not None for match in row) for row in matches]
    found = np.array([rms is not None for rms in first])
    every = [match for row in matches for match in row]
    volumes = [
        abs(group[0].crystal.volume_per_atom / entry.crystal.volume_per_atom - 1)
        for group, entry in zip(drafts, entries, strict=True)
        if group
    ]
    report: dict[str, Any] = {
        "n": len(entries),
        "match": _percent(found),
        "rmse": float(np.mean([rms for rms in first if rms is not None])),
        "k": samples,
        "match_at_k": _percent(best),
        "composition_exact": _percent([match.composition for match in every]),
        "space_group_kept": _percent([match.group_loose for match in every]),
        "space_group_kept_strict": _percent([match.group_strict for match in every]),
        "volume_mape": 100 * float(np.mean(volumes)),
        "structures_per_second": len(every) / seconds,
        "drawn_again": sum(draft.redraws for group in drafts for draft in group),
        "atoms_on_top_of_each_other": sum(draft.overlaps for group in drafts for draft in group),
        "from_known_geometry": _percent([bool(g) and g[0].origin != "noise" for g in drafts]),
        "by_free_parameters": _by_free_parameters(found, entries),
        "by_crystal_family": _by_family(found, entries),
    }
    stable = np.array([e.e_above_hull is not None and e.e_above_hull < _ON_HULL for e in entries])
    report["on_hull"] = {
        "n": int(stable.sum()),
        "match": _percent(found[stable]),
        "match_at_k": _percent(np.array(best)[stable]),
    }
    if cases.unseen is not None:
        report["unseen_formula"] = _percent(found[np.array(cases.unseen)])
    return report


def _by_free_parameters(found: np.ndarray, entries: Sequence[Entry]) -> dict[str, Any]:
    counts = np.array([entry.crystal.template.free_parameters - 1 for entry in entries])
    table = {}
    for low, high in _BINS:
        chosen = (counts >= low) & (counts <= high)
        name = f"{low}" if low == high else f"{low}-{high}" if high < 999 else f"{low}+"
        table[name] = {"n": int(chosen.sum()), "match": _percent(found[chosen])}
    return table


def _by_family(found: np.ndarray, entries: Sequence[Entry]) -> dict[str, Any]:
    families = np.array([entry.crystal.template.group.crystal_family for entry in entries])
    return {
        str(family): {
            "n": int((families == family).sum()),
            "match": _percent(found[families == family]),
        }
        for family in np.unique(families)
    }


def _baseline(generator: StructureGenerator, cases: Cases, progress: Progress) -> dict[str, float]:
    """Copy the nearest known crystal of the template: elements swapped, volume rescaled."""
    volumes = generator.flow.atomic_volume.cpu().numpy()  # type: ignore[operator]
    jobs: list[tuple[list[SymmetricCrystal], SymmetricCrystal]] = []
    for entry in cases.entries:
        copies = [
            borrowed.crystal.scaled_to(
                borrowed.original.volume_per_atom
                * expected_volume(borrowed.crystal.template, volumes)
                / expected_volume(borrowed.original.template, volumes)
            )
            for borrowed in generator.library.nearest(entry.crystal.template)
        ]
        jobs.append((copies, entry.crystal))
    rms: list[float | None] = []
    with ProcessPoolExecutor(os.cpu_count() or 1) as pool:
        for row in pool.map(_compare, jobs, chunksize=8):
            rms.append(row[0].rms if row else None)
            progress("comparing the baseline", len(rms), len(jobs))
    known = [value for value in rms if value is not None]
    return {
        "match": _percent([value is not None for value in rms]),
        "rmse": float(np.mean(known)) if known else float("nan"),
        "template_exists": _percent([bool(copies) for copies, _ in jobs]),
    }


def _percent(values: Sequence[bool] | np.ndarray) -> float:
    return 100 * float(np.mean(values)) if len(values) else float("nan")
