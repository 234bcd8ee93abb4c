"""``crystalsmith index`` as a user types it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.settings import settings
from crystalsmith.tools.commands import index_app
from tests.tools.materials_project_server import KEY, FakeProject, document, serving
from tests.tools.test_materials_project import as_provided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from crystalsmith.core.entry import Entry


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """The command with a store of its own; what it prints, errors raised."""
    monkeypatch.setenv("CRYSTALSMITH_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("MP_API_KEY", raising=False)

    def run_command(*arguments: str) -> str:
        settings.cache_clear()
        done = CliRunner().invoke(index_app, list(arguments), env={"COLUMNS": "200"})
        if isinstance(done.exception, CrystalsmithError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    yield run_command
    settings.cache_clear()


def test_sources_are_added_searched_and_told_about(
    run: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    textbook: list[Entry],
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    textbook[0].crystal.structure().to(str(folder / "salt.cif"))
    project = FakeProject([document(as_provided(entry)) for entry in textbook])
    with serving(project) as address:
        monkeypatch.setenv("MP_API_KEY", KEY)
        monkeypatch.setenv("MP_API_ENDPOINT", address)
        built = run("build", "--cif", str(folder), "--chemsys", "Mg-Al-O", "--workers", "1")
        assert "mine: 1 files used" in built
        assert "Materials Project: 2 crystals used" in built
        whole = run("build", "--mp")
        assert "Materials Project: 18 crystals used" in whole
    told = run("info")
    assert "Materials Project: 18 entries, last added 20" in told
    assert "Materials Project 2025.09.25: 1 of 1 pages read" in told
    assert "7 chemical systems looked up" in told
    found = run(
        "search", "spinel", "--like", "ZnAl2O4", "--element", "O", "--gap", "4..", "-n", "1"
    )
    assert "MgAl2O4" in found
    seed = ("search", "--structure", str(folder / "salt.cif"), "--gap", "4.9..5.1")
    assert "NaCl" in run(*seed, "-n", "2")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("build", "--mp"), "needs a key; get one at"),
        (("build", "--chemsys", "Lithium"), "is no chemical system"),
        (("build", "--cif", "nowhere"), "nowhere is no folder"),
        (("search",), "say what to find"),
        (("search", "oxide", "--gap", "wide"), "'wide' is no range; write 1..2"),
        (("search", "--structure", "nowhere.cif"), "nowhere.cif cannot be read as a crystal"),
        (("search", "--like", "Qq2"), "Qq"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(
    run: Callable[..., str], arguments: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(CrystalsmithError) as caught:
        run(*arguments)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
