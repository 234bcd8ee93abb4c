"""The harder part of the compliance benchmark: gaps and energies in narrow windows.

A window lies inside the textbook range of its anion class or structure family, so that crystals
are known to lie there, but most of their kind do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crystalsmith.core.chemistry.families import family_aliases
from crystalsmith.core.clauses import AnionClass, FamilyClause, PropertyRange, Stable
from crystalsmith.evals.compliance_phrases import RANGES, ZH_ANIONS, Phrased

if TYPE_CHECKING:
    import random

# gaps of semiconductors and insulators of a family, eV
_FAMILIES: dict[str, tuple[float, float]] = {
    "perovskite": (1.0, 4.0),
    "double perovskite": (1.0, 4.0),
    "chalcopyrite": (0.8, 2.2),
    "kesterite": (0.8, 1.8),
    "spinel": (1.0, 4.0),
    "delafossite": (1.0, 3.0),
    "wurtzite": (1.0, 4.0),
    "zinc blende": (0.8, 3.0),
    "rock salt": (2.0, 6.0),
    "fluorite": (3.0, 7.0),
    "antifluorite": (1.0, 3.0),
    "rutile": (1.5, 4.0),
    "half-heusler": (0.3, 1.2),
}


def narrow_clauses(number: int, draw: random.Random) -> list[Phrased]:
    """The clauses of a request with narrow windows; four sorts take turns."""
    sort = number % 4
    if sort == 3:
        name = draw.choice(sorted(_FAMILIES))
        return [_family(name), _gap(*_FAMILIES[name], 0.5, draw)]
    name = draw.choice(sorted(RANGES))
    low, high, energy, _ = RANGES[name]
    article = "an" if name[0] in "aeiou" else "a"
    kind = Phrased(AnionClass(name=name), f"that is {article} {name}", f"属于{ZH_ANIONS[name]}")
    if sort == 0:
        return [kind, _gap(low, high, 0.3, draw)]
    if sort == 1:
        return [kind, _gap(low, high, 0.5, draw), _energy(energy, draw)]
    stable = Phrased(Stable(), "that is thermodynamically stable", "热力学稳定")
    return [kind, _gap(low, high, 0.5, draw), stable]


def _gap(low: float, high: float, width: float, draw: random.Random) -> Phrased:
    start = round(draw.uniform(low, high - width), 1)
    end = round(start + width, 1)
    return Phrased(
        PropertyRange(name="band_gap", minimum=start, maximum=end),
        f"with a band gap between {start} and {end} eV",
        f"带隙在{start}到{end} eV之间",
    )


def _energy(highest: float, draw: random.Random) -> Phrased:
    """Half an eV/atom, just below what is common."""
    top = round(highest + draw.choice((0.0, 0.2)), 1)
    bottom = round(top - 0.5, 1)
    return Phrased(
        PropertyRange(name="formation_energy", minimum=bottom, maximum=top),
        f"with a formation energy between {bottom} and {top} eV/atom",
        f"形成能在{bottom}到{top} eV/atom之间",
    )


def _family(name: str) -> Phrased:
    own = [alias for alias, known in family_aliases().items() if known == name]
    chinese = next((alias for alias in own if "\u4e00" <= alias[0] <= "\u9fff"), name)
    return Phrased(FamilyClause(name=name), f"with the {name} structure", f"具有{chinese}结构")
