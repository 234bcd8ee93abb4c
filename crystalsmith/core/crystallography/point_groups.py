"""The 32 point groups: which one a space group has, and their symbols as people write them."""

from __future__ import annotations

import re
from functools import lru_cache

_OTHER_SYMBOLS = {  # other settings, long and Schoenflies symbols
    "-42m": "-4m2",
    "-6m2": "-62m",
    "mm2": "2mm m2m",
    "mmm": "2/m2/m2/m",
    "4/mmm": "4/m2/m2/m",
    "-3m": "-32/m -31m -3m1",
    "32": "312 321",
    "3m": "31m 3m1",
    "6/mmm": "6/m2/m2/m",
    "m-3": "m3 2/m-3",
    "m-3m": "m3m 4/m-32/m",
}
_SCHOENFLIES = {
    "1": "C1", "-1": "Ci S2", "2": "C2", "m": "Cs C1h", "2/m": "C2h", "222": "D2 V", "mm2": "C2v",
    "mmm": "D2h Vh", "4": "C4", "-4": "S4", "4/m": "C4h", "422": "D4", "4mm": "C4v",
    "-42m": "D2d Vd", "4/mmm": "D4h", "3": "C3", "-3": "C3i S6", "32": "D3", "3m": "C3v",
    "-3m": "D3d", "6": "C6", "-6": "C3h", "6/m": "C6h", "622": "D6", "6mm": "C6v", "-6m2": "D3h",
    "6/mmm": "D6h", "23": "T", "m-3": "Th", "432": "O", "-43m": "Td", "m-3m": "Oh",
}  # fmt: skip
POINT_GROUPS = tuple(_SCHOENFLIES)
# the first space group of each point group, in the order of the International Tables
_FIRST = (
    1, 2, 3, 6, 10, 16, 25, 47, 75, 81, 83, 89, 99, 111, 123, 143, 147, 149, 156, 162, 168, 174,
    175, 177, 183, 187, 191, 195, 200, 207, 215, 221,
)  # fmt: skip


@lru_cache(maxsize=230)
def point_group(number: int) -> str:
    """Short Hermann-Mauguin symbol of the point group of a space group number."""
    return [name for name, first in zip(POINT_GROUPS, _FIRST, strict=True) if first <= number][-1]


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Symbols as they are written, without spaces, and the short symbol of each."""
    table = {name: name for name in POINT_GROUPS}
    for own in (_OTHER_SYMBOLS, _SCHOENFLIES):
        table |= {other: name for name, others in own.items() for other in others.split()}
    return table


def point_group_from_symbol(text: str) -> str | None:
    """Short symbol of a point group written in any notation; None when it is none.

    Bars may be written as a minus sign before or an overline after the number.
    """
    compact = re.sub(r"[\s_]", "", text).replace("\u2212", "-").replace("\u2013", "-")
    compact = re.sub("([1-6])\u0304|([1-6])\u0305", r"-\1\2", compact)
    return _names().get(compact)
