"""Where the search goes next: which templates get structures drawn, wave by wave."""

from __future__ import annotations

import heapq
import itertools
from math import inf, log
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from crystalsmith.agent.budgets import Order
    from crystalsmith.agent.tree import TemplateNode
    from crystalsmith.core.crystallography.template import SymmetryTemplate

_CROWD = 0.4  # value that each structure of a formula takes from its further ones
_AGAIN = 1.2  # and each structure of a template from the template's own
_MOST_DRAFTS = 2  # times the average, for one template
# A start from noise takes ten times as long as one from a known geometry: it has to promise as
# many times more.
_FROM_NOISE = log(10)


def next_draws(
    nodes: Iterable[TemplateNode],
    count: int,
    drafts: int,
    order: Order,
    geometries: Callable[[SymmetryTemplate], int] = lambda _: 0,
    noise: int | None = None,
) -> list[tuple[TemplateNode, int]]:
    """Templates with the number of structures to draw for each now; they are noted as planned.

    Args:
        nodes: templates that structures may be drawn for.
        count: structures to draw in all.
        drafts: structures per template on average.
        order: how to choose.
        geometries: how many known geometries a template may start from.
        noise: how many starts may be from noise at most; any number when not given.
    """
    everything = list(nodes)
    before = {id(node): node.planned for node in everything}
    if order == "best-first":
        chosen = _best_first(everything, drafts, geometries, noise)
    else:
        chosen = _breadth_first(everything, drafts)
    for node in itertools.islice(chosen, count):
        node.planned += 1
    grown = [(node, node.planned - before[id(node)]) for node in everything]
    return [(node, more) for node, more in grown if more]


def _room(node: TemplateNode, drafts: int) -> bool:
    """Whether more drafts can differ: a template with nothing free but its volume has one."""
    return node.planned < (1 if node.template.free_parameters <= 1 else _MOST_DRAFTS * drafts)


def _best_first(
    nodes: list[TemplateNode],
    drafts: int,
    geometries: Callable[[SymmetryTemplate], int],
    noise: int | None,
) -> Iterator[TemplateNode]:
    """Always the most promising for its cost next; every choice is noted before the next."""
    left = inf if noise is None else noise
    spoken = [node.evidence for node in nodes]
    known = [evidence for evidence in spoken if evidence is not None]
    usual = median(known) if known else 0.0
    by_formula: dict[int, list[float]] = {}
    for node, evidence in zip(nodes, spoken, strict=True):
        if evidence is not None:
            by_formula.setdefault(id(node.formula), []).append(evidence)

    def from_noise(node: TemplateNode) -> bool:
        return node.planned >= geometries(node.template)

    def value(node: TemplateNode, evidence: float | None) -> float:
        if evidence is None:
            siblings = by_formula.get(id(node.formula))
            evidence = usual if siblings is None else (usual + max(siblings)) / 2
        crowd = _CROWD * (node.formula.drawn - node.planned) + _AGAIN * node.planned
        cost = _FROM_NOISE if from_noise(node) else 0.0
        return node.log_prior + evidence - crowd - cost

    heap = [(-value(node, spoken[index]), index) for index, node in enumerate(nodes)]
    heapq.heapify(heap)
    while heap:
        claimed, index = heapq.heappop(heap)
        node = nodes[index]
        if not _room(node, drafts):
            continue
        now = -value(node, spoken[index])
        if heap and now > heap[0][0] and now > claimed:  # the formula was chosen meanwhile
            heapq.heappush(heap, (now, index))
            continue
        if from_noise(node):
            if left <= 0:
                continue
            left -= 1
        yield node
        heapq.heappush(heap, (-value(node, spoken[index]), index))


def _breadth_first(nodes: list[TemplateNode], drafts: int) -> Iterator[TemplateNode]:
    """Every formula's first template, then every second one, then all of them again."""
    ranks: dict[int, int] = {}
    ordered = []
    for node in nodes:
        rank = ranks[id(node.formula)] = ranks.get(id(node.formula), -1) + 1
        ordered.append((rank, node))
    ordered.sort(key=lambda pair: pair[0])
    while True:
        least = min((n.planned for _, n in ordered if _room(n, drafts)), default=None)
        if least is None:
            return
        for _, node in ordered:
            if node.planned == least and _room(node, drafts):
                yield node
