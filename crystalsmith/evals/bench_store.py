"""How fast the store is at the Materials Project's size, and what Chroma alone would take.

The crystals are real ones with elements replaced by chemically near ones, cells strained and values
shifted, until there are as many as asked for: only the size is tested here. Building and querying
run in fresh processes on two cores, so that time and memory are what a user sees.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, element_distances
from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.tools.known_crystals import Filters
from crystalsmith.tools.records import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from crystalsmith.core.entry import Entry
    from crystalsmith.tools.store import CrystalStore

_CORES = 2
_NEAR = 6  # elements that one may be replaced by
_STRAIN = 0.03
_KIB_PER_GB = 1e6 / 1.024
_HITS = 10
_WAYS = ("composition", "text", "structure", "all three")
_NO_GAP = 0.05  # eV


def perturbed(entries: Sequence[Entry], n: int, seed: int) -> Iterator[Entry]:
    """``n`` crystals: the given ones first, then variants of them.

    Args:
        entries: real crystals.
        n: how many.
        seed: of the variation.
    """
    random_ = random.Random(seed)
    near = np.argsort(element_distances(), axis=1)[:, : _NEAR + 1]
    for index in range(n):
        entry = entries[index % len(entries)]
        yield entry if index < len(entries) else _variant(entry, index, random_, near)


def _variant(entry: Entry, index: int, random_: random.Random, near: Any) -> Entry:
    crystal = entry.crystal
    replacement: dict[str, str] = {}
    for element in crystal.template.letters:
        options = [ALL_ELEMENTS[z] for z in near[ALL_ELEMENTS.index(element)]]
        free = [symbol for symbol in options if symbol not in replacement.values()]
        replacement[element] = random_.choice(free or [element])
    if len(set(replacement.values())) == len(replacement):
        crystal = crystal.with_elements(replacement)
    lattice = crystal.lattice.copy()
    lattice[:3] *= 1 + random_.uniform(-_STRAIN, _STRAIN)

    def shifted(value: float | None, spread: float) -> float | None:
        return None if value is None else value + random_.gauss(0, spread)

    gap = entry.band_gap
    return replace(
        entry,
        id=f"variant-{index}",
        source="variants",
        crystal=replace(crystal, lattice=lattice),
        band_gap=gap if gap is None or gap < _NO_GAP else abs(shifted(gap, 0.3) or 0.0),
        formation_energy=shifted(entry.formation_energy, 0.05),
        e_above_hull=entry.e_above_hull,
    )


def bench_store(
    entries: Sequence[Entry],
    *,
    n: int = 150_000,
    queries: int = 400,
    seed: int = 0,
    folder: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Build a store and query it, in fresh processes on two cores.

    Args:
        entries: real crystals to take and to vary.
        n: entries of the store.
        queries: how many are asked, with filters, in all ways by turns.
        seed: of the variants and the queries.
        folder: where the store is left; a temporary one otherwise.
        progress: told about the stages.

    Raises:
        CrystalsmithError: a process fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        crystals = Path(scratch) / "crystals.jsonl"
        with crystals.open("w", encoding="utf-8") as handle:
            for done, entry in enumerate(perturbed(entries, n, seed), start=1):
                handle.write(to_json(entry) + "\n")
                if done % 1000 == 0:
                    progress("varying crystals", done, n)
        place = folder or Path(scratch) / "store"
        progress("building", 0, 1)
        built = _in_process("build", str(place), str(crystals))
        progress("building", 1, 1)
        progress("querying", 0, 1)
        asked = _in_process("query", str(place), str(queries), str(seed))
        progress("querying", 1, 1)
    return built | asked


def _in_process(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "crystalsmith.evals.bench_store", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CrystalsmithError(f"the benchmark's {arguments[0]} step failed: {last}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


# ---- inside the fresh processes --------------------------------------------------------------


def _build(folder: Path, crystals: Path) -> dict[str, Any]:
    from crystalsmith.tools.store import CrystalStore

    folder.mkdir(parents=True, exist_ok=True)
    started, worked = time.monotonic(), time.process_time()
    store = CrystalStore(folder)
    with crystals.open(encoding="utf-8") as handle:
        added = store.add(map(from_json, handle))
    seconds, cpu = time.monotonic() - started, time.process_time() - worked
    store.index_texts()
    encoded = time.monotonic() - started - seconds
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {
        "entries": len(store),
        "build_seconds": seconds,
        "build_cpu_seconds": cpu,
        "text_encoding_seconds": encoded,
        "build_rate_per_s": added / (seconds + encoded),
        "build_peak_memory_gb": _peak(),
        "disk_gb": size / 1e9,
    }


def _query(folder: Path, count: int, seed: int) -> dict[str, Any]:
    from crystalsmith.tools.store import open_store

    started = time.monotonic()
    store = open_store(folder, create=False)
    opened = time.monotonic() - started
    columns = store.finder().columns
    random_ = random.Random(seed)
    seeds = [columns.entry(random_.randrange(len(columns))) for _ in range(count + len(_WAYS))]
    warm, timed = seeds[: len(_WAYS)], seeds[len(_WAYS) :]
    for way, entry in zip(_WAYS, warm, strict=True):
        _ask(store, way, entry, random_)
    first = time.monotonic() - started
    taken: dict[str, list[float]] = {way: [] for way in _WAYS}
    found = 0
    for index, entry in enumerate(timed):
        way = _WAYS[index % len(_WAYS)]
        begun = time.perf_counter()
        found += _ask(store, way, entry, random_)
        taken[way].append(1000 * (time.perf_counter() - begun))
    everything = [value for row in taken.values() for value in row]
    figures: dict[str, Any] = {
        "queries": count,
        "query_median_ms": float(np.median(everything)),
        "query_p99_ms": float(np.percentile(everything, 99)),
    }
    figures |= {f"{way}_median_ms": float(np.median(row)) for way, row in taken.items()}
    figures |= {
        "hits_per_query": found / count,
        "open_seconds": opened,
        "first_answers_seconds": first,
        "query_peak_memory_gb": _peak(),
    }
    return figures | {"chroma_alone_median_ms": _chroma_alone(store, timed[:20], random_)}


def _ask(store: CrystalStore, way: str, entry: Entry, random_: random.Random) -> int:
    """One query for crystals like a real one, under conditions that it meets itself."""
    where = _conditions(entry, random_)
    asked: dict[str, Any] = {}
    if way in ("composition", "all three"):
        asked["composition"] = entry.composition
    if way in ("structure", "all three"):
        asked["template"] = entry.crystal.template
    if way in ("text", "all three"):
        asked["text"] = _words(entry, random_)
    return len(store.find(_HITS, where, **asked))


def _conditions(entry: Entry, random_: random.Random) -> Filters:
    """Two conditions by turns: elements in and out, number of elements, ranges, symmetry."""
    symbols = [element.symbol for element in entry.composition.elements]
    out = random_.choice([symbol for symbol in ALL_ELEMENTS[:94] if symbol not in symbols])
    gap, energy = entry.band_gap, entry.formation_energy
    options: list[dict[str, Any]] = [
        {"elements": (random_.choice(symbols),)},
        {"without": (out,)},
        {"n_elements": len(symbols)},
        {"crystal_system": entry.crystal.template.group.crystal_system},
        {"space_group": entry.crystal.template.number},
        {"anonymous_formula": entry.composition.anonymized_formula},
    ]
    options += [] if gap is None else [{"band_gap": (gap - 0.5, gap + 0.5)}]
    options += [] if energy is None else [{"formation_energy": (energy - 0.5, energy + 0.5)}]
    first, second = random_.sample(options, 2)
    return Filters(**first, **second)


def _words(entry: Entry, random_: random.Random) -> str:
    """A request in words that the entry answers: some of what is said about it, in any order."""
    from crystalsmith.tools.descriptions import facets

    phrases = facets(entry)
    return " ".join(random_.sample(phrases, min(3, len(phrases))))


def _chroma_alone(store: CrystalStore, seeds: Iterable[Entry], random_: random.Random) -> float:
    """Median milliseconds of the same composition queries asked of Chroma itself."""
    from crystalsmith.tools.columns import columns_of
    from crystalsmith.tools.embeddings import composition_vectors

    query: Callable[..., Any] = store.chroma.query
    taken = []
    for entry in seeds:
        where = {
            "$and": [
                {"elements": {"$contains": entry.composition.elements[0].symbol}},
                {"n_elements": {"$lte": random_.randint(3, 5)}},
            ]
        }
        vectors = composition_vectors(columns_of([entry]).fractions)
        begun = time.perf_counter()
        query(query_embeddings=vectors, n_results=_HITS, where=where, include=["documents"])
        taken.append(1000 * (time.perf_counter() - begun))
    return float(np.median(taken)) if taken else float("nan")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB_PER_GB


def _two_cores() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:_CORES])
    import torch

    torch.set_num_threads(_CORES)


def main(arguments: Sequence[str]) -> None:
    """What the fresh processes run; prints figures as JSON."""
    step, folder, *rest = arguments
    _two_cores()
    if step == "build":
        figures = _build(Path(folder), Path(rest[0]))
    else:
        figures = _query(Path(folder), int(rest[0]), int(rest[1]))
    print(json.dumps(figures))  # noqa: T201 - read by the process that asked


if __name__ == "__main__":
    main(sys.argv[1:])
