"""What a page shows of a result: plain data, made from the record that ``results.json`` holds."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Any

from pymatgen.core import Structure

from crystalsmith.agent.judging import STRICT_PRECISION
from crystalsmith.agent.report.page.crystals import drawing
from crystalsmith.core.properties import PROPERTIES
from crystalsmith.core.request import DesignRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = ("band_gap", "formation_energy", "e_above_hull", "bulk_modulus", "shear_modulus")


def content(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The part of a page that shows one result.

    Args:
        record: as `result_record` makes it.
        name: how the page calls it.

    Raises:
        ValueError: the record is not complete.
    """
    try:
        request = DesignRequest.model_validate(record["request"])
        return {
            "name": name,
            "text": request.text,
            "wishes": [
                {"wish": clause.wish(), "words": clause.words} for clause in request.clauses
            ],
            "remarks": _remarks(request),
            "columns": [_column(key) for key in _COLUMNS],
            "candidates": [_candidate(item) for item in record["candidates"]],
            "target": {key: _interval(request, key) for key in ("band_gap", "formation_energy")},
            "tree": _tree(record),
            "looked_at": list(record["run"]["looked_at"].items()),
            "run": _run(record["run"]),
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a result of crystalsmith ({error!r})") from None


def _remarks(request: DesignRequest) -> list[str]:
    rows = [f"cannot be scored: {words}" for words in request.unsupported]
    rows += [f"not understood: {words}" for words in request.not_understood]
    rows += [f"{item.words}: {item.meaning}" for item in request.assumptions]
    return rows + list(request.notes)


def _column(key: str) -> dict[str, str]:
    item = PROPERTIES[key]
    return {"key": key, "title": f"{item.words}, {item.unit}"}


def _candidate(item: Mapping[str, Any]) -> dict[str, Any]:
    group = item["space_group"]
    origin = item["provenance"]
    passed = sum(clause["status"] == "pass" for clause in item["clauses"])
    structure = Structure.from_dict(item["structure"])
    return {
        "id": item["id"],
        "formula": item["formula"],
        "group": f"{group['symbol']} ({group['number']})",
        "number": group["number"],
        "atoms": len(structure),
        "satisfied": item["satisfied"],
        "met": f"{passed}/{len(item['clauses'])}",
        "score": item["score"],
        "predictions": {
            key: {"mean": value["mean"], "std": value["std"], "source": value["source"]}
            for key, value in item["predictions"].items()
        },
        "clauses": [
            {key: clause[key] for key in ("wish", "status", "reason")} for clause in item["clauses"]
        ],
        "origin": f"{origin['formula']}; {origin['template']}; geometry from {origin['structure']}",
        "file": item["file"],
        "view": drawing(_conventional(structure)),
    }


def _conventional(structure: Structure) -> Structure:
    """The cell that textbooks draw."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    try:
        return SpacegroupAnalyzer(structure, STRICT_PRECISION).get_conventional_standard_structure()
    except (SymmetryUndeterminedError, ValueError):
        return structure


def _interval(request: DesignRequest, name: str) -> list[float | None] | None:
    """The accepted values of a property, None for an open end; None when nothing was asked."""
    found = [one for clause in request.clauses if (one := clause.interval(name)) is not None]
    if not found:
        return None
    low, high = max(one[0] for one in found), min(one[1] for one in found)
    return [None if low == -inf else low, None if high == inf else high]


def _tree(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """Request, formulas, templates and crystals that the search looked at, each with its parent.

    What was cut says why. Formulas that were not followed are counted by their reasons.
    """
    formulas = (record.get("tree") or {}).get("formulas", [])
    nodes = [_node("request", "", "request", f"{len(formulas)} formulas thought of")]
    left = Counter(item["cut"] for item in formulas if "templates" not in item)
    for row, (reason, count) in enumerate(left.items()):
        nodes.append(_node(f"left/{row}", "request", f"{count} formulas", str(reason)))
    for row, item in enumerate(formulas):
        if "templates" not in item:
            continue
        text = f"{item['origin']}; plausibility {item['plausibility']:.2f}"
        nodes.append(_node(f"{row}", "request", item["formula"], _with_cut(text, item)))
        for place, template in enumerate(item["templates"]):
            own = f"{row}/{place}"
            text = f"{template['origin']}; probability {template['probability']:.2f}"
            nodes.append(_node(own, f"{row}", template["template"], _with_cut(text, template)))
            nodes += [
                _node(
                    f"{own}/{drawn['number']}",
                    own,
                    drawn["candidate"] or f"structure {drawn['number']}",
                    _with_cut(f"geometry from {drawn['start']}", drawn),
                )
                for drawn in template.get("structures", [])
            ]
    return nodes


def _node(own: str, parent: str, label: str, text: str) -> dict[str, str]:
    return {"id": own, "parent": parent, "label": label, "text": text}


def _with_cut(text: str, item: Mapping[str, Any]) -> str:
    return f"{text}; cut: {item['cut']}" if item["cut"] else text


def _run(run: Mapping[str, Any]) -> list[list[str]]:
    return [
        ["budget", str(run["budget"])],
        ["seed", str(run["seed"])],
        ["seconds", str(run["seconds"])],
        ["known crystals", str(run["known_crystals"])],
        ["versions", ", ".join(f"{name} {number}" for name, number in run["versions"].items())],
    ]
