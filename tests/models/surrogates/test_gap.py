"""One band gap from the networks' gap, their metal vote and the formula's gap."""

from __future__ import annotations

import numpy as np
import pytest

from crystalsmith.models.surrogates.gap import GapRule, fit_gap_rule


def apply(rule, gap, logit, formula, std=0.1):
    gaps, stds = rule.apply(*(np.array([x], float) for x in (gap, std, logit, formula)))
    return float(gaps[0]), float(stds[0])


def test_without_a_formula_the_networks_decide():
    assert apply(GapRule(), 2.0, -20.0, 0.0) == pytest.approx((2.0, 0.1), abs=1e-3)
    assert apply(GapRule(), 2.0, 20.0, 2.0)[0] == 0
    assert apply(GapRule(), 0.01, -20.0, 0.0)[0] == 0.05  # an open gap is no metal's


def test_the_mean_is_shared():
    assert apply(GapRule(share=0.25), 2.0, -20.0, 1.0)[0] == pytest.approx(1.75)


def test_a_doubtful_metal_is_uncertain_by_its_gap():
    sure = apply(GapRule(), 2.0, 20.0, 2.0)[1]
    doubtful = apply(GapRule(), 2.0, 0.2, 2.0)[1]
    assert sure < 0.05
    assert doubtful == pytest.approx(1.0, abs=0.1)  # sqrt(p (1 - p)) of 2 eV


def test_the_fit_finds_out_whom_to_believe():
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(600) < 0.5, 0.0, rng.uniform(0.5, 4, 600))
    formula = np.maximum(truth + rng.normal(scale=0.1, size=600), 0)
    gaps = np.maximum(truth + rng.normal(scale=0.8, size=600), 0)
    logits = rng.normal(size=600)  # votes that mean nothing
    rule = fit_gap_rule(gaps, logits, formula, truth)
    assert rule.share > 0.5
    guess, _ = rule.apply(gaps, np.full(600, 0.1), logits, formula)
    assert ((guess < 0.05) == (truth < 0.05)).mean() > 0.95
    assert np.abs(guess - truth).mean() < 0.5 * np.abs(gaps - truth).mean()
