"""What this machine has, and what each missing part would add."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.agent.readers import reader_name
from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.settings import Settings, settings

if TYPE_CHECKING:
    from collections.abc import Callable


class Finding(NamedTuple):
    """One part of the installation.

    Attributes:
        part: its name.
        found: what is there.
        meaning: what that means for results, or what to do.
        broken: True when crystalsmith cannot work like this.
    """

    part: str
    found: str
    meaning: str
    broken: bool = False


def examine(config: Settings | None = None) -> list[Finding]:
    """Look at every part; a broken one is reported, not raised."""
    chosen = config or settings()
    return [
        *(_weights(name, load) for name, load in _loaders(chosen).items()),
        _store(chosen),
        _device(chosen),
        _language_model(chosen),
        _materials_project(chosen),
    ]


def _loaders(config: Settings) -> dict[str, Callable[[], object]]:
    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.constraint.generator import ConstraintGenerator
    from crystalsmith.models.structure.generator import StructureGenerator
    from crystalsmith.models.surrogates.surrogates import Surrogates

    return {
        "composition model": lambda: CompositionModel.load(config.composition_weights, "cpu"),
        "constraint generator": lambda: ConstraintGenerator.load(
            config.constraint_weights,
            device="cpu",
            url=config.constraint_url,
            network=config.template_weights,
        ),
        "structure generator": lambda: StructureGenerator.load(
            config.structure_weights, device="cpu"
        ),
        "surrogates": lambda: Surrogates.load(config.surrogate_weights, "cpu"),
    }


def _weights(name: str, load: Callable[[], object]) -> Finding:
    try:
        load()
    except CrystalsmithError as error:
        return Finding(name, "broken", str(error), broken=True)
    return Finding(name, "weights load", "ready")


def _store(config: Settings) -> Finding:
    from crystalsmith.tools.store import open_store

    if not (config.store / "chroma.sqlite3").exists():
        return Finding(
            "known crystals",
            "no store yet",
            "the first design makes one from pymatgen's prototypes; `crystalsmith index build"
            " --csv FILE` adds real crystals: better templates, novelty, stability",
        )
    try:
        info = open_store(config.store, create=False).info()
    except CrystalsmithError as error:
        return Finding("known crystals", "broken", str(error), broken=True)
    return Finding("known crystals", str(info), f"in {config.store}")


def _device(config: Settings) -> Finding:
    import torch

    if config.device not in ("auto", "cpu") or torch.cuda.is_available():
        name = torch.cuda.get_device_name() if torch.cuda.is_available() else "none found"
        return Finding("GPU", name, f"device setting: {config.device}")
    return Finding("GPU", "none", "everything works on the CPU; a GPU makes searches faster")


def _language_model(config: Settings) -> Finding:
    if config.llm_url or config.llm:
        return Finding("language model", reader_name(config), "reads requests, and is checked")
    return Finding("language model", "none", "requests are read by the built-in interpreter")


def _materials_project(config: Settings) -> Finding:
    if config.mp_api_key is not None:
        return Finding(
            "Materials Project key", "set", "kept for look-ups, which this version does not do yet"
        )
    return Finding("Materials Project key", "none", "known crystals come from the files you index")
