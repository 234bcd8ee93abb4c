"""Reaches a chat model: any provider that LangChain knows, or an OpenAI-compatible server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from crystalsmith.core.errors import CrystalsmithError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from crystalsmith.core.settings import Settings

_NO_KEY = "none"  # servers of one's own ask for no key; the client wants one


@dataclass(frozen=True)
class LanguageModel:
    """A chat model with the limits that it is used within.

    Attributes:
        chat: LangChain's model.
        name: for records and remarks.
        seconds: how long one answer may take, all of it.
    """

    chat: BaseChatModel
    name: str
    seconds: float


def language_model(config: Settings) -> LanguageModel | None:
    """The language model that the settings name, None for the built-in interpreter.

    The key comes from the environment alone (``OPENAI_API_KEY`` or what the provider reads).

    Raises:
        CrystalsmithError: the model cannot be reached by what is installed; the message says why.
    """
    if config.llm_url is not None:
        if not config.llm_model:
            raise CrystalsmithError("--llm-url needs --llm-model, the name the server knows it by")
        chat = _served(config)
        return LanguageModel(chat, f"{config.llm_model} at {config.llm_url}", config.llm_seconds)
    if config.llm is None:
        return None
    return LanguageModel(_provided(config), config.llm, config.llm_seconds)


def _served(config: Settings) -> BaseChatModel:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=config.llm_model or "",
        base_url=config.llm_url,
        api_key=SecretStr(os.environ.get("OPENAI_API_KEY") or _NO_KEY),
        **_limits(config),
    )


def _provided(config: Settings) -> BaseChatModel:
    from langchain.chat_models import init_chat_model

    try:
        return init_chat_model(config.llm or "", **_limits(config))
    except (ImportError, ValueError) as error:
        raise CrystalsmithError(
            f"the language model {config.llm!r} cannot be used: {str(error).splitlines()[0]}"
        ) from None
    except Exception as error:  # providers raise their own types when a key is missing
        raise CrystalsmithError(
            f"the language model {config.llm!r} cannot be used: {type(error).__name__},"
            " is its key in the environment?"
        ) from None


def _limits(config: Settings) -> dict[str, Any]:
    return {
        "temperature": 0.0,
        "timeout": config.llm_seconds,
        "max_retries": config.llm_retries,
    }
