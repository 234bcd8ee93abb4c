"""What a design run returns: candidates with their evidence, and how they came about."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from crystalsmith.core.evidence import Evidence, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pymatgen.core import Composition, Structure

    from crystalsmith.core.clauses import Clause
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.evidence import Prediction
    from crystalsmith.core.request import DesignRequest


@dataclass(frozen=True)
class Judged:
    """One clause and its verdict on one candidate."""

    clause: Clause
    verdict: Verdict


def likelihood(judged: Iterable[Judged]) -> float:
    """Probability that all clauses that were checked hold, taken as independent."""
    return prod(
        item.verdict.likelihood for item in judged if item.verdict.status is not Status.NOT_CHECKED
    )


@dataclass(frozen=True)
class Provenance:
    """Where a candidate comes from, step by step, in words and numbers.

    Attributes:
        formula: why this formula was tried.
        plausibility: of the formula, 0 to 1.
        template: why this template was tried.
        template_probability: 0 to 1.
        structure: ``noise`` or the id of the known crystal whose geometry was the start.
        prior: weight of formula and template together, before any structure was seen.
        relaxation: what relaxing did, None when the candidate was not relaxed.
        number: of the structure in the search tree; 0 when there was no search.
    """

    formula: str
    plausibility: float
    template: str
    template_probability: float
    structure: str
    prior: float
    relaxation: dict[str, Any] | None = None
    number: int = 0


@dataclass(frozen=True)
class Candidate:
    """A crystal offered to the user.

    Attributes:
        id: stable within a run, such as ``c01``.
        evidence: structure, template, predictions, comparison with known crystals.
        judged: every clause of the request with its verdict.
        score: natural logarithm of how promising the candidate is, of its prior and of how likely
            it is what was asked for; candidates are ranked by it.
        provenance: how it came about.
    """

    id: str
    evidence: Evidence
    judged: tuple[Judged, ...]
    score: float
    provenance: Provenance

    @property
    def structure(self) -> Structure:
        """The crystal."""
        return self.evidence.structure

    @property
    def template(self) -> SymmetryTemplate:
        """Its symmetry template."""
        return self.evidence.template

    @property
    def composition(self) -> Composition:
        """Its composition."""
        return self.evidence.composition

    @property
    def formula(self) -> str:
        """Its reduced formula."""
        return str(self.composition.reduced_formula)

    @property
    def predictions(self) -> dict[str, Prediction]:
        """Predicted properties by name."""
        return self.evidence.predictions

    @property
    def likelihood(self) -> float:
        """Probability that all clauses that were checked hold, taken as independent."""
        return likelihood(self.judged)

    @property
    def satisfied(self) -> bool:
        """Every clause was checked and passed."""
        return all(item.verdict.status is Status.PASS for item in self.judged)

    @property
    def failed(self) -> list[Judged]:
        """Clauses that the candidate fails."""
        return [item for item in self.judged if item.verdict.status is Status.FAIL]

    @property
    def unchecked(self) -> list[Judged]:
        """Clauses that could not be checked."""
        return [item for item in self.judged if item.verdict.status is Status.NOT_CHECKED]


@dataclass(frozen=True)
class RunInfo:
    """How a run was made, enough to make it again.

    Attributes:
        seed: of everything random.
        budget: its name.
        seconds: wall time.
        store: what the known crystals were.
        versions: of crystalsmith and the libraries that decide about results.
        counts: formulas, templates and structures looked at.
        remarks: sentences about what could not be done as asked.
    """

    seed: int
    budget: str
    seconds: float
    store: str
    versions: dict[str, str]
    counts: dict[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class DesignResult:
    """The outcome of a design run.

    Attributes:
        request: what was understood.
        candidates: best first, as many as were asked for if that many were found.
        run: how it was made.
        tree: the whole search tree as plain data, with the reason of every cut (docs/search.md).
    """

    request: DesignRequest
    candidates: tuple[Candidate, ...]
    run: RunInfo
    tree: dict[str, Any] = field(default_factory=dict)

    @property
    def satisfied(self) -> list[Candidate]:
        """Candidates that satisfy every clause."""
        return [candidate for candidate in self.candidates if candidate.satisfied]

    @property
    def complete(self) -> bool:
        """As many satisfying candidates as were asked for (one at least when no number was)."""
        return bool(self.candidates) and len(self.satisfied) == len(self.candidates)
