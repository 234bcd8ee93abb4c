"""What a request leaves open about the composition, in the form that enumeration needs.

The clauses stay the judges (`DesignRequest.allows_composition`); this only says where to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, ELEMENT_GROUPS
from crystalsmith.core.chemistry.families import Family, family, family_names
from crystalsmith.core.chemistry.formulas import ANION_CLASSES
from crystalsmith.core.clauses import (
    AnionClass,
    ElementCount,
    FamilyClause,
    IncludeGroups,
    Novel,
    OnlyElements,
    Ratio,
)

if TYPE_CHECKING:
    from crystalsmith.core.clauses.base import Interval
    from crystalsmith.core.request import DesignRequest

N_SPACE_GROUPS = 230
_USUAL_COUNTS = (2, 3, 4)
_MOST_ELEMENTS = 8  # larger compounds come from analogues only

# Proposed only when a request names them: they form few compounds or none that people can handle.
_AVOIDED = ELEMENT_GROUPS["noble gas"] | ELEMENT_GROUPS["radioactive"]


@dataclass(frozen=True)
class SearchSpace:
    """Where formulas may be looked for.

    Attributes:
        allowed: elements that may occur.
        required: elements that must occur.
        one_of: at least one element of each of these sets must occur.
        counts: numbers of different elements to try.
        ratio: reduced amounts in ascending order, None when open.
        anions: elements that may be the anion, None when open.
        intermetallic: only metals.
        families: structure families asked for.
        space_groups: numbers that the symmetry clauses allow.
        gap: accepted band gaps in eV, None when open.
        novel: known formulas are unwanted (True), wanted (False) or both fine (None).
    """

    allowed: frozenset[str]
    required: frozenset[str]
    one_of: tuple[frozenset[str], ...]
    counts: tuple[int, ...]
    ratio: tuple[int, ...] | None
    anions: frozenset[str] | None
    intermetallic: bool
    families: tuple[Family, ...]
    space_groups: frozenset[int]
    gap: Interval | None
    novel: bool | None

    @classmethod
    def of(cls, request: DesignRequest) -> SearchSpace:
        """The space that a request leaves open."""
        classes = [clause.name for clause in request.of_kind(AnionClass)]
        sets = [ANION_CLASSES[name] for name in classes if name != "intermetallic"]
        intermetallic = "intermetallic" in classes
        allowed = _allowed(request)
        ratios = request.of_kind(Ratio)
        ratio = ratios[0].amounts if ratios else None
        novel = request.of_kind(Novel)
        required = frozenset(request.required_elements)
        return cls(
            allowed=(allowed & ELEMENT_GROUPS["metal"]) if intermetallic else allowed,
            required=required,
            one_of=tuple(
                ELEMENT_GROUPS[name] & allowed
                for clause in request.of_kind(IncludeGroups)
                for name in clause.groups
            ),
            counts=_counts(request, ratio, len(required), len(allowed)),
            ratio=ratio,
            anions=frozenset.intersection(*sets) & allowed if sets else None,
            intermetallic=intermetallic,
            families=tuple(family(clause.name) for clause in request.of_kind(FamilyClause)),
            space_groups=frozenset(
                number
                for number in range(1, N_SPACE_GROUPS + 1)
                if all(clause.allows_space_group(number) for clause in request.clauses)
            ),
            gap=_gap(request),
            novel=None if not novel else not novel[0].known,
        )

    @property
    def symmetry_matters(self) -> bool:
        """Whether the request says anything about space groups."""
        return len(self.space_groups) < N_SPACE_GROUPS

    @property
    def wants_a_gap(self) -> bool:
        """Whether metals are ruled out."""
        return self.gap is not None and self.gap[0] > 0

    def fitting_families(self) -> tuple[Family, ...]:
        """The families asked for; when none is, those that a ratio or a symmetry points to."""
        if self.families or not (self.ratio or self.symmetry_matters):
            return self.families
        return tuple(
            item
            for item in map(family, family_names())
            if item.space_groups & self.space_groups
            and any(
                (self.ratio is None or tuple(sorted(formula.values())) == self.ratio)
                and len(formula) in self.counts
                for formula in item.formulas
            )
        )


def _allowed(request: DesignRequest) -> frozenset[str]:
    named = set(request.required_elements)
    for only in request.of_kind(OnlyElements):
        named |= set(only.elements)
    for clause in request.of_kind(IncludeGroups):
        for group in clause.groups:
            if ELEMENT_GROUPS[group] <= _AVOIDED | ELEMENT_GROUPS["actinide"]:
                named |= ELEMENT_GROUPS[group]
    usual = set(ALL_ELEMENTS) - _AVOIDED
    return frozenset((usual | named) & request.allowed_elements)


def _counts(
    request: DesignRequest, ratio: tuple[int, ...] | None, n_required: int, n_allowed: int
) -> tuple[int, ...]:
    if ratio is not None:
        return (len(ratio),)
    low, high = max(1, n_required), min(_MOST_ELEMENTS, n_allowed)
    limits = request.of_kind(ElementCount)
    for clause in limits:
        low = max(low, clause.minimum or low)
        high = min(high, clause.maximum or high)
    usual = [n for n in _USUAL_COUNTS if low <= n <= high]
    if limits or not usual:
        return tuple(range(low, high + 1))
    return tuple(usual)


def _gap(request: DesignRequest) -> Interval | None:
    intervals = [clause.interval("band_gap") for clause in request.clauses]
    known = [interval for interval in intervals if interval is not None]
    if not known:
        return None
    return max(low for low, _ in known), min(high for _, high in known)
