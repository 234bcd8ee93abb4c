"""MP-20-format files: what is read, what is skipped and why, what stops everything."""

import csv
import gzip

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from crystalsmith.core.datasets import (
    ReadReport,
    number_in,
    read_entries,
    read_rows,
    stream_entries,
)
from crystalsmith.core.errors import DataError

COLUMNS = ["material_id", "cif", "band_gap", "formation_energy_per_atom", "e_above_hull"]


@pytest.fixture
def rows(structure_named):
    """Three good rows."""
    cifs = {name: structure_named(name).to(fmt="cif") for name in ("NaCl", "SrTiO3", "ZnO")}
    return [
        ["t-1", cifs["NaCl"], "5.0", "-2.1", "0"],
        ["t-2", cifs["SrTiO3"], "1.8", "-3.5", "0.0"],
        ["t-3", cifs["ZnO"], "0.7", "-1.8", "0.001"],
    ]


@pytest.fixture
def write(tmp_path):
    def to_file(rows, columns=COLUMNS, name="crystals.csv", encoding="utf-8"):
        path = tmp_path / name
        opener = gzip.open if name.endswith(".gz") else open
        with opener(path, "wt", encoding=encoding, newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(columns)
            writer.writerows(rows)
        return path

    return to_file


@pytest.mark.parametrize("name", ["crystals.csv", "crystals.csv.gz"])
def test_plain_and_compressed(write, rows, name):
    entries, report = read_entries(write(rows, name=name), workers=1)
    assert [entry.id for entry in entries] == ["t-1", "t-2", "t-3"]
    assert [entry.formula for entry in entries] == ["NaCl", "SrTiO3", "ZnO"]
    assert [entry.crystal.template.number for entry in entries] == [225, 221, 186]
    assert entries[1].band_gap == 1.8
    assert entries[1].formation_energy == -3.5
    assert entries[2].e_above_hull == 0.001
    assert {entry.source for entry in entries} == {"crystals"}
    assert str(report) == f"{name}: 3 rows used"


def test_spreadsheets_mark_their_files(write, rows):
    """Excel puts a byte order mark before the first column's name."""
    entries, _ = read_entries(write(rows, encoding="utf-8-sig"), workers=1)
    assert len(entries) == 3


def test_source_and_limit(write, rows):
    entries, report = read_entries(write(rows), source="my lab", limit=2, workers=1)
    assert [entry.source for entry in entries] == ["my lab", "my lab"]
    assert report.used == 2


@pytest.mark.parametrize(
    ("columns", "missing"),
    [(["id", "cif"], "material_id"), (["material_id"], "cif"), (["a"], "cif, material_id")],
)
def test_missing_columns_are_named(write, columns, missing):
    path = write([["x"] * len(columns)], columns)
    with pytest.raises(DataError, match=f"not in MP-20 format: it has no column {missing}$"):
        read_entries(path)


def test_property_columns_may_be_missing(write, rows):
    entries, _ = read_entries(write([row[:2] for row in rows], COLUMNS[:2]), workers=1)
    assert [entry.band_gap for entry in entries] == [None] * 3


@pytest.mark.parametrize("text", ["", "nan", "NaN", "inf", "-inf", "unknown", "None"])
def test_what_is_no_number_is_unknown(write, rows, text):
    rows[0][2:] = [text] * 3
    entries, _ = read_entries(write(rows), workers=1)
    first = entries[0]
    assert (first.band_gap, first.formation_energy, first.e_above_hull) == (None, None, None)
    assert entries[1].band_gap == 1.8


@pytest.mark.parametrize("damage", ["", "data_nothing", "not a CIF", "\x00", "_cell_length_a 0"])
def test_a_broken_row_is_skipped_and_reported(write, rows, damage):
    rows[1][1] = damage
    entries, report = read_entries(write(rows), workers=1)
    assert [entry.id for entry in entries] == ["t-1", "t-3"]
    assert report.used == 2
    assert sum(report.skipped.values()) == 1
    assert "1 skipped (unreadable or disordered crystal; row 2: unreadable CIF" in str(report)


def test_a_truncated_cif_is_skipped_and_reported(write, rows):
    rows[2][1] = rows[2][1][: len(rows[2][1]) // 3]
    entries, report = read_entries(write(rows), workers=1)
    assert [entry.id for entry in entries] == ["t-1", "t-2"]
    assert "row 3" in str(report)


def test_a_short_row_is_skipped_and_reported(write, rows):
    rows[1] = ["t-2"]
    entries, report = read_entries(write(rows), workers=1)
    assert [entry.id for entry in entries] == ["t-1", "t-3"]
    assert "row 2" in str(report)


def test_a_disordered_row_is_skipped_and_reported(write, rows):
    alloy = Structure(Lattice.cubic(3.6), [{"Fe": 0.5, "Ni": 0.5}], [[0, 0, 0]])
    rows.insert(0, ["t-0", alloy.to(fmt="cif"), "0", "0", "0"])
    entries, report = read_entries(write(rows), workers=1)
    assert len(entries) == 3
    assert "row 1: the structure is disordered" in str(report)


def test_overlapping_atoms_are_skipped_and_reported(write, rows):
    twice = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.001, 0, 0]])
    rows.append(["t-4", twice.to(fmt="cif"), "0", "0", "0"])
    entries, report = read_entries(write(rows), workers=1)
    assert len(entries) == 3
    assert "row 4" in str(report)


