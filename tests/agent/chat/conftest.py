"""A workbench with a small search, and sessions in a real SQLite file."""

import pytest

from crystalsmith.agent.chat.sessions import open_sessions
from crystalsmith.agent.chat.workbench import Workbench


@pytest.fixture
def bench(toolbox, small_budget, tmp_path):
    return Workbench(tmp_path / "out", store="none", _toolbox=[toolbox])


@pytest.fixture
def saver(tmp_path):
    with open_sessions(tmp_path / "state") as opened:
        yield opened
