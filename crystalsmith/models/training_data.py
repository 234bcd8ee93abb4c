"""Reading training files: crystals, hypothetical crystals, formulas, and held-out crystals."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from crystalsmith.core.chemistry.formulas import parse_formula
from crystalsmith.core.datasets import ReadReport, Row, number_in, read_entries, read_rows
from crystalsmith.core.errors import DataError, FormulaError
from crystalsmith.core.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pymatgen.core import Composition

    from crystalsmith.core.entry import Entry


@dataclass(frozen=True)
class FormulaRow:
    """A formula with what is known of it.

    Attributes:
        id: of the crystal it belongs to.
        composition: the formula.
        band_gap: eV; formation_energy: eV/atom; None when unknown.
    """

    id: str
    composition: Composition
    band_gap: float | None
    formation_energy: float | None


@dataclass
class TrainingData:
    """Everything a training run may look at.

    Attributes:
        entries: known crystals, each id once.
        hypothetical: crystals from substitution that were never made.
        held_out: for model selection and calibration.
        formulas: formulas without structures.
        reports: what was read and skipped, one sentence a file.
    """

    entries: list[Entry]
    hypothetical: list[Entry]
    held_out: list[Entry]
    formulas: list[FormulaRow] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)

    @property
    def crystals(self) -> list[Entry]:
        """Known and hypothetical crystals together."""
        return [*self.entries, *self.hypothetical]


def read_training_data(
    data: Sequence[Path],
    validation: Path,
    *,
    hypothetical: Sequence[Path] = (),
    formulas: Path | None = None,
    progress: Progress = silent,
) -> TrainingData:
    """Read all files; band gaps that a crystal file lacks are taken from the formula file by id.

    Formulas of validation crystals (by id) are left out.

    Raises:
        DataError: a file cannot be used, there is nothing to train on or to validate with, or
            training and validation crystals overlap.
    """
    found = TrainingData([], [], [])
    seen: set[str] = set()
    for paths, rows in ((data, found.entries), (hypothetical, found.hypothetical)):
        for path in paths:
            entries, report = read_entries(path, progress=progress)
            found.reports.append(str(report))
            for entry in entries:
                if entry.id not in seen:
                    seen.add(entry.id)
                    rows.append(entry)
    found.held_out, report = read_entries(validation, progress=progress)
    found.reports.append(str(report))
    for rows, kind in ((found.crystals, "training"), (found.held_out, "validation")):
        if not rows:
            raise DataError(f"there is no usable {kind} crystal: {'; '.join(found.reports)}")
    shared = seen & {entry.id for entry in found.held_out}
    if shared:
        raise DataError(
            f"{len(shared)} crystals of {validation} are in the training files too, such as"
            f" {min(shared)}; validation crystals must be held out"
        )
    if formulas is not None:
        held_out = {entry.id for entry in found.held_out}
        known_formulas, report = read_formulas(formulas)
        found.reports.append(str(report))
        found.formulas = [row for row in known_formulas if row.id not in held_out]
        gaps = {row.id: row.band_gap for row in found.formulas}
        found.entries = [
            replace(entry, band_gap=gaps[entry.id])
            if entry.band_gap is None and entry.id in gaps
            else entry
            for entry in found.entries
        ]
    return found


def read_formulas(path: Path) -> tuple[list[FormulaRow], ReadReport]:
    """Read a CSV of formulas: ``material_id, pretty_formula, band_gap, formation_energy_per_atom``.

    Raises:
        DataError: the file cannot be read or lacks the formula column. Single bad rows are skipped
            and reported.
    """
    report = ReadReport(path.name)
    rows: list[FormulaRow] = []
    for row in read_rows(path, columns=["pretty_formula"]):
        try:
            rows.append(_formula_row(row))
        except FormulaError as error:
            report.skip(row.number, "unusable formula", str(error))
    report.used = len(rows)
    return rows, report


def _formula_row(row: Row) -> FormulaRow:
    return FormulaRow(
        row.values.get("material_id") or "",
        parse_formula(row.values["pretty_formula"] or ""),
        number_in(row, "band_gap"),
        number_in(row, "formation_energy_per_atom"),
    )
