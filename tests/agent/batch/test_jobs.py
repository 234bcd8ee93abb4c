"""Reading files of requests: three formats, broken lines, names for folders."""

from __future__ import annotations

import csv
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crystalsmith.agent.batch.jobs import BrokenLine, Job, Options, in_shard, read_jobs, safe_name
from crystalsmith.core.errors import DataError

_DEFAULTS = Options(seed=7)


def _read(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_jobs(path, _DEFAULTS))


def test_a_text_file_has_a_request_a_line_and_empty_lines_do_not_count(tmp_path):
    found = _read(tmp_path / "p.txt", "\ufeffMgO\r\n\n  CaO rock salt  \n")
    assert [(job.line, job.turns, job.id) for job in found] == [
        (1, ("MgO",), "line-000001"),
        (3, ("CaO rock salt",), "line-000003"),
    ]
    assert found[0].options == _DEFAULTS


def test_json_lines_carry_ids_turns_and_options_of_their_own(tmp_path):
    rows = [
        {"id": "a", "text": "MgO", "gold": {"ignored": 1}},
        {"id": 2, "turns": ["an oxide", "make it cubic"], "options": {"count": 3}},
        {"id": "c", "text": "MgO", "budget": "standard", "relax": True},
    ]
    first, second, third = _read(tmp_path / "p.jsonl", "\n".join(map(json.dumps, rows)))
    assert (first.id, second.id, third.id) == ("a", "2", "c")
    assert second.turns == ("an oxide", "make it cubic")
    assert second.options == Options(count=3, seed=7)
    assert third.options == Options(budget="standard", relax=True, seed=7)


def test_csv_needs_a_text_column_and_takes_options_from_others(tmp_path):
    text = 'id,prompt,count,note\nx,"MgO, cubic",2,hello\ny,"two\nlines",,\n'
    first, second = _read(tmp_path / "p.csv", text)
    assert (first.turns, first.options.count, first.line) == (("MgO, cubic",), 2, 2)
    assert (second.turns, second.options.count, second.line) == (("two\nlines",), None, 3)
    with pytest.raises(DataError, match="needs a column"):
        _read(tmp_path / "q.csv", "id,words\n1,MgO\n")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "MgO"', "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"id": "a"}', "give either"),
        ('{"text": "MgO", "turns": ["MgO"]}', "give either"),
        ('{"text": "   "}', "empty"),
        ('{"turns": []}', "empty"),
        ('{"text": 5}', "must be words"),
        ('{"turns": ["MgO", 5]}', "must be words"),
        ('{"text": "MgO", "id": ["a"]}', '"id" must be'),
        ('{"text": "MgO", "count": 0}', "option count"),
        ('{"text": "MgO", "options": {"buget": "quick"}}', "option buget"),
        ('{"text": "MgO", "budget": "huge"}', "option budget"),
        ('{"text": "\\ud800"}', "not UTF-8"),
        ('{"text": "' + "x" * 20_001 + '"}', "longer than"),
    ],
)
def test_a_broken_line_says_why_and_the_next_is_read(tmp_path, line, reason):
    broken, fine = _read(tmp_path / "p.jsonl", line + '\n{"text": "MgO"}\n')
    assert isinstance(broken, BrokenLine)
    assert broken.line == 1
    assert reason in broken.reason
    assert isinstance(fine, Job)


def test_bytes_that_are_no_text_break_their_own_line_only(tmp_path):
    broken, fine = _read(tmp_path / "p.txt", b"\xff\xfe oxide\nMgO\n")
    assert broken.reason == "not UTF-8"
    assert fine.turns == ("MgO",)


@pytest.mark.parametrize("name", ["p.xlsx", "missing.txt"])
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path, name):
    with pytest.raises(DataError):
        list(read_jobs(tmp_path / name, _DEFAULTS))


@given(st.lists(st.text(max_size=40), max_size=8))
def test_no_bytes_of_a_text_file_stop_the_reading(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("any") / "p.jsonl"
    found = _read(path, "\n".join(lines).encode("utf-8", "surrogatepass"))
    assert all(isinstance(item, Job | BrokenLine) for item in found)


@given(st.lists(st.lists(st.text(max_size=10), min_size=1, max_size=4), max_size=6))
def test_no_cells_of_a_csv_file_stop_the_reading(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "p.csv"
    with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as stream:
        csv.writer(stream, escapechar="\\").writerows([["id", "text"], *rows])
    assert all(isinstance(item, Job | BrokenLine) for item in read_jobs(path, _DEFAULTS))


@given(st.text(min_size=1, max_size=200))
def test_every_id_becomes_one_plain_name(source):
    name = safe_name(source)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,70}", name)
    assert not name.startswith((".", "-"))
    assert name == safe_name(source)


@pytest.mark.parametrize(
    "source",
    ["../../etc/passwd", "..", "/abs", "a/b", "summary.csv", "manifest.sqlite", "CON", "x" * 500],
)
def test_ids_that_are_paths_or_names_of_ours_are_changed(source):
    name = safe_name(source)
    assert name != source
    assert "/" not in name
    assert safe_name(source + "x") != name


@given(st.text(min_size=1), st.integers(1, 9))
def test_every_id_is_in_exactly_one_shard(name, total):
    assert sum(in_shard(name, (i, total)) for i in range(1, total + 1)) == 1
