"""crystalsmith: crystal structures for a sentence.

>>> import crystalsmith
>>> result = crystalsmith.design("two cubic halide perovskites without lead")  # doctest: +SKIP
>>> result.candidates[0].structure  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crystalsmith.agent.design import design
    from crystalsmith.agent.interpreter import interpret
    from crystalsmith.agent.toolbox import Toolbox
    from crystalsmith.core.errors import CrystalsmithError
    from crystalsmith.core.request import DesignRequest
    from crystalsmith.core.results import Candidate, DesignResult

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "CrystalsmithError",
    "DesignRequest",
    "DesignResult",
    "Toolbox",
    "__version__",
    "design",
    "interpret",
]

_HOMES = {
    "Candidate": "crystalsmith.core.results",
    "CrystalsmithError": "crystalsmith.core.errors",
    "DesignRequest": "crystalsmith.core.request",
    "DesignResult": "crystalsmith.core.results",
    "Toolbox": "crystalsmith.agent.toolbox",
    "design": "crystalsmith.agent.design",
    "interpret": "crystalsmith.agent.interpreter",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that the package itself loads at once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted({*globals(), *__all__})
