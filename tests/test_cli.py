"""The command line as a user meets it: exit codes, what goes to which stream, help."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

COMMANDS = [
    (),
    ("design",),
    ("parse",),
    ("doctor",),
    ("index",),
    ("index", "build"),
    ("index", "info"),
    ("index", "search"),
    ("train",),
    ("train", "structure"),
    ("train", "constraint"),
    ("train", "surrogate"),
    ("train", "composition"),
    ("eval",),
    ("eval", "symmetry"),
    ("eval", "structures"),
    ("eval", "surrogates"),
    ("eval", "compliance"),
    ("eval", "papers"),
    ("batch",),
    ("report",),
    ("bench",),
    ("bench", "design"),
    ("bench", "startup"),
    ("bench", "batch"),
    ("bench", "resume"),
    ("bench", "lines"),
]


@pytest.fixture
def run(tmp_path):
    environment = os.environ | {
        "CRYSTALSMITH_STORE": str(tmp_path / "store"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "100",
    }

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "crystalsmith.cli", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=300,
            check=False,
        )

    call.environment = environment
    return call


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(run, command):
    done = run(*command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_version(run):
    assert run("--version").stdout.startswith("crystalsmith ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("design", ""), "empty"),
        (("design", "what is the weather like"), "crystal"),
        (("design", "Xx2O3"), "Xx"),
        (("design", "lead-free CsPbI3"), "contradicts"),
        (("design", "cubic with space group P-1"), "contradicts"),
        (("design", "a metal with a 2 eV gap"), "contradicts"),
        (("design", "MgO", "--budget", "lavish"), "quick, standard, thorough"),
        (("design", "MgO", "--store", "/dev/null"), "store"),
        (("parse", "   "), "empty"),
        (("index", "info"), "index build"),
        (("index", "build", "--csv", "nowhere.csv"), "nowhere.csv"),
        (("eval", "structures", "--data", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(run, arguments, words):
    done = run(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("crystalsmith:")]
    assert len(line) > 20


def test_unwritable_output_is_refused_before_the_search(run, tmp_path):
    (tmp_path / "file").write_text("")
    done = run("design", "MgO", "--out", str(tmp_path / "file" / "out"))
    assert done.returncode == 2
    assert "--out" in done.stderr


def test_json_is_alone_on_standard_output(run):
    done = run("design", "MgO", "-n", "1", "--store", "none", "--json")
    assert done.returncode == 0
    record = json.loads(done.stdout)
    assert record["candidates"][0]["formula"] == "MgO"
    assert record["satisfied"] == 1


def test_falling_short_is_exit_code_3_with_everything_written(run, tmp_path):
    out = tmp_path / "out"
    done = run("design", "NaCl, band gap 30 eV", "-n", "1", "--store", "none", "--out", str(out))
    assert done.returncode == 3
    assert "band gap 30" in done.stdout
    assert "fail" in done.stdout
    assert {path.suffix for path in out.iterdir()} == {".cif", ".json", ".csv"}


def test_parse_prints_the_reading_as_json(run):
    done = run("parse", "a cubic oxide", "--json")
    assert json.loads(done.stdout) == {
        "anion_class": "oxide",
        "crystal_system": "cubic",
        "spans": {"crystal_system": ["cubic"], "anion_class": ["oxide"]},
    }


def test_parse_reads_a_file_of_requests_and_dialogues(run, tmp_path):
    lines = [{"id": "a", "text": "NaCl"}, {"id": 2, "turns": ["a cubic oxide", "undo"]}]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    out = tmp_path / "new" / "out.jsonl"
    assert run("parse", "--file", str(tmp_path / "in.jsonl"), "--out", str(out)).returncode == 0
    first, second = map(json.loads, out.read_text("utf-8").splitlines())
    assert (first["id"], first["request"]["formula"]) == ("a", "NaCl")
    assert [view.get("anion_class") for view in second["requests"]] == ["oxide", None]


def test_doctor_says_what_is_there_and_what_it_would_add(run):
    done = run("doctor")
    assert done.returncode == 0
    for part in ("constraint", "structure", "surrogates", "GPU", "Materials", "language model"):
        assert part in done.stdout


def test_damaged_weights_are_named(run, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{")
    run.environment["CRYSTALSMITH_STRUCTURE_WEIGHTS"] = str(broken)
    done = run("design", "MgO", "--store", "none")
    assert done.returncode == 2
    assert str(broken) in done.stderr
    assert run("doctor").returncode == 2


def test_ctrl_c_ends_with_130_and_leaves_nothing_half_written(run, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "crystalsmith.cli",
            "design",
            "ternary oxide",
            "--budget",
            "thorough",
            "--store",
            "none",
            "--out",
            str(out),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=run.environment,
        cwd=tmp_path,
    )
    time.sleep(8)  # well into loading or searching; a thorough search takes minutes
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "stopped" in errors
    assert not out.exists() or not list(out.glob("*.part"))


def test_the_python_api_loads_at_once():
    code = "import crystalsmith, sys; assert 'torch' not in sys.modules; crystalsmith.__version__"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_command_line_starts_without_the_libraries_it_may_need_later():
    slow = "'pymatgen', 'torch', 'pydantic', 'numpy', 'rich'"
    code = f"import crystalsmith.cli, sys; print([m for m in ({slow}) if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_html_is_written_beside_the_results(run, tmp_path):
    done = run(
        "design", "crystals of MgO", "--store", "none", "-o", str(tmp_path / "out"), "--html"
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "plotly.js" in text
    assert '"formula": "MgO"' in text
