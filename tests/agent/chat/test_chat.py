"""Chat on the shipped weights, with a small search; sessions in a real SQLite file."""

import io
import json
import sys

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from crystalsmith.agent.chat.agent import ChatAgent, answer_of
from crystalsmith.agent.chat.answers import standing
from crystalsmith.agent.chat.commands import run_command
from crystalsmith.agent.chat.sessions import checked_name, open_sessions, session_names
from crystalsmith.agent.chat.shell import chat
from crystalsmith.agent.chat.workbench import Workbench
from crystalsmith.agent.conversation import Conversation
from crystalsmith.agent.interpreter import read
from crystalsmith.agent.llm import language_model
from crystalsmith.core.errors import RequestError
from crystalsmith.core.public_request import public_view, wishes_only
from crystalsmith.core.settings import Settings

from ..llm.openai_server import serving

pytestmark = pytest.mark.usefixtures("small_budget")


@pytest.fixture
def agent(bench, saver):
    return ChatAgent(bench, saver, "test")


def wishes(agent):
    request = Conversation.model_validate(agent.values["conversation"]).request
    return wishes_only(public_view(request))


def test_a_design_is_refined_explained_and_taken_back(agent, bench):
    answer = agent.say("SrTiO3 in space group 221, one candidate")
    assert "1. SrTiO3 Pm-3m (221): band gap" in answer
    assert "eV (surrogate)" in answer
    assert "pass: formula SrTiO3" in agent.say("why did number 1 pass?")
    agent.say("make it BaTiO3 instead")
    assert wishes(agent)["formula"] == "BaTiO3"
    assert agent.values["result"]["candidates"][0]["formula"] == "BaTiO3"
    assert "BaTiO3" in agent.say("compare 1 and 1")
    assert "1_BaTiO3.cif" in run_command(agent, "/export cif 1", list)
    assert [path.name for path in bench.folder.iterdir()] == ["1_BaTiO3.cif"]
    assert "formula SrTiO3" in run_command(agent, "/undo", list)
    assert wishes(agent)["formula"] == "SrTiO3"
    assert "SrTiO3" in run_command(agent, "/show", list)
    assert "Known crystals most like BaTiO3" in run_command(agent, "/similar 1", list)


def test_a_contradiction_is_asked_about_and_nothing_is_searched(agent):
    answer = agent.say("a cubic oxide in space group 194")
    assert "no space group is at once cubic" in answer
    assert "Which of it shall I drop?" in answer
    assert agent.values["result"] is None


def test_what_cannot_be_scored_is_named():
    request = read("ternary sulfides, low thermal conductivity")
    assert "- cannot be scored: low thermal conductivity" in standing(request)


def test_questions_without_candidates_are_answered_so(agent):
    for question in ("why did 3 fail?", "compare 1 and 2", "more like number 2"):
        assert agent.say(question) == "there are no candidates yet; say what material you need"
    assert "nothing in the request is about" in agent.say("what is the weather?")


def test_a_session_goes_on_after_a_crash(toolbox, tmp_path):
    with open_sessions(tmp_path) as saver:
        ChatAgent(Workbench(tmp_path, _toolbox=[toolbox]), saver, "a").say("cubic oxide in P63/mmc")
    with open_sessions(tmp_path) as saver:  # nothing but the file is left
        again = ChatAgent(Workbench(tmp_path, _toolbox=[toolbox]), saver, "a")
        assert wishes(again)["anion_class"] == "oxide"
        assert session_names(saver) == ["a"]
        assert wishes(ChatAgent(again.bench, saver, "b")) == {}


def test_a_run_can_be_stopped_and_the_session_stays(agent, bench):
    def stop(stage, done, total):
        bench.is_stopped = True

    bench.progress = stop
    assert agent.say("two nitrides") == (
        "Understood:\n- a nitride\n- 2 candidates\n\n"
        "stopped; the session is kept as it was before the run"
    )
    assert wishes(agent) == {"anion_class": "nitride", "count": 2}


def test_it_works_in_a_pipe(agent, saver, monkeypatch):
    lines = [
        "/help",
        "",
        "a cubic oxide in P63/mmc",
        "/why x",
        "/nonsense",
        "/sessions",
        "/quit",
        "x",
    ]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    said = []
    chat(agent, saver, said.append)
    assert said[0].startswith("Say what you need")
    assert said[1].startswith("That cannot be met: no space group is at once cubic")
    assert said[2:] == [
        "/why needs the number of a candidate, such as /why 2",
        "there is no command /nonsense; /help lists them",
        "test",
    ]


@pytest.mark.parametrize("line", ["/export exe", "/export ../../x", "/export", "/why", "/why -1"])
def test_commands_that_cannot_be_done_say_why(agent, line):
    with pytest.raises(RequestError):
        run_command(agent, line, list)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "a\x00", "-x", "a" * 100])
def test_a_session_is_a_plain_name(name):
    with pytest.raises(RequestError):
        checked_name(name)


def tool_message(text):
    return ToolMessage(json.dumps({"text": text, "changed": False}), tool_call_id="1")


def test_figures_without_a_record_are_not_shown():
    before = [HumanMessage("the gap of 2?"), tool_message("band gap 1.47 ± 0.40 eV (surrogate)")]
    assert answer_of([*before, AIMessage("It is 1.47 eV.")]) == "It is 1.47 eV."
    assert answer_of([*before, AIMessage("About 1.5 eV.")]) == "band gap 1.47 ± 0.40 eV (surrogate)"
    assert answer_of([HumanMessage("hi"), AIMessage("7 eV")]).endswith("not shown")


def test_a_language_model_leads_the_same_graph(bench, saver):
    with serving(lambda *_: "The gap of NaCl is 8.5 eV.") as server:
        model = language_model(Settings(llm_url=server.url, llm_model="m", llm_retries=0))
        answer = ChatAgent(bench, saver, "llm", model.chat).say("what is the gap of NaCl?")
        names = {tool["function"]["name"] for tool in server.requests[0]["body"]["tools"]}
    assert answer == "the model gave figures without a record; not shown"
    assert {"change_request", "run_design", "explain", "compare", "similar"} <= names
