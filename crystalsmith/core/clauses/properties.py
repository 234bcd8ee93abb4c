"""Clauses about predicted properties: ranges, electronic classes, stability."""

from __future__ import annotations

from math import inf, nextafter
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from crystalsmith.core.clauses.base import Clause, Interval, not_checked
from crystalsmith.core.evidence import Status, Verdict
from crystalsmith.core.properties import (
    INSULATOR_FROM,
    METAL_BELOW,
    PROPERTIES,
    STABLE_BELOW,
    WIDE_GAP_FROM,
    PropertyName,
)

if TYPE_CHECKING:
    from crystalsmith.core.evidence import Evidence


class _IntervalClause(Clause):
    """Judged by whether a predicted value falls into an interval."""

    @property
    def property_name(self) -> PropertyName:
        """Which property decides."""
        raise NotImplementedError

    @property
    def accepted(self) -> Interval:
        """Lowest and highest accepted value."""
        raise NotImplementedError

    def interval(self, name: str) -> Interval | None:
        """The accepted values, for the clause's own property."""
        return self.accepted if name == self.property_name else None

    def check(self, evidence: Evidence) -> Verdict:
        """Judge by the predicted mean; the likelihood weighs in the uncertainty."""
        prediction = evidence.predictions.get(self.property_name)
        words = PROPERTIES[self.property_name].words
        if prediction is None:
            return not_checked(f"no prediction of the {words}")
        low, high = self.accepted
        holds = low <= prediction.mean <= high
        reason = f"{prediction} ({prediction.source})"
        if not prediction.reliable:
            reason += ", outside the training range"
        return Verdict(
            status=Status.PASS if holds else Status.FAIL,
            reason=reason,
            likelihood=prediction.probability_within(low, high),
        )


class PropertyRange(_IntervalClause):
    """A property lies in a range, beyond a bound, or near a target.

    Attributes:
        name: which property; its unit is that of `crystalsmith.core.properties`.
        minimum: lower bound.
        maximum: upper bound.
        target: value to come near to.
        tolerance: half-width around the target; the property's default when not given.
    """

    kind: Literal["property"] = "property"
    name: PropertyName
    minimum: float | None = None
    maximum: float | None = None
    target: float | None = None
    tolerance: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> PropertyRange:
        if self.minimum is None and self.maximum is None and self.target is None:
            raise ValueError("give a minimum, a maximum or a target")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"the minimum {self.minimum} is above the maximum {self.maximum}")
        if self.tolerance is not None and self.tolerance < 0:
            raise ValueError(f"the tolerance {self.tolerance} is negative")
        return self

    @property
    def property_name(self) -> PropertyName:
        """Which property decides."""
        return self.name

    @property
    def accepted(self) -> Interval:
        """Lowest and highest accepted value."""
        low = -inf if self.minimum is None else self.minimum
        high = inf if self.maximum is None else self.maximum
        if self.target is not None:
            low, high = max(low, self.target - self.width), min(high, self.target + self.width)
        return low, high

    @property
    def width(self) -> float:
        """How far from the target is still near."""
        return PROPERTIES[self.name].tolerance if self.tolerance is None else self.tolerance

    @property
    def aim(self) -> float:
        """The value to steer a generator to: the target, or the middle of a range, or the bound."""
        if self.target is not None:
            return self.target
        low, high = self.accepted
        if low == -inf:
            return high
        return low if high == inf else (low + high) / 2

    def wish(self) -> str:
        """In words."""
        item = PROPERTIES[self.name]
        low, high = self.accepted
        if self.target is not None and self.minimum is None and self.maximum is None:
            text = f"{self.target:g} ± {self.width:g}"
        elif self.target is not None:
            text = f"near {self.target:g}, {low:g} to {high:g}"
        elif low == -inf:
            text = f"at most {high:g}"
        elif high == inf:
            text = f"at least {low:g}"
        else:
            text = f"{low:g} to {high:g}"
        return f"{item.words} {text} {item.unit}"


ElectronicClassName = Literal["metallic", "non_metallic", "semiconductor", "insulator", "wide_gap"]

# A class ends just below where the next begins, so that no crystal is in both.
_GAP_INTERVALS: dict[str, Interval] = {
    "metallic": (-inf, nextafter(METAL_BELOW, -inf)),
    "non_metallic": (METAL_BELOW, inf),
    "semiconductor": (METAL_BELOW, nextafter(INSULATOR_FROM, -inf)),
    "insulator": (INSULATOR_FROM, inf),
    "wide_gap": (WIDE_GAP_FROM, inf),
}


class ElectronicClass(_IntervalClause):
    """A metal, a semiconductor, an insulator or a wide-gap material, judged by the PBE band gap.

    Attributes:
        name: the class.
        beside_figure: the request gives a figure for the gap as well. Where a semiconductor ends
            is convention, so that figure decides, and the class only says that there is a gap.
    """

    kind: Literal["electronic_class"] = "electronic_class"
    name: ElectronicClassName
    beside_figure: bool = False

    @property
    def property_name(self) -> PropertyName:
        """The band gap decides."""
        return "band_gap"

    @property
    def accepted(self) -> Interval:
        """Gaps of the class, eV."""
        if self.beside_figure and self.name != "metallic":
            return _GAP_INTERVALS["non_metallic"]
        return _GAP_INTERVALS[self.name]

    def wish(self) -> str:
        """In words, with the gaps that it stands for."""
        low, high = self.accepted
        if low == -inf:
            meaning = f"gap below {high:g} eV"
        elif high == inf:
            meaning = f"gap from {low:g} eV"
        else:
            meaning = f"gap {low:g} to {high:g} eV"
        return f"{self.name.replace('_', ' ')} ({meaning})"


class Stable(_IntervalClause):
    """Not far above the convex hull of competing phases.

    Attributes:
        word: what was said.
        limit: how far above the hull is still near (eV/atom): a convention, unless the request
            gives its own figure beside the word.
    """

    kind: Literal["stable"] = "stable"
    word: Literal["stable", "metastable"] = "stable"
    limit: float = Field(default=STABLE_BELOW, ge=0)

    @property
    def property_name(self) -> PropertyName:
        """The distance to the hull decides."""
        return "e_above_hull"

    @property
    def accepted(self) -> Interval:
        """Accepted distances, eV/atom."""
        return -inf, self.limit

    def wish(self) -> str:
        """In words."""
        return f"{self.word} (at most {self.limit:g} eV/atom above the hull)"
