"""How often the constraint generator finds a crystal's symmetry from its formula.

Follows CrystalGF's Table 1 (Huang et al. 2024): space group, and Wyckoff letters per element
without regard to order, both compared in the canonical description. Reported for all crystals,
for formulas that no training file has, and for crystals on the convex hull (nearest to the
paper's data).
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args

from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.evals.answers import answer_text, calibration_error, groups_in_order, rouge
from crystalsmith.models.constraint.generator import ConstraintGenerator, RankedTemplate, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry
    from crystalsmith.evals.cases import Cases

Answer = TypeVar("Answer")
GivenProperty = Literal["none", "band_gap", "formation_energy"]
_LOW_SYMMETRY = {2, 11, 12, 14}  # P-1, P2_1/m, C2/m, P2_1/c: the paper's hardest
_ON_HULL = 1e-6  # eV/atom
_TEMPLATES = 20
_BATCH = 64
_FIGURES = (
    "sg_top1",
    "sg_top5",
    "template_top1",
    "template_top20",
    "letters_true_sg",
    "letters_pred_sg",
    "low_symmetry_sg_top1",
    "rouge_1",
    "rouge_2",
    "rouge_l",
)


def given_property(name: str) -> GivenProperty:
    """The property of that name, checked.

    Raises:
        DataError: it cannot be given.
    """
    if name in get_args(GivenProperty):
        return cast("GivenProperty", name)
    raise DataError(f"--property must be one of {', '.join(get_args(GivenProperty))}, not {name!r}")


def only_part(generator: ConstraintGenerator, part: str) -> ConstraintGenerator:
    """The whole generator (``mixed``), or one part of it alone.

    The language model is told what known crystals say in every part that has it; their own votes
    count in ``mixed`` and ``neighbours``.

    Raises:
        DataError: there is no such part.
    """
    if part == "mixed":
        return generator
    model, prior, network = generator.model, generator.prior, generator.network
    hulls = generator.compositions
    if part == "model":
        return ConstraintGenerator(model, prior, None, hulls, weight=1.0)
    if part == "network":
        return ConstraintGenerator(None, None, network, hulls)
    if part == "learned":
        return ConstraintGenerator(model, prior, network, hulls, weight=1.0)
    if part == "neighbours":
        voter, polymorphs = generator.voter, generator.polymorphs
        return ConstraintGenerator(None, prior, None, hulls, voter=voter, polymorphs=polymorphs)
    raise DataError(f"--part must be mixed, model, network, learned or neighbours, not {part!r}")


def evaluate_symmetry(
    generator: ConstraintGenerator,
    cases: Cases,
    *,
    given: GivenProperty = "formation_energy",
    guesses: list[tuple[int, int]] | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        generator: model, prior, or both.
        cases: test crystals.
        given: property that is told beside the formula.
        guesses: filled with the true group and the first guess (0 for none) of each crystal.
        progress: told about finished crystals.

    Returns:
        Figures under ``all``, ``unseen`` and ``stable``; shares in percent.
    """

    def ask(batch: Sequence[Entry]) -> list[list[RankedTemplate]]:
        return generator.propose_many(
            [entry.composition for entry in batch],
            [wanted_of(entry, given) for entry in batch],
            count=_TEMPLATES,
        )

    answers, seconds = asked_in_batches(cases, ask, _BATCH, "predicting symmetry", progress)
    truths = [entry.crystal.template for entry in cases.entries]
    rows = [_judge(*pair) for pair in zip(answers, truths, strict=True)]
    if guesses is not None:
        guesses += first_guesses(answers, truths)
    for done, (row, entry) in enumerate(zip(rows, cases.entries, strict=True), start=1):
        true_group = entry.crystal.template.number
        ranked = generator.propose(
            entry.composition,
            wanted_of(entry, given),
            count=1,
            allow=lambda number, true_group=true_group: number == true_group,  # type: ignore[misc]
        )
        row["letters_true_sg"] = letters_right(ranked, entry.crystal.template)
        progress("letters in the true group", done, len(rows))
    return summaries(cases, rows, _FIGURES, seconds)


