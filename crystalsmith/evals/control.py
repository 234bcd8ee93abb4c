"""Whether what is asked for in words is what comes out (GenMS's Table 3, the effect of language).

Every element is asked for once, and metals and new compounds are asked for in several ways. What
came out is judged by others than the search asked: the composition itself, networks that no search
sees (`Surrogates.load_judge`), and the list of known formulas and structures.
"""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from crystalsmith.agent.design import design
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, ELEMENT_GROUPS
from crystalsmith.core.errors import RequestError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.properties import METAL_BELOW
from crystalsmith.tools.novelty import same_structure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from crystalsmith.agent.budgets import BudgetName
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.results import Candidate
    from crystalsmith.models.surrogates.surrogates import Surrogates
    from crystalsmith.tools.known_crystals import KnownCrystals

_UNUSUAL = ELEMENT_GROUPS["noble gas"] | ELEMENT_GROUPS["radioactive"]
_METALS = (
    "a metallic ternary compound",
    "a binary metal",
    "a metallic oxide",
    "a metallic nitride",
    "a metallic intermetallic",
    "a metallic boride",
    "a metallic sulfide",
    "a metallic perovskite",
    "a metallic carbide",
    "a cubic metal with three elements",
)
_NEW = (
    "a new ternary oxide",
    "a new binary compound",
    "a new halide perovskite",
    "a new spinel",
    "a new intermetallic",
    "a new sulfide",
    "a new rock salt compound",
    "a new quaternary chalcogenide",
    "a new half-Heusler",
    "a compound of Li and O that is not known",
)


def evaluate_control(
    toolbox: Toolbox,
    judge: Surrogates,
    *,
    limit: int | None = None,
    candidates: int = 3,
    budget: BudgetName = "quick",
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        toolbox: models and known crystals.
        judge: networks that the search does not ask.
        limit: requests of each kind, drawn at random; all when not given.
        candidates: how many are asked for in each request, the first ones count.
        budget: of every search.
        seed: of the searches and of the draw.
        progress: told about finished requests.

    Returns:
        Under ``element``, ``metal`` and ``new``: ``requests``, ``candidates``, and ``right`` in
        percent of the candidates; metals beside it by the search's own surrogates, new compounds by
        their formulas alone.
    """
    asked = {
        "element": [f"a crystal that contains {symbol}" for symbol in _usual()],
        "metal": list(_METALS),
        "new": list(_NEW),
    }
    chosen = {kind: _drawn(texts, limit, seed) for kind, texts in asked.items()}
    total, done = sum(map(len, chosen.values())), 0
    found: dict[str, list[_Answer]] = {kind: [] for kind in chosen}
    for kind, texts in chosen.items():
        for text in texts:
            found[kind].append(_answer(text, candidates, budget, seed, toolbox))
            done += 1
            progress("asking", done, total)
    return {
        "element": _summary(found["element"], _has_element),
        "metal": _summary(found["metal"], partial(_is_metal, judge))
        | {"right_by_own_surrogates": _share(found["metal"], _seems_metal)},
        "new": _summary(found["new"], partial(_is_new, toolbox.known))
        | {"formula_new": _share(found["new"], partial(_has_new_formula, toolbox.known))},
    }


class _Answer(NamedTuple):
    """A request with what came out."""

    text: str
    candidates: tuple[Candidate, ...]


def _usual() -> list[str]:
    return [symbol for symbol in ALL_ELEMENTS if symbol not in _UNUSUAL]


def _drawn(texts: Sequence[str], limit: int | None, seed: int) -> list[str]:
    if limit is None or limit >= len(texts):
        return list(texts)
    return random.Random(seed).sample(texts, limit)


def _answer(text: str, candidates: int, budget: BudgetName, seed: int, toolbox: Toolbox) -> _Answer:
    try:
        result = design(text, candidates, budget=budget, seed=seed, toolbox=toolbox)
    except RequestError:
        return _Answer(text, ())  # the number of candidates shows it
    return _Answer(text, result.candidates)


def _has_element(text: str, candidate: Candidate) -> bool:
    return text.split()[-1] in {element.symbol for element in candidate.composition.elements}


def _is_metal(judge: Surrogates, text: str, candidate: Candidate) -> bool:
    """The judge's gap is closed; a crystal that it cannot score counts as wrong."""
    predictions = judge.predict([candidate.structure])[0].predictions
    return bool(predictions) and predictions["band_gap"].mean < METAL_BELOW


def _seems_metal(text: str, candidate: Candidate) -> bool:
    return candidate.predictions["band_gap"].mean < METAL_BELOW


def _is_new(known: KnownCrystals, text: str, candidate: Candidate) -> bool:
    """No known structure of the same formula is the same, compared once more."""
    others = known.with_formula(candidate.formula)
    return not any(
        same_structure(candidate.structure, other.crystal.structure()) for other in others
    )


def _has_new_formula(known: KnownCrystals, text: str, candidate: Candidate) -> bool:
    return not known.known_formula(candidate.formula)


def _summary(answers: Sequence[_Answer], right: Callable[[str, Candidate], bool]) -> dict[str, Any]:
    return {
        "requests": len(answers),
        "candidates": sum(len(answer.candidates) for answer in answers),
        "right": _share(answers, right),
    }


def _share(answers: Sequence[_Answer], right: Callable[[str, Candidate], bool]) -> float | None:
    verdicts = [right(answer.text, c) for answer in answers for c in answer.candidates]
    return 100 * sum(verdicts) / len(verdicts) if verdicts else None
