"""What a training run reads: crystals once each, validation held out, formulas beside them."""

from __future__ import annotations

import gzip

import pytest

from crystalsmith.core.errors import DataError
from crystalsmith.models.training_data import read_formulas, read_training_data

FORMULAS = """material_id,pretty_formula,band_gap,formation_energy_per_atom
t-NaCl,NaCl,5.1,-2.0
t-MgO,MgO,4.0,-3.1
f-1,Ca3(PO4)2,5.5,-3.2
f-2,LiFePO4,nan,
f-3,GaN,unknown,inf
"""


@pytest.fixture
def formulas(tmp_path):
    def write(text=FORMULAS, name="formulas.csv", encoding="utf-8"):
        path = tmp_path / name
        opener = gzip.open if name.endswith(".gz") else open
        with opener(path, "wt", encoding=encoding) as handle:
            handle.write(text)
        return path

    return write


def ids(rows):
    return [row.id for row in rows]


def test_every_crystal_comes_once(write_csv):
    first = write_csv(["NaCl", "Si", "NaCl"], "first.csv")
    second = write_csv(["Si", "ZnO"], "second.csv")
    made_up = write_csv(["ZnO", "Fe"], "hypothetical.csv")
    data = read_training_data(
        [first, second], write_csv(["MgO"], "validation.csv"), hypothetical=[made_up]
    )
    assert ids(data.entries) == ["t-NaCl", "t-Si", "t-ZnO"]
    assert ids(data.hypothetical) == ["t-Fe"]
    assert ids(data.crystals) == ["t-NaCl", "t-Si", "t-ZnO", "t-Fe"]
    assert ids(data.held_out) == ["t-MgO"]
    assert data.reports == [
        "first.csv: 3 rows used",
        "second.csv: 2 rows used",
        "hypothetical.csv: 2 rows used",
        "validation.csv: 1 rows used",
    ]


def test_other_sources_add_formulas_that_nobody_has(write_csv):
    first = write_csv(["NaCl", "Si"], "first.csv")
    other = write_csv(["NaCl", "ZnO", "Fe", "MgO", "CsCl"], "other.csv")
    data = read_training_data(
        [first],
        write_csv(["MgO"], "validation.csv"),
        hypothetical=[write_csv(["Fe"], "hypothetical.csv")],
        further=[other, other],
        apart_from=[write_csv(["CsCl"], "benchmark.csv")],
    )
    assert ids(data.entries) == ["t-NaCl", "t-Si", "t-ZnO"]
    assert data.reports[-2:] == [
        "other.csv: 5 rows used, 1 of them with formulas of their own",
        "other.csv: 5 rows used, 0 of them with formulas of their own",
    ]


def test_validation_crystals_must_be_held_out(write_csv):
    train = write_csv(["NaCl", "Si"], "train.csv")
    made_up = write_csv(["Fe"], "hypothetical.csv")
    with pytest.raises(DataError, match=r"1 crystals of .* such as t-Si; .* held out"):
        read_training_data([train], write_csv(["Si", "MgO"], "validation.csv"))
    with pytest.raises(DataError, match="such as t-Fe"):
        read_training_data([train], write_csv(["Fe"], "v.csv"), hypothetical=[made_up])


def test_files_without_crystals_are_refused(write_csv):
    some, none = write_csv(["NaCl"], "some.csv"), write_csv([], "none.csv")
    with pytest.raises(DataError, match=r"no usable training crystal: none\.csv: 0 rows used"):
        read_training_data([none], some)
    with pytest.raises(DataError, match="no usable validation crystal"):
        read_training_data([some], none)


def test_formulas_fill_in_gaps_and_leave_out_validation(write_csv, formulas):
    train = write_csv(["NaCl", "Si"], "train.csv", without=["band_gap"])
    data = read_training_data([train], write_csv(["MgO"], "validation.csv"), formulas=formulas())
    assert ids(data.formulas) == ["t-NaCl", "f-1", "f-2", "f-3"]
    assert [entry.band_gap for entry in data.entries] == [5.1, None]
    assert data.entries[0].formation_energy == -2.1
    assert data.reports[-1] == "formulas.csv: 5 rows used"


def test_known_gaps_are_kept(write_csv, formulas):
    data = read_training_data(
        [write_csv(["NaCl"], "train.csv")], write_csv(["MgO"], "v.csv"), formulas=formulas()
    )
    assert data.entries[0].band_gap == 5.0


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("f.csv", "utf-8"), ("f.csv.gz", "utf-8"), ("spreadsheet.csv", "utf-8-sig")],
)
def test_formula_files(formulas, name, encoding):
    rows, _ = read_formulas(formulas(name=name, encoding=encoding))
    assert ids(rows) == ["t-NaCl", "t-MgO", "f-1", "f-2", "f-3"]
    assert rows[2].composition.reduced_formula == "Ca3(PO4)2"
    assert [row.band_gap for row in rows] == [5.1, 4.0, 5.5, None, None]
    assert [row.formation_energy for row in rows] == [-2.0, -3.1, -3.2, None, None]


@pytest.mark.parametrize("text", ["", "Xx2O3", "rock salt", "Na0.5Cl", "Og", "C0"])
def test_bad_formulas_are_skipped_and_reported(formulas, text):
    rows, report = read_formulas(formulas(FORMULAS + f"f-4,{text},1,1\nf-5,AlN,1,1\n"))
    assert len(rows) == 6
    assert rows[-1].id == "f-5"
    assert "1 skipped (unusable formula; row 6: " in str(report)


def test_files_that_are_none_are_refused_in_words(formulas, tmp_path):
    with pytest.raises(DataError, match="has no column pretty_formula"):
        read_formulas(formulas("a,b\n1,2\n"))
    with pytest.raises(DataError, match="has no column pretty_formula"):
        read_formulas(formulas(""))
    with pytest.raises(DataError, match="cannot be read: No such file"):
        read_formulas(tmp_path / "nowhere.csv")
    packed = formulas(name="f.csv.gz")
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read_formulas(packed)
    packed.write_bytes(bytes(range(256)))
    with pytest.raises(DataError, match="cannot be read"):
        read_formulas(packed)
