"""Training the phrase model: a logistic regression over sentence embeddings of labelled phrases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from safetensors.numpy import save_file
from scipy.optimize import minimize

from crystalsmith.core.errors import DataError
from crystalsmith.models.phrases.encoder import phrase_encoder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from crystalsmith.core.progress import Progress

_FOLDS = 10
_AVERAGE_SCALE = 5.0  # averages lie close together; the penalty is meant for unit distances
_LAYERS = 2  # told right on ten folds after 0 to 6: 91.8, 92.3, 92.9, 92.8, 92.7, 92.6, 92.0 %
_SCALE = 2.0  # of what comes out of the first layers
_PENALTY = 5e-5  # of those between 2e-3 (89.1 % on ten folds) and 2e-5 (92.0 %)


def read_phrases(path: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Phrases with 1 where they ask something of a material, one JSON object a line.

    Raises:
        DataError: the file is missing or a line is not ``{"phrase", "asks"}``.
    """
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
        known = {str(row["phrase"]): bool(row["asks"]) for row in rows}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} has no phrases with labels ({error})") from None
    if len(set(known.values())) < 2:
        raise DataError(f"{path} needs phrases of both kinds")
    return list(known), np.array([float(asks) for asks in known.values()])


def train_phrases(data: Path, out: Path, progress: Progress, *, averaged: bool = False) -> float:
    """Train on labelled phrases and write ``OUT/weights``; the share told right on ten folds.

    Args:
        data: phrases or sentences with labels.
        out: where the weights go.
        progress: told about every phrase.
        averaged: look at the mean of the word pieces' vectors, without the encoder's layers.
    """
    phrases, asks = read_phrases(data)
    encoder = phrase_encoder()
    rows = []
    for index, phrase in enumerate(phrases):
        progress("encoding phrases", index, len(phrases))
        rows.append(encoder.average(phrase) if averaged else encoder.encode(phrase, _LAYERS))
    scale = _AVERAGE_SCALE if averaged else _SCALE
    vectors = np.array(rows, dtype=np.float64) * scale
    share = _cross_validated(vectors, asks)
    weights, bias = _fitted(vectors, asks)
    weights *= scale
    folder = out / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"weights": weights.astype(np.float32)}, folder / "model.safetensors")
    config = {
        "bias": bias,
        "averaged": averaged,
        "layers": 0 if averaged else _LAYERS,
        "penalty": _PENALTY,
        "phrases": len(phrases),
        "ten_folds": share,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return share


def _fitted(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Weights and bias of a logistic regression in which both kinds count alike."""
    share = np.where(y > 0.5, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    sign = 2 * y - 1

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (x @ theta[:-1] + theta[-1])
        value = float((share * np.logaddexp(0, -margin)).mean())
        slope = -share * sign / (1 + np.exp(np.clip(margin, -60, 60))) / len(y)
        gradient = np.append(x.T @ slope + 2 * _PENALTY * theta[:-1], slope.sum())
        return value + _PENALTY * float(theta[:-1] @ theta[:-1]), gradient

    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B")
    return found.x[:-1], float(found.x[-1])


def _cross_validated(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    order = np.random.default_rng(0).permutation(len(y))
    right = 0
    for fold in range(_FOLDS):
        held = order[fold::_FOLDS]
        rest = np.setdiff1d(order, held)
        weights, bias = _fitted(x[rest], y[rest])
        right += int((((x[held] @ weights + bias) > 0) == (y[held] > 0.5)).sum())
    return right / len(y)
