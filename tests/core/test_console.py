"""Progress: on a terminal bars, elsewhere a line now and then, never on standard output."""

import io

from rich.console import Console

from crystalsmith.core.console import ConsoleProgress
from crystalsmith.core.progress import silent


def shown(terminal, steps):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100)
    with ConsoleProgress(console) as progress:
        for step in steps:
            progress(*step)
    return stream.getvalue()


def test_lines_where_there_is_no_terminal():
    text = shown(False, [("reading", done, 9) for done in range(1, 10)] + [("scoring", 1, 2)])
    assert text.splitlines() == ["reading … 1/9", "scoring … 1/2"]


def test_lines_come_again_after_a_while(monkeypatch):
    clock = iter([10.0, 12.0, 16.0, 17.0])
    monkeypatch.setattr("crystalsmith.core.console.time.monotonic", lambda: next(clock))
    text = shown(False, [("reading", done, 4) for done in (1, 2, 3, 4)])
    assert text.splitlines() == ["reading … 1/4", "reading … 3/4"]


def test_bars_in_a_terminal():
    text = shown(True, [("reading", 1, 4), ("reading", 4, 4), ("scoring", 1, 2)])
    assert "reading" in text
    assert "4/4" in text
    assert "scoring" in text


def test_standard_output_stays_free(capsys):
    with ConsoleProgress() as progress:
        progress("reading", 1, 2)
    silent("reading", 1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "reading … 1/2" in captured.err


def test_bars_are_taken_away_when_something_fails():
    stream = io.StringIO()
    progress = ConsoleProgress(Console(file=stream, force_terminal=True))
    try:
        with progress:
            progress("reading", 1, 2)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert stream.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in stream.getvalue()
