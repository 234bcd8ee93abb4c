"""A folder with Chroma in it: opening it, checking its version, writing alone, failing in words."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crystalsmith.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chromadb.api.models.Collection import Collection

SCHEMA = 1  # raise when old stores can no longer be read


def open_collections(path: Path, embedders: dict[str, tuple[str, int]]) -> dict[str, Collection]:
    """Get or make the collections of a store, as they are on disk now.

    Chroma keeps its indexes per folder for the life of a process and does not notice what other
    processes add; opening anew makes it look again.

    Args:
        path: the store's folder, which exists.
        embedders: id and dimension of the embedder of every collection.

    Raises:
        StoreError: the folder is damaged or another version of crystalsmith made it.
    """
    import chromadb
    from chromadb.api.client import SharedSystemClient
    from chromadb.config import Settings

    with explained(path), writing(path):
        SharedSystemClient.clear_system_cache()
        client = chromadb.PersistentClient(str(path), settings=Settings(anonymized_telemetry=False))
        return {
            name: _collection(client, name, {"embedder": embedder, "dimension": dimension}, path)
            for name, (embedder, dimension) in embedders.items()
        }


def _collection(client: Any, name: str, made_with: dict[str, Any], path: Path) -> Collection:
    expected = {"schema": SCHEMA, **made_with}
    # no embedding function: Chroma would fetch its default model from the network
    collection = client.get_or_create_collection(
        name,
        embedding_function=None,
        metadata=expected,
        configuration={"hnsw": {"space": "l2", "ef_search": 200}},
    )
    found = {key: (collection.metadata or {}).get(key) for key in expected}
    if found != expected:
        raise StoreError(
            f"the store in {path} was made by another version of crystalsmith ({json.dumps(found)}"
            f" instead of {json.dumps(expected)}); delete the folder and build it again with"
            " `crystalsmith index build`"
        )
    return collection


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Hold the store's write lock: only one process writes at a time."""
    from filelock import FileLock

    with FileLock(path / "write.lock"):
        yield


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what Chroma raises about a damaged folder into one sentence."""
    from chromadb.errors import ChromaError

    try:
        yield
    except (ChromaError, OSError) as error:
        raise damaged(path, str(error).splitlines()[0]) from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of Chroma's Rust core; no Exception
            raise
        raise damaged(path, "its index cannot be loaded") from None


def damaged(path: Path, reason: str) -> StoreError:
    """The error that says that a store cannot be used, why, and what to do."""
    return StoreError(
        f"the store of known crystals in {path} cannot be used ({reason}); delete the folder and"
        " build it again with `crystalsmith index build`"
    )
