"""Who reads requests: the built-in interpreter, or a language model with it at its side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crystalsmith.agent.grounding import audited
from crystalsmith.agent.interpreter import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from crystalsmith.core.request import DesignRequest
    from crystalsmith.core.settings import Settings

    Read = Callable[[str], DesignRequest]


def built_in(text: str) -> DesignRequest:
    """Read any text with the built-in interpreter; what the text does not support is dropped."""
    return audited(read(text))


def reader_of(config: Settings) -> Read:
    """The reader that the settings name.

    Raises:
        CrystalsmithError: the language model cannot be reached by what is installed.
    """
    if config.llm is None and config.llm_url is None:
        return built_in
    from crystalsmith.agent.llm import LanguageModelReader, language_model

    model = language_model(config)
    return built_in if model is None else LanguageModelReader(model).read


def reader_name(config: Settings) -> str:
    """How reports call the reader."""
    if config.llm_url is not None:
        return f"{config.llm_model} at {config.llm_url}"
    return config.llm or "built-in interpreter"
