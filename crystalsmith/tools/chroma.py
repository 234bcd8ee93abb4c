"""Chroma, in a folder or behind a server: opening it, checking its version, failing in words."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from crystalsmith.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

SCHEMA = 1  # raise when old stores can no longer be read
_PORTS = {"http": 8000, "https": 443}


@dataclass(frozen=True)
class Place:
    """Where the known crystals are kept.

    Attributes:
        folder: of the store; with a server, of what this machine remembers of it.
        url: of a Chroma server, None for Chroma in the folder.
    """

    folder: Path
    url: str | None = None

    def __str__(self) -> str:
        return f"the Chroma server {self.url}" if self.url else f"the store {self.folder}"


def open_collection(place: Place, embedder: str, dimension: int) -> Collection:
    """Get or make the collection of known crystals, as it is now.

    Chroma keeps its indexes per folder for the life of a process and does not notice what other
    processes add; opening anew makes it look again.

    Args:
        place: a folder, which exists, or a server.
        embedder: id of what made the vectors.
        dimension: of the vectors.

    Raises:
        StoreError: it is damaged, cannot be reached, or another version of crystalsmith made it.
    """
    expected = {"schema": SCHEMA, "embedder": embedder, "dimension": dimension}
    with explained(place), writing(place):
        # no embedding function: Chroma would fetch its default model from the network
        collection = _client(place).get_or_create_collection(
            "entries",
            embedding_function=None,
            metadata=expected,
            configuration={"hnsw": {"space": "l2", "ef_search": 200}},
        )
    found = {key: (collection.metadata or {}).get(key) for key in expected}
    if found != expected:
        raise StoreError(
            f"{place} was made by another version of crystalsmith ({json.dumps(found)} instead of"
            f" {json.dumps(expected)}); delete it and build it again with `crystalsmith index"
            " build`"
        )
    return collection


def _client(place: Place) -> ClientAPI:
    import chromadb
    from chromadb.api.client import SharedSystemClient
    from chromadb.config import Settings

    quiet = Settings(anonymized_telemetry=False)
    SharedSystemClient.clear_system_cache()
    if place.url is None:
        return chromadb.PersistentClient(str(place.folder), settings=quiet)
    parts = urlsplit(place.url)
    try:
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("an address looks like http://host:8000")
        port = parts.port or _PORTS[parts.scheme]
        return chromadb.HttpClient(
            parts.hostname, port, ssl=parts.scheme == "https", settings=quiet
        )
    except ValueError as error:
        raise StoreError(f"{place} cannot be used: {error}") from None


@contextmanager
def writing(place: Place) -> Iterator[None]:
    """Hold the store's write lock: only one process of this machine writes at a time."""
    from filelock import FileLock

    with FileLock(place.folder / "write.lock"):
        yield


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Turn what Chroma raises about damage or a missing server into one sentence."""
    from chromadb.errors import ChromaError
    from httpx import HTTPError

    try:
        yield
    except HTTPError as error:
        raise StoreError(
            f"{place} does not answer ({type(error).__name__}); start it, or unset"
            " CRYSTALSMITH_STORE_URL to use the store of this machine"
        ) from None
    except (ChromaError, OSError) as error:
        raise damaged(place, str(error).splitlines()[0]) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Chroma's Rust core; no Exception
            raise
        raise damaged(place, "its index cannot be loaded") from None


def damaged(place: Place, reason: str) -> StoreError:
    """The error that says that a store cannot be used, why, and what to do."""
    if place.url:
        return StoreError(f"{place} cannot be used ({reason})")
    return StoreError(
        f"the store of known crystals in {place.folder} cannot be used ({reason}); delete the"
        " folder and build it again with `crystalsmith index build`"
    )


def notes_of(collection: Collection, name: str) -> dict[str, Any]:
    """What was noted under a name in a collection, as `note` wrote it."""
    return dict(json.loads((collection.metadata or {}).get(name) or "{}"))


def note(collection: Collection, name: str, value: dict[str, Any]) -> None:
    """Note something about a collection; the caller holds the write lock."""
    collection.modify(metadata={**(collection.metadata or {}), name: json.dumps(value)})
