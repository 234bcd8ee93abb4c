"""Space group symbols in the notations people use, and the numbers they stand for."""

from __future__ import annotations

import re
from functools import lru_cache

# The groups whose symbol changed with International Tables A (1992); people still write the old.
_FORMER_SYMBOLS = {"Cmca": 64, "Cmma": 67, "Ccca": 68, "Abm2": 39, "Aba2": 41}
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_HALL_NUMBERS = range(1, 531)


@lru_cache(maxsize=8192)
def number_from_symbol(symbol: str) -> int | None:
    """Space group number for a Hermann-Mauguin or Schoenflies symbol in any usual notation.

    Understands ``Fm-3m``, ``Fm3m``, ``F m -3 m``, ``Fm3̅m``, ``P6₃mc``, ``P6_3/mmc``, ``P2(1)/c``,
    non-standard settings (``P21/n``, ``Pbnm``), full symbols (``P 1 21/c 1``) and the marks for
    origin and axes that files add (``R -3 m :H``, ``F d -3 m S``).

    Returns:
        1-230, or None for anything that is not a symbol. Upper and lower case matter: ``Cm`` is a
        space group and ``CM`` is not.
    """
    plain = normalise(symbol)
    for name in (plain, re.sub(r":[12HR]$|(?<=[-/a-z\d]{3})[HRSZ]$", "", plain)):
        number = _table().get(name) or _table().get(_with_bars_restored(name))
        if number is not None:
            return number
    return None


@lru_cache(maxsize=230)
def symbol_from_number(number: int) -> str:
    """The short Hermann-Mauguin symbol of a space group in its standard setting, such as P21/c."""
    import spglib

    kinds = (spglib.get_spacegroup_type(hall) for hall in _HALL_NUMBERS)
    symbol = next(kind.international_short for kind in kinds if kind.number == number)
    return str(symbol).replace("_", "")


def normalise(symbol: str) -> str:
    """Plain ASCII spelling: no spaces, underscores, braces or subscripts; bars as ``-``."""
    text = symbol.translate(_SUBSCRIPTS)
    text = text.replace("−", "-").replace("–", "-").replace("\\bar", "-").replace("‾", "̅")
    text = re.sub(r"(\d)[\u0304\u0305\u0332]", r"-\1", text)  # combining bars follow the digit
    return re.sub(r"[\s_{}()$]", "", text)


def _with_bars_restored(symbol: str) -> str:
    """Cubic symbols are often written without the bar: Fm3m for Fm-3m."""
    return re.sub(r"(?<=[mndac])3(?=[mndc]|$)", "-3", symbol)


@lru_cache(maxsize=1)
def _table() -> dict[str, int]:
    import spglib

    table = dict(_FORMER_SYMBOLS)
    for hall in _HALL_NUMBERS:
        kind = spglib.get_spacegroup_type(hall)
        aliases = kind.international.split("=")
        for name in (*aliases, kind.international_full, kind.international_short, kind.schoenflies):
            plain = normalise(name)
            table.setdefault(plain, int(kind.number))
            table.setdefault(_without_monoclinic_ones(plain), int(kind.number))
    return table


def _without_monoclinic_ones(symbol: str) -> str:
    """P121/n1, the full symbol of a monoclinic setting, is written P21/n."""
    return re.sub(r"^([PABCIF])1(\D.*|2.*)1$", r"\1\2", symbol)
