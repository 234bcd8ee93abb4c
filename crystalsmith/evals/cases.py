"""What every benchmark starts from: test crystals, known crystals, and which formulas were seen."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crystalsmith.core.datasets import ReadReport, read_entries, reduced_formulas
from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.core.entry import Entry
    from crystalsmith.tools.known_crystals import KnownCrystals


@dataclass(frozen=True)
class Cases:
    """Test crystals.

    Attributes:
        entries: the crystals, in a fixed random order when only some were asked for.
        report: rows used and skipped.
        unseen: per crystal, True when its reduced formula is not in the training files; None when
            no training files were named.
    """

    entries: list[Entry]
    report: ReadReport
    unseen: list[bool] | None

    def drawn(self, limit: int | None, seed: int) -> Cases:
        """So many of them, chosen at random; all when the limit is None or not reached."""
        if limit is None or limit >= len(self.entries):
            return self
        chosen = random.Random(seed).sample(range(len(self.entries)), limit)
        unseen = self.unseen and [self.unseen[i] for i in chosen]
        return Cases([self.entries[i] for i in chosen], self.report, unseen)


def load_cases(
    data: Path,
    *,
    limit: int | None = None,
    seed: int = 0,
    train_data: Sequence[Path] = (),
    progress: Progress = silent,
) -> Cases:
    """Read a test file and mark the formulas that the training files have too.

    Raises:
        DataError: a file cannot be used, or nothing in it can.
    """
    entries, report = read_entries(data, progress=progress)
    if not entries:
        raise DataError(f"{data} holds no crystal that can be used; {report}")
    unseen = None
    if train_data:
        seen = {formula for path in train_data for formula in reduced_formulas(path)}
        unseen = [entry.formula not in seen for entry in entries]
    return Cases(entries, report, unseen).drawn(limit, seed)


def known_crystals(store: str | None) -> KnownCrystals:
    """The known crystals a benchmark may use.

    Args:
        store: ``none`` for what a fresh machine has (pymatgen's prototypes), a folder, or None for
            the configured store.
    """
    from crystalsmith.tools.prototypes import prototypes
    from crystalsmith.tools.store import open_store

    if store == "none":
        return prototypes()
    return open_store(Path(store) if store else None, create=False)
