"""The Materials Project through mp-api, asked on loopback with its own documents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from pymatgen.core import Composition

from crystalsmith.core.errors import DataError, ServerError
from crystalsmith.core.evidence import Prediction
from crystalsmith.core.settings import Settings
from crystalsmith.tools import materials_project, sources
from crystalsmith.tools.hull import e_above_hull, why_not_assessed
from crystalsmith.tools.live import LiveCrystals
from crystalsmith.tools.materials_project import MaterialsProject, chemical_system
from crystalsmith.tools.store import CrystalStore
from tests.tools.materials_project_server import KEY, FakeProject, document, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crystalsmith.core.entry import Entry

TODAY = "2026-11-21"


def as_provided(entry: Entry) -> Entry:
    return replace(entry, id=f"mp-{sum(map(ord, entry.id))}", source="Materials Project")


@pytest.fixture
def theirs(textbook: list[Entry]) -> list[Entry]:
    return [as_provided(entry) for entry in textbook]


@pytest.fixture
def server(theirs: list[Entry]) -> FakeProject:
    retired = document(replace(theirs[0], id="mp-1")) | {"deprecated": True}
    return FakeProject([retired, *map(document, theirs)])


@pytest.fixture
def address(server: FakeProject) -> Iterator[str]:
    with serving(server) as url:
        yield url


def connected(address: str, key: str = KEY) -> MaterialsProject:
    return MaterialsProject(SecretStr(key), address, pauses=(0.0, 0.0))


def test_a_chemical_system_comes_with_all_within_it(
    tmp_path: Path, server: FakeProject, address: str, theirs: list[Entry]
) -> None:
    store = CrystalStore(tmp_path)
    steps: list[str] = []
    system = chemical_system("Mg-Al-O")
    report = sources.add_systems(
        store,
        connected(address),
        [system],
        today=TODAY,
        progress=lambda stage, *_: steps.append(stage),
    )
    assert {entry.formula for entry in store.entries()} == {"MgO", "MgAl2O4"}
    expected = {entry.id: entry for entry in theirs}
    for entry in store.entries():
        other = expected[entry.id]
        assert entry.crystal.template == other.crystal.template
        assert (entry.band_gap, entry.formation_energy) == (other.band_gap, other.formation_energy)
    assert str(report) == "Materials Project: 2 crystals used"
    assert "asking the Materials Project" in steps
    assert store.info().counts == {"Materials Project": 2}
    assert server.asked[0]["chemsys"].split(",") == [
        "Al", "Al-Mg", "Al-Mg-O", "Al-O", "Mg", "Mg-O", "O"
    ]  # fmt: skip


def test_all_of_it_is_read_page_by_page_and_only_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: FakeProject,
    address: str,
    theirs: list[Entry],
) -> None:
    monkeypatch.setattr(materials_project, "PAGE", 5)
    store = CrystalStore(tmp_path)
    report = sources.add_materials_project(store, connected(address))
    assert report.used == len(store) == len(theirs)  # the retired one is left out
    pages = [row["_page"] for row in server.asked if "_page" in row]
    assert pages == ["1", "2", "3", "4"]
    again = sources.add_materials_project(CrystalStore(tmp_path), connected(address))
    assert (again.used, again.known) == (0, len(theirs))
    assert [row["_page"] for row in server.asked if "_page" in row] == pages
    assert CrystalStore(tmp_path).covers(["Li", "Fe", "O"])


def test_an_interrupted_run_keeps_its_pages_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: FakeProject, address: str
) -> None:
    monkeypatch.setattr(materials_project, "PAGE", 5)
    store = CrystalStore(tmp_path)
    project = connected(address)
    stopped: list[int] = []

    def stop_after_two(stage: str, done: int, total: int) -> None:
        if stage == "asking the Materials Project" and done == 2 and not stopped:
            stopped.append(done)
            server.failures += [500] * 3

    with pytest.raises(ServerError, match=r"stopped answering \(error 500\).*goes on where"):
        sources.add_materials_project(store, project, progress=stop_after_two)
    assert len(store) == 10
    server.asked.clear()
    sources.add_materials_project(store, project)
    assert len(store) == 18
    assert [row["_page"] for row in server.asked if "_page" in row] == ["3", "4"]


def test_changed_entries_are_renewed_and_equal_ones_left(
    tmp_path: Path, textbook: list[Entry], server: FakeProject, address: str
) -> None:
    store = CrystalStore(tmp_path)
    mgo = next(as_provided(entry) for entry in textbook if entry.formula == "MgO")
    store.add([replace(mgo, source="mp20", formation_energy=-1.0)])
    system = [chemical_system("Mg-O")]
    sources.add_systems(store, connected(address), system, today=TODAY)
    (renewed,) = CrystalStore(tmp_path).entries()
    assert (renewed.source, renewed.formation_energy) == ("Materials Project", -3.0)
    sources.add_systems(store, connected(address), system, today=TODAY)
    assert len(store) == store.chroma.count() == 1


def test_a_busy_project_is_asked_again(tmp_path: Path, server: FakeProject, address: str) -> None:
    project = connected(address)
    server.failures += [503, 503]
    sources.add_systems(CrystalStore(tmp_path), project, [frozenset({"Cu"})], today=TODAY)
    server.failures += [429] * 30
    with pytest.raises(ServerError, match=r"limits how much.*again later"):
        project.count()


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("", "needs a key; get one at https://materialsproject.org/api and set MP_API_KEY"),
        ("short", "is no Materials Project key"),
        ("x" * 32, "refuses the key in MP_API_KEY"),
    ],
)
def test_keys_that_do_not_work_are_explained(
    address: str, key: str, complaint: str, tmp_path: Path
) -> None:
    store = CrystalStore(tmp_path)
    with pytest.raises(ServerError, match=complaint) as caught:
        sources.add_materials_project(store, connected(address, key))
    assert not key or key not in str(caught.value)


def test_nobody_there_is_said_at_once() -> None:
    with pytest.raises(ServerError, match="cannot be reached at http://127"):
        connected("http://127.0.0.1:9")


@pytest.mark.parametrize("text", ["", "Xx-O", "Li Fe", "H-He-Li-Be-B-C-N-O-F"])
def test_what_is_no_chemical_system_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        chemical_system(text)


# ---- while a search runs ---------------------------------------------------------------------


def settings_for(address: str, **others: int) -> Settings:
    return Settings(mp_api_key=SecretStr(KEY), mp_endpoint=address, **others)


def test_competing_phases_are_looked_up_and_kept(
    tmp_path: Path, server: FakeProject, address: str
) -> None:
    energy = Prediction(mean=-2.9, std=0.07, unit="eV/atom", source="surrogate")
    store = CrystalStore(tmp_path)
    assert e_above_hull(Composition("Mg2Al2O5"), energy, store) is None
    why = why_not_assessed(Composition("Mg2Al2O5"), store)
    assert why == "no energies of Al, Mg, O compounds"
    live = LiveCrystals(store, settings_for(address))
    above = e_above_hull(Composition("Mg2Al2O5"), energy, live)
    assert above is not None
    assert above.source == "surrogate against 2 known compounds"
    # all that the project has of silicon and magnesium is nothing
    assert e_above_hull(Composition("Mg2Si"), energy, live) is None
    asked = len(server.asked)
    later = LiveCrystals(CrystalStore(tmp_path), settings_for(address))
    assert e_above_hull(Composition("MgAl2O4"), energy, later) is not None
    assert len(server.asked) == asked  # within the days that a look-up holds
    expired = LiveCrystals(CrystalStore(tmp_path), settings_for(address, mp_days=0))
    expired._days = dict.fromkeys(expired._days, "2020-01-01")
    expired.look_up([frozenset({"Mg", "O"})])
    assert len(server.asked) > asked


def test_a_search_asks_only_so_often(tmp_path: Path, server: FakeProject, address: str) -> None:
    live = LiveCrystals(CrystalStore(tmp_path), settings_for(address, mp_lookups=1))
    live.in_chemical_system(["Mg", "O"])
    live.in_chemical_system(["Na", "Cl"])
    assert len(server.asked) == 1
    live.search_begins([frozenset({"Na", "Cl"})])
    assert len(server.asked) == 2
    assert live.known_formula("NaCl")


def test_a_project_that_is_down_stops_no_search(tmp_path: Path) -> None:
    live = LiveCrystals(CrystalStore(tmp_path), settings_for("http://127.0.0.1:9"))
    assert live.in_chemical_system(["Mg", "O"]) == []
    assert "was not asked: the Materials Project cannot be reached" in str(live.info())
    live.search_begins([frozenset({"Na", "Cl"})])  # soon after: it is not asked again
    assert live.failure
