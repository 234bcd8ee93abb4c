"""The papers' tables: their data, our measures, the page."""

from __future__ import annotations

import json
import shutil

import pytest
from pymatgen.core import Composition, Lattice, Structure

from crystalsmith.cli import main
from crystalsmith.core.clauses import CrystalSystemClause, ElectronicClass, PropertyRange
from crystalsmith.core.errors import DataError
from crystalsmith.evals.papers.coverage import is_valid_composition, is_valid_structure
from crystalsmith.evals.papers.models import with_other
from crystalsmith.evals.papers.run import _RUNNERS, Bench
from crystalsmith.evals.papers.saved import Saved
from crystalsmith.evals.papers.strategies import drawn_entries, told_everything, told_the_class
from crystalsmith.evals.papers.tables import Measured, markdown, paper_tables


def test_every_published_table_has_a_runner_a_command_and_its_differences():
    tables = paper_tables()
    assert {table.key for table in tables} == _RUNNERS.keys()
    for table in tables:
        assert table.command.startswith("crystalsmith eval ")
        assert table.differences
        assert all(len(row) <= len(table.columns) for row in table.rows.values())


def test_tables_are_chosen_by_name():
    assert [table.key for table in paper_tables(["genms-1"])] == ["genms-1"]
    with pytest.raises(DataError, match="there is no table"):
        paper_tables(["genms-99"])


def test_rare_groups_count_as_one_class():
    guesses = [(225, 225)] * 200 + [(2, 14), (2, 225)]  # 2 is rare, and so is 14
    assert with_other(guesses) == pytest.approx(100 * 201 / 202)


def test_validity_is_cdvaes(structure_named):
    assert is_valid_structure(structure_named("NaCl"))
    close = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.1, 0, 0]])
    assert not is_valid_structure(close)
    assert not is_valid_structure(Structure(Lattice.cubic(0.4), ["Na"], [[0, 0, 0]]))
    assert is_valid_composition(Composition("NaCl"))
    assert is_valid_composition(Composition("Al3Ni"))  # metals alone pass
    assert not is_valid_composition(Composition("NaCl4"))


def test_what_was_measured_is_kept_and_skipping_does_not_replace_it(tmp_path):
    path, page = tmp_path / "f.json", tmp_path / "results.md"
    first, second = paper_tables(["genms-1", "genms-3"])
    Saved(path, page, {"limit": 5}).add(
        first, Measured({"ours": [100.0, None, 50.0]}, "n crystals")
    )
    later = Saved(path, page, {"limit": 9})
    later.add(first, Measured(skipped="no data"))
    later.add(second, Measured({"ours": [12.5]}))
    text = page.read_text(encoding="utf-8")
    assert "| **ours** | 100 |  | 50 |" in text
    assert "n crystals (limit 5)" in text
    assert "| **ours** | 12.5 |" in text
    assert "Not measured: not asked for." in text
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="name another"):
        Saved(path, page, {})


def test_the_page_has_their_rows_and_what_differs():
    (table,) = paper_tables(["crystalgf-4"])
    text = markdown([(table, Measured({"ours": [float("nan")] * 5}), "")])
    assert "| CrystalGF | 96.87 | 39.67 | 64.67 | 9.38 | 11.14 |" in text
    assert "| **ours** |  |  |  |  |  |" in text
    assert table.differences in text


def test_strategies_draw_crystals_of_a_class(mp20_file, tmp_path):
    shutil.copy(mp20_file, tmp_path / "mp20_test.csv.gz")
    bench = Bench(tmp_path, "none", designs=2)
    cubic = [CrystalSystemClause(name="cubic")]
    drawn = told_the_class(bench, cubic)
    assert len(drawn) == 2
    assert all(found.get_space_group_info(0.01)[1] >= 195 for found in drawn)
    known = drawn_entries(bench, lambda entry: entry.formula == "TiO2")
    rebuilt = told_everything(bench, known)
    assert [structure.composition.reduced_formula for structure in rebuilt] == ["TiO2"]
    low = PropertyRange(name="formation_energy", maximum=-0.9)
    assert len(told_the_class(bench, [ElectronicClass(name="non_metallic"), low])) == 2


def test_the_command_measures_tables_on_a_small_file(mp20_file, tmp_path):
    shutil.copy(mp20_file, tmp_path / "mp20_test.csv.gz")
    command = ["eval", "papers", "--data", str(tmp_path), "--store", "none", "--designs", "1"]
    for key in ("crystalgf-2", "crystalgf-4", "crystalgf-6", "unimdm-1", "concdvae-2"):
        command += ["--only", key]
    command += ["--json", str(tmp_path / "f.json"), "--page", str(tmp_path / "r.md")]
    with pytest.raises(SystemExit) as end:
        main(command)
    assert not end.value.code
    tables = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))["tables"]
    assert "perov5_test" in tables["crystalgf-2"]["skipped"]
    assert tables["crystalgf-6"]["rows"]["ours, judge"][2] == 100  # compositions are kept
    unique, novel, stable, both, balanced = tables["crystalgf-4"]["rows"]["ours"]
    assert both <= min(unique, novel, stable)
    assert 0 <= balanced <= 100
    assert len(tables["unimdm-1"]["rows"]["ours, gap told"]) == 3
    default, full, less, real = tables["concdvae-2"]["rows"].values()
    assert len(default) == len(full) == len(less) == len(real) == 4
    assert full[2] is None  # no test crystal has an open gap and a high energy
    assert full[3] is not None
