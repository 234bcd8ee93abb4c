"""The messages that ask a language model to read a request (requests.toml, versioned)."""

from __future__ import annotations

import json
import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any

Message = tuple[str, str]
"""Role (system, human, ai) and text."""


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    path = resources.files("crystalsmith.prompts").joinpath("requests.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def prompt_version() -> str:
    """The prompt's version, for records."""
    return str(_table()["version"])


def reading_messages(text: str, schema: dict[str, Any]) -> list[Message]:
    """The rules, the examples in English and Chinese, and the request, fenced as data."""
    rows = _table()
    messages: list[Message] = [("system", rows["system"].strip() + "\n" + json.dumps(schema))]
    for example in rows["examples"]:
        messages += [("human", _fenced(example["request"])), ("ai", example["answer"])]
    return [*messages, ("human", _fenced(text))]


def turn_messages(standing: dict[str, Any], text: str, schema: dict[str, Any]) -> list[Message]:
    """The rules, examples of turns, the request as it stands, and what is said now."""
    rows = _table()
    messages: list[Message] = [("system", rows["turn"].strip() + "\n" + json.dumps(schema))]
    for example in rows["turns"]:
        asked = _turn(example["standing"], example["said"])
        messages += [("human", asked), ("ai", example["answer"])]
    return [*messages, ("human", _turn(json.dumps(standing, ensure_ascii=False), text))]


def _turn(standing: str, said: str) -> str:
    return f"The request as it stands: {standing}\n{_fenced(said)}"


def repair_message(reason: str) -> Message:
    """What a model is told once when its answer is no JSON object."""
    return "human", _table()["repair"].strip().replace("{reason}", reason)


def _fenced(text: str) -> str:
    """The request between its marks, which the request itself cannot close."""
    return f"<request>\n{text.replace('</request', '</ request')}\n</request>"
