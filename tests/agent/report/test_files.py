from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from crystalsmith.agent.report.files import ensure_writable, folder_for, write_results
from crystalsmith.core.errors import OutputError


def test_cifs_carry_their_symmetry_and_read_back_as_the_same_crystal(result, tmp_path):
    write_results(result, tmp_path)
    for candidate in result.candidates:
        (path,) = tmp_path.glob(f"{candidate.id}_*.cif")
        text = path.read_text()
        assert f"_symmetry_Int_Tables_number   {candidate.evidence.space_group}" in text
        read = Structure.from_file(path)
        assert read.composition.reduced_formula == candidate.formula
        found = SpacegroupAnalyzer(read, symprec=0.01).get_space_group_number()
        assert found == candidate.evidence.space_group


def test_results_json_holds_everything_needed_to_judge_and_repeat(result, tmp_path):
    write_results(result, tmp_path)
    record = json.loads((tmp_path / "results.json").read_text())
    assert record["request"]["text"] == result.request.text
    assert record["run"]["seed"] == 0
    assert record["run"]["versions"]["crystalsmith"]
    first = record["candidates"][0]
    assert first["clauses"][0].keys() >= {"wish", "words", "status", "reason"}
    assert first["predictions"]["band_gap"].keys() >= {"mean", "std", "unit", "source"}
    assert Structure.from_dict(first["structure"]) == result.candidates[0].structure
    assert (tmp_path / first["file"]).exists()


def test_summary_has_one_row_per_candidate_with_units_in_the_header(result, tmp_path):
    write_results(result, tmp_path)
    with (tmp_path / "summary.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["id"] for row in rows] == [candidate.id for candidate in result.candidates]
    assert "band_gap [eV]" in rows[0]
    assert float(rows[0]["formation_energy [eV/atom]"]) < 2


def test_writing_again_removes_only_what_an_earlier_run_left(result, tmp_path):
    (tmp_path / "mine.cif").write_text("keep me")
    write_results(result, tmp_path)
    fewer = replace(result, candidates=result.candidates[:1])
    write_results(fewer, tmp_path)
    names = {path.name for path in tmp_path.glob("*.cif")}
    assert len(names) == 2
    assert "mine.cif" in names


def test_a_tampered_results_file_cannot_name_files_elsewhere(result, tmp_path):
    outside = tmp_path / "outside.cif"
    outside.write_text("keep me")
    folder = tmp_path / "out"
    folder.mkdir()
    evil = {"candidates": [{"file": "../outside.cif"}, {"file": "/etc/passwd"}]}
    (folder / "results.json").write_text(json.dumps(evil))
    write_results(result, folder)
    assert outside.exists()


def test_no_half_written_files_are_left(result, tmp_path):
    write_results(result, tmp_path)
    assert not list(tmp_path.glob("*.part"))


def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OutputError, match="give another --out"):
        ensure_writable(file / "below")
    assert list(tmp_path.iterdir()) == [file]


def test_checking_a_folder_does_not_make_it(tmp_path):
    ensure_writable(tmp_path / "new" / "deep")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", ["../../etc/passwd", "a/b\\c", "💎 \u202e", ""])
def test_folders_are_named_harmlessly(words, tmp_path):
    folder = folder_for(words, tmp_path)
    assert folder.parent == tmp_path
    assert folder.name.replace("-", "").isalnum()


def test_a_chinese_request_gives_its_folder_a_name_one_can_read(tmp_path):
    assert folder_for("无铅钙钛矿,带隙约1.5 eV", tmp_path).name == "无铅钙钛矿-带隙约1-5-ev"


def test_an_existing_folder_is_never_reused(tmp_path):
    first = folder_for("SrTiO3 please", tmp_path)
    first.mkdir()
    second = folder_for("SrTiO3 please", tmp_path)
    assert first != second
