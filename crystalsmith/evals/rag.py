"""What known crystals add: the same models with and without retrieval.

Follows GenMS's Table 4 (Yang et al. 2024, arXiv:2409.06762), which retrieves for a language model
and counts valid formulas and structures that match their family. Here retrieval is the store: its
crystals vote on templates and are told to the language model, lend their geometries, and are what
formulas derive from. Two measurements:

- Test crystals, formula given: is the first template the true one, and, for crystals of a named
  family, is it of that family?
- The paper's three families: 25 formulas each and 4 structures a formula, each with the first
  template of its formula. How many formulas are valid (SMACT), and how many structures match, with
  elements forgotten, a crystal of that family among the test crystals?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crystalsmith.core.chemistry.families import families_of
from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.settings import settings
from crystalsmith.evals.symmetry import asked_in_batches, subsets
from crystalsmith.models.constraint.generator import ConstraintGenerator, Wanted
from crystalsmith.models.structure.generator import StructureGenerator
from crystalsmith.tools.known_crystals import CrystalList

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pymatgen.core import Composition, Structure

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry
    from crystalsmith.evals.cases import Cases
    from crystalsmith.models.constraint.generator import RankedTemplate
    from crystalsmith.tools.known_crystals import KnownCrystals

FAMILIES = ("perovskite", "pyrochlore", "spinel")
FORMULAS = 25
STRUCTURES = 4
_BATCH = 64
_MOST_REFERENCES = 20  # crystals of a family that structures are compared with
_WANTED = Wanted(stability="stable")


def evaluate_rag(
    known: KnownCrystals, cases: Cases, *, seed: int = 0, progress: Progress = silent
) -> dict[str, Any]:
    """Both measurements, with the known crystals and without.

    Args:
        known: what is retrieved from; test crystals in it would spoil the figures.
        cases: test crystals.
        seed: of everything random.
        progress: told about the stages.

    Raises:
        DataError: a test crystal is among the known ones.
    """
    _ensure_apart(known, cases)
    return {
        "without": _figures(CrystalList([], "nothing"), cases, seed, progress),
        "with": _figures(known, cases, seed, progress),
    }


def _ensure_apart(known: KnownCrystals, cases: Cases) -> None:
    both = {entry.id for entry in known.entries()} & {entry.id for entry in cases.entries}
    if both:
        raise DataError(
            f"{len(both)} of the test crystals are in {known.info().name} ({min(both)} is one);"
            " build a store without them"
        )


def _figures(known: KnownCrystals, cases: Cases, seed: int, progress: Progress) -> dict[str, Any]:
    config = settings()
    entries = known.entries()
    constraints = ConstraintGenerator.load(
        config.constraint_weights,
        entries,
        config.device,
        config.constraint_url,
        config.template_weights,
    )
    structures = StructureGenerator.load(config.structure_weights, entries, config.device)
    figures: dict[str, Any] = dict(template_figures(constraints, cases, progress))
    families = {}
    for done, name in enumerate(FAMILIES, start=1):
        references = references_of(name, cases.entries)
        families[name] = family_figures(name, known, constraints, structures, references, seed=seed)
        progress("making families", done, len(FAMILIES))
    return figures | {"families": _means(list(families.values()))} | families


def _means(rows: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Means of the families, of those that have the figure."""
    found: dict[str, float | None] = {}
    for name in rows[0]:
        values = [value for row in rows if (value := row[name]) is not None]
        found[name] = sum(values) / len(values) if values else None
    return found


