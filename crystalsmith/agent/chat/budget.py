"""What one message may cost: calls of the model, and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain.agents.middleware import AgentMiddleware, hook_config
from langchain_core.messages import AIMessage, HumanMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage


class TokenBudget(AgentMiddleware[Any, Any]):
    """Ends a run that has used up its tokens, as the server counts them.

    Args:
        tokens: of prompts and answers together, for one message of the user.
    """

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self._tokens = tokens

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """Stop before a call that is no longer paid for."""
        used = tokens_used(state["messages"])
        if used < self._tokens:
            return None
        said = f"Stopped: this message has used its budget of {self._tokens} tokens."
        return {"jump_to": "end", "messages": [AIMessage(said)]}


def tokens_used(messages: Sequence[BaseMessage]) -> int:
    """Tokens since the user's last message."""
    total = 0
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            break
        usage = message.usage_metadata if isinstance(message, AIMessage) else None
        total += usage["total_tokens"] if usage else 0
    return total
