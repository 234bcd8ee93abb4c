"""Chemical formulas: reading them as people write them, ratios, anion classes."""

from __future__ import annotations

import re
from math import gcd

from pymatgen.core import Composition

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, ELEMENT_GROUPS
from crystalsmith.core.chemistry.site_rules import anion_rank
from crystalsmith.core.errors import FormulaError

MAX_ATOMS_PER_FORMULA = 200

_SCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹", "01234567890123456789")
_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*|\((?:[A-Z][a-z]?\d*)+\)\d*)+")
_TOKEN = re.compile(r"[A-Z][a-z]?")

ANION_CLASSES: dict[str, frozenset[str]] = {
    "oxide": frozenset({"O"}),
    "sulfide": frozenset({"S"}),
    "selenide": frozenset({"Se"}),
    "telluride": frozenset({"Te"}),
    "chalcogenide": frozenset({"S", "Se", "Te"}),
    "fluoride": frozenset({"F"}),
    "chloride": frozenset({"Cl"}),
    "bromide": frozenset({"Br"}),
    "iodide": frozenset({"I"}),
    "halide": frozenset({"F", "Cl", "Br", "I"}),
    "nitride": frozenset({"N"}),
    "phosphide": frozenset({"P"}),
    "arsenide": frozenset({"As"}),
    "antimonide": frozenset({"Sb"}),
    "pnictide": frozenset({"N", "P", "As", "Sb", "Bi"}),
    "carbide": frozenset({"C"}),
    "boride": frozenset({"B"}),
    "silicide": frozenset({"Si"}),
    "germanide": frozenset({"Ge"}),
    "hydride": frozenset({"H"}),
    "intermetallic": frozenset(),
}


def plain_scripts(text: str) -> str:
    """Unicode sub- and superscript digits as ordinary ones."""
    return text.translate(_SCRIPTS)


def parse_formula(text: str) -> Composition:
    """Read a formula such as ``SrTiO3``, ``Li₇La₃Zr₂O₁₂`` or ``Ca3(PO4)2``.

    Raises:
        FormulaError: it is no formula, names elements that do not exist, has fractional
            subscripts (a disordered crystal) or more atoms than can be built.
    """
    plain = plain_scripts(text.strip())
    if re.search(r"\d\.\d", plain):
        raise FormulaError(
            f"{text!r} has fractional subscripts; partially occupied crystals cannot be built,"
            " give an ordered formula such as LiCoO2"
        )
    if not _FORMULA.fullmatch(plain):
        raise FormulaError(f"{text!r} is not a chemical formula; write it like SrTiO3 or Ca3(PO4)2")
    unknown = [symbol for symbol in _TOKEN.findall(plain) if symbol not in ALL_ELEMENTS]
    if unknown:
        raise FormulaError(
            f"{text!r} names {', '.join(sorted(set(unknown)))}, which is not a chemical element"
        )
    composition = Composition(plain)
    if (
        composition.num_atoms == 0
        or composition.reduced_composition.num_atoms > MAX_ATOMS_PER_FORMULA
    ):
        raise FormulaError(
            f"{text!r} must have between 1 and {MAX_ATOMS_PER_FORMULA} atoms per formula unit"
        )
    return composition


def stoichiometry(composition: Composition) -> tuple[int, ...]:
    """Reduced amounts in ascending order: (1, 1, 3) for SrTiO3."""
    reduced = composition.reduced_composition
    return tuple(sorted(round(amount) for amount in reduced.values()))


def parse_ratio(text: str) -> tuple[int, ...] | None:
    """Amounts of a pattern such as ``ABX3``, ``A2BB'X6`` or ``1:1:2``, reduced and ascending.

    Returns:
        None when the text is not a pattern.
    """
    plain = plain_scripts(text.strip()).replace("′", "'").replace("’", "'")
    if re.fullmatch(r"\d+(\s*:\s*\d+)+", plain):
        amounts = [int(number) for number in plain.split(":")]
    elif re.fullmatch(r"(?:[A-Z]'*\d*){2,}", plain):
        parts = re.findall(r"([A-Z]'*)(\d*)", plain)
        if len({role for role, _ in parts}) != len(parts):
            return None
        amounts = [int(number or 1) for _, number in parts]
    else:
        return None
    if 0 in amounts:
        return None
    divisor = gcd(*amounts)
    return tuple(sorted(amount // divisor for amount in amounts))


def has_anion_class(composition: Composition, name: str) -> bool:
    """Whether a composition is an oxide, a nitride, … in the usual sense.

    The element that attracts electrons most decides, so that Ca3N2 is a nitride and Ca(NO3)2 an
    oxide; nonmetals come before metals (`anion_rank`), so that WTe2 is a telluride. A compound of
    metals alone (two at least) is an intermetallic.
    """
    symbols = [element.symbol for element in composition.elements]
    if name == "intermetallic":
        return len(symbols) > 1 and all(symbol in ELEMENT_GROUPS["metal"] for symbol in symbols)
    if len(symbols) < 2:
        return False
    return max(symbols, key=anion_rank) in ANION_CLASSES[name]
