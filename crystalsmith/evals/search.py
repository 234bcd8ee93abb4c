"""Whether searching pays: energies against the width of the tree (GenMS's Table 2 and Figure 4).

A *draw* is what the generators say when they are asked once: a template by its probability, and a
geometry for it. Of many draws the surrogates choose the lowest energy; how low it truly is is said
by others: by CHGNet (on the structures as they are, unrelaxed) among draws of one formula, and by
the independent judge (`Surrogates.load_judge`) between formulas as well.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from crystalsmith.agent.branching import open_formulas
from crystalsmith.agent.tree import FormulaNode
from crystalsmith.core.clauses import FamilyClause
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.request import DesignRequest
from crystalsmith.models.surrogates.chgnet_graph import chgnet_graph
from crystalsmith.models.surrogates.surroundings import Surroundings
from crystalsmith.tools.proposer import Advisers, FormulaProposal, propose_formulas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pymatgen.core import Composition, Structure

    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.models.surrogates.surrogates import Surrogates

FAMILIES = ("perovskite", "pyrochlore", "spinel")  # GenMS's three
WIDTHS_H, WIDTHS_L = (1, 2, 4, 8, 16), (1, 2, 4, 8)
_BEST_OF = 10
_TEMPLATES = 5  # of each formula that draws choose from
_SAME = 0.001  # eV/atom within which two draws are the same crystal
_ERROR = 0.025  # eV/atom within which CHGNet and DFT disagree
_TRIES = 400  # random subtrees averaged for each width
_AT_ONCE = 16  # compositions between two signs of life


class _Draws(NamedTuple):
    """Energies of the draws of one formula, eV/atom; ``(draws,)`` each.

    Attributes:
        chosen_on: by the surrogates that the search selects with.
        judged: formation energies by the independent judge.
        chgnet: total energies by CHGNet, comparable among draws of one formula.
    """

    chosen_on: NDArray[np.float64]
    judged: NDArray[np.float64]
    chgnet: NDArray[np.float64]


def evaluate_search(
    toolbox: Toolbox,
    judge: Surrogates,
    compositions: Sequence[Composition],
    *,
    formulas: int = max(WIDTHS_H),
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run both benchmarks.

    Args:
        toolbox: models and known crystals.
        judge: networks that the search does not ask.
        compositions: for best of ten against a single draw.
        formulas: of each family, for the widths H.
        seed: of everything random.
        progress: told about finished formulas.

    Returns:
        ``branching``: per width the judge's formation energy of what is chosen, with its standard
        error; ``best_of_10``: shares in percent.
    """
    branching = _branching(toolbox, judge, formulas, seed, progress)
    return {"branching": branching} | _best_of(toolbox, judge, compositions, seed, progress)


