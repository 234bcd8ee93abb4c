"""The built-in chat model: LangChain's interface, decisions by rules, no server needed."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from crystalsmith.agent.interpreter.chinese import has_chinese
from crystalsmith.agent.interpreter.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.callbacks import CallbackManagerForLLMRun

_NUMBER = r"(?:number|candidate|no\.?|#|structure)?\s*(\d{1,3})"
_ONE = ("number",)
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip
_ORDINAL = re.compile(
    rf"\b(?:the\s+)?({'|'.join(_ORDINALS)})\b(?!-)(?:\s+(?:one|candidate|structure|crystal))?",
    re.IGNORECASE,
)
_FORMULA = r"(?-i:((?:[A-Z][a-z]?\d{0,3}|[()]\d{0,3}){2,}))"
_OF = r"(number|candidate|draft|no\.?|#|structure|crystal)?\s*(\d{1,3})"
_RULES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "export",
        r"^\W*(?:export|save|write)\b[^\d]*?(\d{1,3})?\D*?\b(cif|poscar|extxyz)\b",
        ("number", "format"),
    ),
    (
        "generate",
        r"^\W*(?:generate|build|make|draw)\s+(?:(?:some|a|an|\d)\s+)?"
        rf"(?:crystals?|structures?|drafts?)\s+(?:of|for)\s+{_FORMULA}\W*$",
        ("formula",),
    ),
    (
        "constraints",
        r"\b(?:which|what)\s+(?:space\s+groups?|symmetr\w+|structures?|templates?)\b.*?"
        rf"{_FORMULA}\W*",
        ("formula",),
    ),
    (
        "propose_formulas",
        r"^\W*(?:propose|suggest|list|show|which|what)\s+(?:me\s+)?(?:some\s+)?formulas?\b",
        (),
    ),
    ("predict", rf"^\W*predict\b\D*?{_OF}", ("of", "number")),
    ("relax", rf"^\W*relax\b\D*?{_OF}\W*$", ("of", "number")),
    (
        "search_known_crystals",
        r"\bknown\s+(?:crystals?|materials?|compounds?|structures?)\s+"
        r"(?:like|with|of|for|such\s+as|that\s+are)\s+(?!number)(.{3,200})",
        ("query",),
    ),
    (
        "rank",
        rf"\bwhy\b\D*{_NUMBER}\D*?"
        r"\b(?:rank\w*|placed|listed|best|better|ahead|above|on\s+top|number\s*\d)",
        _ONE,
    ),
    ("compare", rf"\bcompare\b[^\d]*{_NUMBER}\D+?(\d{{1,3}})", ("first", "second")),
    ("more_like", rf"\b(?:more|something)\s+like\s+{_NUMBER}", ("number",)),
    ("similar", rf"\b(?:similar|known)\b[^\d]*(?:to|like)\s+{_NUMBER}", ("number",)),
    ("explain", rf"\b(?:why|explain|tell\s+me\s+(?:more\s+)?about)\b\D*{_NUMBER}", _ONE),
    ("explain", rf"{_NUMBER}\D{{0,12}}\bwhy\b", _ONE),
    ("explain", r"\b(?:is|does|was|will)\s+(?:number|candidate|no\.?|#)\s*(\d{1,3})", ("number",)),
    (
        "show",
        r"^\W*(?:show(?:\s+me)?|list|results?|status)"
        r"(?:\s+(?:them|all|it|(?:the\s+)?results?))?\W*$",
        (),
    ),
    ("run_design", r"^\W*(?:more|again|run|search|go|go\s+ahead|continue)\W*$", ()),
)  # fmt: skip


class BuiltInChatModel(BaseChatModel):
    """Decides which tool to call from the last message alone; words nothing of its own."""

    @property
    def _llm_type(self) -> str:
        return "crystalsmith-built-in"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> BuiltInChatModel:
        """The rules know the tools by name."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=_next(messages))])


def _next(messages: list[BaseMessage]) -> AIMessage:
    last = messages[-1]
    if isinstance(last, ToolMessage):
        return _after_tool(messages, last)
    return _call(*_decision(str(last.content)))


def _decision(text: str) -> tuple[str, dict[str, Any]]:
    """The tool for a message: one about results, or a change of the request."""
    plain = Source(text).plain if has_chinese(text) else text
    numbered = _ORDINAL.sub(lambda found: f"number {_ORDINALS.index(found[1].lower()) + 1}", plain)
    for name, spelling, keys in _RULES:
        match = re.search(spelling, numbered, re.IGNORECASE)
        if match is not None:
            return name, _arguments(keys, match.groups())
    return "change_request", {"text": text}


def _arguments(keys: tuple[str, ...], found: tuple[str | None, ...]) -> dict[str, Any]:
    """A rule's groups as the tool's arguments; what was not said is left to the tool."""
    arguments: dict[str, Any] = {}
    for key, value in zip(keys, found, strict=True):
        if key == "of":
            arguments[key] = "draft" if (value or "").lower() == "draft" else "candidate"
        elif value is not None:
            arguments[key] = int(value) if value.isdecimal() else value
    return arguments


def _after_tool(messages: list[BaseMessage], last: ToolMessage) -> AIMessage:
    """A changed request is searched for at once; everything else is the answer."""
    said = json.loads(str(last.content))
    if said["changed"]:
        return _call("run_design", {})
    texts: list[str] = []
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            break
        if isinstance(message, ToolMessage):
            texts.append(json.loads(str(message.content))["text"])
    return AIMessage("\n\n".join(reversed(texts)))


def _call(name: str, arguments: dict[str, Any]) -> AIMessage:
    call = {"name": name, "args": arguments, "id": f"call_{uuid.uuid4().hex[:12]}"}
    return AIMessage("", tool_calls=[call])
