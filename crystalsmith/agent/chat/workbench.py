"""What chat can do, as plain functions of the state: change the request, design, look, export."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict

from crystalsmith.agent.chat import parts
from crystalsmith.agent.chat.answers import (
    Record,
    candidate,
    comparison,
    overview,
    ranking,
    standing,
    why,
)
from crystalsmith.agent.conversation import Conversation
from crystalsmith.agent.design import design
from crystalsmith.agent.readers import BUILT_IN
from crystalsmith.core.clauses import Ratio, SpaceGroupClause
from crystalsmith.core.errors import CrystalsmithError, RequestError
from crystalsmith.core.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from crystalsmith.agent.budgets import BudgetName
    from crystalsmith.agent.readers import Reader
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.progress import Progress
    from crystalsmith.core.request import DesignRequest

FORMATS = ("cif", "poscar", "extxyz")
Kind = Literal["candidate", "draft"]
_SIMILAR = 5


class StoppedError(CrystalsmithError):
    """The user stopped a run."""


class Values(TypedDict, total=False):
    """What a session keeps as plain data: conversation, last result, crystals made by hand."""

    conversation: dict[str, Any]
    result: Record | None
    drafts: list[Record]


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
        reader: reads the first turn, and says what later ones change.
        budget: how much a search looks at.
        seed: of the searches.
        store: folder of known crystals, or "none".
        progress: told about every stage.
        is_stopped: set it to end the run in hand.
    """

    folder: Path
    reader: Reader = BUILT_IN
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
        request = talk.say(text, self.reader)
        kept: Values = {"conversation": talk.model_dump(mode="json")}
        if request.off_topic:
            return Step(f"{request.refusals[0]} (/help lists what can be said)", {})
        asked = _question(request)
        if asked:
            return Step(asked, kept)
        changed = request is not before
        head = "Understood:" if changed else "The request stands:"
        return Step(f"{head}\n{standing(request)}", kept, changed)

    def run_design(self, values: Values, ideas: Sequence[str] = ()) -> Step:
        """Search for the request as it stands, suggested formulas among the others."""
        return self._design(_conversation(values).request, ideas)

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

    def _design(self, request: DesignRequest, ideas: Sequence[str] = ()) -> Step:
        from crystalsmith.agent.report.records import result_record

        self.is_stopped = False
        try:
            found = design(
                request,
                ideas=ideas,
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

    def rank(self, values: Values, number: int) -> Step:
        """Why a candidate stands where it stands."""
        return Step(ranking(values.get("result"), number), {})

    def search_known(self, query: str, count: int) -> Step:
        """Known crystals that answer a description."""
        return Step(parts.search_known(self._tools(), query, count), {})

    def propose(self, values: Values, count: int) -> Step:
        """Formulas for the request as it stands."""
        request = _conversation(values).request
        return Step(parts.propose(self._tools(), request, count, self.seed), {})

    def constraints(self, formula: str, count: int) -> Step:
        """Symmetries that a formula may take."""
        return Step(parts.constraints(self._tools(), formula, count), {})

    def generate(self, values: Values, formula: str, count: int) -> Step:
        """Crystals of a formula, kept as drafts."""
        made = parts.generate(self._tools(), formula, count, self.seed, self._report)
        drafts = [*values.get("drafts", []), *made][-parts.MOST_DRAFTS :]
        return Step(parts.drafts_in_words(drafts), {"drafts": drafts})

    def predict(self, values: Values, number: int, of: Kind) -> Step:
        """Properties of a candidate or a draft."""
        row = _crystal(values, number, of)
        return Step(parts.predict(self._tools(), row, self._report), {})

    def relax(self, values: Values, number: int, of: Kind) -> Step:
        """Relax a candidate or a draft; what comes out is a new draft."""
        said, made = parts.relaxed(_crystal(values, number, of), settings().calculator)
        if made is None:
            return Step(said, {})
        drafts = [*values.get("drafts", []), made][-parts.MOST_DRAFTS :]
        return Step(f"{said}\nkept as draft {len(drafts)}", {"drafts": drafts})

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


def _crystal(values: Values, number: int, of: Kind) -> Record:
    """A candidate or a draft by its number.

    Raises:
        RequestError: there is none of that number.
    """
    if of == "candidate":
        return candidate(values.get("result"), number)
    drafts = values.get("drafts", [])
    if not 1 <= number <= len(drafts):
        raise RequestError(f"there is no draft {number}; there are {len(drafts)} drafts")
    return drafts[number - 1]


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
