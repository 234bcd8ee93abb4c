"""What is known about a candidate crystal: the material that clauses judge by."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import erf, inf, log, sqrt
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.properties import Property


# Half-width of a normal variable's 90 % interval in standard deviations.
NORMAL_90 = 1.645


class Prediction(BaseModel):
    """A number with its uncertainty and where it comes from.

    Attributes:
        mean: in ``unit``.
        std: one standard deviation, in ``unit``.
        unit: such as eV or eV/atom.
        source: such as ``surrogate``, ``CHGNet`` or a store's name.
        reliable: False when the crystal is outside what the source was trained on.
        logarithmic: the error is a factor: the logarithm is normal, of spread ``std / mean``.
    """

    mean: float
    std: float
    unit: str
    source: str
    reliable: bool = True
    logarithmic: bool = False

    def __str__(self) -> str:
        digits = 0 if self.logarithmic else 2
        return f"{self.mean:.{digits}f} ± {self.std:.{digits}f} {self.unit}"

    def probability_within(self, low: float, high: float) -> float:
        """Probability that a normal variable of this mean and spread lies in an interval."""
        if self.std <= 0:
            return float(low <= self.mean <= high)
        if self.logarithmic and self.mean > 0:
            decades = Prediction(
                mean=log(self.mean), std=self.std / self.mean, unit="", source=self.source
            )
            return decades.probability_within(
                log(low) if low > 0 else -inf, log(high) if high > 0 else -inf
            )
        scale = self.std * sqrt(2)
        below_high = 1.0 if high == inf else 0.5 * (1 + erf((high - self.mean) / scale))
        below_low = 0.0 if low == -inf else 0.5 * (1 + erf((low - self.mean) / scale))
        return below_high - below_low


def predicted(
    item: Property, mean: float, std: float, source: str, reliable: bool = True
) -> Prediction:
    """What a network says of a property, in its unit; logarithmic ones are learned in decades."""
    if item.logarithmic:
        mean = 10.0**mean
        std = mean * log(10) * std
    return Prediction(
        mean=float(mean),
        std=float(std),
        unit=item.unit,
        source=source,
        reliable=reliable,
        logarithmic=item.logarithmic,
    )


class Reference(BaseModel):
    """What a candidate was compared with to call it new.

    Attributes:
        name: of the reference, with its size, as the report says it.
        known_formula: an entry of the same reduced formula exists.
        known_structure: id of an entry with the same structure, if any.
    """

    name: str
    known_formula: bool
    known_structure: str | None = None


@dataclass(frozen=True)
class Evidence:
    """Everything a clause may look at when it judges a finished crystal.

    Attributes:
        structure: the crystal.
        template: space group and letters that it was built from.
        space_group: number found by spglib in the finished structure.
        predictions: by property name (see `crystalsmith.core.properties`).
        reference: the comparison with known crystals, None when there was none.
        family_fits: for families of its template, whether its geometry fits a prototype of theirs,
            elements aside; absent where there is none to compare with.
        preliminary: while a search still draws, the template is taken as it was built; later it is
            found anew in the structure.
    """

    structure: Structure
    template: SymmetryTemplate
    space_group: int
    predictions: dict[str, Prediction] = field(default_factory=dict)
    reference: Reference | None = None
    family_fits: dict[str, bool] = field(default_factory=dict)
    preliminary: bool = False

    @property
    def composition(self) -> Composition:
        """Composition of the structure."""
        return self.structure.composition


class Status(StrEnum):
    """Outcome of judging one clause."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    NOT_CHECKED = "not checked"


class Verdict(BaseModel):
    """Outcome of one clause for one crystal, with the reason in words.

    Attributes:
        status: pass, fail, or not checked.
        reason: the evidence, in a few words.
        likelihood: probability that the wish holds given the evidence's uncertainty (0.5 unknown).
    """

    status: Status
    reason: str
    likelihood: float
