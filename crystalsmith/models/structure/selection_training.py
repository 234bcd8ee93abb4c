"""Training the selector on drafts for held-out crystals, which neither flow nor library has seen.

A training crystal would not do: the flow remembers it, and the codebook contains it.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from crystalsmith.core.progress import Progress, silent
from crystalsmith.models.structure.codebook import Codebook
from crystalsmith.models.structure.generator import StructureGenerator
from crystalsmith.models.structure.library import TemplateLibrary
from crystalsmith.models.structure.selection import Selector, shared_facts, shipped_energies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from crystalsmith.core.crystallography.crystal import SymmetricCrystal
    from crystalsmith.core.entry import Entry
    from crystalsmith.models.structure.drafts import Drawn
    from crystalsmith.models.structure.selection import DraftFacts

_DRAWN = {"crystals": 4, "centres": 3, "noise": 5}
_SUBSETS = 12  # of every crystal's drafts, so that the selector meets pools of all kinds
_STEPS, _BATCH, _RATE = 2500, 512, 3e-3
_TOLERANCE = 0.3  # RMSE at which a match counts e times less


class _Case(NamedTuple):
    """The drafts for one crystal."""

    kinds: list[str]
    facts: list[DraftFacts]
    energies: NDArray[np.float64]
    worth: NDArray[np.float64]


def train_selector(
    generator: StructureGenerator,
    held_out: Sequence[Entry],
    seed: int = 0,
    progress: Progress = silent,
) -> Selector:
    """Draw drafts for held-out crystals and learn which of them match.

    Args:
        generator: with the library of training crystals and the codebook.
        held_out: crystals that it was not trained on.
        seed: of the subsets.
        progress: told about drafts.
    """
    cases = _cases(generator, held_out, progress)
    rng = np.random.default_rng(seed)
    facts, worth = [], []
    for case in cases:
        for _ in range(_SUBSETS):
            chosen = _subset(case.kinds, rng)
            if len(chosen) > 1:
                own = [case.facts[index] for index in chosen]
                facts.append(shared_facts(own, case.energies[chosen]))
                worth.append(case.worth[chosen])
    return fit_selector(np.concatenate(facts), np.concatenate(worth), seed)


def fit_selector(
    facts: NDArray[np.float32], worth: NDArray[np.floating], seed: int = 0
) -> Selector:
    """Fit to facts ``(rows, len(FACTS))`` and the worth of each draft, between 0 and 1."""
    torch.manual_seed(seed)
    selector = Selector()
    values, targets = torch.from_numpy(facts), torch.from_numpy(np.asarray(worth, np.float32))
    selector.fact_mean.copy_(values.mean(0))  # type: ignore[operator]
    selector.fact_std.copy_(values.std(0).clamp_min(1e-3))  # type: ignore[operator]
    optimiser = torch.optim.AdamW(selector.parameters(), lr=_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _STEPS)
    for _ in range(_STEPS):
        rows = torch.randint(len(values), (_BATCH,))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            selector(values[rows]), targets[rows]
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return selector.eval()


def _subset(kinds: list[str], rng: np.random.Generator) -> list[int]:
    """Some of the drafts: kinds that a store, a fresh machine or a new template would have."""
    allowed = [
        {"noise"},
        {"noise", "centres"},
        {"noise", "crystals", "centres"},
        {"crystals", "centres"},
    ][rng.integers(4)]
    rows = [index for index, kind in enumerate(kinds) if kind in allowed]
    if len(rows) < 2:
        return []
    kept = rng.permutation(rows)[: rng.integers(2, len(rows) + 1)]
    return sorted(int(row) for row in kept)


def _cases(
    generator: StructureGenerator, held_out: Sequence[Entry], progress: Progress
) -> list[_Case]:
    entries = [entry for entry in held_out if entry.crystal.template.free_parameters > 1]
    templates = [entry.crystal.template for entry in entries]
    parts: dict[str, list[list[Drawn]]] = {}
    for kind, count in _DRAWN.items():
        own = StructureGenerator(
            generator.flow,
            generator.library if kind == "crystals" else TemplateLibrary([]),
            generator.settings,
            generator.device,
            generator.codebook if kind == "centres" else Codebook.empty(),
        )
        parts[kind] = own.draw(
            templates,
            samples=count,
            mixed=False,
            start="noise" if kind == "noise" else "template",
            progress=progress,
        )
    energies = shipped_energies(generator.device)
    cases, jobs = [], []
    for row, entry in enumerate(entries):
        kinds = [kind for kind in _DRAWN for _ in parts[kind][row]]
        drawn = [one for kind in _DRAWN for one in parts[kind][row]]
        crystals = [one.draft.crystal for one in drawn]
        jobs.append((crystals, entry.crystal))
        own_energies = energies(crystals, silent)
        cases.append(
            _Case(
                kinds, [one.facts for one in drawn if one.facts], own_energies, np.zeros(len(kinds))
            )
        )
        progress("predicting energies", row + 1, len(entries))
    with ProcessPoolExecutor() as pool:
        for row, worth in enumerate(pool.map(_worth, jobs, chunksize=8)):
            cases[row] = cases[row]._replace(worth=worth)
            progress("comparing", row + 1, len(jobs))
    return cases


def _worth(job: tuple[list[SymmetricCrystal], SymmetricCrystal]) -> NDArray[np.float64]:
    """1 for a perfect match, less the further it is off, 0 for none."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    crystals, truth = job
    matcher = StructureMatcher(stol=0.5, ltol=0.3, angle_tol=10)
    target = truth.structure()
    found = [matcher.get_rms_dist(crystal.structure(), target) for crystal in crystals]
    return np.array([0.0 if one is None else np.exp(-one[0] / _TOLERANCE) for one in found])
