"""Who reads requests: the built-in interpreter, or a language model with it at its side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crystalsmith.agent.grounding import audited
from crystalsmith.agent.interpreter import read
from crystalsmith.agent.interpreter.refinement import refine

if TYPE_CHECKING:
    from collections.abc import Callable

    from crystalsmith.agent.interpreter.refinement import Turn
    from crystalsmith.core.request import DesignRequest
    from crystalsmith.core.settings import Settings

    Read = Callable[[str], DesignRequest]
    Refine = Callable[[DesignRequest, str, str], Turn]


def built_in(text: str) -> DesignRequest:
    """Read any text with the built-in interpreter; what the text does not support is dropped."""
    return audited(read(text))


@dataclass(frozen=True)
class Reader:
    """Who reads a first request, and what later turns make of it.

    Attributes:
        read: any text to a request.
        refine: a request, a turn and the key in focus to what the turn does.
    """

    read: Read
    refine: Refine = refine

    def __call__(self, text: str) -> DesignRequest:
        """Read a request."""
        return self.read(text)


BUILT_IN = Reader(built_in)


def reader_of(config: Settings) -> Reader:
    """The reader that the settings name.

    Raises:
        CrystalsmithError: the language model cannot be reached by what is installed.
    """
    if config.llm is None and config.llm_url is None:
        return BUILT_IN
    from crystalsmith.agent.llm import LanguageModelReader, language_model

    model = language_model(config)
    if model is None:
        return BUILT_IN
    reader = LanguageModelReader(model)
    return Reader(reader.read, reader.refine)


def reader_name(config: Settings) -> str:
    """How reports call the reader."""
    if config.llm_url is not None:
        return f"{config.llm_model} at {config.llm_url}"
    return config.llm or "built-in interpreter"
