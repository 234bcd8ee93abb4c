"""The clause about being new, always relative to a named reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from crystalsmith.core.clauses.base import Clause, not_checked, verdict

if TYPE_CHECKING:
    from crystalsmith.core.evidence import Evidence, Verdict


class Novel(Clause):
    """Not a known crystal: no entry of the reference has the same structure.

    Attributes:
        known: False asks for a crystal that is new, True for one that is known.
    """

    kind: Literal["novel"] = "novel"
    known: bool = False

    def wish(self) -> str:
        """In words."""
        return "a known crystal" if self.known else "not a known crystal"

    def check(self, evidence: Evidence) -> Verdict:
        """Judge by the comparison with known crystals, and say which those were."""
        reference = evidence.reference
        if reference is None:
            return not_checked("no known crystals to compare with")
        if reference.known_structure is not None:
            return verdict(self.known, f"same as {reference.known_structure} in {reference.name}")
        formula = "formula known, structure not" if reference.known_formula else "formula not"
        return verdict(not self.known, f"{formula} in {reference.name}")
