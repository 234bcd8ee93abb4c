"""Space group symbols in the notations that people and files use."""

import pytest
import spglib

from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.crystallography.symbols import (
    normalise,
    number_from_symbol,
    symbol_from_number,
)


@pytest.mark.parametrize("number", range(1, 231))
def test_own_short_full_and_schoenflies_symbols(number):
    kind = spglib.get_spacegroup_type(space_group(number).hall_number)
    assert symbol_from_number(number) == space_group(number).symbol
    for symbol in (
        space_group(number).symbol,
        kind.international_short,
        kind.international_full,
        kind.schoenflies,
    ):
        assert number_from_symbol(symbol) == number
        assert number_from_symbol(symbol.replace("_", "")) == number
        assert number_from_symbol(symbol.replace(" ", "")) == number


@pytest.mark.parametrize(
    ("symbol", "number"),
    [
        ("F m -3 m", 225),
        ("Fm3m", 225),
        ("Fm3̅m", 225),
        ("Fm3̄m", 225),
        ("F m \\bar{3} m", 225),
        ("$Fm\\bar{3}m$", 225),
        ("Fm−3m", 225),
        ("Pm3m", 221),
        ("Ia3d", 230),
        ("Pa3", 205),
        ("Fm3", 202),
        ("Pm3n", 223),
        ("P6₃mc", 186),
        ("P6_3/mmc", 194),
        ("P6_{3}/mmc", 194),
        ("P63/mmc", 194),
        ("P2(1)/c", 14),
        ("P4(2)/mnm", 136),
        ("P21/n", 14),
        ("P2_1/a", 14),
        ("P 1 21/c 1", 14),
        ("P121/n1", 14),
        ("C12/c1", 15),
        ("I2/a", 15),
        ("A2/m", 12),
        ("Pbnm", 62),
        ("Pmcn", 62),
        ("Cmca", 64),
        ("Cmce", 64),
        ("Abm2", 39),
        ("R-3m", 166),
        ("R3m", 160),
        ("P-1", 2),
        ("P1̅", 2),
        ("O_h^5", 225),
        ("D_{6h}^{4}", 194),
        ("R -3 m :H", 166),
        ("R -3 m H", 166),
        ("R-3m:R", 166),
        ("F d -3 m :2", 227),
        ("F d -3 m S", 227),
        ("P n n n Z", 48),
        ("I 41/a m d :1", 141),
    ],
)
def test_notations(symbol, number):
    assert number_from_symbol(symbol) == number


@pytest.mark.parametrize(
    "symbol", ["", " ", "Xm-3m", "PNMA", "CM", "225", "perovskite", "P-2", "H"]
)
def test_anything_else_is_no_symbol(symbol):
    assert number_from_symbol(symbol) is None


def test_plain_spelling():
    assert normalise("P6_{3}/m m c") == "P63/mmc"
    assert normalise("Fm3̅m") == "Fm-3m"