def _branching(
    toolbox: Toolbox, judge: Surrogates, formulas: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """Energy of the chosen crystal for H formulas and L draws of each."""
    table: dict[tuple[int, int], list[float]] = {}
    rng = np.random.default_rng(seed)
    for name in FAMILIES:
        request = DesignRequest(text=name, clauses=(FamilyClause(name=name),))
        advisers = Advisers(toolbox.compositions, toolbox.constraints)
        proposals = propose_formulas(request, toolbox.known, formulas, seed, advisers)
        draws = _drawn(request, proposals, toolbox, judge, max(WIDTHS_L), rng, progress)
        for h in (width for width in WIDTHS_H if width <= formulas):
            for length in WIDTHS_L:
                energies = table.setdefault((h, length), [])
                energies += _subtrees(draws, h, length, rng)
    rows = {f"H={h} L={n}": _mean(values) for (h, n), values in table.items()}
    return rows | {"monotone": _monotone(table)}


def _subtrees(
    draws: Sequence[_Draws], h: int, length: int, rng: np.random.Generator
) -> list[float]:
    """The judge's energy of what is chosen in random subtrees of this width."""
    found = []
    usable = [group for group in draws if len(group.chosen_on) >= length]
    for _ in range(_TRIES if len(usable) >= h else 0):
        chosen, energy = np.inf, np.nan
        for index in rng.choice(len(usable), h, replace=False):
            group = usable[index]
            rows = rng.choice(len(group.chosen_on), length, replace=False)
            best = rows[group.chosen_on[rows].argmin()]
            if group.chosen_on[best] < chosen:
                chosen, energy = group.chosen_on[best], group.judged[best]
        found.append(float(energy))
    return found


def _mean(values: Sequence[float]) -> dict[str, float]:
    spread = float(np.std(values)) / len(values) ** 0.5 if values else float("nan")
    return {"energy": float(np.mean(values)) if values else float("nan"), "error": spread}


def _monotone(table: dict[tuple[int, int], list[float]]) -> dict[str, bool]:
    """Whether no step to a wider tree raises the energy by more than two standard errors."""

    def falls(rows: Sequence[tuple[int, int]]) -> bool:
        means = [_mean(table[row]) for row in rows if table.get(row)]
        return all(
            after["energy"] <= before["energy"] + 2 * np.hypot(before["error"], after["error"])
            for before, after in itertools.pairwise(means)
        )

    return {
        "with_H": all(falls([(h, n) for h in WIDTHS_H]) for n in WIDTHS_L),
        "with_L": all(falls([(h, n) for n in WIDTHS_L]) for h in WIDTHS_H),
    }


def _best_of(
    toolbox: Toolbox,
    judge: Surrogates,
    compositions: Sequence[Composition],
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    """The chosen one of ten draws against another single draw, composition by composition."""
    rng = np.random.default_rng(seed + 1)
    proposals = [FormulaProposal(c.reduced_composition, "asked for", 1.0) for c in compositions]
    nothing = DesignRequest(text="")
    draws = _drawn(nothing, proposals, toolbox, judge, _BEST_OF + 1, rng, progress)
    usable = [group for group in draws if len(group.chosen_on) > 1]
    ways = {
        "chosen_by_surrogates": [_losses(g.chosen_on, g.chgnet) for g in usable],
        "chosen_by_surrogates_judged_by_networks": [_losses(g.chosen_on, g.judged) for g in usable],
        "chosen_by_independent_networks": [_losses(g.judged, g.chgnet) for g in usable],
        "chosen_by_chgnet_itself": [_losses(g.chgnet, g.chgnet) for g in usable],
    }
    return {"best_of_10": {name: _verdicts(rows, rng) for name, rows in ways.items()}}


def _losses(choose_on: NDArray[np.float64], judged: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chosen less single, eV/atom, with every draw as the single one in turn."""
    count = len(choose_on)
    found = []
    for single in range(count):
        others = np.array([row for row in range(count) if row != single])
        found.append(judged[others[choose_on[others].argmin()]] - judged[single])
    return np.array(found)


def _verdicts(
    rows: Sequence[NDArray[np.float64]], rng: np.random.Generator
) -> dict[str, float | int]:
    """Shares of compositions, %, on the average over single draws and against one at random.

    Of eleven draws the single one is itself the lowest once in eleven, so that even a perfect
    choice is ``below_one`` in 91 % at most; ``chosen_by_chgnet_itself`` shows the ceiling.
    """
    means = np.array([row.mean() for row in rows])
    one = np.array([row[int(rng.integers(len(row)))] for row in rows])
    return {
        "compositions": len(rows),
        "below": 100 * float(np.mean(means < -_SAME)),
        "same": 100 * float(np.mean(np.abs(means) <= _SAME)),
        "above": 100 * float(np.mean(means > _SAME)),
        "below_one": 100 * float(np.mean(one < -_SAME)),
        "above_one": 100 * float(np.mean(one > _SAME)),
        "above_one_beyond_error": 100 * float(np.mean(one > _ERROR)),
        "mean_gain_ev_per_atom": -float(np.mean(means)),
    }


def _drawn(
    request: DesignRequest,
    proposals: Sequence[FormulaProposal],
    toolbox: Toolbox,
    judge: Surrogates,
    count: int,
    rng: np.random.Generator,
    progress: Progress,
) -> list[_Draws]:
    """So many draws of every formula, with their energies by all three."""
    found = []
    for begin in range(0, len(proposals), _AT_ONCE):
        nodes = [FormulaNode(proposal) for proposal in proposals[begin : begin + _AT_ONCE]]
        open_formulas(request, nodes, toolbox, _TEMPLATES, None, silent)
        groups = [_structures(node, toolbox, count, rng) for node in nodes]
        found += _energies(groups, toolbox.surrogates, judge)
        progress("drawing crystals", min(begin + _AT_ONCE, len(proposals)), len(proposals))
    return found


def _structures(
    node: FormulaNode, toolbox: Toolbox, count: int, rng: np.random.Generator
) -> list[Structure]:
    """Draws of one formula: templates by their probability, sound crystals only."""
    kept = node.kept
    if not kept:
        return []
    shares = np.array([branch.probability for branch in kept])
    orders: Counter[SymmetryTemplate] = Counter()
    for row in rng.choice(len(kept), count, p=shares / shares.sum()):
        orders[kept[row].template] += 1
    groups = toolbox.structures.generate(
        list(orders), samples=list(orders.values()), seed=int(rng.integers(2**31))
    )
    return [draft.crystal.structure() for group in groups for draft in group if draft.sound]


def _energies(
    groups: Sequence[Sequence[Structure]], surrogates: Surrogates, judge: Surrogates
) -> list[_Draws]:
    everything = [structure for group in groups for structure in group]
    own, other = surrogates.predict(everything), judge.predict(everything)
    rows = []
    for structure, ours, theirs in zip(everything, own, other, strict=True):
        if ours.failure is None and theirs.failure is None:
            energy = ours.predictions["formation_energy"], theirs.predictions["formation_energy"]
            rows.append((energy[0].mean, energy[1].mean, _chgnet_energy(structure, surrogates)))
        else:
            rows.append((np.nan, np.nan, np.nan))
    table = np.array(rows, dtype=float).reshape(-1, 3)
    found, begin = [], 0
    for group in groups:
        part = table[begin : begin + len(group)]
        begin += len(group)
        part = part[~np.isnan(part).any(axis=1)]
        found.append(_Draws(part[:, 0], part[:, 1], part[:, 2]))
    return found


def _chgnet_energy(structure: Structure, surrogates: Surrogates) -> float:
    """Energy by CHGNet, eV/atom, its elemental references included."""
    from crystalsmith.models.surrogates.chgnet import ChgnetAtoms

    chgnet = surrogates.chgnet or ChgnetAtoms()
    graph = chgnet_graph(Surroundings.of(structure, surrogates.heaviest))
    return float(chgnet.know([graph])[0].energy)
