"""Many things on several cores: a batch to each thread."""

from __future__ import annotations

import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

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


def in_forks(run: Callable[[int], Result], count: int) -> list[Result]:
    """``run(0)`` to ``run(count - 1)``, each in a copy of this process with one thread.

    Where threads wait for each other because half of the work is Python. Copies share the memory
    of all that is loaded. Not for programs that have threads of their own at work, and not where
    the operating system cannot fork: there it is one after another, here.
    """
    if count == 1 or "fork" not in multiprocessing.get_all_start_methods():
        return [run(index) for index in range(count)]
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(count, context, _begin_fork, (run,)) as pool:
        return list(pool.map(_run_forked, range(count)))


_forked: Callable[[int], Any]  # what a copy of this process is to run; set there alone


def _begin_fork(run: Callable[[int], object]) -> None:
    global _forked  # handed over by the fork, so that it need not be picklable
    _forked = run
    torch.set_num_threads(1)


def _run_forked(index: int) -> Any:
    return _forked(index)


def _collected(parts: Iterable[list[Result]], done: Callable[[int], None] | None) -> list[Result]:
    results: list[Result] = []
    for part in parts:
        results += part
        if done is not None:
            done(len(results))
    return results
