"""Training examples of the constraint generator, one JSON object a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from crystalsmith.prompts.constraint import Near

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pymatgen.core import Composition

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry
    from crystalsmith.prompts.constraint import Source


@dataclass(frozen=True)
class Record:
    """One crystal, or one formula of which only properties are known.

    Attributes:
        elements: symbols, electropositive first.
        amounts: per reduced formula unit.
        source: kind of data it comes from.
        group: space group, None when the structure is unknown.
        units: formula units per conventional cell.
        letters: Wyckoff letters of every element as one string, canonical.
        band_gap: eV; formation_energy, e_above_hull: eV/atom; None when unknown.
        height: eV/atom above the hull that the composition model predicts, which is how heights
            are told in use.
        distance, near: what the other known crystals say, see `Question`.
        taught: what a teacher thinks of a formula whose structure is unknown; shares sum to 1.
    """

    elements: tuple[str, ...]
    amounts: tuple[int, ...]
    source: Source
    group: int | None = None
    units: int = 0
    letters: tuple[str, ...] = ()
    band_gap: float | None = None
    formation_energy: float | None = None
    e_above_hull: float | None = None
    height: float | None = None
    distance: float | None = None
    near: tuple[Near, ...] = ()
    taught: tuple[Near, ...] = ()


def record_of(entry: Entry, source: Source) -> Record:
    """The record of a known crystal."""
    from crystalsmith.core.crystallography.template import ordered_amounts

    template = entry.crystal.template
    elements, amounts = ordered_amounts(template.composition)
    letters = template.letters
    return Record(
        elements=elements,
        amounts=amounts,
        source=source,
        group=template.number,
        units=template.formula_units,
        letters=tuple(letters[element] for element in elements),
        band_gap=entry.band_gap,
        formation_energy=entry.formation_energy,
        e_above_hull=entry.e_above_hull,
    )


def composition_of(record: Record) -> Composition:
    """The reduced formula of a record."""
    from pymatgen.core import Composition

    return Composition(dict(zip(record.elements, record.amounts, strict=True)))


def template_of(record: Record) -> SymmetryTemplate:
    """The template of a crystal's record.

    Raises:
        ValueError: the record has no structure.
    """
    from crystalsmith.core.crystallography.template import SymmetryTemplate

    if record.group is None:
        raise ValueError("a formula without structure has no template")
    letters = dict(zip(record.elements, record.letters, strict=True))
    return SymmetryTemplate.from_letters(record.group, letters)


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSON lines."""
    with path.open("w", encoding="utf-8") as handle:
        handle.writelines(json.dumps(asdict(record)) + "\n" for record in records)


def read_records(path: Path) -> list[Record]:
    """Read what `write_records` wrote."""

    def revived(line: str) -> Record:
        values = json.loads(line)
        for name in ("elements", "amounts", "letters"):
            values[name] = tuple(values[name])
        for name in ("near", "taught"):
            values[name] = tuple(
                Near(share, group, units, tuple(letters))
                for share, group, units, letters in values.get(name, ())
            )
        return Record(**values)

    with path.open(encoding="utf-8") as handle:
        return [revived(line) for line in handle]
