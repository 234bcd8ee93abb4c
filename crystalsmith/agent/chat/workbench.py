"""What chat can do, as plain functions of the state: change the request, design, look, export."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

from crystalsmith.agent.chat.answers import (
    Record,
    candidate,
    comparison,
    overview,
    standing,
    why,
)
from crystalsmith.agent.conversation import Conversation
from crystalsmith.agent.design import design
from crystalsmith.agent.readers import built_in
from crystalsmith.core.clauses import Ratio, SpaceGroupClause
from crystalsmith.core.errors import CrystalsmithError, RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from crystalsmith.agent.budgets import BudgetName
    from crystalsmith.agent.readers import Read
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.progress import Progress
    from crystalsmith.core.request import DesignRequest

FORMATS = ("cif", "poscar", "extxyz")
_SIMILAR = 5


class StoppedError(CrystalsmithError):
    """The user stopped a run."""


class Values(TypedDict, total=False):
    """What a session keeps: the conversation and the last result, as plain data."""

    conversation: dict[str, Any]
    result: Record | None


class Step(NamedTuple):
    """What an action says, and what it changes."""

    text: str
    values: Values
    changed: bool = False


@dataclass
class Workbench:
    """Models and settings of a chat; the state itself is handed in and out.

    Attributes:
        folder: where exports go, and nowhere else.
        read: reads the first turn.
        budget: how much a search looks at.
        seed: of the searches.
        store: folder of known crystals, or "none".
        progress: told about every stage.
        is_stopped: set it to end the run in hand.
    """

    folder: Path
    read: Read = built_in
    budget: BudgetName = "quick"
    seed: int = 0
    store: str | None = None
    progress: Progress | None = None
    is_stopped: bool = False
    _toolbox: list[Toolbox] = field(default_factory=list)

    def change_request(self, values: Values, text: str) -> Step:
        """Take a turn: change the request, or ask about what cannot be."""
        talk = _conversation(values)
        before = talk.request
        request = talk.say(text, self.read)
        kept: Values = {"conversation": talk.model_dump(mode="json")}
        if request.off_topic:
            return Step(request.refusals[0], {})
        asked = _question(request)
        if asked:
            return Step(asked, kept)
        changed = request is not before
        head = "Understood:" if changed else "The request stands:"
        return Step(f"{head}\n{standing(request)}", kept, changed)

    def run_design(self, values: Values) -> Step:
        """Search for the request as it stands."""
        return self._design(_conversation(values).request)

    def more_like(self, values: Values, number: int) -> Step:
        """Search again for the stoichiometry and space group of a candidate."""
        row = candidate(values.get("result"), number)
        amounts = _amounts(row["formula"])
        clauses = (
            Ratio(ratio=":".join(map(str, amounts)), words=f"like number {number}"),
            SpaceGroupClause(number=row["space_group"]["number"], words=f"like number {number}"),
        )
        request = _conversation(values).request
        wider = request.model_copy(update={"clauses": (*request.clauses, *clauses)})
        return self._design(wider if not wider.contradictions() else request)

    def _design(self, request: DesignRequest) -> Step:
        from crystalsmith.agent.report.records import result_record

        self.is_stopped = False
        try:
            found = design(
                request,
                budget=self.budget,
                seed=self.seed,
                toolbox=self._tools(),
                progress=self._report,
            )
        except StoppedError:
            return Step("stopped; the session is kept as it was before the run", {})
        record = result_record(found)
        del record["tree"]  # too large to be kept with every turn
        return Step(overview(record), {"result": record})

    def show(self, values: Values) -> Step:
        """The request and the candidates as they stand."""
        request = _conversation(values).request
        result = values.get("result")
        parts = [standing(request)] + ([overview(result)] if result is not None else [])
        return Step("\n".join(parts), {})

    def explain(self, values: Values, number: int) -> Step:
        """Why a candidate passes or fails."""
        return Step(why(values.get("result"), number), {})

    def compare(self, values: Values, first: int, second: int) -> Step:
        """Two candidates side by side."""
        return Step(comparison(values.get("result"), first, second), {})

    def similar(self, values: Values, number: int) -> Step:
        """Known crystals whose composition is most like a candidate's."""
        from pymatgen.core import Composition

        from crystalsmith.tools.known_crystals import Filters

        row = candidate(values.get("result"), number)
        known = self._tools().known
        hits = known.similar(Composition(row["formula"]), _SIMILAR, Filters())
        lines = [
            f"- {entry.formula} {entry.crystal.template.group.symbol} ({entry.source} {entry.id})"
            for entry, _ in hits
        ]
        return Step("\n".join([f"Known crystals most like {row['formula']}:", *lines]), {})

    def export(self, values: Values, form: str, number: int | None = None) -> Step:
        """Write candidates as CIF, POSCAR or extended XYZ into the session's folder."""
        if form not in FORMATS:
            raise RequestError(f"export as one of {', '.join(FORMATS)}")
        rows = list(enumerate((values.get("result") or {}).get("candidates", []), start=1))
        if number is not None:
            rows = [(number, candidate(values.get("result"), number))]
        if not rows:
            raise RequestError("there are no candidates yet; say what material you need")
        names = [_write(self.folder, index, row, form) for index, row in rows]
        return Step(f"written to {self.folder}: {', '.join(names)}", {})

    def undo(self, values: Values) -> Step:
        """Go back one change of the request."""
        talk = _conversation(values)
        if not talk.undo():
            return Step("there is nothing to undo", {})
        text = f"Back to:\n{standing(talk.request)}\n(the candidates are still the last search's)"
        return Step(text, {"conversation": talk.model_dump(mode="json")})

    def _tools(self) -> Toolbox:
        if not self._toolbox:
            from crystalsmith.agent.toolbox import Toolbox

            self._toolbox.append(Toolbox.load(self.store, progress=self._report))
        return self._toolbox[0]

    def _report(self, stage: str, done: int, total: int) -> None:
        if self.is_stopped:
            raise StoppedError("stopped")
        if self.progress is not None:
            self.progress(stage, done, total)


