"""Many things on several cores: a batch to each thread."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_batches(
    run: Callable[[Sequence[Item]], list[Result]],
    items: Sequence[Item],
    largest: int,
    threads: int,
    done: Callable[[int], None] | None = None,
) -> list[Result]:
    """Results of all items in order, found batch by batch.

    With more threads than one, every batch has one for itself, and PyTorch uses no others: its
    operations on a batch are too small to be shared out, so that this is faster.

    Args:
        run: gives the results of a batch.
        items: what is asked for.
        largest: number of items of a batch.
        threads: how many batches may be run at the same time.
        done: told how many results there are, after every batch.
    """
    rounds = math.ceil(len(items) / (largest * threads))
    size = math.ceil(len(items) / max(1, rounds * threads))
    parts = [items[begin : begin + size] for begin in range(0, len(items), max(1, size))]
    if threads == 1 or len(parts) < 2:
        return _collected(map(run, parts), done)
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return _collected(pool.map(run, parts), done)
    finally:
        torch.set_num_threads(before)  # of threads to come; this one's has not changed


def _collected(parts: Iterable[list[Result]], done: Callable[[int], None] | None) -> list[Result]:
    results: list[Result] = []
    for part in parts:
        results += part
        if done is not None:
            done(len(results))
    return results
