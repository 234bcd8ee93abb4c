"""Reads exact formulas; refuses elements that do not exist and amounts that cannot be built."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from pymatgen.core import Composition

from crystalsmith.agent.interpreter.comparisons import is_comparison
from crystalsmith.agent.interpreter.patterns import (
    is_pattern,
    read_pattern,
    read_ratios,
    read_small_pattern,
)
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.chemistry.charges import is_charge_balanced
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.chemistry.formulas import parse_formula
from crystalsmith.core.clauses import ExactFormula, IncludeElements
from crystalsmith.core.errors import FormulaError, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crystalsmith.agent.interpreter.reading import Reading

_WORD = re.compile(r"(?<![A-Za-z0-9])[(\[]?[A-Z][A-Za-z0-9()\[\].'·•∙*]{0,80}")
_SMALL_WORD = re.compile(r"(?<![\w.-])(?=[a-z]{1,16}\d)[a-z][a-z0-9]{2,15}(?![\w-]|\.\d)")
_SHAPE = re.compile(r"(?:[A-Z][a-z]?(?:\d+(?:\.\d+)?)?|[()\[\]](?:\d+(?:\.\d+)?)?)+")
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_HYDRATE = re.compile(r"[·•∙*](\d*)([A-Z][A-Za-z0-9()]*)")
_OXIDATION_STATE = re.compile(r"(?<=[A-Za-z])\((?:I{1,3}|IV|VI{0,3})\)")
# Li1-xCoO2, La0.7Sr0.3MnO3-δ
_OPEN_AMOUNT = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z][a-z]?[\d.]{0,6}){0,8}[A-Z][a-z]?\d?[+-]?[xyδ](?![a-z])"
    r"(?:[A-Z][a-z]?[\d.]{0,6}(?:[+-]?[xyδ])?){0,8}(?![A-Za-z])"
)
_CONTAINING = re.compile(r"\s?-\s?(?:containing|bearing|rich)\b", re.IGNORECASE)
# (Cs,Rb)PbI3
_MIXED_SITE = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z0-9]{0,20}\((?:[A-Z][a-z]?[\d.]{0,5},\s?){1,4}[A-Z][a-z]?[\d.]{0,5}\)"
    r"(?:\d|[A-Z])[A-Za-z0-9]{0,20}"
)
_ANNOUNCED = re.compile(
    r"(?:formula|composition|stoichiometry|compounds?|type)(?:\s+(?:of|is|like))?[\s:=]*$", re.I
)
_ORGANIC_CATION = re.compile(
    r"\(?(?:MA|FA|PEA|BA|GA|EA)\)?\d?(?=Pb|Sn|Ge|Bi|Cs)|\(?CH3NH3|H?CH?\(NH2\)2|C4H9NH3"
)
# HSE06, MP20, H100, B3LYP: capitals and digits that are no formula.
_ACRONYM = re.compile(r"[A-Z]{2,}-?\d{1,4}|(?:[A-Z]\d+)+[A-Z]*")
_MANY_CAPITALS = re.compile(r"[A-Z]{3,}\d\d+")
_MAX_SPELLINGS = 200
_NATURAL_ELEMENTS = frozenset(ALL_ELEMENTS[:94])


class Formula(NamedTuple):
    """A formula found in the text."""

    start: int
    end: int
    formula: str


def read_formulas(reading: Reading) -> None:
    """Read formulas, patterns and ratios; refuse what cannot be built, and several at once."""
    for match in _OXIDATION_STATE.finditer(reading.source.plain):
        reading.cannot_score(*match.span(), "oxidation states cannot be asked for")
    _refuse_open_amounts(reading)
    found = [*_formulas(reading), *_small_formulas(reading)]
    found = [f for f in found if not _is_part(reading, f)]
    exact = [f for f in found if not is_comparison(reading, f.start, f.end)]
    names = sorted({parse_formula(f.formula).reduced_formula for f in exact})
    if len(names) > 1:
        error = RequestError(
            f"the request names several formulas ({', '.join(names)});"
            " ask for one formula at a time"
        )
        reading.refuse(min(f.start for f in exact), max(f.end for f in exact), error)
        exact = []
    for formula in exact:
        reading.add(ExactFormula, formula.start, formula.end, formula=formula.formula)
        if not _is_balanced(formula.formula):
            reading.note(f"{names[0]} has no charge-balanced assignment of common oxidation states")
    read_ratios(reading)


def formula_of(reading: Reading) -> Composition | None:
    """The exact formula read so far, if any."""
    exact = reading.of_kind(ExactFormula)
    return parse_formula(exact[0].formula) if exact else None


def _formulas(reading: Reading) -> Iterator[Formula]:
    """Formulas with the usual capitals; patterns are read on the way."""
    for match in _WORD.finditer(reading.source.open):
        start, end = _trimmed(match.group(), match.start())
        token = reading.source.plain[start:end]
        if _ORGANIC_CATION.match(token):
            reading.note(f"{token} has an organic cation, which cannot be built")
            if not is_comparison(reading, start, end):
                reading.cannot_score(start, end)
        elif is_pattern(token):
            read_pattern(reading, start, end)
        else:
            announced = _ANNOUNCED.search(reading.text_before(start, 30)) is not None
            try:
                formula = _as_formula(token, announced)
            except FormulaError as error:
                if not is_comparison(reading, start, end):
                    reading.refuse(start, end, error)
                continue
            if formula is not None:
                yield Formula(start, end, formula)


def _is_part(reading: Reading, formula: Formula) -> bool:
    """Read the elements of "RhSb-containing"; it does not give the whole formula."""
    affix = _CONTAINING.match(reading.text_after(formula.end, 14))
    if affix is None:
        return False
    elements = tuple(_SYMBOL.findall(formula.formula))
    reading.add(IncludeElements, formula.start, formula.end + affix.end(), elements=elements)
    return True


def _trimmed(token: str, start: int) -> tuple[int, int]:
    """Without the sentence's own punctuation and brackets."""
    end = start + len(token)
    while token:
        opened, closed = (sum(map(token.count, brackets)) for brackets in ("([", ")]"))
        encloses = token[0] in "([" and token[-1] in ")]" and opened == 1
        if token[-1] in ".'·•∙*([" or (token[-1] in ")]" and opened < closed):
            token, end = token[:-1], end - 1
        elif token[0] in "([" and (opened > closed or encloses):
            token, start = token[1:], start + 1
        else:
            break
    return start, end


