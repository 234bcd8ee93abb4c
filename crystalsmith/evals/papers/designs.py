"""Our side of the tables that whole designs answer: Con-CDVAE's and GenMS's."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from crystalsmith.agent.budgets import BUDGETS, Budget
from crystalsmith.agent.design import design
from crystalsmith.agent.report.files import cif_text
from crystalsmith.agent.search import search
from crystalsmith.core.clauses import (
    AnyClause,
    CrystalSystemClause,
    ElectronicClass,
    FamilyClause,
    IncludeElements,
    Novel,
    PropertyRange,
)
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.crystallography.groups import crystal_system
from crystalsmith.core.errors import CrystalsmithError, RequestError
from crystalsmith.core.progress import silent
from crystalsmith.core.properties import METAL_BELOW
from crystalsmith.core.request import DesignRequest
from crystalsmith.evals.papers.coverage import is_valid_composition, is_valid_structure
from crystalsmith.evals.papers.strategies import (
    FILTERED,
    drawn_entries,
    told_everything,
    told_the_class,
)
from crystalsmith.evals.papers.tables import Measured, Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pymatgen.core import Structure

    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.clauses.base import CrystalSystem
    from crystalsmith.core.entry import Entry
    from crystalsmith.core.results import Candidate
    from crystalsmith.evals.papers.run import Bench

_HIGH = -0.9  # eV/atom, Con-CDVAE's border of formation energies
_THEIR_PRECISION, _THEIR_ANGLE, _OUR_PRECISION = 0.2, 5.0, 0.01
_LOOSE = 0.1  # Å
_FAMILIES = ("perovskite", "pyrochlore", "spinel")
_ELEMENTS = ("Li", "Fe", "Ti", "O", "Cl")
_STRATEGIES = ("default (a design request)", "full", "less")
_SYSTEMS: tuple[CrystalSystem, ...] = (
    "triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic",
)  # fmt: skip
_BRANCHES = ((1, 1), (5, 1), (25, 1), (25, 4))


def _designed(
    bench: Bench, clauses: Sequence[AnyClause], toolbox: Toolbox | None = None
) -> list[Candidate]:
    """Candidates of a request made of clauses; none when nothing can be built."""
    request = DesignRequest(text="", clauses=tuple(clauses))
    try:
        result = design(
            request,
            bench.designs,
            seed=bench.seed,
            assume=False,
            toolbox=toolbox or bench.toolbox,
            progress=bench.progress,
        )
    except RequestError:
        return []
    return list(result.candidates)


def _judged(bench: Bench, structures: Sequence[Structure], name: str) -> list[float]:
    """A property by the independent judge, infinite where it cannot say."""
    scored = bench.judge.predict(list(structures), silent)
    return [float("inf") if s.failure else s.predictions[name].mean for s in scored]


def class_table(bench: Bench) -> Measured:
    """Con-CDVAE's table 2."""
    rows: dict[str, Row] = {f"ours, {name}": [] for name in _STRATEGIES}
    ceiling: Row = []
    total = dict.fromkeys(rows, 0)
    for metal in (True, False):
        for high in (True, False):
            wanted = _Class(metal, high)
            entries = drawn_entries(bench, wanted.has_entry)
            found = (
                [candidate.structure for candidate in _designed(bench, wanted.clauses())],
                told_everything(bench, entries),
                told_the_class(bench, wanted.clauses()),
            )
            for name, structures in zip(rows, found, strict=True):
                rows[name].append(_percent(_in_class(bench, structures, wanted)))
                total[name] += len(structures)
            real = [entry.crystal.structure() for entry in entries]
            ceiling.append(_percent(_in_class(bench, real, wanted)))
    return Measured(
        rows | {"the test crystals of 'full' themselves": ceiling},
        f"{_in_all(total)}; {FILTERED} drafts for each crystal of 'less'",
    )


class _Class(NamedTuple):
    """A class of Con-CDVAE's table 2."""

    metal: bool
    high: bool

    def clauses(self) -> tuple[AnyClause, ...]:
        """What asks for it."""
        low, high = (_HIGH, None) if self.high else (None, _HIGH)
        return (
            ElectronicClass(name="metallic" if self.metal else "non_metallic"),
            PropertyRange(name="formation_energy", minimum=low, maximum=high),
        )

    def holds(self, gap: float, energy: float) -> bool:
        """Whether a crystal with these properties (eV, eV/atom) is in it."""
        return (gap < METAL_BELOW) == self.metal and (energy > _HIGH) == self.high

    def has_entry(self, entry: Entry) -> bool:
        """Whether a known crystal, both of whose properties are known, is in it."""
        return self.holds(entry.band_gap or 0.0, entry.formation_energy or 0.0)


def _in_class(bench: Bench, structures: Sequence[Structure], wanted: _Class) -> list[bool]:
    gaps = _judged(bench, structures, "band_gap")
    energies = _judged(bench, structures, "formation_energy")
    return [
        isfinite(energy) and wanted.holds(gap, energy)
        for gap, energy in zip(gaps, energies, strict=True)
    ]


def _in_all(total: Mapping[str, int]) -> str:
    counts = ", ".join(f"{count} {name.removeprefix('ours, ')}" for name, count in total.items())
    return f"crystals in all: {counts}"


