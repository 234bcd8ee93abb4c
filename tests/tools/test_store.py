"""The store on disk, with a real Chroma: what is added is found again, also by other processes."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import chromadb
import pytest
from chromadb.config import Settings
from pymatgen.core import Composition, Lattice, Structure

from crystalsmith.core.errors import DataError, StoreError
from crystalsmith.core.settings import cache_folder
from crystalsmith.tools.known_crystals import CrystalList, Filters
from crystalsmith.tools.prototypes import PROTOTYPE_SOURCE, prototype_entries, prototypes
from crystalsmith.tools.records import to_json, to_record
from crystalsmith.tools.sources import add_csv
from crystalsmith.tools.store import CrystalStore, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from crystalsmith.core.entry import Entry


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, textbook: list[Entry]) -> CrystalStore:
    store = open_store(tmp_path_factory.mktemp("store") / "db")
    store.add(textbook)
    return store


def formulas(hits: list) -> list[str]:
    return [hit.entry.formula for hit in hits]


def test_a_new_store_holds_the_prototypes_and_says_so(store: CrystalStore) -> None:
    info = store.info()
    assert info.counts == {PROTOTYPE_SOURCE: len(prototype_entries()), "textbook": 18}
    assert info.total == len(store)
    assert info.dates["textbook"] == max(info.dates.values())
    assert "textbook: 18" in str(info)


def test_entries_come_back_as_they_were(store: CrystalStore, textbook: list[Entry]) -> None:
    stored = {entry.id: to_record(entry) for entry in store.entries()}
    assert all(stored[entry.id] == to_record(entry) for entry in textbook)
    assert len(stored) == len(store)


def test_adding_again_changes_nothing(store: CrystalStore, textbook: list[Entry]) -> None:
    before = len(store)
    assert store.add(textbook) == 0
    assert store.add([textbook[0], textbook[0]]) == 0
    assert len(store) == before


def test_similar_compositions_come_first(store: CrystalStore) -> None:
    hits = store.similar(Composition("Cs2AgBiBr6"), 3)
    assert formulas(hits)[:2] == ["Cs2AgBiBr6", "CsPbBr3"]
    assert hits[0].distance == pytest.approx(0, abs=1e-3)
    assert hits[0].distance <= hits[1].distance <= hits[2].distance
    # formula units do not matter
    assert formulas(store.similar(Composition("Ti2Ni2Sn2"), 1)) == ["TiNiSn"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Filters(elements=("Cs",), without=("Pb", "Bi")), {"CsSnCl3", "Cs2InAgCl6", "CsCl"}),
        (Filters(space_group=227, source="textbook"), {"MgAl2O4", "Zn(CrS2)2"}),
        (Filters(crystal_system="cubic", n_elements=1, source="textbook"), {"Cu"}),
        (Filters(band_gap=(4.0, None)), {"NaCl", "KCl", "MgO", "MgAl2O4"}),
        (Filters(band_gap=(None, 0.1), e_above_hull=(None, 0.05)), {"AlNi", "Cu"}),
        (Filters(anonymous_formula="ABC3", formation_energy=(-1.6, -1)), {"CsPbI3", "CsPbBr3"}),
        (Filters(formula="SrTiO3"), {"SrTiO3"}),
        (Filters(formula="XeF2"), set()),
    ],
)  # fmt: skip
def test_filters_mean_the_same_on_disk_and_in_memory(
    store: CrystalStore, where: Filters, expected: set[str]
) -> None:
    in_memory = CrystalList(store.entries(), "the same")
    for known in (store, in_memory):
        assert set(formulas(known.similar(Composition("CsSnI3"), 50, where))) == expected


def test_text_finds_structure_and_chemistry(tmp_path: Path, textbook: list[Entry]) -> None:
    store = CrystalStore(tmp_path)  # without the prototypes, whose descriptions take long to encode
    store.add(textbook)
    for known in (store, CrystalList(textbook, "the same")):
        assert formulas(known.search_text("spinel sulfide", 1)) == ["Zn(CrS2)2"]
        assert set(formulas(known.search_text("cesium silver double perovskite", 2))) == {
            "Cs2AgBiBr6",
            "Cs2InAgCl6",
        }
        oxides = known.search_text("perovskite", 5, Filters(elements=("O",)))
        assert set(formulas(oxides)[:2]) == {"SrTiO3", "BaTiO3"}
        assert known.search_text("anything", 5, Filters(formula="XeF2")) == []


def test_formulas_and_chemical_systems_are_looked_up(store: CrystalStore) -> None:
    assert store.known_formula("SrTiO3")
    assert not store.known_formula("SrTiO4")
    assert {entry.id for entry in store.with_formula("MgO")} >= {"t-mgo"}
    inside = {e.formula for e in store.in_chemical_system(["Mg", "Al", "O"])}
    assert {"MgO", "MgAl2O4", "Al2O3", "Mg"} <= inside
    assert all(set("MgAlO") >= set(formula) - set("0123456789()") for formula in inside)


def test_another_process_sees_the_same_store(store: CrystalStore) -> None:
    code = (
        "import sys; from pathlib import Path; from pymatgen.core import Composition;"
        "from crystalsmith.tools.store import open_store; s = open_store(Path(sys.argv[1]));"
        "print(len(s), s.similar(Composition('CsPbI3'), 1)[0].entry.id)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(len(store)), "t-cspbi3"]


def test_what_another_process_adds_is_found(tmp_path: Path, textbook: list[Entry]) -> None:
    store = CrystalStore(tmp_path)
    store.add(textbook[:2])
    assert formulas(store.similar(Composition("MgO"), 1)) == ["NaCl"]
    code = (
        "import sys; from pathlib import Path; from crystalsmith.tools.records import from_json;"
        "from crystalsmith.tools.store import CrystalStore;"
        "CrystalStore(Path(sys.argv[1])).add(map(from_json, sys.argv[2:]))"
    )
    others = [to_json(entry) for entry in textbook[2:4]]
    subprocess.run([sys.executable, "-c", code, str(tmp_path), *others], check=True)
    assert formulas(store.similar(Composition("MgO"), 2)) == ["MgO", "CaO"]
    assert store.info().counts == {"textbook": 4}


def test_two_processes_may_add_at_the_same_time(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from dataclasses import replace;"
        "from crystalsmith.tools.store import open_store;"
        "from crystalsmith.tools.prototypes import prototype_entries as p;"
        "s = open_store(Path(sys.argv[1]));"
        "[s.add(replace(e, id=f'{sys.argv[2]}-{i}-{e.id}') for e in p()[:100]) for i in range(5)]"
    )
    folder = tmp_path / "db"
    jobs = [
        subprocess.Popen([sys.executable, "-c", code, str(folder), name]) for name in ("a", "b")
    ]
    assert [job.wait(timeout=120) for job in jobs] == [0, 0]
    store = open_store(folder)
    assert len(store) == len(prototype_entries()) + 2 * 5 * 100
    assert len(store.entries()) == len(store)
    assert store.similar(Composition("MgAl2O4"), 1)[0].entry.formula == "MgAl2O4"


# ---- building from files ---------------------------------------------------------------------


def write_csv(path: Path, rows: int = 3) -> Path:
    with path.open("w", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(["material_id", "cif", "band_gap", "formation_energy_per_atom"])
        for index in range(rows):
            cell = Lattice.cubic(4.2 + index / 10)
            salt = Structure.from_spacegroup(
                "Fm-3m", cell, ["Mg", "O"], [(0, 0, 0), (0.5, 0.5, 0.5)]
            )
            table.writerow([f"row-{index}", salt.to(fmt="cif"), 4.4, -3.0])
        table.writerow(["broken", "this is no CIF", "", ""])
    return path


def test_a_csv_file_is_indexed_once_and_bad_rows_are_counted(tmp_path: Path) -> None:
    store = CrystalStore(tmp_path)
    steps: list[tuple[str, int, int]] = []
    report = add_csv(
        store, write_csv(tmp_path / "salts.csv"), progress=lambda *step: steps.append(step)
    )
    assert (report.used, report.skipped.total()) == (3, 1)
    assert "unreadable" in str(report)
    assert store.info().counts["salts"] == 3
    assert ("reading salts.csv", 4, 4) in steps
    assert formulas(store.search_text("magnesium oxide", 1)) == ["MgO"]
    again = add_csv(store, write_csv(tmp_path / "salts.csv", rows=5))
    assert (again.used, again.known) == (2, 3)
    assert store.info().counts["salts"] == 5


def test_a_file_that_is_no_table_of_crystals_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("a,b\n1,2\n")
    store = open_store(tmp_path / "db")
    with pytest.raises(DataError, match="not in MP-20 format"):
        add_csv(store, path)


# ---- damage ----------------------------------------------------------------------------------


def opened_elsewhere(path: Path) -> str:
    """What opening and searching a store in a fresh process says (Chroma caches in this one)."""
    code = (
        "import sys; from pathlib import Path; from pymatgen.core import Composition;"
        "from crystalsmith.core.errors import StoreError;"
        "from crystalsmith.tools.store import open_store\n"
        "try:\n"
        "    open_store(Path(sys.argv[1])).similar(Composition('MgO'), 5); print('fine')\n"
        "except StoreError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_missing_store_is_named_and_the_remedy_too(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no store.*crystalsmith index build"):
        open_store(tmp_path / "nowhere", create=False)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file"):
        open_store(tmp_path / "file")


@pytest.mark.parametrize("damage", ["garbage", "truncated"])
def test_a_damaged_database_gives_one_sentence(
    store: CrystalStore, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "db"
    shutil.copytree(store.path, folder)
    database = folder / "chroma.sqlite3"
    if damage == "garbage":
        database.write_bytes(os.urandom(5000))
    else:
        os.truncate(database, 60_000)
    message = opened_elsewhere(folder)
    assert len(message.splitlines()) == 1
    assert "cannot be used" in message
    assert "crystalsmith index build" in message


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "db"
    folder.mkdir()
    plain = Settings(anonymized_telemetry=False)
    client = chromadb.PersistentClient(str(folder), settings=plain)
    client.create_collection("entries", embedding_function=None, metadata={"schema": 0})
    with pytest.raises(StoreError, match=r"another version.*build it again"):
        open_store(folder)


# ---- without a store -------------------------------------------------------------------------


def test_prototypes_are_known_without_a_store() -> None:
    known = prototypes()
    assert known.known_formula("CaTiO3")
    assert known.info().counts == {PROTOTYPE_SOURCE: len(known.entries())}
    assert len(known.entries()) > 250
    assert all(entry.source == PROTOTYPE_SOURCE for entry in known.entries())
    spinel = known.similar(Composition("MgGa2O4"), 1)[0].entry
    assert spinel.formula == "MgAl2O4"


def test_a_damaged_cache_of_prototypes_is_made_anew() -> None:
    prototype_entries()
    cache = cache_folder() / "prototypes.json"
    cache.write_text(cache.read_text()[:1000])
    prototype_entries.cache_clear()
    assert len(prototype_entries()) > 250
