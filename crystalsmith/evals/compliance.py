"""Instruction compliance: whether crystals do what was asked, measured as IFEval does for text.

Zhou et al. 2023 (arXiv:2311.07911): a request counts when all its verifiable clauses hold, and a
clause counts by itself. *Strict* judges the first crystal returned, its symmetry found at symprec
0.01; *loose* the best of those returned, at 0.1. Clauses come from how the request was made (or
from its gold reading), not from how we read it, so a misread request fails. What is predicted is
judged by networks that took no part in the search (`Surrogates.load_judge`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pymatgen.core import Structure

from crystalsmith.agent.judging import Finished, gather_evidence, with_known_crystals
from crystalsmith.core.clauses import AnyClause, Clause, PropertyRange
from crystalsmith.core.crystallography.template import Orbit, SymmetryTemplate
from crystalsmith.core.errors import DataError
from crystalsmith.core.evidence import Evidence, Prediction, Status
from crystalsmith.core.progress import Progress, silent
from crystalsmith.evals.gold import clauses_of
from crystalsmith.models.structure.soundness import found_space_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crystalsmith.agent.toolbox import Toolbox

BUNDLED = Path(__file__).parent / "data" / "compliance.jsonl"
_ANY_CLAUSE: TypeAdapter[Clause] = TypeAdapter(AnyClause)
_LOOSE_PRECISION = 0.1  # Å
_CHUNK = 40  # requests judged at once
_NARROW = "-narrow-"  # in the ids of the bundled requests for narrow windows

GROUPS = {
    "composition": (
        "include", "exclude", "only", "include_groups", "exclude_groups", "n_elements",
        "anion_class",
    ),
    "stoichiometry": ("formula", "ratio"),
    "symmetry": (
        "space_group", "crystal_system", "point_group", "centrosymmetric", "polar", "chiral",
    ),
    "family": ("family",),
    "size": ("n_atoms",),
    "property": ("property", "electronic_class"),
    "stability": ("stable", "property e_above_hull"),
    "novelty": ("novel",),
}  # fmt: skip

PUBLISHED = {
    "MatterGen, fine-tuned (CrystalGF's table 5)": "84-90 % of compositions",
    "Con-CDVAE (CrystalGF's table 6)": "4-7 % of compositions",
    "CrystalGF (tables 5, 6)": "99.96-100 % of compositions",
    "GenMS (tables 1, 4)": "over 80 % of structures in the family",
}
"""What papers say of models that generate from composition or family; each on its own test set."""


@dataclass(frozen=True)
class Asked:
    """A request and what it asks for.

    Attributes:
        id: its name.
        turns: what is said.
        clauses: what can be checked on a crystal.
        language: ``en`` or ``zh``.
    """

    id: str
    turns: tuple[str, ...]
    clauses: tuple[Clause, ...]
    language: str = "en"


@dataclass
class Judgement:
    """The clauses of one request on what was returned for it.

    Attributes:
        asked: the request.
        returned: how many crystals.
        strict: per clause, on the first crystal.
        loose: per clause, on the best of them.
        all_loose: whether some crystal satisfies every clause loosely.
        own: per clause, strictly, by the predictions of the search itself.
        reasons: why clauses of the first crystal fail.
    """

    asked: Asked
    returned: int = 0
    strict: list[bool] = field(default_factory=list)
    loose: list[bool] = field(default_factory=list)
    all_loose: bool = False
    own: list[bool] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def load_asked(path: Path) -> list[Asked]:
    """Requests with what they ask for.

    Args:
        path: JSON lines with ``clauses`` (as the bundled file) or ``gold`` (as `eval requests`
            has them; requests to refuse, and those without a checkable clause, are left out).

    Raises:
        DataError: the file cannot be read or a line is not in the format.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                asked = _asked(json.loads(line), number)
            except (ValueError, KeyError, TypeError, ValidationError) as error:
                words = str(error).splitlines()[0]
                raise DataError(
                    f'{path}, line {number}: not a request with "clauses" or "gold" ({words})'
                ) from None
            if asked.clauses:
                found.append(asked)
    if not found:
        raise DataError(f"{path} has no request with a clause that can be checked")
    return found


def _asked(row: dict[str, Any], number: int) -> Asked:
    turns = tuple(row["turns"]) if "turns" in row else (row["text"],)
    if "clauses" in row:
        clauses = [_ANY_CLAUSE.validate_python(item) for item in row["clauses"]]
    else:
        gold = row["gold"][-1] if "turns" in row else row["gold"]
        refused = gold.keys() & {"off_topic", "contradiction"}
        clauses = [] if refused else clauses_of(gold)
    is_chinese = any("\u3400" <= character <= "\u9fff" for character in turns[0])
    return Asked(str(row.get("id", number)), turns, tuple(clauses), "zh" if is_chinese else "en")


def kind_of(clause: Clause) -> str:
    """The kind of a clause, properties by name."""
    return f"property {clause.name}" if isinstance(clause, PropertyRange) else clause.kind


def judge_results(
    asked: Sequence[Asked],
    folders: Sequence[Path],
    toolbox: Toolbox,
    progress: Progress = silent,
) -> list[Judgement]:
    """Judge what was returned for each request.

    Args:
        asked: the requests.
        folders: of each one's results; a missing one means that nothing was returned.
        toolbox: with the judge in the place of the surrogates.
        progress: told about requests.
    """
    found: list[Judgement] = []
    for start in range(0, len(asked), _CHUNK):
        progress("judging", start, len(asked))
        chunk = slice(start, start + _CHUNK)
        returned = [_read_candidates(folder) for folder in folders[chunk]]
        crystals = [Finished(item.structure, item.template) for own in returned for item in own]
        judged = iter(gather_evidence(crystals, toolbox, silent) if crystals else [])
        for request, own in zip(asked[chunk], returned, strict=True):
            pairs = [
                (_with_known(fresh, item, toolbox), item)
                for item, fresh in ((item, next(judged)) for item in own)
            ]
            found.append(_judgement(request, pairs))
    progress("judging", len(asked), len(asked))
    return found