@pytest.mark.parametrize(
    ("old", "new"), [("Na", "X"), ("5.64000000", "nan"), ("90.00000000", "0.0"), ("Na", "Og")]
)
def test_rows_that_are_no_crystals_do_not_stop_the_others(write, rows, old, new):
    """A lattice that is not a number would bring spglib down, and the process with it."""
    rows[0][1] = rows[0][1].replace(old, new)
    entries, report = read_entries(write(rows), workers=1)
    assert [entry.id for entry in entries] == ["t-2", "t-3"]
    assert "row 1: " in str(report)


def test_oxidation_states_in_files_do_not_matter(write, rows, structure_named):
    charged = structure_named("NaCl")
    charged.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    rows[0][1] = charged.to(fmt="cif")
    entries, _ = read_entries(write(rows), workers=1)
    assert entries[0].formula == "NaCl"


def test_truncated_archives_are_refused_in_words(write, rows):
    path = write(rows, name="crystals.csv.gz")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"crystals\.csv\.gz cannot be read: .*ended") as error:
        read_entries(path)
    assert "\n" not in str(error.value)


def test_damaged_archives_are_refused_in_words(write, rows):
    path = write(rows, name="crystals.csv.gz")
    content = bytearray(path.read_bytes())
    content[20:60] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        read_entries(path)


@pytest.mark.parametrize("name", ["crystals.csv", "crystals.csv.gz"])
def test_files_of_another_kind_are_refused_in_words(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(np.random.default_rng(0).bytes(2000))
    with pytest.raises(DataError):
        read_entries(path)


def test_missing_files_and_folders_are_refused_in_words(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_entries(tmp_path / "nowhere.csv")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_entries(tmp_path)


def test_empty_files_lack_their_columns(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("")
    with pytest.raises(DataError, match="has no column cif, material_id"):
        read_entries(path)


def test_rows_are_numbered_from_one(write, rows):
    assert [row.number for row in read_rows(write(rows))] == [1, 2, 3]


def test_known_crystals_are_not_read_again(write, rows):
    report = ReadReport("crystals.csv")
    entries = list(stream_entries(write(rows), report, workers=1, known={"t-1", "t-3"}))
    assert [entry.id for entry in entries] == ["t-2"]
    assert str(report) == "crystals.csv: 1 rows used, 2 known already"


def test_crystals_come_one_by_one_with_progress(write, rows):
    told = []
    stream = stream_entries(
        write(rows), ReadReport(""), workers=1, progress=lambda *step: told.append(step)
    )
    assert next(stream).id == "t-1"
    list(stream)
    assert told == [("reading crystals.csv", done, 3) for done in (1, 2, 3)]


def test_several_processes_read_the_same(write, rows, monkeypatch):
    monkeypatch.setattr("crystalsmith.core.datasets._PARALLEL_FROM", 1)
    rows[1][1] = "broken"
    entries, report = read_entries(write(rows), workers=2)
    assert [entry.id for entry in entries] == ["t-1", "t-3"]
    assert "row 2" in str(report)


def test_reasons_are_counted():
    report = ReadReport("file.csv", used=5)
    for number in (3, 7):
        report.skip(number, "no symmetry", "odd")
    report.skip(9, "unreadable", "bad")
    assert str(report) == (
        "file.csv: 5 rows used, 2 skipped (no symmetry; row 3: odd),"
        " 1 skipped (unreadable; row 9: bad)"
    )


def test_numbers_in_cells(write, rows):
    row = next(iter(read_rows(write(rows))))
    assert number_in(row, "band_gap") == 5.0
    assert number_in(row, "no such column") is None