def asked_in_batches(
    cases: Cases,
    ask: Callable[[Sequence[Entry]], list[Answer]],
    size: int,
    stage: str,
    progress: Progress,
) -> tuple[list[Answer], float]:
    """The answers for all cases, so many asked for at once, and the seconds they took."""
    answers: list[Answer] = []
    started = time.monotonic()
    for begin in range(0, len(cases.entries), size):
        answers += ask(cases.entries[begin : begin + size])
        progress(stage, len(answers), len(cases.entries))
    return answers, time.monotonic() - started


def first_guesses(
    answers: Sequence[Sequence[RankedTemplate]], truths: Sequence[SymmetryTemplate]
) -> list[tuple[int, int]]:
    """True space group and first guess (0 for none) of every crystal."""
    return [
        (truth.number, (groups_in_order(answer) or [0])[0])
        for answer, truth in zip(answers, truths, strict=True)
    ]


def summaries(
    cases: Cases, rows: list[dict[str, float]], names: Sequence[str], seconds: float
) -> dict[str, Any]:
    """`summary` of every subset of the cases, with its share of the seconds."""
    return {
        name: summary([rows[i] for i in chosen], names, seconds * len(chosen) / len(rows))
        for name, chosen in subsets(cases).items()
    }


def subsets(cases: Cases) -> dict[str, list[int]]:
    """Indices of all crystals, of those with an unseen formula, and of those on the hull."""
    chosen = {"all": list(range(len(cases.entries)))}
    if cases.unseen is not None:
        chosen["unseen"] = [i for i, unseen in enumerate(cases.unseen) if unseen]
    chosen["stable"] = [
        i
        for i, entry in enumerate(cases.entries)
        if entry.e_above_hull is not None and entry.e_above_hull < _ON_HULL
    ]
    return chosen


def wanted_of(entry: Entry, given: GivenProperty) -> Wanted:
    """What is told about a test crystal beside its composition."""
    if given == "band_gap":
        return Wanted(band_gap=entry.band_gap)
    if given == "formation_energy":
        return Wanted(formation_energy=entry.formation_energy)
    return Wanted()


def _judge(ranked: Sequence[RankedTemplate], truth: SymmetryTemplate) -> dict[str, float]:
    order = groups_in_order(ranked)
    templates = [item.template for item in ranked]
    target = truth.composition.reduced_composition
    row = {
        "sg_top1": float(order[:1] == [truth.number]),
        "sg_top5": float(truth.number in order[:5]),
        "template_top1": float(templates[:1] == [truth]),
        "template_top20": float(truth in templates),
        "letters_pred_sg": letters_right(ranked, truth),
        "probability": ranked[0].probability if ranked else 0.0,
        "invalid": float(sum(t.composition.reduced_composition != target for t in templates)),
    }
    first = answer_text(templates[0]) if templates else []
    row |= rouge(first, answer_text(truth))
    if truth.number in _LOW_SYMMETRY:
        row["low_symmetry_sg_top1"] = row["sg_top1"]
    return row


def letters_right(ranked: Sequence[RankedTemplate], truth: SymmetryTemplate) -> float:
    """Share of the elements whose letters, as a multiset, are right."""
    if not ranked:
        return 0.0
    guess, right = ranked[0].template.letters, truth.letters
    return sum(Counter(guess[e]) == Counter(right[e]) for e in right) / len(right)


def summary(rows: list[dict[str, float]], names: Sequence[str], seconds: float) -> dict[str, float]:
    """Means of the judged rows in percent, and how well the first guess's probability holds."""
    figures: dict[str, float] = {"n": len(rows)}
    for name in names:
        values = [row[name] for row in rows if name in row]
        scale = 1 if name.startswith("rouge") else 100
        figures[name] = scale * sum(values) / len(values) if values else float("nan")
    figures["calibration_error"] = calibration_error(
        [row["probability"] for row in rows], [row["template_top1"] for row in rows]
    )
    figures["invalid"] = sum(row["invalid"] for row in rows)
    figures["seconds"] = seconds
    return figures
