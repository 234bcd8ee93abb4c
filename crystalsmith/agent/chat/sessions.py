"""Sessions on disk: one SQLite file, saved by LangGraph after every step."""

from __future__ import annotations

import re
import sqlite3
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from langgraph.checkpoint.sqlite import SqliteSaver

from crystalsmith.core.errors import OutputError, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}")


def state_folder() -> Path:
    """Where sessions and the history of what was typed are kept."""
    import os

    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "crystalsmith"


@contextmanager
def open_sessions(folder: Path | None = None) -> Iterator[SqliteSaver]:
    """The checkpointer of all sessions.

    Raises:
        OutputError: the folder cannot be written to.
    """
    place = folder or state_folder()
    try:
        place.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(place / "sessions.sqlite", check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise OutputError(f"sessions cannot be kept in {place}: {error}") from None
    try:
        saver = SqliteSaver(connection)
        saver.setup()
        yield saver
    except sqlite3.DatabaseError as error:
        raise OutputError(
            f"{place / 'sessions.sqlite'} is damaged ({error}); move it away to begin anew"
        ) from None
    finally:
        connection.close()


def session_names(saver: SqliteSaver) -> list[str]:
    """All sessions, the one spoken in last first."""
    query = "SELECT thread_id FROM checkpoints GROUP BY thread_id ORDER BY MAX(checkpoint_id) DESC"
    with saver.cursor(transaction=False) as cursor:
        return [str(row[0]) for row in cursor.execute(query)]


def new_session() -> str:
    """A name for a new session: the time it began."""
    return datetime.now().strftime("%Y%m%d-%H%M%S")


def checked_name(name: str) -> str:
    """A session's name, if it is one.

    Raises:
        RequestError: it is no plain name.
    """
    if _NAME.fullmatch(name) is None:
        raise RequestError(f"{name!r} is no session's name; use letters, digits, . _ and -")
    return name
