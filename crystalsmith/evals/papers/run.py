"""Running the papers' tables with one set of models."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from crystalsmith.agent.toolbox import Toolbox
from crystalsmith.core.progress import Progress, silent
from crystalsmith.evals.cases import load_cases
from crystalsmith.evals.papers import designs, generation, models
from crystalsmith.evals.papers.tables import Measured, PaperTable
from crystalsmith.models.surrogates.surrogates import Surrogates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from crystalsmith.evals.cases import Cases

_NEEDS = {
    "crystalgf-2": ("perov5_test", "mp20_test", "mpts52_test"),
    "unimdm-2": ("perov5_test", "mp20_test", "mpts52_test"),
    **{f"crystalgf-{number}": ("mp20_test",) for number in (1, 3, 4, 5, 6)},
    "unimdm-1": ("mp20_test",),
    "concdvae-2": ("mp20_test",),
    "concdvae-b1": ("mp20_test",),
    "genms-fig4": ("mp20_test",),
}


@dataclass
class Bench:
    """What the tables are measured with.

    Attributes:
        data: folder of the test files (``mp20_test.csv.gz`` and others).
        store: folder of known crystals; ``none`` for a fresh machine.
        limit: test crystals of each file; all when None.
        designs: crystals of each design request.
        seed: of everything random.
        progress: told about everything.
        kept: results that several tables share.
    """

    data: Path
    store: str | None = None
    limit: int | None = None
    designs: int = 20
    seed: int = 0
    progress: Progress = silent
    kept: dict[str, Any] = field(default_factory=dict)

    def everything(self, name: str) -> Cases:
        """All test crystals of a file, read once."""
        if name not in self.kept:
            path = self.data / f"{name}_test.csv.gz"
            self.kept[name] = load_cases(path, progress=self.progress)
        cases: Cases = self.kept[name]
        return cases

    def cases(self, name: str) -> Cases:
        """As many test crystals of a file as the limit says, drawn at random."""
        return self.everything(name).drawn(self.limit, self.seed)

    @cached_property
    def toolbox(self) -> Toolbox:
        """Models and known crystals."""
        return Toolbox.load(self.store, progress=self.progress)

    @cached_property
    def judge(self) -> Surrogates:
        """The predictors that take no part in any search."""
        return Surrogates.load_judge()

    @cached_property
    def fresh(self) -> Toolbox:
        """What a fresh machine has."""
        return self.toolbox if self.store == "none" else Toolbox.load("none")

    @property
    def indexed(self) -> Toolbox | None:
        """Models with the store, when there is one."""
        return None if self.store == "none" else self.toolbox


_RUNNERS: dict[str, Callable[[Bench], Measured]] = {
    "crystalgf-1": models.symmetry_table,
    "crystalgf-2": models.structure_table,
    "crystalgf-3": generation.validity_table,
    "crystalgf-4": generation.sun_table,
    "crystalgf-5": partial(generation.property_table, given="elements"),
    "crystalgf-6": partial(generation.property_table, given="formula"),
    "unimdm-1": models.rouge_table,
    "unimdm-2": models.dit_table,
    "concdvae-2": designs.class_table,
    "concdvae-b1": designs.system_table,
    "genms-1": designs.family_table,
    "genms-2": designs.branching_table,
    "genms-3": designs.words_table,
    "genms-4": designs.retrieval_table,
    "genms-fig4": generation.best_of_ten,
}


def measure(
    tables: Sequence[PaperTable], bench: Bench, done: Callable[[PaperTable, Measured], None]
) -> list[tuple[PaperTable, Measured]]:
    """Measure our side of tables; one whose test files are missing is skipped and says so.

    Args:
        tables: which.
        bench: with what.
        done: given every table as it is finished, so that it can be shown and saved.
    """
    found = []
    for table in tables:
        missing = [
            name
            for name in _NEEDS.get(table.key, ())
            if not (bench.data / f"{name}.csv.gz").is_file()
        ]
        if missing:
            measured = Measured(skipped=f"{', '.join(missing)} not in {bench.data}")
        else:
            measured = _RUNNERS[table.key](bench)
        found.append((table, measured))
        done(table, measured)
    return found
