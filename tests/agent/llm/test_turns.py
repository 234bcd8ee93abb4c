"""Later turns of a conversation with a language model behind a real server on loopback."""

import json
import random

import pytest

from crystalsmith.agent.conversation import read_turns
from crystalsmith.agent.readers import reader_of
from crystalsmith.core.public_request import public_view, wishes_only
from crystalsmith.core.settings import Settings

from .openai_server import request_text, serving

DIALOGUES = (
    ("lead-free halide perovskite", "gap around 1.5 eV", "also no tin", "make it 1.7 eV", "undo"),
    ("找一个含铜的硫化物", "不要含铟和镓", "带隙1.2到1.6 eV", "要稳定的，给我三个"),
    ("ternary nitride", "hexagonal", "why did 2 fail?", "drop the hexagonal, stable please"),
    ("oxide cathode with sodium and manganese", "swap sodium for potassium", "forget the oxygen"),
)


def reader(server, **more):
    given = {"llm_url": server.url, "llm_model": "m", "llm_seconds": 5.0, "llm_retries": 0}
    return reader_of(Settings(**{**given, **more}))


def wishes(requests):
    return [wishes_only(public_view(request)) for request in requests]


def scripted(*answers):
    """Answers with each in turn."""
    return lambda _, number: json.dumps(answers[number - 1])


def test_the_model_adds_what_the_rules_do_not_know():
    first = {"anion_class": "oxide"}
    second = {"anion_class": "oxide", "include": ["Cu"], "crystal_system": "cubic"}
    turns = ["an oxide", "same thing but cu flavoured, with the highest symmetry"]
    with serving(scripted(first, second)) as server:
        requests = read_turns(turns, reader(server))
        sent = server.requests[1]["body"]["messages"][-1]["content"]
    assert "anion_class" in sent
    assert wishes(requests)[1].get("crystal_system") is None  # no word of the turn says cubic
    assert wishes(requests)[1]["anion_class"] == "oxide"


def test_the_model_takes_back_what_the_turn_names():
    first = {"crystal_system": "cubic", "anion_class": "oxide"}
    second = {"anion_class": "oxide"}
    turns = ["a cubic oxide", "hmm, cubic symmetry bores me"]
    rules = wishes(read_turns(turns))[1]
    with serving(scripted(first, second)) as server:
        requests = read_turns(turns, reader(server))
    assert rules == first  # the rules alone do not know these words
    assert wishes(requests)[1] == second
    assert "taken back" in " ".join(requests[1].notes)


def test_what_was_dropped_does_not_come_back():
    held = {"include": ["Cs", "Pb"], "anion_class": "iodide"}
    turns = ["an iodide with Cs and Pb", "drop the lead"]
    with serving(scripted(held, held)) as server:
        assert wishes(read_turns(turns, reader(server)))[1] == wishes(read_turns(turns))[1]


def lying(messages, number):
    """Hallucinates, drops clauses, breaks its JSON, or fails, at random but reproducibly."""
    chance = random.Random(number)
    answer = {
        "include": chance.sample(["Cs", "U", "Tc", "Xe"], 2),
        "density": {"max": chance.randint(30, 60)},
        "family": chance.choice(["garnet", "nonsense"]),
        "space_group": chance.choice([7, 1000, "P1"]),
        "count": 17,
    }
    whole = json.dumps(answer)
    broken = [whole[:-5], f"Well: {whole}", request_text(messages), 500, "[" * 3000]
    return chance.choice([whole, whole, *broken])


@pytest.mark.parametrize("turns", DIALOGUES)
def test_nothing_ungrounded_enters_a_conversation(turns):
    with serving(lying) as server:
        for _ in range(4):
            assert wishes(read_turns(turns, reader(server))) == wishes(read_turns(turns))


def test_a_failing_server_leaves_the_rules_and_that_is_said():
    with serving(lambda *_: 500) as server:
        requests = read_turns(DIALOGUES[0][:2], reader(server))
    assert wishes(requests) == wishes(read_turns(DIALOGUES[0][:2]))
    assert "the built-in rules read the turn" in " ".join(requests[1].notes)


def test_questions_and_undo_are_not_handed_on():
    with serving(scripted({"anion_class": "nitride"})) as server:
        read_turns(["a nitride", "why did 3 fail?", "undo"], reader(server))
        assert len(server.requests) == 1
