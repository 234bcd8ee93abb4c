"""From what the networks and the formula say to one band gap, open or not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from crystalsmith.core.properties import METAL_BELOW

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SOFT = 0.05  # eV; keeps logarithms of small gaps finite


@dataclass(frozen=True)
class GapRule:
    """How the networks' gap, their metal votes and the formula's gap become one prediction.

    Attributes:
        share: weight of the formula's gap in the mean.
        metal: weights of a constant, the networks' metal logit, the logarithms of the networks'
            gap and of the formula's, whose sum is the logit of being a metal.
    """

    share: float = 0.0
    metal: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 0.0)

    def as_dict(self) -> dict[str, Any]:
        """For ``config.json``."""
        return asdict(self)

    def apply(
        self,
        gaps: NDArray[np.float64],
        stds: NDArray[np.float64],
        metal_logits: NDArray[np.float64],
        formula_gaps: NDArray[np.float64] | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gaps and standard deviations, eV; what is most likely a metal has no gap.

        A metal that may be none, or the other way round, is uncertain by the gap itself: the
        variance of a gap that is there with probability p.
        """
        formula = gaps if formula_gaps is None else formula_gaps
        mixed = (1 - self.share) * gaps + self.share * formula
        terms = features(gaps, metal_logits, formula)
        metal = 1 / (1 + np.exp(-np.clip(terms @ np.array(self.metal), -30, 30)))
        open_gap = np.maximum(mixed, METAL_BELOW)
        spread = np.sqrt(stds**2 * (1 - metal) + metal * (1 - metal) * open_gap**2 + 1e-6)
        return np.where(metal > 0.5, 0.0, open_gap), spread


def features(
    gaps: NDArray[np.float64], metal_logits: NDArray[np.float64], formula_gaps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``(n, 4)`` what the metal vote is made of."""
    own, formula = np.log(gaps + _SOFT), np.log(np.maximum(formula_gaps, 0) + _SOFT)
    return np.stack([np.ones_like(own), metal_logits, own, formula], axis=1)


def fit_gap_rule(
    gaps: NDArray[np.float64],
    metal_logits: NDArray[np.float64],
    formula_gaps: NDArray[np.float64],
    truth: NDArray[np.float64],
) -> GapRule:
    """The rule that fits held-out crystals best: a logistic regression, then the best share."""
    terms = features(gaps, metal_logits, formula_gaps)
    labels = (truth < METAL_BELOW).astype(float)
    start = np.array([0.0, 1.0, 0.0, 0.0])
    pull = np.array([0.01, 1.0, 1.0, 1.0])  # towards believing the networks alone

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = terms @ weights
        value = (np.logaddexp(0, logits) - labels * logits).sum()
        guess = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
        away = weights - start
        return float(value + (pull * away**2).sum() / 2), terms.T @ (guess - labels) + pull * away

    weights = minimize(loss, start, jac=True, method="BFGS").x
    metal = (float(weights[0]), float(weights[1]), float(weights[2]), float(weights[3]))
    stds = np.zeros_like(gaps)

    def error(share: float) -> float:
        guess, _ = GapRule(share, metal).apply(gaps, stds, metal_logits, formula_gaps)
        return float(np.abs(guess - truth).mean())

    return GapRule(min((share / 20 for share in range(13)), key=error), metal)