def _as_formula(token: str, announced: bool) -> str | None:
    """The formula that a word is, None for an ordinary word.

    Raises:
        FormulaError: it is written like a formula and cannot be one.
    """
    hydrate = _HYDRATE.search(token)
    if hydrate:
        token = f"{token[: hydrate.start()]}({hydrate[2]}){hydrate[1]}"
    words = table("grammar")["formulas"]
    if not _SHAPE.fullmatch(token) or token in words["no_formulas"]:
        return None
    symbols = _SYMBOL.findall(token)
    unknown = set(symbols) - set(ALL_ELEMENTS)
    has_digit = any(character.isdigit() for character in token)
    if unknown:
        is_acronym = _ACRONYM.fullmatch(token) is not None
        if (
            has_digit
            and len(symbols) > 1
            and not is_acronym
            and (announced or unknown != {*symbols})
        ):
            parse_formula(token)  # raises, and says which element does not exist
        return None
    if len(set(symbols)) < 2:
        return None
    is_word = token.isupper() and not has_digit and token not in words["capital_formulas"]
    if (is_word or _MANY_CAPITALS.fullmatch(token)) and not announced:
        return None
    return _checked(token)


def _checked(token: str) -> str:
    plain = token.replace("[", "(").replace("]", ")")
    if re.search(r"\([^()]*\(", plain):  # brackets within brackets: spell the amounts out
        try:
            plain = Composition(plain).formula.replace(" ", "")
        except ValueError as error:
            raise FormulaError(f"{token!r} is not a chemical formula") from error
    parse_formula(plain)
    return plain


def _refuse_open_amounts(reading: Reading) -> None:
    mixed = _MIXED_SITE.search(reading.source.open)
    if mixed is not None:
        words = mixed.group()
        error = FormulaError(f"{words!r} mixes elements on one site; give an ordered formula")
        reading.refuse(*mixed.span(), error)
    for match in _OPEN_AMOUNT.finditer(reading.source.open):
        symbols = _SYMBOL.findall(match.group())
        has_digit = any(character.isdigit() for character in match.group())
        if has_digit and len(symbols) > 1 and set(symbols) <= set(ALL_ELEMENTS):
            error = FormulaError(
                f"{match.group()!r} leaves amounts open; give an ordered formula with whole numbers"
            )
            reading.refuse(*match.span(), error)


def _small_formulas(reading: Reading) -> Iterator[Formula]:
    """Formulas typed without capitals: srtio3. The reading with the fewest elements is taken."""
    for match in _SMALL_WORD.finditer(reading.source.open):
        token = match.group()
        if read_small_pattern(reading, *match.span()):
            continue
        spelled = sorted(islice(_spellings(token), _MAX_SPELLINGS), key=_n_symbols)
        best = [s for s in spelled if _n_symbols(s) == _n_symbols(spelled[0])]
        formula = next(
            (s for s in best if len({*_SYMBOL.findall(s)}) > 1 and _is_balanced(s)), None
        )
        if formula is not None:
            reading.note(f"'{token}' was read as {formula}")
            yield Formula(*match.span(), formula)


def _n_symbols(formula: str) -> int:
    return len(_SYMBOL.findall(formula))


def _spellings(token: str) -> Iterator[str]:
    """Ways to write a lower-case word as two or more element symbols with amounts."""
    stack = [("", token)]
    while stack:
        done, rest = stack.pop()
        if not rest:
            if _n_symbols(done) > 1:
                yield done
            continue
        for length in (1, 2):
            symbol = rest[:length].capitalize()
            if rest[:length].isalpha() and symbol in _NATURAL_ELEMENTS:
                amount = re.match(r"\d*", rest[length:])
                digits = amount.group() if amount else ""
                stack.append((done + symbol + digits, rest[length + len(digits) :]))


@lru_cache(maxsize=4096)
def _is_balanced(formula: str) -> bool:
    try:
        return is_charge_balanced(parse_formula(formula))
    except FormulaError:
        return False
