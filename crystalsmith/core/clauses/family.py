"""The clause about a structure family such as perovskite or spinel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from crystalsmith.core.chemistry.families import family, family_aliases, family_names
from crystalsmith.core.clauses.base import Clause, verdict
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.errors import CrystalsmithError

if TYPE_CHECKING:
    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.evidence import Evidence, Verdict


class FamilyClause(Clause):
    """The crystal has one of the family's structure types: its template and its geometry agree."""

    kind: Literal["family"] = "family"
    name: str

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        known = family_aliases().get(name.lower())
        if known is None:
            raise ValueError(f"{name!r} is not one of the families {', '.join(family_names())}")
        return known

    @property
    def has_variants(self) -> bool:
        """Whether it comes in several symmetries, so that there may be more than are tabulated."""
        return len(family(self.name).space_groups) > 1

    @property
    def is_mixed(self) -> bool:
        """Whether its sites are often shared, so that formulas differ: Na3Zr2Si2PO12, a NASICON."""
        return family(self.name).mixed

    def wish(self) -> str:
        """In words."""
        return f"{self.name} structure"

    def allows_composition(self, composition: Composition) -> bool:
        """Whether the family's sites can hold the composition."""
        return family(self.name).allows_composition(composition)

    def allows_space_group(self, number: int) -> bool:
        """Whether one of the family's structure types has this space group."""
        return number in family(self.name).space_groups

    def allows_template(self, template: SymmetryTemplate) -> bool:
        """Whether the template is one of the family's structure types."""
        return family(self.name).has_template(template)

    def check(self, evidence: Evidence) -> Verdict:
        """Judge by the symmetry template found anew in the finished crystal, and its geometry."""
        try:
            template = evidence.template
            if not evidence.preliminary:
                template = describe(evidence.structure).template
        except CrystalsmithError as error:
            return verdict(False, str(error))
        holds = family(self.name).has_template(template)
        if holds and not evidence.family_fits.get(self.name, True):
            return verdict(False, f"{template.group.symbol}, geometry unlike a {self.name}")
        return verdict(
            holds, f"{template.group.symbol}, {'a' if holds else 'no'} {self.name} template"
        )