def _conversation(values: Values) -> Conversation:
    saved = values.get("conversation")
    return Conversation.model_validate(saved) if saved else Conversation()


def _question(request: DesignRequest) -> str:
    """What to ask when a request contradicts itself or cannot be met."""
    reasons = [*request.refusals, *request.contradictions(), *request.unbuildable()]
    if not reasons:
        return ""
    return f"That cannot be met: {'; '.join(reasons)}. Which of it shall I drop? (/undo goes back)"


def _amounts(formula: str) -> tuple[int, ...]:
    from pymatgen.core import Composition

    reduced = Composition(formula).reduced_composition
    return tuple(sorted(round(amount) for amount in reduced.values()))


def _write(folder: Path, number: int, row: Record, form: str) -> str:
    """One file; its name is made of our own number, the formula and the format only."""
    from pymatgen.core import Structure
    from pymatgen.io.ase import AseAtomsAdaptor
    from pymatgen.io.cif import CifWriter

    structure = Structure.from_dict(row["structure"])
    formula = re.sub(r"[^A-Za-z0-9]", "", str(row["formula"]))
    name = {"cif": f"{number}_{formula}.cif", "poscar": f"{number}_{formula}.vasp"}.get(
        form, f"{number}_{formula}.xyz"
    )
    folder.mkdir(parents=True, exist_ok=True)
    if form == "cif":
        (folder / name).write_text(str(CifWriter(structure)), encoding="utf-8")
    elif form == "poscar":
        structure.to(str(folder / name), fmt="poscar")
    else:
        from ase.io import write

        write(str(folder / name), AseAtomsAdaptor.get_atoms(structure), format="extxyz")
    return name
