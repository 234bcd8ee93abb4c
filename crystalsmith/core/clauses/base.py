"""What every clause can do: prune early, judge late, word itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from crystalsmith.core.evidence import Status, Verdict

if TYPE_CHECKING:
    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.evidence import Evidence

Interval = tuple[float, float]


class Clause(BaseModel, ABC):
    """One checkable wish.

    A clause class is the only place that knows what "satisfied" means for its kind. The search
    calls the ``allows_…`` methods on partial candidates (they answer True whenever the clause
    cannot tell yet) and ``check`` on finished ones; report and benchmarks call ``check``, ``wish``.

    Attributes:
        kind: which wish this is; also the key of the pydantic union.
        words: the part of the request it was read from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    words: str = Field(default="", description="the words of the request that ask for this")

    @abstractmethod
    def wish(self) -> str:
        """The clause in words, as the report shows it."""

    def allows_composition(self, composition: Composition) -> bool:
        """False when no crystal of this composition can satisfy the clause."""
        return True

    def allows_space_group(self, number: int) -> bool:
        """False when no crystal of this space group can satisfy the clause."""
        return True

    def allows_atom_count(self, count: int) -> bool:
        """False when no crystal with so many atoms in the primitive cell can satisfy the clause."""
        return True

    def allows_template(self, template: SymmetryTemplate) -> bool:
        """False when no crystal built from this template can satisfy the clause."""
        return self.allows_composition(template.composition) and self.allows_space_group(
            template.number
        )

    def interval(self, name: str) -> Interval | None:
        """The values that the clause accepts for a property, None if it says nothing about it."""
        return None

    @abstractmethod
    def check(self, evidence: Evidence) -> Verdict:
        """Judge a finished crystal."""


def verdict(holds: bool, reason: str) -> Verdict:
    """A verdict that leaves no doubt."""
    status = Status.PASS if holds else Status.FAIL
    return Verdict(status=status, reason=reason, likelihood=1.0 if holds else 0.0)


def not_checked(reason: str) -> Verdict:
    """A verdict for want of evidence."""
    return Verdict(status=Status.NOT_CHECKED, reason=reason, likelihood=0.5)


class CompositionClause(Clause, ABC):
    """A clause that the composition alone decides."""

    @abstractmethod
    def allows_composition(self, composition: Composition) -> bool:
        """Whether the composition satisfies the clause."""

    def check(self, evidence: Evidence) -> Verdict:
        """Judge by the finished crystal's composition."""
        return verdict(
            self.allows_composition(evidence.composition), evidence.composition.reduced_formula
        )


class SymmetryClause(Clause, ABC):
    """A clause that the space group alone decides."""

    @abstractmethod
    def allows_space_group(self, number: int) -> bool:
        """Whether the space group satisfies the clause."""

    def check(self, evidence: Evidence) -> Verdict:
        """Judge by the space group that spglib finds in the finished crystal."""
        from crystalsmith.core.crystallography.groups import space_group

        group = space_group(evidence.space_group)
        return verdict(
            self.allows_space_group(evidence.space_group),
            f"{group.symbol} ({group.number}), {group.crystal_system}",
        )


CrystalSystem = Literal[
    "triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic"
]
