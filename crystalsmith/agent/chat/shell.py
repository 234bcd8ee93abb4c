"""The chat in a terminal, or in a pipe."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

from crystalsmith.agent.chat.commands import NAMES, run_command
from crystalsmith.agent.chat.sessions import session_names, state_folder
from crystalsmith.core.errors import CrystalsmithError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langgraph.checkpoint.sqlite import SqliteSaver

    from crystalsmith.agent.chat.agent import ChatAgent

_LEAVE = ("/quit", "/exit", "exit", "quit")


def chat(agent: ChatAgent, saver: SqliteSaver, say: Callable[[str], None]) -> None:
    """Talk until the user leaves; the session is saved after every step.

    Args:
        agent: who answers.
        saver: of all sessions.
        say: shows an answer.
    """
    is_terminal = sys.stdin.isatty()
    if is_terminal:
        say(f"Say what material you need; /help for help, /quit to leave. Session {agent.session}.")
    for line in _typed() if is_terminal else _piped():
        if line in _LEAVE:
            return
        try:
            with _Interruptible(agent):
                if line.startswith("/"):
                    say(run_command(agent, line, lambda: session_names(saver)))
                else:
                    say(agent.say(line))
        except CrystalsmithError as error:
            say(str(error))


def _piped() -> Iterator[str]:
    for line in sys.stdin:
        if line.strip():
            yield line.strip()


def _typed() -> Iterator[str]:
    """Lines with history and completion; Ctrl-D leaves, Ctrl-C clears the line."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory

    folder = state_folder()
    folder.mkdir(parents=True, exist_ok=True)
    session: PromptSession[str] = PromptSession(
        history=FileHistory(str(folder / "history")),
        completer=WordCompleter(list(NAMES), sentence=True),
        complete_while_typing=False,
    )
    while True:
        try:
            line = session.prompt("> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if line:
            yield line


class _Interruptible:
    """While something runs, Ctrl-C asks it to stop; the session goes on."""

    def __init__(self, agent: ChatAgent) -> None:
        self._agent = agent
        self._before: Any = None

    def __enter__(self) -> None:
        self._agent.bench.is_stopped = False
        self._before = signal.signal(signal.SIGINT, self._stop)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _stop(self, signal_number: int, frame: object) -> None:
        self._agent.bench.is_stopped = True
