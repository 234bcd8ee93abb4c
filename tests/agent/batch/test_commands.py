"""The command line of batches and reports: bad input is one sentence, Ctrl-C keeps what is done."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from crystalsmith.agent.batch.commands import parse_shard
from crystalsmith.cli import main
from crystalsmith.core.errors import RequestError


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.txt"], "cannot be read"),
        (["{file}", "--shard", "3/2"], "--shard must be"),
        (["{file}", "--shard", "0/2"], "--shard must be"),
        (["{file}", "--engine", "slurm"], "no engine"),
        (["{file}", "--budget", "huge"], "no budget"),
        (["{file}.xlsx"], "must end in"),
    ],
)
def test_bad_input_is_one_sentence(arguments, words, tmp_path, capsys):
    file = tmp_path / "p.txt"
    file.write_text("MgO\n", encoding="utf-8")
    command = [argument.replace("{file}", str(file)) for argument in arguments]
    with pytest.raises(SystemExit) as end:
        main(["batch", *command, "--out", str(tmp_path / "out")])
    assert end.value.code == 2
    assert words in capsys.readouterr().err


def test_a_folder_without_results_cannot_be_reported(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["report", str(tmp_path)])
    assert end.value.code == 2
    assert "no results.json" in capsys.readouterr().err


def test_an_empty_file_is_a_finished_batch(tmp_path):
    (tmp_path / "p.txt").write_text("\n\n", encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        main(["batch", str(tmp_path / "p.txt"), "--out", str(tmp_path / "out")])
    assert not end.value.code
    assert (tmp_path / "out" / "summary.parquet").exists()


@pytest.mark.parametrize("text", ["1/1", "2/4"])
def test_shards_are_read(text):
    assert "/".join(map(str, parse_shard(text))) == text


@pytest.mark.parametrize("text", ["", "1", "a/b", "5/4", "-1/4", "1/0"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(RequestError):
        parse_shard(text)


def test_ctrl_c_stops_at_once_without_a_traceback_or_left_processes(tmp_path):
    (tmp_path / "p.txt").write_text("ternary oxides\nternary sulfides\n", encoding="utf-8")
    command = ["batch", str(tmp_path / "p.txt"), "--out", str(tmp_path / "out"), "--store", "none"]
    process = subprocess.Popen(
        [sys.executable, "-m", "crystalsmith.cli", *command, "--budget", "thorough"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "out" / "manifest.sqlite").exists():
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not list((tmp_path / "out").glob(".working*"))
