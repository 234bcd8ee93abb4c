"""The chat agent: LangChain's agent loop over our tools, saved after every step."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from langchain.agents import create_agent
from langchain.agents.middleware import ModelCallLimitMiddleware
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from crystalsmith.agent.chat.budget import TokenBudget
from crystalsmith.agent.chat.model import BuiltInChatModel
from crystalsmith.agent.chat.tools import ChatState, chat_tools
from crystalsmith.prompts.chat import system_prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from crystalsmith.agent.chat.workbench import Values, Workbench

_FIGURE = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")


class ChatAgent:
    """A chat in one session.

    Args:
        bench: what the tools work on.
        saver: LangGraph's checkpointer; the session is in it after every step.
        session: the session's name.
        model: a language model; the built-in one when None.
        steps: calls of the model for one message of the user, at most.
        tokens: of prompts and answers, for one message of the user.
    """

    def __init__(
        self,
        bench: Workbench,
        saver: BaseCheckpointSaver[Any],
        session: str,
        model: BaseChatModel | None = None,
        *,
        steps: int = 8,
        tokens: int = 60_000,
    ) -> None:
        self.bench = bench
        self.session = session
        self._config: Any = {"configurable": {"thread_id": session}}
        self._graph: Any = create_agent(
            model or BuiltInChatModel(),
            chat_tools(bench),
            system_prompt=system_prompt(),
            middleware=[ModelCallLimitMiddleware(run_limit=steps), TokenBudget(tokens)],
            state_schema=ChatState,
            checkpointer=saver,
        )

    def say(self, text: str) -> str:
        """Take a message and answer it."""
        state = self._graph.invoke({"messages": [HumanMessage(text)]}, self._config)
        return answer_of(state["messages"])

    @property
    def values(self) -> Values:
        """The conversation and the result as they are saved."""
        state = self._graph.get_state(self._config).values
        return {
            "conversation": state.get("conversation") or {},
            "result": state.get("result"),
            "drafts": state.get("drafts") or [],
        }

    def save(self, values: Values) -> None:
        """Save values that a slash command has changed."""
        if values:
            self._graph.update_state(self._config, dict(values))


def answer_of(messages: Sequence[BaseMessage]) -> str:
    """The last answer; a model's figures that no tool has given are not shown.

    Every figure must be in what the tools said or in what the user said. An answer with another
    one is replaced by what the tools said.
    """
    said: list[str] = []
    tools: list[str] = []
    for message in reversed(messages[:-1]):
        if isinstance(message, ToolMessage):
            text = _tool_text(message)
            tools.append(text)
            said.append(text)
        elif isinstance(message, HumanMessage):
            said.append(str(message.text))
            break
    answer = str(messages[-1].text) if isinstance(messages[-1], AIMessage) else ""
    known = {float(figure) for text in said for figure in _FIGURE.findall(text)}
    if all(float(figure) in known for figure in _FIGURE.findall(answer)):
        return answer
    return "\n\n".join(reversed(tools)) or "the model gave figures without a record; not shown"


def _tool_text(message: ToolMessage) -> str:
    try:
        return str(json.loads(str(message.content))["text"])
    except (ValueError, KeyError, TypeError):
        return str(message.content)