def _read_candidates(folder: Path) -> list[Evidence]:
    """Crystals of a results folder with the predictions of the search that found them."""
    try:
        record = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    except OSError:
        return []
    return [
        Evidence(
            Structure.from_dict(item["structure"]),
            SymmetryTemplate(
                item["template"]["space_group"],
                tuple(Orbit(**orbit) for orbit in item["template"]["orbits"]),
            ),
            item["space_group"]["number"],
            {name: Prediction(**value) for name, value in item["predictions"].items()},
        )
        for item in record["candidates"]
    ]


def _with_known(fresh: Evidence | None, own: Evidence, toolbox: Toolbox) -> Evidence:
    return with_known_crystals(fresh or own, toolbox)


def _judgement(asked: Asked, pairs: Sequence[tuple[Evidence, Evidence]]) -> Judgement:
    """Verdicts from the judge's evidence and from the search's own."""
    nothing = [False] * len(asked.clauses)
    if not pairs:
        reasons = ["nothing was returned"] * len(nothing)
        return Judgement(asked, 0, nothing, nothing, False, nothing, reasons)
    first, own = pairs[0]
    verdicts = [clause.check(first) for clause in asked.clauses]
    loosely = [
        [_holds(clause, item) for clause in asked.clauses]
        for evidence, _ in pairs
        for item in (evidence, _loosened(evidence))
    ]
    return Judgement(
        asked,
        len(pairs),
        [verdict.status is Status.PASS for verdict in verdicts],
        [any(column) for column in zip(*loosely, strict=True)],
        any(all(row) for row in loosely),
        [_holds(clause, replace(own, reference=first.reference)) for clause in asked.clauses],
        [verdict.reason for verdict in verdicts],
    )


def _loosened(evidence: Evidence) -> Evidence:
    group = found_space_group(evidence.structure, _LOOSE_PRECISION)
    return replace(evidence, space_group=group or evidence.space_group)


def _holds(clause: Clause, evidence: Evidence) -> bool:
    return clause.check(evidence).status is Status.PASS


def summarise(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Figures in percent: prompts and clauses, by kind, group, language and number of clauses."""
    languages = sorted({item.asked.language for item in judgements})
    sizes = sorted({min(len(item.asked.clauses), 6) for item in judgements})
    return {
        "all": _figures(judgements),
        "by_language": {
            name: _figures([item for item in judgements if item.asked.language == name])
            for name in languages
        },
        "by_part": {
            name: _figures([item for item in judgements if (_NARROW in item.asked.id) == narrow])
            for name, narrow in (("clauses of every kind", False), ("narrow windows", True))
        },
        "by_number_of_clauses": {
            str(size): _figures(
                [item for item in judgements if min(len(item.asked.clauses), 6) == size]
            )
            for size in sizes
        },
        "by_group": _by_name(judgements, _group_of),
        "by_kind": _by_name(judgements, kind_of),
    }


def _group_of(clause: Clause) -> str:
    kinds = (kind_of(clause), clause.kind)
    for kind in kinds:
        for group, members in GROUPS.items():
            if kind in members:
                return group
    return "other"


def _figures(judgements: Sequence[Judgement]) -> dict[str, Any]:
    strict = [all(item.strict) for item in judgements]
    clauses = [value for item in judgements for value in item.strict]
    if not judgements:
        return {"requests": 0}
    return {
        "requests": len(judgements),
        "request strict": _share(strict),
        "± (95 %)": _half_width(strict),
        "request loose": _share(item.all_loose for item in judgements),
        "request strict, own predictions": _share(all(item.own) for item in judgements),
        "clauses": len(clauses),
        "clause strict": _share(clauses),
        "clause loose": _share(value for item in judgements for value in item.loose),
        "nothing returned": _share(item.returned == 0 for item in judgements),
    }


def _by_name(judgements: Sequence[Judgement], name_of: Any) -> dict[str, dict[str, Any]]:
    rows: dict[str, list[tuple[bool, ...]]] = defaultdict(list)
    for item in judgements:
        for clause, *values in zip(
            item.asked.clauses, item.strict, item.loose, item.own, strict=True
        ):
            rows[name_of(clause)].append(tuple(values))
    return {
        name: {
            "clauses": len(values),
            "strict": _share(row[0] for row in values),
            "loose": _share(row[1] for row in values),
            "strict, own predictions": _share(row[2] for row in values),
        }
        for name, values in sorted(rows.items())
    }


def _share(values: Iterable[bool]) -> float:
    listed = list(values)
    return 100 * sum(listed) / len(listed) if listed else float("nan")


def _half_width(values: Sequence[bool]) -> float:
    """Half of Wilson's 95 % interval, percent."""
    n, z = len(values), 1.96
    if not n:
        return float("nan")
    share = sum(values) / n
    return 100 * z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))


def failures(judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
    """Every request that is not strictly satisfied, with the clauses that fail."""
    rows = []
    for item in judgements:
        if not all(item.strict):
            missed = [
                {"kind": kind_of(clause), "wish": clause.wish(), "found": reason}
                for clause, holds, reason in zip(
                    item.asked.clauses, item.strict, item.reasons, strict=True
                )
                if not holds
            ]
            rows.append(
                {
                    "id": item.asked.id,
                    "text": " / ".join(item.asked.turns),
                    "returned": item.returned,
                    "loose": item.all_loose,
                    "fails": missed,
                }
            )
    return rows
