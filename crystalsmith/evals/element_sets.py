"""How often ratio and symmetry are found when only the elements are given.

CrystalGF's second pattern (Huang et al. 2024): space group and letters from an element set and,
optionally, a property.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crystalsmith.core.crystallography.template import ordered_amounts
from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.evals.answers import answer_text, groups_in_order, rouge
from crystalsmith.evals.symmetry import (
    GivenProperty,
    asked_in_batches,
    evaluate_symmetry,
    first_guesses,
    letters_right,
    summaries,
    wanted_of,
)
from crystalsmith.models.constraint.element_sets import (
    ElementSetAnswer,
    propose_from_element_sets,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.entry import Entry
    from crystalsmith.evals.cases import Cases
    from crystalsmith.models.constraint.generator import ConstraintGenerator

_RATIOS = 20
_TEMPLATES = 100  # over all ratios, so that a group's templates of many ratios count together
_BATCH = 32
_FIGURES = (
    "sg_top1",
    "sg_top5",
    "ratio_top1",
    "ratio_top20",
    "template_top1",
    "template_top20",
    "letters_pred_sg",
    "rouge_1",
    "rouge_2",
    "rouge_l",
)


def symmetry_benchmark(given: str) -> Callable[..., dict[str, Any]]:
    """The benchmark that starts from formulas or from elements.

    Raises:
        DataError: it is to start from something else.
    """
    benchmarks = {"formula": evaluate_symmetry, "elements": evaluate_element_sets}
    if given not in benchmarks:
        raise DataError(f"--given must be {' or '.join(benchmarks)}, not {given!r}")
    return benchmarks[given]


def evaluate_element_sets(
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
        given: property that is told beside the elements.
        guesses: filled with the true group and the first guess (0 for none) of each crystal.
        progress: told about finished crystals.

    Returns:
        Figures under ``all``, ``unseen`` and ``stable``; shares in percent.
    """

    def ask(batch: Sequence[Entry]) -> list[ElementSetAnswer]:
        return propose_from_element_sets(
            generator,
            [[element.symbol for element in entry.composition.elements] for entry in batch],
            [wanted_of(entry, given) for entry in batch],
            count=_TEMPLATES,
        )

    stage = "predicting ratio and symmetry"
    answers, seconds = asked_in_batches(cases, ask, _BATCH, stage, progress)
    truths = [entry.crystal.template for entry in cases.entries]
    if guesses is not None:
        guesses += first_guesses([answer.templates for answer in answers], truths)
    rows = [_judge(*pair) for pair in zip(answers, truths, strict=True)]
    return summaries(cases, rows, _FIGURES, seconds)


def _judge(answer: ElementSetAnswer, truth: SymmetryTemplate) -> dict[str, float]:
    order = groups_in_order(answer.templates)
    templates = [item.template for item in answer.templates]
    ratios = [ratio.amounts for ratio in answer.ratios]
    amounts = ordered_amounts(truth.composition)[1]
    first = answer_text(templates[0], with_ratio=True) if templates else []
    elements = set(truth.letters)
    return {
        "sg_top1": float(order[:1] == [truth.number]),
        "sg_top5": float(truth.number in order[:5]),
        "ratio_top1": float(ratios[:1] == [amounts]),
        "ratio_top20": float(amounts in ratios[:_RATIOS]),
        "template_top1": float(templates[:1] == [truth]),
        "template_top20": float(truth in templates[:20]),
        "letters_pred_sg": letters_right(answer.templates, truth),
        "probability": answer.templates[0].probability if templates else 0.0,
        "invalid": float(sum(set(template.letters) != elements for template in templates)),
        **rouge(first, answer_text(truth, with_ratio=True)),
    }
