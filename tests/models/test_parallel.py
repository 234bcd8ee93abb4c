"""Batches on several threads or processes: all results in order, PyTorch left as it was."""

import os

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crystalsmith.models.parallel import in_batches, in_forks


@given(count=st.integers(0, 40), largest=st.integers(1, 9), threads=st.sampled_from([1, 2, 3]))
def test_every_item_once_in_order(count, largest, threads):
    told, sizes = [], []

    def run(part):
        sizes.append(len(part))
        return [2 * item for item in part]

    assert in_batches(run, range(count), largest, threads, told.append) == [
        2 * item for item in range(count)
    ]
    assert all(size <= largest for size in sizes)
    assert told == sorted(told)
    assert told[-1:] == ([count] if count else [])


def test_a_failing_batch_leaves_the_threads_of_pytorch_alone():
    before = torch.get_num_threads()

    def run(part):
        raise ValueError(part)

    with pytest.raises(ValueError, match="0"):
        in_batches(run, [0, 1, 2, 3], 1, 2)
    assert torch.get_num_threads() == before


def test_copies_of_the_process_share_the_work_in_order():
    before = torch.get_num_threads()
    loaded = {"weights": torch.arange(3)}  # copies see it as it is; nothing is sent to them

    def run(index):
        return index, int(loaded["weights"].sum()), os.getpid(), torch.get_num_threads()

    found = in_forks(run, 3)
    assert [row[:2] for row in found] == [(0, 3), (1, 3), (2, 3)]
    assert os.getpid() not in {row[2] for row in found}
    assert {row[3] for row in found} == {1}
    assert torch.get_num_threads() == before
    assert in_forks(run, 1)[0][2] == os.getpid()


def test_a_failing_copy_says_why():
    def run(index):
        raise ValueError(f"number {index}")

    with pytest.raises(ValueError, match="number 0"):
        in_forks(run, 2)
