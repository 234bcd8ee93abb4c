"""A design result as plain data, for JSON and CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crystalsmith.core.crystallography.groups import space_group
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from crystalsmith.core.results import Candidate, DesignResult, Judged

FORMAT = "crystalsmith-results/1"


def result_record(result: DesignResult) -> dict[str, Any]:
    """The whole result; structures in pymatgen's JSON."""
    return {
        "format": FORMAT,
        "request": result.request.model_dump(mode="json"),
        "clauses": [
            {"wish": clause.wish(), "kind": clause.kind, "words": clause.words}
            for clause in result.request.clauses
        ],
        "satisfied": len(result.satisfied),
        "candidates": [candidate_record(candidate) for candidate in result.candidates],
        "run": {
            "seed": result.run.seed,
            "budget": result.run.budget,
            "seconds": round(result.run.seconds, 2),
            "known_crystals": result.run.store,
            "looked_at": result.run.counts,
            "remarks": list(result.run.remarks),
            "versions": result.run.versions,
        },
        "tree": result.tree,
    }


def candidate_record(candidate: Candidate) -> dict[str, Any]:
    """One candidate with its evidence and origin."""
    provenance = candidate.provenance
    reference = candidate.evidence.reference
    return {
        "id": candidate.id,
        "file": file_name(candidate),
        "formula": candidate.formula,
        "space_group": {
            "number": candidate.evidence.space_group,
            "symbol": space_group(candidate.evidence.space_group).symbol,
        },
        "template": {
            "space_group": candidate.template.number,
            "orbits": [orbit._asdict() for orbit in candidate.template.orbits],
        },
        "satisfied": candidate.satisfied,
        "score": round(candidate.score, 4),
        "predictions": {
            name: prediction.model_dump(mode="json")
            for name, prediction in candidate.predictions.items()
        },
        "clauses": [clause_record(item) for item in candidate.judged],
        "known_crystals": None if reference is None else reference.model_dump(mode="json"),
        "provenance": {
            "formula": provenance.formula,
            "plausibility": round(provenance.plausibility, 4),
            "template": provenance.template,
            "template_probability": round(provenance.template_probability, 4),
            "structure": provenance.structure,
            "number_in_tree": provenance.number,
            "relaxation": provenance.relaxation,
        },
        "structure": candidate.structure.as_dict(),
    }


def clause_record(item: Judged) -> dict[str, Any]:
    """One clause with its verdict."""
    return {
        "wish": item.clause.wish(),
        "kind": item.clause.kind,
        "words": item.clause.words,
        "status": item.verdict.status.value,
        "reason": item.verdict.reason,
        "likelihood": round(item.verdict.likelihood, 4),
    }


def summary_rows(result: DesignResult) -> list[dict[str, str]]:
    """One flat row per candidate; every property as ``name [unit]`` and its uncertainty."""
    rows = []
    for candidate in result.candidates:
        row = {
            "id": candidate.id,
            "formula": candidate.formula,
            "space_group": str(candidate.evidence.space_group),
            "symbol": space_group(candidate.evidence.space_group).symbol,
            "atoms": str(len(candidate.structure)),
            "satisfied": str(candidate.satisfied).lower(),
            "fails": "; ".join(item.clause.wish() for item in candidate.failed),
            "not_checked": "; ".join(item.clause.wish() for item in candidate.unchecked),
            "score": f"{candidate.score:.3f}",
        }
        for name, item in PROPERTIES.items():
            prediction = candidate.predictions.get(name)
            row[f"{name} [{item.unit}]"] = "" if prediction is None else f"{prediction.mean:.4f}"
            row[f"{name} std"] = "" if prediction is None else f"{prediction.std:.4f}"
        row["file"] = file_name(candidate)
        rows.append(row)
    return rows


def file_name(candidate: Candidate) -> str:
    """Name of a candidate's CIF: made of its own id, formula and space group only."""
    return f"{candidate.id}_{candidate.formula}_{candidate.evidence.space_group}.cif"
