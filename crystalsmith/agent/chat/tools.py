"""The chat's tools for LangChain: typed arguments in; what they say and change out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from langchain.agents import AgentState
from langchain.tools import ToolRuntime, tool
from langchain_core.messages import ToolMessage
from langgraph.types import Command
from pydantic import Field

from crystalsmith.agent.chat.workbench import Step, Values, Workbench
from crystalsmith.core.errors import CrystalsmithError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.tools import BaseTool

Number = Annotated[int, Field(ge=1, le=1000, description="number of the candidate in the table")]
Runtime = ToolRuntime


class ChatState(AgentState[Any]):
    """The graph's state: the messages, the conversation, the last result."""

    conversation: dict[str, Any]
    result: dict[str, Any] | None


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
    def run_design(runtime: ToolRuntime) -> Command[Any]:
        """Search for crystals that satisfy the request as it stands."""
        return _run(runtime, bench.run_design)

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

    return [change_request, run_design, more_like, show, explain, compare, similar]


def _run(runtime: ToolRuntime, action: Callable[[Values], Step]) -> Command[Any]:
    """Do something with the graph's state, and say it; what the user can mend is said, too."""
    state = runtime.state
    values: Values = {
        "conversation": state.get("conversation") or {},
        "result": state.get("result"),
    }
    try:
        step = action(values)
    except CrystalsmithError as error:
        step = Step(str(error), {})
    content = json.dumps({"text": step.text, "changed": step.changed}, ensure_ascii=False)
    message = ToolMessage(content, tool_call_id=runtime.tool_call_id or "")
    return Command(update={"messages": [message], **step.values})
