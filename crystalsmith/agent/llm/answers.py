"""Gets one JSON object out of a chat model, within a time limit, with one chance to repair it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from crystalsmith.core.errors import ServerError
from crystalsmith.prompts.requests import repair_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.agent.llm.models import LanguageModel
    from crystalsmith.prompts.requests import Message

_LONGEST = 20_000  # characters of an answer; a reading has a few hundred


def ask(model: LanguageModel, asked: Sequence[Message]) -> dict[str, Any]:
    """The model's answer to some messages, as the JSON object that it answered with.

    Connections, 429 and 5xx are retried with back-off by the client itself; an answer that is no
    JSON object is sent back once.

    Raises:
        ServerError: no JSON object came, in time or at all; the message says what happened.
    """
    messages = list(asked)
    deadline = time.monotonic() + model.seconds
    answer = _answer(model, messages, deadline)
    try:
        return json_object(answer)
    except ValueError as error:
        messages += [("ai", answer or "(nothing)"), repair_message(str(error))]
    try:
        return json_object(_answer(model, messages, deadline))
    except ValueError as error:
        raise ServerError(f"{model.name} did not answer with JSON, twice ({error})") from None


def _answer(model: LanguageModel, messages: list[Message], deadline: float) -> str:
    """What the model says, streamed, so that one that stalls or babbles can be left."""
    parts: list[str] = []
    size = 0
    try:
        for chunk in model.chat.stream(messages):
            parts.append(str(chunk.text))
            size += len(parts[-1])
            if time.monotonic() > deadline:
                raise ServerError(f"{model.name} took longer than {model.seconds:g} s")
            if size > _LONGEST:
                raise ServerError(f"{model.name} answered with more than {_LONGEST} characters")
    except ServerError:
        raise
    except Exception as error:  # every provider's client has exceptions of its own
        reason = " ".join(str(error).split())[:200]
        raise ServerError(f"{model.name} failed: {type(error).__name__}: {reason}") from None
    return "".join(parts)


def json_object(answer: str) -> dict[str, Any]:
    """The JSON object in an answer, also when words or a code fence stand around it.

    Raises:
        ValueError: there is none.
    """
    start, end = answer.find("{"), answer.rfind("}")
    if start < 0 or end < start:
        raise ValueError("no JSON object in it")
    try:
        found = json.loads(answer[start : end + 1])
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos}") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found
