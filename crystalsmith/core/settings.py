"""All settings in one object: ``CRYSTALSMITH_*`` variables, then a TOML file, then defaults."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from crystalsmith.core.errors import CrystalsmithError

_MP = "https://api.materialsproject.org/"  # mp-api's own default


def cache_folder() -> Path:
    """Where crystalsmith keeps what it can build again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crystalsmith"


def config_file() -> Path:
    """The TOML file that is read, if it exists."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "crystalsmith" / "config.toml"


class Settings(BaseSettings):
    """Settings of one run.

    Attributes:
        store: folder of the store of known crystals.
        store_url: a Chroma server that holds them instead, such as http://host:8000.
        device: torch device; ``auto`` takes a GPU when there is one.
        threads: CPU threads for the models; 0 leaves it to torch.
        constraint_weights: folder of another constraint generator (base and adapters).
        constraint_url: an OpenAI-compatible server (vLLM) with the constraint generator's adapters.
        structure_weights: folder of another structure generator.
        surrogate_weights: folder of other surrogates; properties it lacks come from the shipped.
        calculator: dotted name of the ASE calculator that relaxes.
        relax_workers: processes that relax side by side.
        composition_weights: folder of another composition model.
        template_weights: folder of another template network.
        mp_api_key: Materials Project key, also read from ``MP_API_KEY``.
        mp_endpoint: address of its API, also read from ``MP_API_ENDPOINT``.
        mp_lookups: how many chemical systems one search may look up there; 0 for none.
        mp_days: after how many days a chemical system is looked up again.
        llm: a language model that reads requests, as LangChain names it (provider:model).
        llm_url: or an OpenAI-compatible server (vLLM, Ollama), with `llm_model`.
        llm_model: the name that the server knows the model by.
        llm_seconds: how long one answer may take.
        llm_retries: how often an overloaded or failing server is asked again.
        llm_steps: calls of the language model for one message of a chat, at most.
        llm_tokens: tokens of prompts and answers for one message of a chat.
    """

    model_config = SettingsConfigDict(env_prefix="CRYSTALSMITH_", extra="forbid")

    store: Path = Field(default_factory=lambda: cache_folder() / "store")
    store_url: str | None = None
    device: str = "auto"
    threads: int = Field(default=0, ge=0)
    constraint_weights: Path | None = None
    constraint_url: str | None = None
    structure_weights: Path | None = None
    surrogate_weights: Path | None = None
    calculator: str = "chgnet.model.dynamics.CHGNetCalculator"
    relax_workers: int = Field(default=1, ge=1)
    composition_weights: Path | None = None
    template_weights: Path | None = None
    mp_api_key: SecretStr | None = Field(default_factory=lambda: _secret("MP_API_KEY"))
    mp_endpoint: str = Field(default_factory=lambda: os.environ.get("MP_API_ENDPOINT") or _MP)
    mp_lookups: int = Field(default=12, ge=0)
    mp_days: int = Field(default=30, ge=0)
    llm: str | None = None
    llm_url: str | None = None
    llm_model: str | None = None
    llm_seconds: float = Field(default=60.0, gt=0)
    llm_retries: int = Field(default=2, ge=0, le=10)
    llm_steps: int = Field(default=8, ge=1, le=100)
    llm_tokens: int = Field(default=60_000, ge=1_000)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def _secret(variable: str) -> SecretStr | None:
    value = os.environ.get(variable)
    return SecretStr(value) if value else None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        CrystalsmithError: a variable or the file holds something that is no setting.
    """
    try:
        return Settings()
    except (ValidationError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        what = f"{first['loc'][0]}: {first['msg']}" if first and first["loc"] else str(error)
        raise CrystalsmithError(
            f"the settings in {config_file()} or CRYSTALSMITH_* cannot be used: {what}"
        ) from None
