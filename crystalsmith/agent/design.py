"""The one call that does everything: a sentence in, checked crystals out."""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from math import ceil
from typing import TYPE_CHECKING

from crystalsmith.agent.budgets import BUDGETS, BudgetName
from crystalsmith.agent.interpreter import interpret
from crystalsmith.core.chemistry.formulas import parse_formula
from crystalsmith.core.errors import RequestError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.request import DEFAULT_COUNT, MAX_COUNT, DesignRequest
from crystalsmith.core.results import Candidate, DesignResult, RunInfo
from crystalsmith.core.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pymatgen.core import Structure

    from crystalsmith.agent.budgets import Budget, Order
    from crystalsmith.agent.seeds import Likeness, Seed
    from crystalsmith.agent.toolbox import Toolbox

_LIBRARIES = ("crystalsmith", "torch", "transformers", "pymatgen", "pyxtal", "spglib", "smact")
_LARGEST_SYSTEM = 6  # elements that are looked up at once
_SPARE = 3  # finalists beyond those wanted, in case some fall behind when looked at closely


def design(
    request: str | DesignRequest,
    n: int | None = None,
    *,
    budget: BudgetName = "quick",
    order: Order = "best-first",
    seconds: float | None = None,
    most_structures: int | None = None,
    seed: int = 0,
    seed_structure: str | Path | Structure | None = None,
    like: Likeness = "family",
    ideas: Sequence[str] = (),
    store: str | Path | None = None,
    relax: bool = False,
    assume: bool = True,
    toolbox: Toolbox | None = None,
    found: Callable[[DesignResult], None] | None = None,
    progress: Progress = silent,
) -> DesignResult:
    """Find crystals for a request.

    Args:
        request: what is wanted, in plain words, or already interpreted.
        n: how many candidates; the request's own number, or 5, when not given.
        budget: how much to look at.
        order: follow what looks best so far, or every formula to the same depth.
        seconds: begin nothing new after so long; no limit when not given.
        most_structures: structures drawn at most; the budget's own number when not given.
        seed: same request, seed and versions give the same answer.
        seed_structure: a crystal (or its file) that the answer is to be like; its wishes are added
            to the request as far as they do not contradict it.
        like: what is to be like the seed structure.
        ideas: formulas to try beside those that the search finds, as a chat model suggests them.
        store: folder of known crystals; ``none`` for pymatgen's prototypes only.
        relax: relax the finalists with CHGNet, symmetry kept.
        assume: use what an application usually needs (a gap for a solar cell) where the request
            gives no figure of its own.
        toolbox: models and known crystals, to be loaded once for many calls.
        found: given the unrelaxed result before relaxing begins, so that it can be saved.
        progress: told about every stage.

    Returns:
        Candidates that satisfy every clause first; when too few do, the nearest misses after them,
        each saying which clause it fails.

    Raises:
        RequestError: the request is empty, off topic or impossible.
        CrystalsmithError: weights or the store cannot be used.
    """
    started = time.monotonic()
    understood = interpret(request) if isinstance(request, str) else request.ensure_consistent()
    if assume:
        understood = understood.with_assumptions()
    if seed_structure is None:
        _ensure_checkable(understood)
    wanted = _wanted(understood, n)
    if toolbox is None:
        from crystalsmith.agent.toolbox import Toolbox

        toolbox = Toolbox.load(store, progress=progress, touches=_systems(understood))
    else:
        toolbox.known.search_begins(_systems(understood))
    from crystalsmith.agent.search import search

    sown = None if seed_structure is None else _sown(seed_structure, like, toolbox)
    if sown is not None:
        understood = sown.narrowed(understood)
    width = replace(
        _widened(BUDGETS[budget], wanted),
        order=order,
        seconds=seconds,
        most_structures=most_structures or BUDGETS[budget].most_structures,
    )
    outcome = search(
        understood,
        toolbox,
        width,
        seed=seed,
        progress=progress,
        like=sown,
        ideas=[parse_formula(idea) for idea in ideas],
    )
    if not outcome.candidates:
        raise RequestError(
            "no crystal could be built for the request; loosen its symmetry or size, or give"
            " --budget thorough"
        )
    explicit = n is not None or understood.count is not None

    def result(candidates: Sequence[Candidate]) -> DesignResult:
        run = RunInfo(
            seed=seed,
            budget=budget,
            seconds=time.monotonic() - started,
            store=str(toolbox.known.info()),
            versions=_versions(),
            counts=outcome.tree.counts(),
            remarks=outcome.remarks,
        )
        chosen = _chosen(candidates, wanted, explicit)
        shown = {candidate.provenance.number: candidate.id for candidate in chosen}
        tree = {"order": order} | outcome.tree.record(shown)
        return DesignResult(understood, tuple(chosen), run, tree)

    if not relax:
        return result(outcome.candidates)
    from crystalsmith.agent.finishing import relax_candidates

    if found is not None:
        found(result(outcome.candidates))
    finalists = outcome.candidates[: wanted + _SPARE]
    config = settings()
    return result(
        relax_candidates(
            understood,
            finalists,
            toolbox,
            calculator=config.calculator,
            workers=config.relax_workers,
            progress=progress,
        )
    )


