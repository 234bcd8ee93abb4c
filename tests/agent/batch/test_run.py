"""Batches with real worker processes: results, failures, going on, being killed."""

from __future__ import annotations

import csv
import json
import resource
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from crystalsmith.agent.batch.jobs import Options
from crystalsmith.agent.batch.manifest import Manifest
from crystalsmith.agent.batch.pool import LocalPool
from crystalsmith.agent.batch.run import Batch, run_batch
from crystalsmith.agent.batch.work import Setup
from crystalsmith.core.errors import OutputError
from crystalsmith.evals.bench_batch import kill_and_resume

if TYPE_CHECKING:
    from pathlib import Path

_LINES = [
    '{"id": "rock salt", "text": "MgO in the rock salt structure", "count": 1}',
    '{"id": "talk", "turns": ["crystals of CaO", "make it cubic"]}',
    "not a request",
    '{"id": "both", "text": "an oxide with lead and without lead"}',
    '{"id": "../up", "text": "crystals of NaCl"}',
    '{"id": "talk", "text": "crystals of KCl"}',
    '{"id": "too much", "text": "NaCl with a band gap above 30 eV"}',
]


@pytest.fixture(scope="module")
def setup():
    return Setup("none")


@pytest.fixture(scope="module")
def finished(setup, tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch")
    prompts = folder / "prompts.jsonl"
    prompts.write_text("\n".join(_LINES) + "\n", encoding="utf-8")
    batch = Batch(prompts, folder / "out")
    return batch, run_batch(batch, setup, lambda: LocalPool(setup, 2))


@pytest.fixture
def again(finished, tmp_path):
    """A copy of the finished batch, to be changed."""
    batch, _ = finished
    shutil.copytree(batch.out, tmp_path / "out")
    shutil.copy(batch.prompts, tmp_path / "prompts.jsonl")
    return Batch(tmp_path / "prompts.jsonl", tmp_path / "out")


def _never():
    raise AssertionError("there was nothing to do, and workers were started")


def _rows(path: Path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_request_has_its_folder_or_its_reason(finished):
    batch, report = finished
    counts = report.counts
    assert (counts.total, counts.satisfied, counts.fell_short, counts.failed) == (5, 3, 1, 1)
    assert counts.broken == 2
    folders = {path.name for path in batch.out.iterdir() if path.is_dir()}
    assert len(folders) == 4
    for folder in folders:
        record = json.loads((batch.out / folder / "results.json").read_text(encoding="utf-8"))
        assert all((batch.out / folder / item["file"]).exists() for item in record["candidates"])
    talk = json.loads((batch.out / "talk" / "results.json").read_text(encoding="utf-8"))
    assert {item["formula"] for item in talk["candidates"]} == {"CaO"}
    assert all(item["space_group"]["number"] >= 195 for item in talk["candidates"])
    assert not list(batch.out.glob(".working*"))


def test_what_failed_is_listed_with_its_line(finished):
    batch, _ = finished
    rows = {row["line"]: row["reason"] for row in _rows(batch.out / "failed.jsonl")}
    assert rows.keys() == {3, 4, 6}
    assert rows[3] == "not JSON"
    assert "contradicts itself" in rows[4]
    assert "taken by line 2" in rows[6]


def test_the_summary_says_what_fell_short_in_csv_and_parquet(finished):
    batch, report = finished
    with (batch.out / "summary.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["line"] for row in rows] == ["1", "2", "4", "5", "7"]
    assert [row["status"] for row in rows] == [
        "satisfied", "satisfied", "failed", "satisfied", "fell short",
    ]  # fmt: skip
    assert rows[-1]["falls_short_by"] == "band gap at least 30 eV"
    assert report.misses == {"band gap at least 30 eV": 1}
    table = pq.read_table(batch.out / "summary.parquet").to_pylist()
    assert [row["id"] for row in table] == [row["id"] for row in rows]


def test_running_it_again_does_nothing(again, setup):
    report = run_batch(again, setup, _never)
    assert report.worked == 0
    assert report.counts.done == report.counts.total == 5


def test_folders_are_enough_when_the_manifest_is_lost(again, setup):
    (again.out / "manifest.sqlite").unlink()
    lines = again.prompts.read_text(encoding="utf-8").splitlines()
    again.prompts.write_text("\n".join(lines[i] for i in (0, 1, 4, 6)), encoding="utf-8")
    assert run_batch(again, setup, _never).counts.done == 4


def test_only_what_changed_is_done_again(again, setup):
    text = again.prompts.read_text(encoding="utf-8").replace('"count": 1', '"count": 2')
    again.prompts.write_text(text, encoding="utf-8")
    times = {path: path.stat().st_mtime_ns for path in again.out.glob("*/job.json")}
    report = run_batch(again, setup, lambda: LocalPool(setup, 1))
    assert report.worked == 1
    redone = [path.parent.name for path, time in times.items() if path.stat().st_mtime_ns != time]
    assert len(redone) == 1
    assert redone[0].startswith("rock-salt")


def test_shards_share_the_work_and_a_run_of_all_finds_it_done(again, setup):
    for number in (1, 2):
        part = Batch(again.prompts, again.out, shard=(number, 2))
        run_batch(part, setup, lambda: LocalPool(setup, 1))
        assert part.path("summary", ".csv").exists()
    assert run_batch(again, setup, _never).counts.done == 5


def test_a_folder_that_is_not_ours_is_left_alone(again, setup):
    shutil.rmtree(again.out / "talk")
    (again.out / "manifest.sqlite").unlink()
    (again.out / "talk").mkdir()
    (again.out / "talk" / "diary.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="no result of a batch"):
        run_batch(again, setup, lambda: LocalPool(setup, 1))
    assert (again.out / "talk" / "diary.txt").read_text(encoding="utf-8") == "mine"


def test_two_batches_do_not_work_in_one_folder(again, setup):
    held = Manifest(again.out / "manifest.sqlite")
    try:
        with pytest.raises(OutputError, match="another batch"):
            run_batch(again, setup, _never)
    finally:
        held.close()


def test_a_job_that_takes_too_long_fails_and_the_rest_goes_on(setup, tmp_path):
    prompts = tmp_path / "p.jsonl"
    lines = ['{"id": "long", "text": "ternary oxides", "budget": "thorough"}', _LINES[3]]
    prompts.write_text("\n".join(lines), encoding="utf-8")
    batch = Batch(prompts, tmp_path / "out", Options())
    report = run_batch(batch, setup, lambda: LocalPool(setup, 1, limit=4.0))
    assert report.counts.failed == 2
    reasons = [row["reason"] for row in _rows(tmp_path / "out" / "failed.jsonl")]
    assert "longer than 4 s" in reasons[0]
    assert "contradicts" in reasons[1]


def test_a_disk_that_is_full_ends_it_with_a_sentence_and_it_goes_on_later(tmp_path, setup):
    prompts = tmp_path / "p.txt"
    prompts.write_text("binary oxides\n", encoding="utf-8")
    out = tmp_path / "out"
    command = [
        sys.executable, "-m", "crystalsmith.cli", "batch", str(prompts), "-o", str(out),
        "--store", "none", "-n", "20",
    ]  # fmt: skip

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (48_000, 48_000))

    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=no_room,
    )
    assert done.returncode == 2, done.stderr
    assert "same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (out / "line-000001").exists()
    report = run_batch(Batch(prompts, out, Options(count=20)), setup, lambda: LocalPool(setup, 1))
    assert report.worked == 1


def test_nothing_is_lost_doubled_or_different_when_it_is_killed():
    figures = kill_and_resume(2, 3, workers=1, seed=0)
    assert figures["lost"] == figures["done twice"] == figures["different"] == 0
    assert figures["left behind"] == 0


def test_ray_gives_the_same_results(finished, setup, tmp_path):
    pytest.importorskip("ray", reason="the ray extra is not installed")
    from crystalsmith.agent.batch.ray_pool import RayPool

    batch, _ = finished
    other = Batch(batch.prompts, tmp_path / "out")
    report = run_batch(other, setup, lambda: RayPool(setup, 1, None))
    assert report.counts.satisfied == 3
    for path in batch.out.glob("*/*.cif"):
        copy = other.out / path.relative_to(batch.out)
        assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
