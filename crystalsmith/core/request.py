"""What was asked, machine-readable: the clauses of a request and what was not understood."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pymatgen.core import Composition

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, ELEMENT_GROUPS
from crystalsmith.core.chemistry.formulas import ANION_CLASSES
from crystalsmith.core.clauses import (
    AnionClass,
    AnyClause,
    Clause,
    ElementCount,
    ExactFormula,
    ExcludeElements,
    ExcludeGroups,
    FamilyClause,
    IncludeElements,
    IncludeGroups,
    Novel,
    OnlyElements,
    PropertyRange,
    Ratio,
)
from crystalsmith.core.errors import RequestError
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from crystalsmith.core.crystallography.template import SymmetryTemplate

DEFAULT_COUNT = 5
MAX_COUNT = 1000
_N_GROUPS = 230
_MIXED_FROM = 3  # elements: no binary compound is a NASICON

_Kind = TypeVar("_Kind", bound=Clause)


class Assumption(BaseModel):
    """What a word does not say and usually means: what an application needs, what "stable" means.

    Attributes:
        words: the words of the request.
        meaning: what is usually meant, in a sentence.
        clause: a wish that is used unless the request gives a figure of its own; None where the
            meaning is already part of a clause, or cannot be scored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: str
    meaning: str
    clause: AnyClause | None = None


