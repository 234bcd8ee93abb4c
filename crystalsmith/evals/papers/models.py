"""Our side of the tables that test crystals answer: symmetry and structures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from crystalsmith.evals.element_sets import symmetry_benchmark
from crystalsmith.evals.papers.tables import Measured, Row
from crystalsmith.evals.structures import evaluate_structures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.evals.papers.run import Bench

_OTHER = 500 / 34_507  # CrystalGF's share of crystals below which a space group is "other"


def symmetry_table(bench: Bench) -> Measured:
    """CrystalGF's table 1."""
    rows: dict[str, Row] = {}
    cases = bench.cases("mp20")
    for given in ("formula", "elements"):
        letters = "letters_true_sg" if given == "formula" else "letters_pred_sg"
        groups: Row = []
        plain: Row = []
        right: Row = []
        for told in ("band_gap", "formation_energy"):
            guesses: list[tuple[int, int]] = []
            figures = symmetry_benchmark(given)(
                bench.toolbox.constraints,
                cases,
                given=told,
                guesses=guesses,
                progress=bench.progress,
            )["all"]
            groups.append(with_other(guesses))
            plain.append(figures["sg_top1"])
            right.append(figures[letters])
            bench.kept[f"rouge {given} {told}"] = [
                figures[name] for name in ("rouge_1", "rouge_2", "rouge_l")
            ]
        rows[f"ours, {given}"] = [*groups, *right]
        rows[f"ours, {given}, without 'other'"] = [*plain, *right]
    return Measured(rows, f"{len(cases.entries)} crystals of mp20_test.csv.gz")


def with_other(guesses: Sequence[tuple[int, int]]) -> float:
    """Accuracy in percent when rare space groups are one class, as CrystalGF counts.

    Args:
        guesses: true group and first guess of each crystal.
    """
    counts = Counter(truth for truth, _ in guesses)
    common = {number for number, count in counts.items() if count >= _OTHER * len(guesses)}

    def named(number: int) -> int:
        return number if number in common else -1

    hits = [named(truth) == named(guess) for truth, guess in guesses]
    return 100 * sum(hits) / len(hits)


def rouge_table(bench: Bench) -> Measured:
    """Uni-MDM's table 1, from the same answers as CrystalGF's."""
    if "rouge formula band_gap" not in bench.kept:
        symmetry_table(bench)
    told: tuple[tuple[str, Literal["band_gap", "formation_energy"]], ...] = (
        ("ours, gap told", "band_gap"),
        ("ours, energy told", "formation_energy"),
    )
    return Measured(
        {name: list(bench.kept[f"rouge formula {key}"]) for name, key in told},
        f"{len(bench.cases('mp20').entries)} formulas of mp20_test.csv.gz",
    )


def structure_table(bench: Bench) -> Measured:
    """CrystalGF's table 2."""
    row: Row = []
    baseline: Row = []
    notes = []
    for name in ("perov5", "mp20", "mpts52"):
        cases = bench.cases(name)
        figures = evaluate_structures(
            bench.toolbox.structures, cases, seed=bench.seed, progress=bench.progress
        )
        row += [figures["match"], figures["rmse"]]
        copied = figures["template_baseline"]
        baseline += [copied["match"], copied["rmse"]]
        notes.append(f"{len(cases.entries)} of {name}_test.csv.gz")
        bench.kept[f"match {name}"] = [figures["match"], figures["rmse"]]
    rows = {"ours": row, "copying the nearest known geometry, no learning": baseline}
    return Measured(rows, ", ".join(notes))


def dit_table(bench: Bench) -> Measured:
    """Uni-MDM's table 2, from the same crystals as CrystalGF's."""
    if "match mp20" not in bench.kept:
        structure_table(bench)
    return Measured(
        {"ours": list(bench.kept["match mp20"])},
        f"{len(bench.cases('mp20').entries)} crystals of mp20_test.csv.gz",
    )
