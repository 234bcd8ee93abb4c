"""Many questions on several cores: a batch to each thread."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_batches(
    run: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], largest: int, threads: int
) -> list[Result]:
    """Results of all items in order, found batch by batch.

    With more threads than one, every batch has one for itself, and PyTorch uses no others: its
    operations on a batch are too small to be shared out, so that this is faster.

    Args:
        run: gives the results of a batch.
        items: what is asked for.
        largest: number of items of a batch.
        threads: how many batches may be run at the same time.
    """
    rounds = math.ceil(len(items) / (largest * threads))
    size = math.ceil(len(items) / max(1, rounds * threads))
    parts = [items[begin : begin + size] for begin in range(0, len(items), max(1, size))]
    if threads == 1 or len(parts) < 2:
        return [result for part in parts for result in run(part)]
    before = torch.get_num_threads()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        results = [result for found in pool.map(run, parts) for result in found]
    torch.set_num_threads(before)  # of threads to come; this one's has not changed
    return results