class DesignRequest(BaseModel):
    """A design request as the rest of crystalsmith sees it.

    Attributes:
        text: the request in the user's words.
        clauses: checkable wishes, each with the words it came from.
        count: how many candidates are wanted; None when the user did not say.
        count_words: the words the count came from.
        unsupported: properties or conditions that were asked for and cannot be scored.
        assumptions: what the words do not say and usually mean; never part of the clauses.
        not_understood: words left over after reading.
        refusals: why something that was asked for cannot be.
        off_topic: whether the text is about something else.
        notes: remarks worth showing, such as a formula without charge balance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    clauses: tuple[AnyClause, ...] = ()
    count: int | None = Field(default=None, ge=1, le=MAX_COUNT)
    count_words: str = ""
    unsupported: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    not_understood: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    off_topic: bool = False
    notes: tuple[str, ...] = ()

    def of_kind(self, kind: type[_Kind]) -> list[_Kind]:
        """All clauses of one class."""
        return [clause for clause in self.clauses if isinstance(clause, kind)]

    def property_range(self, name: str) -> PropertyRange | None:
        """The first clause about a property, if any."""
        return next((c for c in self.of_kind(PropertyRange) if c.name == name), None)

    @property
    def formula(self) -> Composition | None:
        """The exact formula asked for, if any."""
        exact = self.of_kind(ExactFormula)
        return Composition(exact[0].formula) if exact else None

    @property
    def required_elements(self) -> set[str]:
        """Elements that every candidate must contain."""
        required = {e for clause in self.of_kind(IncludeElements) for e in clause.elements}
        if self.formula is not None:
            required |= {element.symbol for element in self.formula.elements}
        return required

    @property
    def allowed_elements(self) -> set[str]:
        """Elements that a candidate may contain, as far as element clauses say."""
        allowed = set(ALL_ELEMENTS)
        for only in self.of_kind(OnlyElements):
            allowed &= set(only.elements)
        for exclude in self.of_kind(ExcludeElements):
            allowed -= set(exclude.elements)
        for groups in self.of_kind(ExcludeGroups):
            for group in groups.groups:
                allowed -= ELEMENT_GROUPS[group]
        return allowed

    def allows_composition(self, composition: Composition) -> bool:
        """False when some clause already rules the composition out."""
        return all(clause.allows_composition(composition) for clause in self.clauses)

    def allows_template(self, template: SymmetryTemplate) -> bool:
        """False when some clause already rules the template out."""
        return all(clause.allows_template(template) for clause in self.clauses)

    def contradictions(self) -> list[str]:
        """Why no crystal can satisfy all clauses at once, in sentences; empty when none is seen.

        That a family is not known in a symmetry is no contradiction: see `unbuildable`.
        """
        found = [*self._element_contradictions(), *self._choice_contradictions()]
        found += [*self._count_contradictions(), *self._formula_contradictions()]
        found += self._symmetry_contradictions()
        found += self._property_contradictions()
        if len({clause.known for clause in self.of_kind(Novel)}) > 1:
            found.append("a crystal cannot be both known and not known")
        return list(dict.fromkeys(found))

    def unbuildable(self) -> list[str]:
        """Why nothing can be built, although the words do not contradict each other."""
        if self.contradictions():
            return []
        if self._mixed_families() and self.formula is not None:
            names = " and ".join(clause.wish() for clause in self._mixed_families())
            return [f"no known structure type of the {names} has {self.formula.reduced_formula}"]
        rules = [c for c in self.clauses if len(_space_groups(c)) < _N_GROUPS]
        if frozenset(range(1, 231)).intersection(*map(_space_groups, rules)):
            return []
        wishes = " and ".join(clause.wish() for clause in rules)
        return [f"no known structure type is at once {wishes}"]

    def assumed(self) -> tuple[AnyClause, ...]:
        """Offered wishes about properties that the request itself gives no figure for."""
        found: list[AnyClause] = []
        for assumption in self.assumptions:
            clause = assumption.clause
            if clause is not None and not any(
                _same_subject(clause, other) for other in (*self.clauses, *found)
            ):
                found.append(clause)
        return tuple(found)

    def with_assumptions(self) -> DesignRequest:
        """The request with the offered wishes that it leaves room for."""
        request = self
        for clause in self.assumed():
            wider = request.model_copy(update={"clauses": (*request.clauses, clause)})
            if not wider.contradictions() and not wider.unbuildable():
                request = wider
        return request

    def ensure_consistent(self) -> DesignRequest:
        """Return the request itself.

        Raises:
            RequestError: it is about something else, asks for what cannot be, or contradicts
                itself; the message says how.
        """
        if self.refusals:
            raise RequestError(self.refusals[0])
        reasons = self.contradictions()
        if reasons:
            raise RequestError(f"the request contradicts itself: {'; '.join(reasons)}")
        if self.unbuildable():
            raise RequestError(f"the request cannot be met: {self.unbuildable()[0]}")
        return self

    def _element_contradictions(self) -> list[str]:
        required, allowed = self.required_elements, self.allowed_elements
        found = [f"{e} is both asked for and excluded" for e in sorted(required - allowed)]
        anions = [c for c in self.of_kind(AnionClass) if ANION_CLASSES[c.name]]
        others = [c.wish() for c in anions if not ANION_CLASSES[c.name] & required][:1]
        listed = ", ".join((*sorted(required), *(f"that of {wish}" for wish in others)))
        needed = len(required) + len(others)
        found += [
            f"{clause.wish()} cannot hold the {needed} elements {listed}"
            for clause in self.of_kind(ElementCount)
            if clause.maximum is not None and needed > clause.maximum
        ]
        return found

    def _choice_contradictions(self) -> list[str]:
        """Classes and groups that leave no element to choose from."""
        allowed = self.allowed_elements
        anions = self.of_kind(AnionClass)
        choices: list[tuple[Clause, frozenset[str]]] = [(c, ANION_CLASSES[c.name]) for c in anions]
        for clause in self.of_kind(IncludeGroups):
            choices += [(clause, ELEMENT_GROUPS[group]) for group in clause.groups]
        found = [
            f"the allowed elements leave none for '{clause.wish()}'"
            for clause, elements in choices
            if elements and not elements & allowed
        ]
        names = {clause.name for clause in anions}
        if len(names) > 1 and not frozenset.intersection(*(ANION_CLASSES[n] for n in names)):
            found.append(f"no compound is at once {' and '.join(c.wish() for c in anions)}")
        return found

    def _count_contradictions(self) -> list[str]:
        """Ratios, and numbers of elements, that no compound has at once."""
        ratios = self.of_kind(Ratio)
        if len({clause.amounts for clause in ratios}) > 1:
            return [f"no compound is at once {' and '.join(c.wish() for c in ratios)}"]
        counts: list[tuple[Clause, int, float]] = []
        for clause in self.clauses:
            if isinstance(clause, Ratio):
                counts.append((clause, len(clause.amounts), len(clause.amounts)))
            elif isinstance(clause, ElementCount):
                most = inf if clause.maximum is None else clause.maximum
                counts.append((clause, clause.minimum or 1, most))
        if not counts:
            return []
        if max(low for _, low, _ in counts) > min(high for _, _, high in counts):
            return [f"no compound has at once {' and '.join(c.wish() for c, _, _ in counts)}"]
        allowed = len(self.allowed_elements)
        return [
            f"'{clause.wish()}' needs more elements than the {allowed} allowed"
            for clause, low, _ in counts
            if low > allowed
        ]

    def _formula_contradictions(self) -> list[str]:
        if self.formula is None:
            return []
        name = self.formula.reduced_formula
        return [
            f"{name} does not satisfy '{clause.wish()}'"
            for clause in self.clauses
            if not clause.allows_composition(self.formula) and clause not in self._mixed_families()
        ]

    def _mixed_families(self) -> list[FamilyClause]:
        """Families known by other formulas than the tabulated ones, beside such a formula."""
        if self.formula is None or len(self.formula.elements) < _MIXED_FROM:
            return []
        found = [c for c in self.clauses if isinstance(c, FamilyClause)]
        return [c for c in found if c.is_mixed and not c.allows_composition(self.formula)]

    def _symmetry_contradictions(self) -> list[str]:
        rules = [
            c
            for c in self.clauses
            if not (isinstance(c, FamilyClause) and c.has_variants)
            and len(_space_groups(c)) < _N_GROUPS
        ]
        if frozenset(range(1, 231)).intersection(*map(_space_groups, rules)):
            return []
        return [f"no space group is at once {' and '.join(c.wish() for c in rules)}"]

    def _property_contradictions(self) -> list[str]:
        found = []
        for name, item in PROPERTIES.items():
            spoken = [(c, c.interval(name)) for c in self.clauses]
            rules = [(c, interval) for c, interval in spoken if interval is not None]
            if not rules:
                continue
            low = max(interval[0] for _, interval in rules)
            high = min(interval[1] for _, interval in rules)
            if low > high:
                wishes = " and ".join(clause.wish() for clause, _ in rules)
                found.append(f"no {item.words} is at once {wishes}")
        return found


@lru_cache(maxsize=1024)
def _space_groups(clause: Clause) -> frozenset[int]:
    """Numbers of the space groups that a clause allows."""
    if type(clause).allows_space_group is Clause.allows_space_group:
        return frozenset(range(1, 231))  # it says nothing about symmetry
    return frozenset(n for n in range(1, 231) if clause.allows_space_group(n))


def _same_subject(first: Clause, second: Clause) -> bool:
    """Whether two clauses speak about the same thing, such as the band gap."""
    if any(first.interval(name) and second.interval(name) for name in PROPERTIES):
        return True
    return first.kind == second.kind and first.interval("band_gap") is None
