"""Options that say which language model reads requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from crystalsmith.core.settings import Settings

LlmOption = Annotated[
    str | None, typer.Option("--llm", help="Language model that reads requests: provider:model.")
]
LlmUrlOption = Annotated[
    str | None,
    typer.Option("--llm-url", help="Or an OpenAI-compatible server: http://host:port/v1."),
]
LlmModelOption = Annotated[
    str | None, typer.Option("--llm-model", help="Name that the server knows the model by.")
]


def settings_with(llm: str | None, url: str | None, model: str | None) -> Settings:
    """The settings with the language model that the options name, if any."""
    from crystalsmith.core.settings import settings

    given = {"llm": llm, "llm_url": url, "llm_model": model}
    chosen: dict[str, str | None] = {k: v for k, v in given.items() if v is not None}
    if "llm" in chosen:
        chosen.setdefault("llm_url", None)
    return settings().model_copy(update=chosen)
