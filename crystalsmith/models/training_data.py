"""Reading training files: crystals, hypothetical crystals, formulas, and held-out crystals."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.chemistry.formulas import parse_formula
from crystalsmith.core.datasets import (
    ReadReport,
    Row,
    number_in,
    read_entries,
    read_rows,
    reduced_formulas,
)
from crystalsmith.core.errors import DataError, FormulaError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
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
        held_out: for model selection and calibration; those of the validation file come first.
        validation: how many of them come from the validation file.
        formulas: formulas without structures.
        reports: what was read and skipped, one sentence a file.
    """

    entries: list[Entry]
    hypothetical: list[Entry]
    held_out: list[Entry]
    formulas: list[FormulaRow] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    validation: int = 0

    @property
    def crystals(self) -> list[Entry]:
        """Known and hypothetical crystals together."""
        return [*self.entries, *self.hypothetical]


def read_training_data(
    data: Sequence[Path],
    validation: Path | None,
    *,
    hold_out: float = 0.0,
    hypothetical: Sequence[Path] = (),
    further: Sequence[Path] = (),
    apart_from: Sequence[Path] = (),
    formulas: Path | None = None,
    progress: Progress = silent,
) -> TrainingData:
    """Read all files; band gaps that a crystal file lacks are taken from the formula file by id.

    Formulas of validation crystals (by id) are left out.

    Args:
        data: known crystals.
        validation: held-out crystals, if they have a file of their own.
        hold_out: share of the formulas whose crystals are held out from the files; which ones
            depends on the formula alone.
        hypothetical: crystals from substitution.
        further: known crystals of other sources, which call the same crystal by another id; only
            those are taken whose formula no other file has.
        apart_from: files, such as benchmarks, whose formulas are not taken from ``further`` either.
        formulas: formulas without structures.
        progress: told about every row.

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
    if validation is not None:
        found.held_out, report = read_entries(validation, progress=progress)
        found.reports.append(str(report))
    found.validation = len(found.held_out)
    if not found.crystals:
        raise DataError(f"there is no usable training crystal: {'; '.join(found.reports)}")
    shared = seen & {entry.id for entry in found.held_out}
    if shared:
        raise DataError(
            f"{len(shared)} crystals of {validation} are in the training files too, such as"
            f" {min(shared)}; validation crystals must be held out"
        )
    if further:
        _add(found, further, apart_from, progress)
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
    if hold_out > 0:
        _hold_out(found, hold_out)
    if not found.held_out:
        raise DataError(f"there is no usable validation crystal: {'; '.join(found.reports)}")
    return found


def _add(
    found: TrainingData, further: Sequence[Path], apart_from: Sequence[Path], progress: Progress
) -> None:
    """Take the crystals of other sources whose formulas nobody has yet."""
    known = {entry.formula for entry in [*found.crystals, *found.held_out]}
    known |= {formula for path in apart_from for formula in reduced_formulas(path)}
    for path in further:
        entries, report = read_entries(path, progress=progress)
        new = [entry for entry in entries if entry.formula not in known]
        found.reports.append(f"{report}, {len(new)} of them with formulas of their own")
        found.entries += new
        known |= {entry.formula for entry in new}


def _hold_out(found: TrainingData, share: float) -> None:
    """Move the crystals of a share of the formulas to the held-out ones."""
    for rows in (found.entries, found.hypothetical):
        held = [entry for entry in rows if _position(entry.formula) < share]
        found.held_out += held
        rows[:] = [entry for entry in rows if _position(entry.formula) >= share]


def _position(formula: str) -> float:
    """Where a formula lies between 0 and 1, the same on every machine."""
    return int(hashlib.sha256(formula.encode()).hexdigest()[:8], 16) / 2**32


def targets_of(entries: Sequence[Entry], properties: Sequence[str]) -> NDArray[np.float64]:
    """``(entries, properties)`` values as networks learn them, NaN where unknown.

    Logarithmic properties are in decades; values of theirs that are not positive count as unknown.
    """
    rows = [[entry.value(name) for name in properties] for entry in entries]
    values = np.array(rows, dtype=float).reshape(-1, len(properties))
    for column, name in enumerate(properties):
        if name in PROPERTIES and PROPERTIES[name].logarithmic:
            positive = values[:, column] > 0
            logs = np.log10(np.where(positive, values[:, column], 1.0))
            values[:, column] = np.where(positive, logs, np.nan)
    return values


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