def template_figures(
    generator: ConstraintGenerator, cases: Cases, progress: Progress = silent
) -> dict[str, dict[str, float]]:
    """First templates from the formulas of test crystals.

    Args:
        generator: with or without known crystals.
        cases: test crystals; none of them may be among the known ones.
        progress: told about finished crystals.

    Returns:
        Percent under ``all``, ``unseen`` and ``stable``; ``family_match`` is over the crystals
        whose own template belongs to a named family.
    """

    def ask(batch: Sequence[Entry]) -> list[list[RankedTemplate]]:
        compositions = [entry.composition for entry in batch]
        return generator.propose_many(compositions, [Wanted()] * len(batch), count=1)

    answers, _ = asked_in_batches(cases, ask, _BATCH, "choosing symmetry", progress)
    rows = [
        _hits(answer[0].template if answer else None, entry.crystal.template)
        for answer, entry in zip(answers, cases.entries, strict=True)
    ]
    figures = {}
    for name, chosen in subsets(cases).items():
        named = [rows[i][1] for i in chosen if rows[i][1] is not None]
        figures[name] = {
            "n": len(chosen),
            "template_top1": _percent([rows[i][0] for i in chosen]),
            "in_a_family": len(named),
            "family_match": _percent([bool(hit) for hit in named]),
        }
    return figures


def _hits(guess: SymmetryTemplate | None, truth: SymmetryTemplate) -> tuple[bool, bool | None]:
    families = set(families_of(truth))
    if not families:
        return guess == truth, None
    return guess == truth, guess is not None and bool(families & set(families_of(guess)))


def family_figures(
    name: str,
    known: KnownCrystals,
    constraints: ConstraintGenerator,
    structures: StructureGenerator,
    references: Sequence[Entry],
    *,
    seed: int = 0,
) -> dict[str, float | None]:
    """Formulas and structures for a family that was asked for by name.

    Args:
        name: of the family.
        known: what formulas may derive from; nothing when there is no retrieval.
        constraints: with or without known crystals.
        structures: with or without known geometries.
        references: crystals of the family that structures are compared with.
        seed: of everything random.

    Returns:
        Percent of valid formulas, of structures whose template is one of the family's, and of
        structures that match a reference; None where there are no references.
    """
    from crystalsmith.core.clauses import FamilyClause
    from crystalsmith.core.request import DesignRequest
    from crystalsmith.tools.proposer import propose_formulas

    request = DesignRequest(text=name, clauses=(FamilyClause(name=name, words=name),))
    formulas = [item.composition for item in propose_formulas(request, known, FORMULAS, seed)]
    ranked = constraints.propose_many(formulas, [_WANTED] * len(formulas), count=1)
    first = [answer[0].template for answer in ranked if answer]
    drafts = structures.generate(first, samples=STRUCTURES, seed=seed)
    made = [draft for group in drafts for draft in group]
    total = STRUCTURES * len(formulas)
    return {
        "formulas": len(formulas),
        "formula_valid": _percent([_valid(composition) for composition in formulas]),
        "structures": total,
        "family_match": _percent(
            [name in families_of(draft.crystal.template) for draft in made], total
        ),
        "structure_match": _percent(
            [draft.sound and _matches(draft.crystal.structure(), references) for draft in made],
            total,
        )
        if references
        else None,
        "references": len(references),
    }


def references_of(name: str, entries: Sequence[Entry]) -> list[Entry]:
    """Test crystals of a family, one of each pattern and size first."""
    members = [entry for entry in entries if name in families_of(entry.crystal.template)]
    seen: set[Any] = set()
    leading: list[Entry] = []
    following: list[Entry] = []
    for entry in members:
        key = entry.crystal.template.pattern
        (following if key in seen else leading).append(entry)
        seen.add(key)
    return [*leading, *following][:_MOST_REFERENCES]


def _matches(structure: Structure, references: Sequence[Entry]) -> bool:
    """Whether some reference has the same structure when elements are forgotten."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher()
    ratio = structure.composition.anonymized_formula
    return any(
        entry.composition.anonymized_formula == ratio
        and matcher.fit_anonymous(structure, entry.crystal.structure())
        for entry in references
    )


def _valid(composition: Composition) -> bool:
    from smact.screening import smact_validity

    return bool(smact_validity(composition))


def _percent(hits: Sequence[bool], total: int | None = None) -> float:
    count = len(hits) if total is None else total
    return 100 * sum(hits) / count if count else float("nan")
