"""The single steps of a design as chat can take them: propose, constrain, generate, predict, relax.

Each is a plain function of the toolbox; what it says has a unit and a source beside every figure.
Crystals made here are drafts: they are kept in the session and numbered on their own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from crystalsmith.core.chemistry.formulas import parse_formula
from crystalsmith.core.errors import RequestError
from crystalsmith.core.properties import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymatgen.core import Structure

    from crystalsmith.agent.chat.answers import Record
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.progress import Progress
    from crystalsmith.core.request import DesignRequest

MOST_DRAFTS = 20  # kept in a session


def search_known(toolbox: Toolbox, query: str, count: int) -> str:
    """Known crystals that answer a description best."""
    hits = toolbox.known.search_text(query, count)
    lines = [
        f"- {entry.formula} {entry.crystal.template.group.symbol}"
        f" ({entry.crystal.template.number}), {entry.source} {entry.id}{_of_record(entry)}"
        for entry, _ in hits
    ]
    return "\n".join(lines) or "no known crystal answers that"


def _of_record(entry: Any) -> str:
    known = [
        f"{PROPERTIES[name].words} {value:.2f} {PROPERTIES[name].unit}"
        for name in ("band_gap", "formation_energy", "e_above_hull")
        if (value := getattr(entry, name, None)) is not None
    ]
    return f": {', '.join(known)} (as recorded)" if known else ""


def propose(toolbox: Toolbox, request: DesignRequest, count: int, seed: int) -> str:
    """Plausible formulas for the request, the likeliest first.

    Raises:
        RequestError: no formula can satisfy the request.
    """
    from crystalsmith.tools.proposer import propose_formulas

    rows = propose_formulas(request, toolbox.known, count, seed)
    return "\n".join(
        f"- {row.formula}: plausibility {row.plausibility:.2f} (formula proposer), {row.origin}"
        for row in rows
    )


def constraints(toolbox: Toolbox, formula: str, count: int) -> str:
    """Space groups and Wyckoff letters that a formula may take, the likeliest first."""
    rows = toolbox.constraints.propose(parse_formula(formula), _stable(), count=count)
    return "\n".join(
        f"- {row.template}: probability {row.probability:.2f} (constraint generator)"
        for row in rows
    )


def generate(
    toolbox: Toolbox, formula: str, count: int, seed: int, progress: Progress
) -> list[Record]:
    """Crystals of a formula in its likeliest templates, as drafts.

    Raises:
        RequestError: none came out sound.
    """
    rows = toolbox.constraints.propose(parse_formula(formula), _stable(), count=count)
    templates = [row.template for row in rows]
    drawn = toolbox.structures.generate(templates, seed=seed, progress=progress)
    sound = [draft for group in drawn for draft in group if draft.sound]
    if not sound:
        raise RequestError(f"no sound crystal of {formula} came out; try another formula")
    return [
        draft_record(draft.crystal.structure(), draft.crystal.template.number, draft.origin)
        for draft in sound
    ]


def _stable() -> Any:
    from crystalsmith.models.constraint.generator import Wanted

    return Wanted(stability="stable")


def draft_record(structure: Structure, space_group: int, origin: str) -> Record:
    """A draft as plain data."""
    from crystalsmith.core.crystallography.groups import space_group as group_of

    return {
        "formula": structure.composition.reduced_formula,
        "space_group": {"number": space_group, "symbol": group_of(space_group).symbol},
        "origin": origin,
        "structure": json.loads(structure.to_json()),
    }


def drafts_in_words(drafts: Sequence[Record]) -> str:
    """Drafts by their numbers."""
    return "\n".join(
        f"draft {number}: {row['formula']} {row['space_group']['symbol']}"
        f" ({row['space_group']['number']}), geometry from {row['origin']}"
        for number, row in enumerate(drafts, start=1)
    )


def predict(toolbox: Toolbox, row: Record, progress: Progress) -> str:
    """What the surrogates say of a crystal.

    Raises:
        RequestError: it cannot be scored; the message says why.
    """
    scored = toolbox.surrogates.predict([_structure(row)], progress)[0]
    if scored.failure is not None:
        raise RequestError(f"{row['formula']} cannot be scored: {scored.failure}")
    return "\n".join(
        f"- {PROPERTIES[name].words}: {one.mean:.2f} ± {one.std:.2f} {one.unit} ({one.source})"
        + ("" if one.reliable else ", outside what the models were trained on")
        for name, one in scored.predictions.items()
        if name in PROPERTIES
    )


def relaxed(row: Record, calculator: str) -> tuple[str, Record | None]:
    """A crystal relaxed within its symmetry: what is said, and the draft that comes out."""
    from crystalsmith.models.relaxation import relax

    outcome = relax(_structure(row), calculator=calculator)
    if outcome.failure is not None:
        return f"{row['formula']} was not relaxed: {outcome.failure}", None
    name = calculator.rsplit(".", 1)[-1]
    said = (
        f"{row['formula']}: {outcome.energy:.3f} eV/atom, largest force {outcome.force:.3f} eV/Å,"
        f" volume {100 * outcome.volume_change:+.1f} %, atoms moved {outcome.rmsd:.3f} Å,"
        f" {outcome.steps} steps, {'converged' if outcome.converged else 'not converged'} ({name})"
    )
    group = row["space_group"]["number"] if outcome.space_group_kept else _group(outcome.structure)
    return said, draft_record(outcome.structure, group, f"relaxed by {name}")


def _group(structure: Structure) -> int:
    from crystalsmith.models.structure.soundness import found_space_group

    return found_space_group(structure, 0.01) or 1


def _structure(row: Record) -> Structure:
    from pymatgen.core import Structure

    return Structure.from_dict(row["structure"])
