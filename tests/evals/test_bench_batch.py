"""The benches of batches on a handful of requests: figures are there and add up."""

from __future__ import annotations

import json

import pytest

from crystalsmith.cli import main
from crystalsmith.evals.bench_batch import read_long_file


def test_a_long_file_is_worked_through_with_flat_memory():
    figures = read_long_file(1500, 0.05, seed=1)
    assert figures["worked through"] + figures["broken lines"] == 1500
    assert 30 < figures["broken lines"] < 120
    assert figures["memory at the end, MB"] < figures["memory after a tenth, MB"] + 20
    assert figures["first result after loading, s"] > 0
    assert figures["first request"]


def test_throughput_is_reported_for_every_number_of_workers(tmp_path):
    path = tmp_path / "f.json"
    command = ["bench", "batch", "--limit", "2", "--workers", "1", "--ray", "0", "--store", "none"]
    with pytest.raises(SystemExit) as end:
        main([*command, "--json", str(path)])
    assert not end.value.code
    figures = json.loads(path.read_text(encoding="utf-8"))
    assert figures.keys() == {"1 workers"}
    assert figures["1 workers"]["requests"] == 2
    assert figures["1 workers"]["engine, ms a request (median)"] > 0


def test_workers_must_be_numbers(capsys):
    with pytest.raises(SystemExit) as end:
        main(["bench", "batch", "--workers", "many"])
    assert end.value.code == 2
    assert "must be numbers" in capsys.readouterr().err
