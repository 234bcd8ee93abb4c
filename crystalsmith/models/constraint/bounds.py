"""Which formulas the constraint generator takes, and why not the others.

Within these bounds an answer takes seconds at most. Cells are enumerated up to `MAX_CELL_ATOMS`
atoms per conventional cell, or one formula unit where that alone is larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.crystallography.template import ordered_amounts
from crystalsmith.core.errors import TemplateError
from crystalsmith.prompts.constraint import MAX_AMOUNT

if TYPE_CHECKING:
    from pymatgen.core import Composition

MAX_FORMULA_ATOMS = 800  # per reduced formula unit
_WHOLE = 1e-6


def checked_amounts(composition: Composition) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Elements, electropositive first, and their amounts per reduced formula unit.

    Raises:
        TemplateError: the composition is empty, has fractional amounts or elements without words,
            or is too large.
    """
    name = composition.formula.replace(" ", "")
    if not composition:
        raise TemplateError("the formula is empty; name at least one element")
    if any(abs(amount - round(amount)) > _WHOLE for amount in composition.values()):
        raise TemplateError(f"{name} has fractional amounts; {_whole(composition)}")
    symbols = {element.symbol for element in composition.elements}
    unknown = sorted(symbols - set(ALL_ELEMENTS))
    if unknown:
        raise TemplateError(
            f"{', '.join(unknown)} in {name} is no element that the constraint generator knows;"
            " it knows H to Lr"
        )
    elements, amounts = ordered_amounts(composition)
    if max(amounts) > MAX_AMOUNT:
        raise TemplateError(
            f"{composition.reduced_formula} has more than {MAX_AMOUNT} atoms of one element per"
            " formula unit, which is beyond the constraint generator"
        )
    if sum(amounts) > MAX_FORMULA_ATOMS:
        raise TemplateError(
            f"{composition.reduced_formula} has more than {MAX_FORMULA_ATOMS} atoms per formula"
            " unit, which is beyond the constraint generator"
        )
    return elements, amounts


def _whole(composition: Composition) -> str:
    """What to do about fractional amounts."""
    formula, _ = composition.get_integer_formula_and_factor(max_denominator=20)
    return f"the constraint generator needs whole ones, such as {formula}"
