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
    from crystalsmith.tools.materials_project import LOOKED_UP
    from crystalsmith.tools.store import open_store

    part = "known crystals"
    if not config.store_url and not (config.store / "chroma.sqlite3").exists():
        return Finding(
            part,
            "no store yet",
            "the first design makes one from pymatgen's prototypes; `crystalsmith index build`"
            " with --csv FILE, --cif FOLDER or --mp adds real crystals: better templates,"
            " novelty, stability",
        )
    try:
        store = open_store(config.store, create=False, url=config.store_url)
        looked_up = len(store.noted(LOOKED_UP))
    except CrystalsmithError as error:
        return Finding(part, "broken", str(error), broken=True)
    more = f"; {looked_up} chemical systems looked up" if looked_up else ""
    where = config.store_url or str(config.store)
    return Finding(part, str(store.info()), f"in {where}{more}")


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
    from crystalsmith.tools.materials_project import is_key

    part = "Materials Project key"
    if config.mp_api_key is None:
        return Finding(
            part,
            "none",
            "known crystals come from the files you index; with a key from"
            " https://materialsproject.org/api in MP_API_KEY they are looked up",
        )
    if not is_key(config.mp_api_key):
        return Finding(part, "not a key", "keys have 32 letters and digits; look at MP_API_KEY")
    if not config.mp_lookups:
        return Finding(part, "set", "for `crystalsmith index build --mp`; look-ups are turned off")
    return Finding(
        part,
        "set",
        f"a search looks up to {config.mp_lookups} chemical systems up and keeps them for"
        f" {config.mp_days} days; `crystalsmith index build --mp` fetches all",
    )
