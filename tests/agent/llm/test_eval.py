"""``crystalsmith eval requests --llm-url`` against a server that invents, breaks and fails."""

import json
import random
import time

import pytest

from crystalsmith.cli import main
from crystalsmith.core.settings import settings

from .openai_server import serving

CASES = [
    {"text": "three lead-free halide double perovskites, gap near 1.8 eV"},
    {"text": "stable ternary nitride with Zn, gap 1-2 eV, no rare earths"},
    {"text": "不含铅和镉的三元硫化物，带隙1.2到1.6 eV，给出5个"},
    {"text": "what is the weather in Oslo"},
    {"turns": ["oxide cathode with sodium", "swap sodium for potassium", "gap above 2 eV"]},
    {"turns": ["a cubic nitride", "hexagonal rather", "why did 2 fail?", "10 candidates"]},
]


def rows():
    for number, case in enumerate(CASES * 2):
        gold = [{}] * len(case["turns"]) if "turns" in case else {}
        yield {"id": f"{number}", **case, "gold": gold}


def unreliable(_messages, number):
    chance = random.Random(number)
    answer = {
        "include": chance.sample(["Cs", "U", "Tc", "Xe", "K"], 2),
        "exclude": ["Au"],
        "band_gap": {"min": 7.5},
        "family": "garnet",
        "space_group": 9,
        "count": 77,
        "unsupported": ["glows in the dark"],
    }
    whole = json.dumps(answer)

    def stalls():
        yield whole[:20]
        time.sleep(1.2)
        yield whole[20:]

    return chance.choice([whole, whole, whole, whole, "{}", whole[:-9], "no", 500, 429, stalls()])


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setenv("CRYSTALSMITH_LLM_SECONDS", "0.8")
    monkeypatch.setenv("CRYSTALSMITH_LLM_RETRIES", "1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    settings.cache_clear()
    yield
    settings.cache_clear()


def test_nothing_ungrounded_reaches_the_search(tmp_path, impatient):
    data, out = tmp_path / "cases.jsonl", tmp_path / "figures.json"
    lines = [json.dumps(row, ensure_ascii=False) for row in rows()]
    data.write_text("\n".join(lines), encoding="utf-8")
    with serving(unreliable) as server:
        options = ["--llm-url", server.url, "--llm-model", "m", "--json", str(out)]
        with pytest.raises(SystemExit) as left:
            main(["eval", "requests", "--data", str(data), *options])
    assert left.value.code == 0
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert figures["all"]["ungrounded"] == 0
    assert len(server.requests) > len(CASES)
