"""The page in a real browser: nothing is fetched, crystals show, tables sort, names stay words.

Needs Chromium: `apt-get install chromium-headless-shell`, or `playwright install chromium`.
"""

from __future__ import annotations

import json
import os
import shutil

import pytest

from crystalsmith.agent.report.files import write_results
from crystalsmith.agent.report.page.build import page, page_of_folder, write_page
from crystalsmith.agent.report.page.content import content
from crystalsmith.agent.report.page.crystals import drawing
from crystalsmith.agent.report.records import result_record
from crystalsmith.core.errors import DataError

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
_SOFTWARE = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
_HOSTILE = (
    "<script>window.hacked=1</script>",
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "\"><svg onload=window.hacked=1>'",
    "<a href='javascript:window.hacked=1'>x</a>",
)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = os.environ.get("CRYSTALSMITH_CHROMIUM") or next(
        filter(None, map(shutil.which, _NAMES)), None
    )
    with playwright.sync_playwright() as driver:
        try:
            opened = driver.chromium.launch(
                executable_path=found, args=_SOFTWARE, chromium_sandbox=False
            )
        except playwright.Error as error:
            first = str(error).splitlines()[0]
            pytest.skip(f"no Chromium on this machine (apt or `playwright install`): {first}")
        yield opened
        opened.close()


class _Opened:
    """A page in the browser with what it said and asked for."""

    def __init__(self, browser, path):
        self.tab = browser.new_page(viewport={"width": 1200, "height": 1000})
        self.errors, self.fetched = [], []
        self.tab.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", lambda request: self.fetched.append(request.url))
        self.tab.goto(path.as_uri())
        self.tab.wait_for_function(
            "document.getElementById('crystal')?._fullLayout", timeout=60_000
        )


@pytest.fixture
def opened(browser, tmp_path):
    tabs = []

    def show(text):
        path = tmp_path / "report.html"
        write_page(path, text)
        tabs.append(_Opened(browser, path))
        return tabs[-1]

    yield show
    for item in tabs:
        item.tab.close()


def _text(result, count=1):
    record = json.loads(json.dumps(result_record(result)))
    return page("a title", [content(record, f"result {i}") for i in range(count)])


def test_nothing_is_fetched_and_nothing_goes_wrong(opened, result):
    shown = opened(_text(result))
    assert shown.errors == []
    assert [url for url in shown.fetched if not url.startswith(("file:", "data:", "blob:"))] == []


def test_the_viewer_shows_every_atom_of_the_cell_with_bonds_and_edges(opened, result):
    shown = opened(_text(result))
    first = result.candidates[0]
    traces = shown.tab.evaluate(
        "document.getElementById('crystal').data"
        ".map(t => [t.name, t.x.filter(v => v !== null).length])"
    )
    counts = dict(traces)
    assert {e.symbol for e in first.composition.elements} <= counts.keys()
    assert all(number > 0 for number in counts.values())
    assert counts["cell"] == 24
    assert shown.tab.locator("#crystal canvas").count() > 0  # WebGL really drew


def test_clicking_a_heading_sorts_up_and_down(opened, result):
    shown = opened(_text(result))
    heading = shown.tab.locator("table.candidates th button", has_text="formation energy")

    def order():
        return shown.tab.locator("table.candidates tbody tr td:first-child").all_inner_texts()

    energies = {c.id: c.predictions["formation_energy"].mean for c in result.candidates}
    heading.click()
    assert order() == sorted(energies, key=energies.get)
    heading.click()
    assert order() == sorted(energies, key=energies.get, reverse=True)


def test_choosing_a_row_shows_that_crystal_and_its_clauses(opened, result):
    shown = opened(_text(result))
    last = result.candidates[-1]
    shown.tab.locator("table.candidates tbody tr").last.click()
    title = shown.tab.evaluate("document.getElementById('crystal').layout.title.text")
    assert last.formula in title
    words = shown.tab.locator("#details").inner_text()
    assert all(item.clause.wish() in words for item in last.judged)


def test_a_batch_page_shows_the_result_that_is_chosen(opened, result):
    shown = opened(_text(result, count=3))
    shown.tab.select_option("#result", "2")
    shown.tab.wait_for_function("document.getElementById('tree')?._fullLayout")
    assert shown.errors == []


def test_the_tree_has_what_was_cut_and_why(result):
    record = json.loads(json.dumps(result_record(result)))
    nodes = {node["id"]: node for node in content(record, "x")["tree"]}
    labels = [node["label"] for node in nodes.values()]
    assert {candidate.id for candidate in result.candidates} <= set(labels)
    assert all(node["parent"] in nodes for node in nodes.values() if node["parent"])
    followed = [node for node in record["tree"]["formulas"] if "templates" in node]
    drawn = [one for node in followed for t in node["templates"] for one in t.get("structures", [])]
    assert len(nodes) > len(drawn) + len(followed)
    assert any("; cut: " in node["text"] for node in nodes.values())


@pytest.mark.parametrize("hostile", _HOSTILE)
def test_hostile_names_stay_words(opened, result, hostile):
    record = json.loads(json.dumps(result_record(result)))
    record["request"]["text"] = hostile
    record["run"]["known_crystals"] = hostile
    for item in record["candidates"]:
        item["formula"] = item["file"] = item["id"] = hostile
        item["space_group"]["symbol"] = hostile
        item["provenance"]["formula"] = item["provenance"]["template"] = hostile
        for clause in item["clauses"]:
            clause["wish"] = clause["reason"] = hostile
    for node in record["tree"]["formulas"]:
        node["formula"] = node["origin"] = node["cut"] = hostile
    shown = opened(page(hostile, [content(record, hostile)]))
    shown.tab.locator("table.candidates tbody tr").first.click()
    shown.tab.hover("#tree")
    shown.tab.wait_for_timeout(300)
    assert shown.tab.evaluate("window.hacked") is None
    assert shown.tab.locator("main img, main svg[onload], main a[href^=javascript]").count() == 0
    assert hostile in shown.tab.locator("main").inner_text()


def test_a_folder_of_a_design_and_of_a_batch_both_give_a_page(result, tmp_path):
    write_results(result, tmp_path / "batch" / "one")
    write_results(result, tmp_path / "batch" / "two")
    assert page_of_folder(tmp_path / "batch" / "one")[0].count('"name"') >= 1
    text, left_out = page_of_folder(tmp_path / "batch")
    assert '"name": "one"' in text
    assert '"name": "two"' in text
    assert left_out == 0


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"request": {"text": "x"}}'])
def test_a_damaged_or_missing_result_is_one_sentence(tmp_path, damage):
    if damage:
        (tmp_path / "results.json").write_text(damage, encoding="utf-8")
    with pytest.raises(DataError, match=r"cannot be shown|no results\.json"):
        page_of_folder(tmp_path)


def test_rock_salt_is_drawn_with_its_faces_and_six_neighbours(structure_named):
    view = drawing(structure_named("NaCl"))
    points = {kind["element"]: kind["points"] for kind in view["atoms"]}
    assert len(points["Na"]) == 14  # corners and face centres
    assert len(points["Cl"]) == 13  # edges and the centre
    centre = [2.82, 2.82, 2.82]
    assert sum(centre in pair for pair in view["bonds"]) == 6
    assert len(view["cell"]) == 12
