"""Which of the judged crystals stand, and in what order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.core.evidence import Evidence
    from crystalsmith.core.results import Candidate

_FAR_ABOVE_HULL = 0.2  # eV/atom above the hull, less the uncertainty, that drops a crystal
# The guard against exploiting the surrogates (GenMS, section 2.2). Formation energies of the
# training crystals reach from -4.5 to 2.3 eV/atom but for a few; on MP-20's validation split no
# energy was less certain than 0.16 eV/atom, and none lay more than 0.2 eV/atom or 3 standard
# deviations below the learned hull.
_ENERGIES = (-4.7, 2.5)  # eV/atom
_MOST_SPREAD = 0.25  # eV/atom
_BELOW_HULL = 0.2  # eV/atom
_BELOW_HULL_STDS = 3.5


def suspicion(evidence: Evidence) -> str | None:
    """Why the energy of a crystal is more likely the surrogates' mistake than its own; or None."""
    energy = evidence.predictions["formation_energy"]
    low, high = _ENERGIES
    if not low <= energy.mean <= high:
        return (
            f"energy {energy.mean:.1f} eV/atom outside the trained range ({low:g} to {high:g}):"
            " the surrogates are not believed"
        )
    if energy.std > _MOST_SPREAD:
        return f"the ensemble disagrees about its energy (± {energy.std:.2f} eV/atom)"
    above = evidence.predictions["e_above_hull"]
    if above.mean < -max(_BELOW_HULL, _BELOW_HULL_STDS * above.std):
        return (
            f"further below the learned hull ({above.mean:.2f} eV/atom) than any known crystal:"
            " the surrogates are not believed"
        )
    return None


def too_high(evidence: Evidence) -> str | None:
    """Why a crystal is given up for its energy, if it is."""
    above = evidence.predictions["e_above_hull"]
    if above.mean - above.std > _FAR_ABOVE_HULL:
        return f"{above.mean:.2f} ± {above.std:.2f} eV/atom above the hull"
    return None


def ranked(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Fewest failed clauses first, then fewest unchecked ones, then the best score.

    Among equals, a second crystal of a formula comes after the first crystals of all others, so
    that five candidates are not five polymorphs of one compound.
    """
    in_order = sorted(
        candidates,
        key=lambda c: (len(c.failed), len(c.unchecked), -c.score, c.formula, str(c.template)),
    )
    seen: dict[tuple[int, int, str], int] = {}
    places = []
    for place, candidate in enumerate(in_order):
        group = (len(candidate.failed), len(candidate.unchecked))
        again = seen[(*group, candidate.formula)] = seen.get((*group, candidate.formula), -1) + 1
        places.append((*group, again, place))
    return [in_order[place] for *_, place in sorted(places)]