def _systems(request: DesignRequest) -> list[frozenset[str]]:
    """The chemical system that the request names, if it does."""
    allowed, required = request.allowed_elements, request.required_elements
    named = allowed if len(allowed) <= _LARGEST_SYSTEM else required
    return [frozenset(named)] if len(named) > 1 else []


def _sown(structure: str | Path | Structure, like: Likeness, toolbox: Toolbox) -> Seed:
    from pathlib import Path

    from crystalsmith.agent.seeds import read_seed, seed_of

    if isinstance(structure, str | Path):
        return read_seed(Path(structure), like, toolbox.surrogates)
    return seed_of(structure, like, toolbox.surrogates, structure.composition.reduced_formula)


def _widened(budget: Budget, wanted: int) -> Budget:
    """A budget that can yield as many candidates as are wanted."""
    formulas = max(budget.formulas, 2 * wanted)
    enough = budget.enough if budget.plenty is None else ceil(budget.plenty * wanted)
    noise = None if budget.noise is None else ceil(budget.noise * formulas / budget.formulas)
    return replace(
        budget,
        enough=enough,
        wanted=wanted,
        noise=noise,
        finalists=max(budget.finalists, wanted + _SPARE),
        formulas=formulas,
        proposals=max(budget.proposals, 3 * formulas),
    )


def _ensure_checkable(request: DesignRequest) -> None:
    if not request.clauses and (request.unsupported or request.not_understood):
        words = ", ".join(f"'{text}'" for text in (*request.unsupported, *request.not_understood))
        raise RequestError(
            f"nothing in the request can be checked ({words} cannot be scored); add elements, a"
            " structure family, a symmetry or a property such as a band gap"
        )


def _wanted(request: DesignRequest, n: int | None) -> int:
    if n is not None and not 1 <= n <= MAX_COUNT:
        raise RequestError(f"ask for 1 to {MAX_COUNT} candidates, not {n}")
    return n or request.count or DEFAULT_COUNT


def _chosen(candidates: Sequence[Candidate], wanted: int, explicit: bool) -> list[Candidate]:
    """Satisfying candidates; near misses fill up a number that was asked for, or an empty list."""
    satisfied = [candidate for candidate in candidates if candidate.satisfied]
    chosen = satisfied[:wanted]
    if not chosen or (explicit and len(chosen) < wanted):
        others = [candidate for candidate in candidates if not candidate.satisfied]
        chosen += others[: wanted - len(chosen)]
    return [replace(candidate, id=f"c{i:02d}") for i, candidate in enumerate(chosen, start=1)]


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
