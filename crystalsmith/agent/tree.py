"""The search tree: formulas, their templates, the structures of these, and why branches were cut.

GenMS's tree (Yang et al. 2024, arXiv:2409.06762): formulas (H) × templates (K) × structures (L).
Nothing is forgotten, so that a user can ask why a branch was cut; `SearchTree.record` is the part
of ``results.json`` that says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.results import Candidate
    from crystalsmith.models.structure.drafts import Draft
    from crystalsmith.tools.proposer import FormulaProposal

_LEAST = 1e-6
NOT_REACHED = "not reached within the budget"
OUTRANKED = "ranked below those shown"


@dataclass
class StructureNode:
    """A drawn crystal.

    Attributes:
        number: of the structure in this search, from 1.
        draft: what was drawn.
        candidate: judged; None when it could not be.
        cut: why it was given up; None while it stands.
    """

    number: int
    draft: Draft
    candidate: Candidate | None = None
    cut: str | None = None


@dataclass
class TemplateNode:
    """A formula with one of its templates.

    Attributes:
        formula: the node it hangs on.
        template: the template.
        probability: of the template among those of its formula.
        origin: why the template was tried, in words.
        structures: drawn so far.
        planned: structures that were ordered, drawn or not.
        cut: why it was given up; None while it stands.
    """

    formula: FormulaNode
    template: SymmetryTemplate
    probability: float
    origin: str
    structures: list[StructureNode] = field(default_factory=list)
    planned: int = 0
    cut: str | None = None

    @property
    def prior(self) -> float:
        """Weight of formula and template together, before any structure was seen."""
        return self.formula.proposal.weight * self.probability

    @property
    def log_prior(self) -> float:
        """Its natural logarithm."""
        return log(max(self.prior, _LEAST))

    @property
    def evidence(self) -> float | None:
        """What the best structure has beyond the prior (natural logarithm); None before any."""
        judged = [node.candidate for node in self.structures if node.candidate is not None]
        if not judged:
            return None
        return max(candidate.score for candidate in judged) - self.log_prior


@dataclass
class FormulaNode:
    """A formula.

    Attributes:
        proposal: the formula and why it was tried.
        templates: once it was opened, the kept and the cut.
        opened: whether templates were asked for.
        cut: why it was given up; None while it stands.
    """

    proposal: FormulaProposal
    templates: list[TemplateNode] = field(default_factory=list)
    opened: bool = False
    cut: str | None = None

    @property
    def kept(self) -> list[TemplateNode]:
        """Templates that structures are drawn for."""
        return [node for node in self.templates if node.cut is None]

    @property
    def drawn(self) -> int:
        """Structures ordered so far."""
        return sum(node.planned for node in self.templates)


@dataclass
class SearchTree:
    """All that a search looked at.

    Attributes:
        formulas: best first.
        pruned: formulas that each clause ruled out before they were weighed, by the reason.
        stopped: why the search ended.
    """

    formulas: list[FormulaNode]
    pruned: Counter[str] = field(default_factory=Counter)
    stopped: str = ""

    def kept_templates(self) -> Iterator[TemplateNode]:
        """Templates that structures are drawn for."""
        for formula in self.formulas:
            yield from formula.kept

    def structures(self) -> Iterator[StructureNode]:
        """All structures."""
        for formula in self.formulas:
            for template in formula.templates:
                yield from template.structures

    def satisfied_formulas(self, sure: float = 0.0) -> int:
        """How many formulas have a structure that stands and fails no clause.

        Args:
            sure: how likely it must satisfy all that was checked, 0 to 1.
        """
        return len(
            {
                node.candidate.formula
                for node in self.structures()
                if node.candidate is not None
                and node.cut is None
                and not node.candidate.failed
                and node.candidate.likelihood >= sure
            }
        )

    def counts(self) -> dict[str, int]:
        """What was looked at on each level."""
        drawn = list(self.structures())
        return {
            "formulas proposed": len(self.formulas),
            "formulas followed": sum(node.opened for node in self.formulas),
            "templates": sum(bool(node.structures) for node in self.kept_templates()),
            "structures": len(drawn),
            "structures sound": sum(node.draft.sound for node in drawn),
            "drawn again": sum(node.draft.redraws for node in drawn),
            "with atoms on top of each other": sum(node.draft.overlaps for node in drawn),
        }

    def record(self, shown: Mapping[int, str]) -> dict[str, Any]:
        """The tree as plain data.

        Args:
            shown: id of the candidate that each structure became, by its number.
        """
        return {
            "stopped": self.stopped,
            "formulas_ruled_out": dict(self.pruned.most_common()),
            "formulas": [_formula_record(node, shown) for node in self.formulas],
        }


def _formula_record(node: FormulaNode, shown: Mapping[int, str]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "formula": node.proposal.formula,
        "origin": node.proposal.origin,
        "plausibility": round(node.proposal.plausibility, 4),
        "property_fit": round(node.proposal.fit, 4),
        "cut": node.cut,
    }
    if node.opened:
        record["templates"] = [_template_record(template, shown) for template in node.templates]
    return record


def _template_record(node: TemplateNode, shown: Mapping[int, str]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "template": str(node.template),
        "probability": round(node.probability, 4),
        "origin": node.origin,
        "cut": node.cut,
    }
    if node.cut is None:
        drawn = [_structure_record(structure, shown) for structure in node.structures]
        record["structures"] = drawn
    return record


def _structure_record(node: StructureNode, shown: Mapping[int, str]) -> dict[str, Any]:
    candidate = shown.get(node.number)
    record: dict[str, Any] = {
        "number": node.number,
        "start": node.draft.origin,
        "candidate": candidate,
        "cut": None if candidate else node.cut or OUTRANKED,
    }
    if node.candidate is not None:
        record["score"] = round(node.candidate.score, 4)
        record["fails"] = [item.clause.wish() for item in node.candidate.failed]
    return record
