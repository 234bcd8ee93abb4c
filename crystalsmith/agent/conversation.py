"""A conversation as data: the request as it stands after each turn.

The first turn is read like any request; every later one changes what stands (`refine`). Nothing
here runs a search: chat does, with the request that comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from crystalsmith.agent.interpreter.lexicon import property_in
from crystalsmith.agent.interpreter.refinement import is_undo
from crystalsmith.agent.readers import BUILT_IN
from crystalsmith.core.clauses import AtomCount, ElementCount, PropertyRange
from crystalsmith.core.request import DesignRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crystalsmith.agent.readers import Reader

EMPTY = DesignRequest(text="")


class Conversation(BaseModel):
    """The request and what it was before each change.

    Attributes:
        request: as it stands.
        earlier: as it was before each change, the oldest first.
        focus: the key of the figure that was spoken of last.
    """

    request: DesignRequest = EMPTY
    earlier: tuple[DesignRequest, ...] = ()
    focus: str = ""

    def say(self, text: str, reader: Reader = BUILT_IN) -> DesignRequest:
        """Take a turn and return the request after it.

        Args:
            text: what is said.
            reader: reads the first turn, and says what later ones change.
        """
        if self.request.off_topic or not self.request.text:
            if not is_undo(text):
                self._change(reader.read(text))
            elif self.earlier:
                self.undo()
            return self.request
        turn = reader.refine(self.request, text, self.focus)
        if turn.kind == "undo":
            self.undo(turn.steps)
        elif turn.kind == "changed":
            self._change(turn.request)
        return self.request

    def undo(self, steps: int = 1) -> bool:
        """Go back some changes, at most to the beginning; whether anything changed."""
        steps = min(steps, len(self.earlier))
        if steps:
            self.request = self.earlier[-steps]
            self.earlier = self.earlier[:-steps]
        return bool(steps)

    def _change(self, request: DesignRequest) -> None:
        self.focus = _focus(self.request, request) or self.focus
        self.earlier = (*self.earlier, self.request)
        self.request = request


def _focus(before: DesignRequest, after: DesignRequest) -> str:
    """The key of the last figure that a turn set."""
    found = ""
    for clause in after.clauses:
        if clause in before.clauses:
            continue
        if isinstance(clause, PropertyRange):
            found = clause.name
        elif isinstance(clause, ElementCount | AtomCount):
            found = clause.kind
    for words in after.unsupported:
        if not found and words not in before.unsupported:
            found = property_in(words)
    if not found and after.count != before.count:
        found = "count"
    return found


def read_turns(turns: Sequence[str], reader: Reader = BUILT_IN) -> list[DesignRequest]:
    """The request after each turn."""
    conversation = Conversation()
    return [conversation.say(text, reader) for text in turns]
