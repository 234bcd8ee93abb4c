"""The doctor on the store and the Materials Project key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from crystalsmith.agent.doctor import examine
from crystalsmith.core.settings import Settings
from crystalsmith.tools.store import open_store

if TYPE_CHECKING:
    from pathlib import Path


def test_the_store_and_the_key_are_described(tmp_path: Path) -> None:
    bare = Settings(store=tmp_path / "none", mp_api_key=None)
    found = {finding.part: finding for finding in examine(bare)}
    assert found["known crystals"].found == "no store yet"
    assert "--mp" in found["known crystals"].meaning
    assert found["Materials Project key"].found == "none"
    store = open_store(tmp_path / "store")
    store.note("chemical systems", {"Mg-O": "2026-11-21"})
    key = SecretStr("a" * 32)
    found = {f.part: f for f in examine(Settings(store=store.path, mp_api_key=key))}
    assert f"{len(store):,} entries" in found["known crystals"].found
    assert "1 chemical systems looked up" in found["known crystals"].meaning
    assert found["Materials Project key"].found == "set"
    assert "aaa" not in str(found)
    wrong = Settings(store=tmp_path / "none", mp_api_key=SecretStr("key"))
    assert {f.part: f.found for f in examine(wrong)}["Materials Project key"] == "not a key"
