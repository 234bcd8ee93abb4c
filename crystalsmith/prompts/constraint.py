"""The text that constraint generators read and write: whitespace-separated words.

One grammar serves every base model. A question such as ::

    formula Sr x1 Ti x1 O x3 source database stable energy -3.6 group

is answered with a space group, ``G221``, and the question that continues it, ::

    … group G221 units

with formula units per conventional cell and the Wyckoff letters of every element, ::

    Z1 Sr a Ti b O c

What is wanted may be told as an energy above the convex hull, in hundredths of an eV/atom, and what
known crystals would vote for: how far the nearest one is, and templates with their share of the
votes ::

    … above 0.0 near 0.4 0.9 G221 Z1 Sr a Ti b O c 0.1 G62 Z4 Sr c Ti b O c d group

Elements come in the order of `electropositive_first`. For our own small base every word is one
token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_AMOUNT = 200
MAX_UNITS = 96
LETTERS = "abcdefghijklmnopqrstuvwxyzA"
_LOWEST, _HIGHEST = -50, 120  # property words in tenths of eV
_SYMBOLS = (  # noqa: SIM905
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se"
    " Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb"
    " Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm"
    " Bk Cf Es Fm Md No Lr"
).split()

END = "end"
FORMULA, ELEMENTS, RATIO = "formula", "elements", "ratio"
SOURCE, GAP, ENERGY, GROUP, UNITS = "source", "gap", "energy", "group", "units"
ABOVE, NEAR = "above", "near"

Source = Literal["database", "hypothetical"]
Stability = Literal["stable", "metastable", "unstable"]


class Near(NamedTuple):
    """A template that known crystals vote for.

    Attributes:
        share: of the votes.
        group: space group.
        units: formula units per conventional cell.
        letters: of every element of the question, as one string each.
    """

    share: float
    group: int
    units: int
    letters: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """What a constraint generator is told.

    Attributes:
        elements: symbols, electropositive first.
        amounts: per reduced formula unit; None when only the elements are given.
        source: kind of data whose crystals are wanted.
        stability: wanted stability, None for not said.
        band_gap: eV, None for not said.
        formation_energy: eV/atom, None for not said.
        height: eV/atom above the convex hull, None for not said.
        distance: of the nearest known crystal's elements; None where none is known.
        near: what known crystals vote for, most votes first.
    """

    elements: tuple[str, ...]
    amounts: tuple[int, ...] | None
    source: Source = "database"
    stability: Stability | None = None
    band_gap: float | None = None
    formation_energy: float | None = None
    height: float | None = None
    distance: float | None = None
    near: tuple[Near, ...] = ()

    def words(self) -> list[str]:
        """The question up to and including ``group``."""
        if self.amounts is None:
            words = [ELEMENTS, *self.elements]
        else:
            words = [FORMULA, *formula_words(self.elements, self.amounts)]
        words += [SOURCE, self.source]
        if self.stability is not None:
            words.append(self.stability)
        if self.band_gap is not None:
            words += [GAP, number_word(self.band_gap)]
        if self.formation_energy is not None:
            words += [ENERGY, number_word(self.formation_energy)]
        if self.height is not None:
            words += [ABOVE, fine_word(self.height)]
        words += self.context_words()
        return [*words, RATIO if self.amounts is None else GROUP]

    def context_words(self) -> list[str]:
        """What known crystals say; nothing where none is known."""
        if self.distance is None or not self.near:
            return []
        words = [NEAR, fine_word(self.distance)]
        for known in self.near:
            words += [number_word(known.share), group_word(known.group), units_word(known.units)]
            words += letters_words(self.elements, known.letters)
        return words


def formula_words(elements: Sequence[str], amounts: Sequence[int]) -> list[str]:
    """A formula: each element followed by its amount."""
    return [w for e, n in zip(elements, amounts, strict=True) for w in (e, amount_word(n))]


def letters_words(elements: Sequence[str], letters: Sequence[str]) -> list[str]:
    """Every element followed by its letters, one word each."""
    return [w for e, row in zip(elements, letters, strict=True) for w in (e, *row)]


def answer_words(
    number: int, units: int, elements: Sequence[str], letters: Sequence[str]
) -> list[str]:
    """The whole answer after ``group``."""
    answer = letters_words(elements, letters)
    return [group_word(number), UNITS, units_word(units), *answer, END]


def amount_word(amount: int) -> str:
    """Amount of an element in the formula."""
    return f"x{amount}"


def group_word(number: int) -> str:
    """A space group."""
    return f"G{number}"


def units_word(units: int) -> str:
    """Formula units per conventional cell."""
    return f"Z{units}"


def number_word(value: float) -> str:
    """A property value, rounded to a tenth and clamped to the range that has words."""
    tenths = min(max(round(value * 10), _LOWEST), _HIGHEST)
    return f"{tenths / 10:.1f}"


def fine_word(value: float) -> str:
    """A value in hundredths, with the words of tenths: 0.04 is ``0.4``."""
    return number_word(10 * value)


def stability_word(e_above_hull: float) -> Stability:
    """How a distance to the hull (eV/atom) is put into words."""
    if e_above_hull <= 0.001:
        return "stable"
    return "metastable" if e_above_hull <= 0.1 else "unstable"


def vocabulary() -> list[str]:
    """Every word of the grammar."""
    words = [FORMULA, ELEMENTS, RATIO, SOURCE, GAP, ENERGY, GROUP, UNITS, END]
    words += ["database", "hypothetical", "stable", "metastable", "unstable"]
    words += list(_SYMBOLS)
    words += [amount_word(n) for n in range(1, MAX_AMOUNT + 1)]
    words += [group_word(n) for n in range(1, 231)]
    words += [units_word(n) for n in range(1, MAX_UNITS + 1)]
    words += list(LETTERS)
    words += [f"{tenths / 10:.1f}" for tenths in range(_LOWEST, _HIGHEST + 1)]
    words += [ABOVE, NEAR]
    return list(dict.fromkeys(words))


def join(words: Iterable[str]) -> str:
    """Words as text."""
    return " ".join(words)
