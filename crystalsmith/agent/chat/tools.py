"""The chat's tools for LangChain: typed arguments in; what they say and change out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from langchain.agents import AgentState
from langchain.tools import ToolRuntime, tool
from langchain_core.messages import ToolMessage
from langgraph.types import Command
from pydantic import Field

from crystalsmith.agent.chat.workbench import Kind, Step, Values, Workbench
from crystalsmith.core.errors import CrystalsmithError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.tools import BaseTool

Number = Annotated[int, Field(ge=1, le=1000, description="number of the candidate in the table")]
Formula = Annotated[str, Field(min_length=1, max_length=100, description="such as LiFePO4")]
Few = Annotated[int, Field(ge=1, le=20, description="how many")]
Format = Literal["cif", "poscar", "extxyz"]


class ChatState(AgentState[Any]):
    """The graph's state: the messages, the conversation, the last result."""

    conversation: dict[str, Any]
    result: dict[str, Any] | None
    drafts: list[dict[str, Any]]


def chat_tools(bench: Workbench) -> list[BaseTool]:
    """Tools on a workbench; their state is the graph's."""

    @tool
    def change_request(
        text: Annotated[str, Field(max_length=20_000, description="the user's words, unchanged")],
        runtime: ToolRuntime,
    ) -> Command[Any]:
        """Read what the user wants, or how the wish changes, into the request."""
        return _run(runtime, lambda values: bench.change_request(values, text))

    @tool
    def run_design(
        runtime: ToolRuntime,
        formulas: Annotated[
            list[Formula], Field(max_length=20, description="that you suggest, if any")
        ] = (),  # type: ignore[assignment]  # never changed
    ) -> Command[Any]:
        """Search for crystals that satisfy the request as it stands."""
        return _run(runtime, lambda values: bench.run_design(values, formulas))

    @tool
    def more_like(number: Number, runtime: ToolRuntime) -> Command[Any]:
        """Search again for crystals like a candidate."""
        return _run(runtime, lambda values: bench.more_like(values, number))

    @tool
    def show(runtime: ToolRuntime) -> Command[Any]:
        """The request and the candidates as they stand."""
        return _run(runtime, bench.show)

    @tool
    def explain(number: Number, runtime: ToolRuntime) -> Command[Any]:
        """Why a candidate passes or fails, clause by clause."""
        return _run(runtime, lambda values: bench.explain(values, number))

    @tool
    def compare(first: Number, second: Number, runtime: ToolRuntime) -> Command[Any]:
        """Two candidates side by side."""
        return _run(runtime, lambda values: bench.compare(values, first, second))

    @tool
    def similar(number: Number, runtime: ToolRuntime) -> Command[Any]:
        """Known crystals most like a candidate."""
        return _run(runtime, lambda values: bench.similar(values, number))

    @tool
    def rank(number: Number, runtime: ToolRuntime) -> Command[Any]:
        """Why a candidate is ranked where it is."""
        return _run(runtime, lambda values: bench.rank(values, number))

    @tool
    def export(
        format: Format,  # noqa: A002 - the argument's name is what a model sees
        runtime: ToolRuntime,
        number: Annotated[int, Field(ge=0, le=1000, description="candidate; 0 for all")] = 0,
    ) -> Command[Any]:
        """Write candidates to files in the session's own folder."""
        return _run(runtime, lambda values: bench.export(values, format, number or None))

    looks = [change_request, run_design, more_like, show, explain, compare, similar, rank, export]
    return [*looks, *_steps(bench)]


def _steps(bench: Workbench) -> list[BaseTool]:
    """The single steps of a design."""

    @tool
    def search_known_crystals(
        query: Annotated[str, Field(min_length=1, max_length=500)],
        runtime: ToolRuntime,
        count: Few = 5,
    ) -> Command[Any]:
        """Known crystals that answer a description of chemistry, structure and properties."""
        return _run(runtime, lambda _: bench.search_known(query, count))

    @tool
    def propose_formulas(runtime: ToolRuntime, count: Few = 10) -> Command[Any]:
        """Plausible formulas for the request as it stands."""
        return _run(runtime, lambda values: bench.propose(values, count))

    @tool
    def constraints(formula: Formula, runtime: ToolRuntime, count: Few = 5) -> Command[Any]:
        """Space groups and Wyckoff letters that a formula may take."""
        return _run(runtime, lambda _: bench.constraints(formula, count))

    @tool
    def generate(formula: Formula, runtime: ToolRuntime, count: Few = 3) -> Command[Any]:
        """Make crystals of a formula in its likeliest symmetries; they are kept as drafts."""
        return _run(runtime, lambda values: bench.generate(values, formula, count))

    @tool
    def predict(number: Number, runtime: ToolRuntime, of: Kind = "candidate") -> Command[Any]:
        """Predicted properties of a candidate or a draft."""
        return _run(runtime, lambda values: bench.predict(values, number, of))

    @tool
    def relax(number: Number, runtime: ToolRuntime, of: Kind = "candidate") -> Command[Any]:
        """Relax a candidate or a draft within its symmetry; the outcome is a new draft."""
        return _run(runtime, lambda values: bench.relax(values, number, of))

    return [search_known_crystals, propose_formulas, constraints, generate, predict, relax]


def _run(runtime: ToolRuntime, action: Callable[[Values], Step]) -> Command[Any]:
    """Do something with the graph's state, and say it; what the user can mend is said, too."""
    state = runtime.state
    values: Values = {
        "conversation": state.get("conversation") or {},
        "result": state.get("result"),
        "drafts": state.get("drafts") or [],
    }
    try:
        step = action(values)
    except CrystalsmithError as error:
        step = Step(str(error), {})
    content = json.dumps({"text": step.text, "changed": step.changed}, ensure_ascii=False)
    message = ToolMessage(content, tool_call_id=runtime.tool_call_id or "")
    return Command(update={"messages": [message], **step.values})