def system_table(bench: Bench) -> Measured:
    """Con-CDVAE's table B1."""
    rows: dict[str, Row] = {
        f"ours, {name}, symprec {precision}": []
        for name in _STRATEGIES
        for precision in (_THEIR_PRECISION, _OUR_PRECISION)
    }
    total = dict.fromkeys(_STRATEGIES, 0)
    for system in _SYSTEMS:
        clause = CrystalSystemClause(name=system)

        def belongs(entry: Entry, system: str = system) -> bool:
            return crystal_system(entry.crystal.template.number) == system

        found = (
            [candidate.structure for candidate in _designed(bench, [clause])],
            told_everything(bench, drawn_entries(bench, belongs)),
            told_the_class(bench, [clause]),
        )
        for name, structures in zip(_STRATEGIES, found, strict=True):
            total[name] += len(structures)
            for precision in (_THEIR_PRECISION, _OUR_PRECISION):
                shares = [_system(structure, precision) == system for structure in structures]
                rows[f"ours, {name}, symprec {precision}"].append(_percent(shares))
    return Measured(rows, _in_all(total))


def _system(structure: Structure, precision: float) -> str:
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    try:
        found = SpacegroupAnalyzer(structure, precision, _THEIR_ANGLE)
        return crystal_system(found.get_space_group_number())
    except (SymmetryUndeterminedError, TypeError):
        return "none"


def family_table(bench: Bench) -> Measured:
    """GenMS's table 1."""
    rows: dict[str, Row] = {}
    for name in _FAMILIES:
        found = _designed(bench, [FamilyClause(name=name), Novel()])
        structures = [candidate.structure for candidate in found]
        energies = [e for e in _judged(bench, structures, "formation_energy") if np.isfinite(e)]
        rows[f"ours, {name} ({len(found)})"] = [
            _percent([_is_readable(candidate) for candidate in found]),
            _percent([is_valid_structure(structure) for structure in structures]),
            _percent([is_valid_composition(s.composition) for s in structures]),
            _percent([_in_family(structure, name) for structure in structures]),
            _percent([not bench.toolbox.known.with_formula(c.formula) for c in found]),
            float(np.mean(energies)) if energies else None,
        ]
    return Measured(rows, f"known: {bench.toolbox.known.info()}")


def _is_readable(candidate: Candidate) -> bool:
    from pymatgen.core import Structure

    try:
        read = Structure.from_str(cif_text(candidate), fmt="cif")
    except (ValueError, KeyError, IndexError):
        return False
    return bool(read.composition.reduced_formula == candidate.formula)


def _in_family(structure: Structure, name: str) -> bool:
    from crystalsmith.core.chemistry.families import family

    try:
        return family(name).has_template(describe(structure, _LOOSE).template)
    except CrystalsmithError:
        return False


def branching_table(bench: Bench) -> Measured:
    """GenMS's table 2."""
    row: Row = []
    for formulas, drafts in _BRANCHES:
        budget = replace(
            BUDGETS["quick"],
            formulas=formulas,
            drafts=drafts,
            templates=1,
            finalists=formulas * drafts,
        )
        lowest = [_lowest_energy(bench, name, budget) for name in _FAMILIES]
        finite = [energy for energy in lowest if np.isfinite(energy)]
        row.append(float(np.mean(finite)) if finite else None)
    return Measured({"ours": row}, f"one search for each of {', '.join(_FAMILIES)}")


def _lowest_energy(bench: Bench, name: str, budget: Budget) -> float:
    request = DesignRequest(text="", clauses=(FamilyClause(name=name),))
    found = search(request, bench.toolbox, budget, seed=bench.seed, progress=bench.progress)
    good = [candidate.structure for candidate in found.candidates if candidate.satisfied]
    return min(_judged(bench, good, "formation_energy"), default=float("inf"))


def words_table(bench: Bench) -> Measured:
    """GenMS's table 3."""
    with_element = [
        (element, candidate)
        for element in _ELEMENTS
        for candidate in _designed(bench, [IncludeElements(elements=(element,))])
    ]
    contained = [
        element in {e.symbol for e in c.composition.elements} for element, c in with_element
    ]
    metals = _designed(bench, [ElectronicClass(name="metallic")])
    new = _designed(bench, [Novel()])

    def share_of_metals(found: Sequence[Candidate]) -> float | None:
        gaps = _judged(bench, [candidate.structure for candidate in found], "band_gap")
        return _percent([gap < METAL_BELOW for gap in gaps])

    return Measured(
        {
            "ours": [
                _percent(contained),
                share_of_metals(metals),
                share_of_metals([candidate for _, candidate in with_element]),
                _percent([not bench.toolbox.known.with_formula(c.formula) for c in new]),
            ]
        },
        f"{len(with_element)}, {len(metals)} and {len(new)} crystals;"
        f" known: {bench.toolbox.known.info()}",
    )


def retrieval_table(bench: Bench) -> Measured:
    """GenMS's table 4."""
    row: Row = []
    for toolbox in (bench.fresh, bench.indexed):
        if toolbox is None:
            continue
        found = [
            (name, candidate)
            for name in _FAMILIES
            for candidate in _designed(bench, [FamilyClause(name=name)], toolbox)
        ]
        row += [
            _percent([is_valid_composition(c.composition) for _, c in found]),
            _percent([_in_family(c.structure, name) for name, c in found]),
        ]
    return Measured({"ours": row}, f"{bench.designs} crystals of each of {', '.join(_FAMILIES)}")


def _percent(values: Sequence[bool]) -> float | None:
    return 100 * sum(values) / len(values) if values else None
