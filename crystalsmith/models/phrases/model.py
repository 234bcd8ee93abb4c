"""The phrase model as readers meet it: whether a few words ask something of a material."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from crystalsmith.core.errors import WeightsError
from crystalsmith.models.phrases.encoder import ALL_LAYERS, phrase_encoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHIPPED = Path(__file__).parent / "weights"
PASSAGES = Path(__file__).parent / "passages"
"""The same kind of model for whole sentences: do they ask, or only tell?"""


class PhraseModel:
    """Whether words that no list has ask something of a material: a logistic regression.

    Args:
        weights: ``(384,)`` over the phrase's embedding.
        bias: what is added.
        averaged: whether it looks at the mean of the word pieces' vectors, not at the sentence's.
        layers: how many of the encoder's layers the sentence's vector has gone through.
    """

    def __init__(
        self,
        weights: NDArray[np.float32],
        bias: float,
        *,
        averaged: bool = False,
        layers: int = ALL_LAYERS,
    ) -> None:
        self._weights = weights
        self._bias = bias
        self._averaged = averaged
        self._layers = layers

    @classmethod
    def load(cls, folder: Path | None = None) -> PhraseModel:
        """Load weights, the shipped ones when no folder is given.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        where = folder or SHIPPED
        try:
            config = json.loads((where / "config.json").read_text(encoding="utf-8"))
            weights = load_file(where / "model.safetensors")["weights"].astype(np.float32)
            return cls(
                weights,
                float(config["bias"]),
                averaged=bool(config.get("averaged")),
                layers=int(config.get("layers", ALL_LAYERS)),
            )
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            message = f"no phrase model in {where} ({error}); reinstall crystalsmith"
            raise WeightsError(message) from None

    def probability(self, phrase: str) -> float:
        """How probably a phrase asks something of a material."""
        encoder = phrase_encoder()
        vector = encoder.average(phrase) if self._averaged else encoder.encode(phrase, self._layers)
        score = float(vector @ self._weights) + self._bias
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, score))))
