"""Outside text is data: none of it changes instructions, names a path, runs anything or crashes."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crystalsmith.agent.batch.parsing import parse_lines, read_lines
from crystalsmith.agent.conversation import read_turns
from crystalsmith.agent.grounding import audit
from crystalsmith.agent.readers import built_in
from crystalsmith.agent.report.files import folder_for
from crystalsmith.core.errors import DataError
from crystalsmith.core.public_request import KEYS, public_view, wishes_only
from crystalsmith.prompts.requests import reading_messages
from crystalsmith.tools.langchain_tools import known_crystal_tools
from crystalsmith.tools.prototypes import prototypes

from .hostile import CHARACTERS, INJECTIONS, PATHS, SIZES

EVERYTHING = [text for text, _ in INJECTIONS] + PATHS + CHARACTERS + SIZES


def test_the_corpus_is_large_enough():
    assert len(EVERYTHING) >= 60


@pytest.mark.parametrize(("text", "wishes"), INJECTIONS, ids=[t[:40] for t, _ in INJECTIONS])
def test_nothing_is_followed(text, wishes):
    found = wishes_only(public_view(built_in(text)))
    found.pop("unsupported", None)
    assert found == wishes


@pytest.mark.parametrize("text", EVERYTHING, ids=range(len(EVERYTHING)))
def test_every_text_is_read_in_bounded_time(text):
    started = time.process_time()  # another job on the machine does not count
    request = built_in(text)
    assert time.process_time() - started < 5
    view = public_view(request)
    assert set(wishes_only(view)) <= set(KEYS)
    json.dumps(view, ensure_ascii=True)
    assert audit(request).dropped == ()


@pytest.mark.parametrize("text", PATHS)
def test_a_request_names_no_path(text):
    folder = folder_for(f"cubic oxide {text}", Path("results"))
    assert folder.parent == Path("results")
    assert ".." not in folder.name


def test_ids_of_a_batch_are_only_copied(tmp_path):
    ids = [*PATHS, "\ud800", "<b>", "a\nb", {"path": "/etc"}, None, 1e300]
    rows = [json.dumps({"id": item, "text": "a cubic oxide"}) for item in ids]
    (tmp_path / "in.jsonl").write_text("\n".join(rows), encoding="utf-8")
    out = tmp_path / "out.jsonl"
    parse_lines(read_lines(tmp_path / "in.jsonl"), out, read_turns)
    found = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [row["id"] for row in found] == ids
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize(
    "row", ["{", "[]", '{"text": 1}', '{"turns": "x"}', '{"turns": [1]}', "[" * 100_000, '"x"']
)
def test_a_bad_line_is_named(tmp_path, row):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "NaCl"}\n' + row, encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        read_lines(path)


def test_a_request_stays_inside_its_fence():
    for text, _ in INJECTIONS:
        sent = reading_messages(text, {})[-1][1]
        assert sent.startswith("<request>\n")
        assert sent.count("</request>") == 1
        assert sent.endswith("</request>")


@pytest.mark.parametrize("text", [text for text, _ in INJECTIONS[:8]])
def test_comments_in_a_cif_are_data(text):
    tool = {tool.name: tool for tool in known_crystal_tools(prototypes())}["check_novelty"]
    comment = text.replace("\n", " ")
    cif = f"# {comment}\ndata_x\n_chemical_name_common '{comment.replace(chr(39), '')}'\n"
    assert "error" in json.loads(tool.invoke({"cif": cif}))


WORDS = [
    "lead-free",
    "Pb",
    "1.5",
    "eV",
    "no",
    "gap",
    "无铅",
    "带隙",
    "cubic",
    "or",
    "(",
    "-",
    "=",
    "225",
    "±",
    "Li,",
    "instead",
    "of",
    "drop",
]
any_text = st.text(max_size=300) | st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join)


@settings(max_examples=300, deadline=5000, suppress_health_check=list(HealthCheck))
@given(any_text)
def test_any_text_is_read(text):
    request = built_in(text)
    view = public_view(request)
    json.dumps(view, ensure_ascii=True)
    assert audit(request).dropped == ()
    for words in view.get("spans", {}).values():
        assert all(part in text for part in words)


@settings(max_examples=150, deadline=5000, suppress_health_check=list(HealthCheck))
@given(st.lists(any_text, min_size=1, max_size=4))
def test_any_dialogue_is_read(turns):
    requests = read_turns(turns)
    assert len(requests) == len(turns)
    for request in requests:
        json.dumps(public_view(request), ensure_ascii=True)
