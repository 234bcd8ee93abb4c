"""Answers about results, worded from the data alone: every figure with unit and source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crystalsmith.core.errors import RequestError
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crystalsmith.core.request import DesignRequest

Record = dict[str, Any]
"""A result as `crystalsmith.agent.report.records` writes it."""

_SHOWN = ("band_gap", "formation_energy", "e_above_hull")


def standing(request: DesignRequest) -> str:
    """The request as it stands, one wish a line."""
    from crystalsmith.agent.interpreter import explain

    rows = [
        f"{what}: {words}" if what in ("cannot be scored", "not understood") else what
        for what, words in explain(request)
    ]
    return "\n".join(f"- {row}" for row in rows) if rows else "nothing has been asked for yet"


def overview(result: Record | None) -> str:
    """All candidates, one a line, and how many satisfy everything."""
    found = candidates(result)
    lines = [_line(number, row) for number, row in enumerate(found, start=1)]
    good = sum(bool(row["satisfied"]) for row in found)
    return "\n".join([*lines, f"{good} of {len(found)} satisfy everything that can be checked."])


def why(result: Record | None, number: int) -> str:
    """Every clause of a candidate with its verdict and the figure behind it."""
    row = candidate(result, number)
    lines = [f"{number}. {_name(row)}: {_standing_of(row)}"]
    lines += [f"- {c['status']}: {c['wish']} ({c['reason']})" for c in row["clauses"]]
    return "\n".join(lines)


def comparison(result: Record | None, first: int, second: int) -> str:
    """Two candidates side by side: figures, then the clauses in which they differ."""
    one, two = candidate(result, first), candidate(result, second)
    lines = [f"{first}. {_name(one)}  |  {second}. {_name(two)}"]
    both = [n for n in PROPERTIES if n in one["predictions"] or n in two["predictions"]]
    lines += [f"- {PROPERTIES[n].words}: {_figure(one, n)}  |  {_figure(two, n)}" for n in both]
    for left, right in zip(one["clauses"], two["clauses"], strict=True):
        if left["status"] != right["status"]:
            lines.append(f"- {left['wish']}: {left['status']}  |  {right['status']}")
    return "\n".join(lines)


def ranking(result: Record | None, number: int) -> str:
    """Why a candidate stands where it stands: what the order goes by, beside its neighbour."""
    row, found = candidate(result, number), candidates(result)
    lines = [
        f"{number}. {_name(row)} stands at place {number} of {len(found)}. The order: fewest failed"
        " wishes, then fewest that could not be checked, then the higher score.",
        f"- {_counted(row)}",
    ]
    lines += [
        f"- {clause['status']}: {clause['wish']}, likelihood {clause['likelihood']:.2f}"
        for clause in row["clauses"]
    ]
    origin = row["provenance"]
    lines.append(
        f"- before any structure: plausibility of the formula {origin['plausibility']:.2f} (formula"
        f" proposer), probability of the symmetry {origin['template_probability']:.2f}"
        " (constraint generator)"
    )
    if "e_above_hull" in row["predictions"]:
        lines.append(f"- {_value(row, 'e_above_hull')}; every step above the hull costs score")
    other = number + 1 if number < len(found) else number - 1
    if 1 <= other <= len(found):
        lines.append(
            f"- beside it, {other}. {_name(found[other - 1])}: {_counted(found[other - 1])}"
        )
        lines.append(f"- what decides between them: {_decides(row, found[other - 1])}")
    return "\n".join(lines)


def _counted(row: Mapping[str, Any]) -> str:
    failed, unchecked = _order_of(row)
    return f"{failed} wishes failed, {unchecked} not checked, score {row['score']:.2f} (search)"


def _order_of(row: Mapping[str, Any]) -> tuple[int, int]:
    states = [clause["status"] for clause in row["clauses"]]
    return states.count("fail"), sum(state not in ("pass", "fail") for state in states)


def _decides(row: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    ours, theirs = _order_of(row), _order_of(other)
    if ours[0] != theirs[0]:
        return "the number of failed wishes"
    if ours[1] != theirs[1]:
        return "the number of wishes that could not be checked"
    return "the score"


def candidates(result: Record | None) -> list[Record]:
    """The candidates of a result.

    Raises:
        RequestError: there is no result yet.
    """
    if result is None:
        raise RequestError("there are no candidates yet; say what material you need")
    return list(result["candidates"])


def candidate(result: Record | None, number: int) -> Record:
    """One candidate by its number in the table.

    Raises:
        RequestError: there is none of that number.
    """
    found = candidates(result)
    if not 1 <= number <= len(found):
        raise RequestError(f"there is no number {number}; there are {len(found)} candidates")
    return found[number - 1]


def _line(number: int, row: Record) -> str:
    figures = ", ".join(_value(row, name) for name in _SHOWN if name in row["predictions"])
    return f"{number}. {_name(row)}: {figures}; {_standing_of(row)}"


def _name(row: Mapping[str, Any]) -> str:
    group = row["space_group"]
    return f"{row['formula']} {group['symbol']} ({group['number']})"


def _standing_of(row: Mapping[str, Any]) -> str:
    failing = [clause["wish"] for clause in row["clauses"] if clause["status"] == "fail"]
    if failing:
        return f"fails {'; '.join(failing)}"
    return "satisfies everything" if row["satisfied"] else "not all of it could be checked"


def _value(row: Mapping[str, Any], name: str) -> str:
    return f"{PROPERTIES[name].words} {_figure(row, name)}"


def _figure(row: Mapping[str, Any], name: str) -> str:
    prediction = row["predictions"].get(name)
    if prediction is None:
        return "not predicted"
    mean, spread = prediction["mean"], prediction["std"]
    return f"{mean:.2f} ± {spread:.2f} {PROPERTIES[name].unit} ({prediction['source']})"
