"""Searches, filters and their combination, whatever holds the crystals; and columns on disk."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from crystalsmith.core.errors import DataError, StoreError
from crystalsmith.core.settings import cache_folder
from crystalsmith.tools.columns import columns_of, joined, read_columns
from crystalsmith.tools.finding import best_rows
from crystalsmith.tools.known_crystals import CrystalList, Filters
from crystalsmith.tools.records import to_json
from crystalsmith.tools.sources import add_cifs
from crystalsmith.tools.store import CrystalStore, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crystalsmith.core.entry import Entry


def named(entries: list[Entry], formula: str) -> Entry:
    return next(entry for entry in entries if entry.formula == formula)


# ---- three ways ------------------------------------------------------------------------------


def test_structures_of_one_type_come_first(known: CrystalList, textbook: list[Entry]) -> None:
    spinel = named(textbook, "MgAl2O4").crystal.template
    hits = known.find(4, template=spinel)
    assert [hit.entry.formula for hit in hits][:2] == ["MgAl2O4", "Zn(CrS2)2"]
    assert [hit.distance for hit in hits][:2] == pytest.approx([0, 0], abs=1e-9)
    assert hits[2].distance > 0.3
    perovskites = known.find(6, template=named(textbook, "CsPbI3").crystal.template)
    assert {hit.entry.composition.anonymized_formula for hit in perovskites[:5]} == {"ABC3"}


def test_ways_are_combined_by_rank(known: CrystalList, textbook: list[Entry]) -> None:
    rock_salt = named(textbook, "NaCl").crystal.template
    # the composition says caesium chlorides, the structure rock salt: KCl is high in both
    (first, *_) = known.find(3, composition=Composition("CsCl"), template=rock_salt)
    assert first.entry.formula == "KCl"
    (both, *_) = known.find(
        3, composition=Composition("MgAl2O4"), text="spinel", template=textbook[11].crystal.template
    )
    assert both.entry.formula == "MgAl2O4"
    assert both.distance == pytest.approx(0)


def test_conditions_hold_in_every_way(known: CrystalList, textbook: list[Entry]) -> None:
    where = Filters(without=("O",), band_gap=(0.5, None))
    asked = {
        "composition": Composition("MgO"),
        "text": "oxide",
        "template": textbook[0].crystal.template,
    }
    for names in (["composition"], ["text"], ["template"], list(asked)):
        hits = known.find(50, where, **{name: asked[name] for name in names})  # type: ignore[arg-type]
        assert {hit.entry.id for hit in hits} == {
            entry.id
            for entry in textbook
            if "O" not in entry.formula and (entry.band_gap or 0) >= 0.5
        }


def test_without_anything_to_find_conditions_list_entries(known: CrystalList) -> None:
    hits = known.find(50, Filters(anonymous_formula="ABC3", elements=("Cs",)))
    assert {hit.entry.formula for hit in hits} == {"CsPbI3", "CsPbBr3", "CsSnCl3"}


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 70), st.data())
def test_best_rows_are_those_of_a_stable_sort(
    numbers: list[int], n: int, data: st.DataObject
) -> None:
    distances = np.array(numbers, dtype=float)
    size = len(numbers)
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    expected = [row for row in np.argsort(distances, kind="stable") if keep[row]][:n]
    assert list(best_rows(distances, n, keep)) == expected


# ---- columns ---------------------------------------------------------------------------------


def test_many_small_additions_end_in_few_files_and_nothing_is_lost(
    tmp_path: Path, textbook: list[Entry]
) -> None:
    store = CrystalStore(tmp_path)
    for round_ in range(2):
        for entry in textbook:
            store.add([replace(entry, id=f"{entry.id}-{round_}")])
    assert len(list((tmp_path / "columns").glob("*.npz"))) <= 12
    again = CrystalStore(tmp_path)
    assert sorted(e.id for e in again.entries()) == sorted(e.id for e in store.entries())
    assert len(again) == 36
    hits = again.similar(Composition("MgO"), 2)
    assert [hit.entry.formula for hit in hits] == ["MgO", "MgO"]


def test_lost_or_damaged_columns_are_made_anew(tmp_path: Path, textbook: list[Entry]) -> None:
    CrystalStore(tmp_path).add(textbook)
    (file,) = (tmp_path / "columns").glob("*.npz")
    file.write_bytes(file.read_bytes()[:2000])
    store = CrystalStore(tmp_path)
    assert {entry.id: to_json(entry) for entry in store.entries()} == {
        entry.id: to_json(entry) for entry in textbook
    }
    for file in (tmp_path / "columns").glob("*.npz"):
        file.rename(file.with_name("columns0-of-another-version-00000001.npz"))
    assert len(CrystalStore(tmp_path)) == len(textbook)
    assert not list((tmp_path / "columns").glob("columns0*"))


def test_the_last_of_two_rows_with_one_id_stays(textbook: list[Entry]) -> None:
    old, new = textbook[0], replace(textbook[0], band_gap=1.25)
    both = joined([columns_of([old, textbook[1]], "2020-01-01"), columns_of([new], "2021-01-01")])
    assert sorted(both.ids) == sorted([old.id, textbook[1].id])
    row = both.ids.index(old.id)
    assert (both.values[row, 0], both.dates[row]) == (1.25, "2021-01-01")
    assert both.entry(row).band_gap == 1.25


def test_replaced_entries_are_seen_by_others(tmp_path: Path, textbook: list[Entry]) -> None:
    one, other = CrystalStore(tmp_path), CrystalStore(tmp_path)
    one.add(textbook)
    assert one.add([replace(textbook[0], band_gap=1.0)]) == 0
    assert other.with_formula("NaCl")[0].band_gap == 5.0
    one.add([replace(textbook[0], band_gap=1.0)], replace=True)
    assert other.with_formula("NaCl")[0].band_gap == 1.0
    assert len(other) == len(textbook) == len(read_columns(tmp_path / "columns"))


# ---- folders of CIFs -------------------------------------------------------------------------


def test_a_folder_of_cifs_is_indexed_once(tmp_path: Path, textbook: list[Entry]) -> None:
    folder = tmp_path / "crystals"
    (folder / "deeper").mkdir(parents=True)
    for entry in textbook[:3]:
        entry.crystal.structure().to(str(folder / f"{entry.formula}.cif"))
    textbook[3].crystal.structure().to(str(folder / "deeper" / "CaO.CIF"), fmt="cif")
    (folder / "copy.cif").write_bytes((folder / "NaCl.cif").read_bytes())
    (folder / "broken.cif").write_text("data_nothing")
    (folder / "readme.txt").write_text("no crystal")
    store = CrystalStore(tmp_path)
    report = add_cifs(store, folder)
    assert str(report).startswith("crystals: 4 files used, 1 known already, 1 skipped")
    assert "broken.cif: unreadable CIF" in str(report)
    assert store.info().counts == {"crystals": 4}
    assert {entry.formula for entry in store.entries()} == {"NaCl", "KCl", "MgO", "CaO"}
    again = add_cifs(store, folder)
    assert (again.used, again.known, again.skipped.total()) == (0, 5, 1)


def test_a_folder_without_cifs_is_refused(tmp_path: Path) -> None:
    store = CrystalStore(tmp_path)
    with pytest.raises(DataError, match="needs a folder"):
        add_cifs(store, tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no file that ends in \.cif"):
        add_cifs(store, tmp_path)


# ---- a Chroma server -------------------------------------------------------------------------


@pytest.fixture
def chroma_server(tmp_path: Path) -> Iterator[str]:
    """Chroma's own server on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(tmp_path / "s")]
    job = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        job.terminate()
        job.wait(timeout=30)


def test_a_chroma_server_holds_the_crystals(chroma_server: str, textbook: list[Entry]) -> None:
    store = open_store(url=chroma_server)
    assert store.add(textbook) == len(textbook)
    total = len(store)
    assert re.search(r"the Chroma server http://127.*textbook: 18", str(store.info()))
    for file in (cache_folder() / "servers").glob("*/columns/*.npz"):
        file.unlink()  # as on another machine
    other = open_store(url=chroma_server)
    assert len(other) == total
    assert other.similar(Composition("Cs2AgBiBr6"), 1)[0].entry.formula == "Cs2AgBiBr6"


def test_a_server_that_is_not_there_is_said_in_words() -> None:
    with pytest.raises(StoreError, match="Chroma server http://127"):
        open_store(url="http://127.0.0.1:9")
    with pytest.raises(StoreError, match="an address looks like http://host:8000"):
        open_store(url="localhost")
