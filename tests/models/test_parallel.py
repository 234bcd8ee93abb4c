"""Batches on several threads: the same results in the same order, PyTorch left as it was."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crystalsmith.models.parallel import in_batches


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
