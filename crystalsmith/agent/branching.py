"""How the search tree grows: formulas for a request, templates for a formula."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from crystalsmith.agent.tree import NOT_REACHED, FormulaNode, SearchTree, TemplateNode
from crystalsmith.core.clauses import FamilyClause, Novel
from crystalsmith.models.constraint.generator import RankedTemplate, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymatgen.core import Composition

    from crystalsmith.agent.budgets import Budget
    from crystalsmith.agent.seeds import Seed
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.progress import Progress
    from crystalsmith.core.request import DesignRequest
    from crystalsmith.tools.proposer import FormulaProposal

_FAMILY_SHARE = 0.5  # weight of a family's own structure types against the constraint generator
_KNOWN_SHARE = 0.5  # weight of known structures of the very formula
_SEED_SHARE = 0.5  # weight of the seed's structure type


def plant(
    request: DesignRequest,
    toolbox: Toolbox,
    budget: Budget,
    seed: int,
    like: Seed | None,
    ideas: Sequence[Composition] = (),
) -> SearchTree:
    """A tree of formulas, the best first; those beyond the budget are cut.

    Raises:
        RequestError: no formula can satisfy the request.
    """
    from crystalsmith.tools.proposer import Advisers, propose_formulas

    pruned: Counter[str] = Counter()
    advisers = Advisers(
        toolbox.compositions,
        toolbox.constraints,
        seeds=() if like is None else (like.entry,),
        near=None if like is None else like.near,
        ideas=ideas,
    )
    proposals = propose_formulas(request, toolbox.known, budget.proposals, seed, advisers, pruned)
    proposals.sort(key=lambda proposal: (-proposal.weight, proposal.formula))
    nodes = [FormulaNode(proposal) for proposal in proposals]
    for node in nodes[budget.formulas :]:
        node.cut = f"less promising than the {budget.formulas} formulas that were followed"
    return SearchTree(nodes, pruned)


def open_formulas(
    request: DesignRequest,
    nodes: Sequence[FormulaNode],
    toolbox: Toolbox,
    width: int,
    like: Seed | None,
    progress: Progress,
) -> None:
    """Give formulas the most probable templates that the clauses allow; the others are cut."""
    wanted = _wanted(request)
    done = 0
    for begin in range(0, len(nodes), _AT_ONCE):
        group = nodes[begin : begin + _AT_ONCE]
        answers = toolbox.constraints.propose_many(
            [node.proposal.composition for node in group],
            [wanted] * len(group),
            allow=lambda number: all(c.allows_space_group(number) for c in request.clauses),
            atoms=lambda count: all(c.allows_atom_count(count) for c in request.clauses),
        )
        for node, answer in zip(group, answers, strict=True):
            _open(request, node, answer, toolbox, width, like)
        done += len(group)
        progress("choosing symmetry", done, len(nodes))


_AT_ONCE = 8  # formulas between two signs of life


def _open(
    request: DesignRequest,
    node: FormulaNode,
    ranked: Sequence[RankedTemplate],
    toolbox: Toolbox,
    width: int,
    like: Seed | None,
) -> None:
    node.opened = True
    options = _with_own_types(request, node.proposal, ranked, toolbox, like)
    options.sort(key=lambda option: (-option[1], str(option[0])))
    broken = [
        next((c.wish() for c in request.clauses if not c.allows_template(template)), None)
        for template, _, _ in options
    ]
    total = sum(o[1] for o, wish in zip(options, broken, strict=True) if wish is None) or 1.0
    kept = 0
    for (template, share, origin), wish in zip(options, broken, strict=True):
        branch = TemplateNode(node, template, share / total, origin)
        if wish is not None:
            branch.cut = f"not {wish}"
        elif kept == width:
            branch.cut = f"less probable than the {width} templates that were followed"
        else:
            kept += 1
        node.templates.append(branch)
    if kept == 0:
        node.cut = "no template satisfies the request"


def _with_own_types(
    request: DesignRequest,
    proposal: FormulaProposal,
    ranked: Sequence[RankedTemplate],
    toolbox: Toolbox,
    like: Seed | None,
) -> list[tuple[SymmetryTemplate, float, str]]:
    """Mix in structure types of the family asked for and the seed's, and known structures."""
    from crystalsmith.core.chemistry.families import family

    table: dict[SymmetryTemplate, float] = defaultdict(float)
    origins: dict[SymmetryTemplate, str] = {}
    for item in ranked:
        table[item.template] += item.probability
        source = "neighbours" if item.by_neighbours > item.by_model else "constraint generator"
        origins[item.template] = f"{source}, probability {item.probability:.2f}"
    names = {clause.name for clause in request.of_kind(FamilyClause)}
    if proposal.family is not None:
        names.add(proposal.family)
    for name in sorted(names):
        own = family(name).templates_for(proposal.composition)
        for rank, template in enumerate(own, start=1):
            table[template] += _FAMILY_SHARE / rank**2
            origins.setdefault(template, f"structure type of the {name} family")
    if like is not None:
        for template in like.templates_for(proposal.composition):
            table[template] += _SEED_SHARE
            origins[template] = "structure type of the seed"
    if not any(not clause.known for clause in request.of_kind(Novel)):
        known = toolbox.known.with_formula(proposal.composition.reduced_formula)
        for entry in known:
            table[entry.crystal.template] += _KNOWN_SHARE / len(known)
            origins[entry.crystal.template] = f"known structure {entry.id}"
    return [(template, weight, origins[template]) for template, weight in table.items()]


def _wanted(request: DesignRequest) -> Wanted:
    gap = request.property_range("band_gap")
    energy = request.property_range("formation_energy")
    return Wanted(
        stability="stable",
        band_gap=None if gap is None else gap.aim,
        formation_energy=None if energy is None else energy.aim,
    )


def close(tree: SearchTree, reason: str) -> None:
    """Note why the search ended, and what it did not come to."""
    tree.stopped = reason
    for node in tree.formulas:
        if not node.opened and node.cut is None:
            node.cut = NOT_REACHED
        for branch in node.kept:
            if not branch.structures:
                branch.cut = NOT_REACHED
