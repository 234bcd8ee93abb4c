"""Judging finished crystals: gathering evidence, asking every clause, ranking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING

from crystalsmith.core.evidence import Evidence, Prediction
from crystalsmith.core.results import Judged
from crystalsmith.models.structure.soundness import found_space_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymatgen.core import Structure

    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.progress import Progress
    from crystalsmith.core.request import DesignRequest

STRICT_PRECISION = 0.01  # Å: finished crystals must show their symmetry clearly
_ASKED = 2.0  # weight of what was asked for against how usual formula and template are
_LEAST = 0.01  # no single clause can make a candidate worse than this
_ENERGY_SCALE = 0.1  # eV/atom above the hull that cost one unit of score
_SAME_ENERGY = 0.025  # eV/atom within which CHGNet and DFT disagree, so that it decides nothing
_UNRELIABLE = 2.0  # cost of predictions outside the trained range
_ALWAYS = ("formation_energy", "band_gap")  # of which it counts even if nobody asked for them


@dataclass(frozen=True)
class Finished:
    """A crystal to be judged.

    Attributes:
        structure: the crystal.
        template: what it was built from.
    """

    structure: Structure
    template: SymmetryTemplate


def gather_evidence(
    crystals: Sequence[Finished],
    toolbox: Toolbox,
    progress: Progress,
    preliminary: bool = False,
    families: Sequence[str] = (),
) -> list[Evidence | None]:
    """Predict the properties of crystals; None for one that cannot be scored at all.

    Args:
        crystals: to be judged.
        toolbox: holds the models.
        progress: told about scored crystals.
        preliminary: take the symmetry as it was built; finding it anew takes as long as all else.
        families: whose prototypes the geometries are compared with.
    """
    from crystalsmith.tools.family_prototypes import family_fits

    scored = toolbox.surrogates.predict([item.structure for item in crystals], progress)
    compositions = [item.structure.composition for item in crystals]
    hulls = toolbox.compositions.predict(compositions, ("hull_energy",))
    evidence: list[Evidence | None] = []
    for item, score, hull in zip(crystals, scored, hulls, strict=True):
        if score.failure is not None:
            evidence.append(None)
            continue
        predictions = dict(score.predictions) | _from_structure(item.structure)
        above = _above_learned_hull(predictions["formation_energy"], hull["hull_energy"])
        predictions["e_above_hull"] = above
        group = item.template.number if preliminary else _strict_group(item.structure)
        fits = family_fits(item.structure, item.template, families)
        evidence.append(
            Evidence(
                item.structure,
                item.template,
                group,
                predictions,
                family_fits=fits,
                preliminary=preliminary,
            )
        )
    return evidence


def _strict_group(structure: Structure) -> int:
    return found_space_group(structure, STRICT_PRECISION) or 1


def _from_structure(structure: Structure) -> dict[str, Prediction]:
    """Density and volume, which are not predicted but depend on a generated lattice."""
    density, volume = float(structure.density), float(structure.volume / len(structure))
    error = 0.05  # typical error of generated volumes
    return {
        "density": Prediction(mean=density, std=error * density, unit="g/cm³", source="structure"),
        "volume_per_atom": Prediction(
            mean=volume, std=error * volume, unit="Å³/atom", source="structure"
        ),
    }


def _above_learned_hull(formation: Prediction, hull: Prediction) -> Prediction:
    return Prediction(
        mean=formation.mean - hull.mean,
        std=(formation.std**2 + hull.std**2) ** 0.5,
        unit="eV/atom",
        source="learned hull",
        reliable=formation.reliable,
    )


def with_known_crystals(evidence: Evidence, toolbox: Toolbox) -> Evidence:
    """Add what only the known crystals can tell: novelty, and the hull where it is known.

    The symmetry of preliminary evidence is found anew.
    """
    from crystalsmith.tools.hull import e_above_hull, why_not_assessed
    from crystalsmith.tools.novelty import compare

    predictions = dict(evidence.predictions)
    above = e_above_hull(evidence.composition, predictions["formation_energy"], toolbox.known)
    learned = predictions["e_above_hull"]
    if above is None:
        why = why_not_assessed(evidence.composition, toolbox.known)
        source = f"{learned.source}; not assessed with the known crystals: {why}"
        predictions["e_above_hull"] = learned.model_copy(update={"source": source})
    elif above.mean > learned.mean or toolbox.known.covers(_elements(evidence)):
        # where not all is known, competing phases can be missing, but there are never too many
        predictions["e_above_hull"] = above
    reference = compare(evidence.structure, evidence.template, toolbox.known)
    group = _strict_group(evidence.structure) if evidence.preliminary else evidence.space_group
    return replace(
        evidence,
        predictions=predictions,
        reference=reference,
        space_group=group,
        preliminary=False,
    )


def _elements(evidence: Evidence) -> list[str]:
    return [element.symbol for element in evidence.composition.elements]


def judge(request: DesignRequest, evidence: Evidence) -> tuple[Judged, ...]:
    """Every clause of the request with its verdict."""
    return tuple(Judged(clause, clause.check(evidence)) for clause in request.clauses)


def score(judged: Sequence[Judged], evidence: Evidence, prior: float) -> float:
    """Logarithm of how promising a crystal is.

    Likelihoods count double against the prior: on 27 requests for narrow windows of gaps and
    energies, an independent judge found the first crystal inside in 18 cases instead of 15.

    Args:
        judged: verdicts, whose likelihoods are multiplied.
        evidence: energies far above the hull and predictions outside the trained range cost.
        prior: probability of the formula and the template before any structure was seen.
    """
    total = log(max(prior, 1e-6))
    total += _ASKED * sum(log(max(item.verdict.likelihood, _LEAST)) for item in judged)
    above = evidence.predictions["e_above_hull"]
    total -= max(0.0, above.mean - _SAME_ENERGY) / (_ENERGY_SCALE + above.std)
    matter = [
        prediction
        for name, prediction in evidence.predictions.items()
        if name in _ALWAYS or any(item.clause.interval(name) is not None for item in judged)
    ]
    if not all(prediction.reliable for prediction in matter):
        total -= _UNRELIABLE
    return total
