"""Slash commands: what a person can always do, whichever model leads the chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crystalsmith.agent.chat.workbench import FORMATS, Step
from crystalsmith.core.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crystalsmith.agent.chat.agent import ChatAgent

HELP = """\
Say what you need, then refine it: "make it lead-free", "closer to 1.4 eV", "only the cubic ones",
"forget the oxygen", "more like number 2", "why did 3 fail?", "compare 1 and 2", "undo".
/show             the request and the candidates
/why N            every clause of candidate N
/similar N        known crystals like candidate N
/export FORMAT N  cif, poscar or extxyz; all candidates without N
/undo             back to the request before
/save             where this session is kept
/sessions         all sessions; crystalsmith chat --resume NAME goes on with one
/quit             leave; the session is kept"""
NAMES = ("/show", "/why", "/similar", "/export", "/undo", "/save", "/sessions", "/help", "/quit")


def run_command(agent: ChatAgent, line: str, sessions: Callable[[], Sequence[str]]) -> str:
    """What a slash command says; what it changes is saved.

    Raises:
        RequestError: there is no such command, or it cannot be done; the message says why.
    """
    name, *words = line.split()
    if name == "/help":
        return HELP
    if name == "/sessions":
        return "\n".join(sessions()) or "no sessions yet"
    if name == "/save":
        return (
            f"this session is kept as {agent.session}: crystalsmith chat --resume {agent.session}"
        )
    step = _step(agent, name, words)
    agent.save(step.values)
    return step.text


def _step(agent: ChatAgent, name: str, words: list[str]) -> Step:
    bench, values = agent.bench, agent.values
    if name == "/show":
        return bench.show(values)
    if name == "/undo":
        return bench.undo(values)
    if name == "/why":
        return bench.explain(values, _number(words, name))
    if name == "/similar":
        return bench.similar(values, _number(words, name))
    if name == "/export":
        if not words or words[0] not in FORMATS:
            raise RequestError(f"/export needs a format: {', '.join(FORMATS)}")
        return bench.export(values, words[0], _number(words[1:], name) if words[1:] else None)
    raise RequestError(f"there is no command {name}; /help lists them")


def _number(words: list[str], name: str) -> int:
    if len(words) != 1 or not words[0].isdecimal():
        raise RequestError(f"{name} needs the number of a candidate, such as {name} 2")
    return int(words[0])
