"""Everything a search works with, loaded once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.settings import Settings, settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crystalsmith.models.composition.model import CompositionModel
    from crystalsmith.models.constraint.generator import ConstraintGenerator
    from crystalsmith.models.structure.generator import StructureGenerator
    from crystalsmith.models.surrogates.surrogates import Surrogates
    from crystalsmith.tools.known_crystals import KnownCrystals

_PARTS = 5


@dataclass(frozen=True)
class Toolbox:
    """The known crystals and the models.

    Attributes:
        known: reference for proposals, novelty and the hull.
        compositions: properties from formulas.
        constraints: templates from formulas.
        structures: crystals from templates.
        surrogates: properties from crystals.
    """

    known: KnownCrystals
    compositions: CompositionModel
    constraints: ConstraintGenerator
    structures: StructureGenerator
    surrogates: Surrogates

    @classmethod
    def load(
        cls,
        store: str | Path | None = None,
        config: Settings | None = None,
        progress: Progress = silent,
        touches: Iterable[frozenset[str]] = (),
    ) -> Toolbox:
        """Open the store and load all models.

        Args:
            store: folder of the store; ``none`` for prototypes only; the configured one by default.
            config: settings; those of the process by default.
            progress: told about every part.
            touches: chemical systems that will be asked about; with a Materials Project key they
                are looked up first.

        Raises:
            CrystalsmithError: a part is missing or damaged; the message says which.
        """
        chosen = config or settings()
        progress("loading models", 0, _PARTS)
        import torch

        if chosen.threads:
            torch.set_num_threads(chosen.threads)
        from crystalsmith.models.composition.model import CompositionModel
        from crystalsmith.models.constraint.generator import ConstraintGenerator
        from crystalsmith.models.structure.generator import StructureGenerator
        from crystalsmith.models.surrogates.surrogates import Surrogates

        known = open_known(store, chosen, progress)
        known.search_begins(touches)
        entries = known.entries()
        progress("loading models", 1, _PARTS)
        compositions = CompositionModel.load(chosen.composition_weights, chosen.device)
        progress("loading models", 2, _PARTS)
        constraints = ConstraintGenerator.load(
            chosen.constraint_weights,
            entries,
            chosen.device,
            chosen.constraint_url,
            chosen.template_weights,
        )
        progress("loading models", 3, _PARTS)
        structures = StructureGenerator.load(chosen.structure_weights, entries, chosen.device)
        progress("loading models", 4, _PARTS)
        surrogates = Surrogates.load(chosen.surrogate_weights, chosen.device)
        progress("loading models", 5, _PARTS)
        return cls(known, compositions, constraints, structures, surrogates)

    def try_out(self) -> None:
        """Take rock salt through every model: what they load when first used is loaded then."""
        from pymatgen.core import Composition

        from crystalsmith.models.constraint.generator import Wanted

        salt = Composition("NaCl")
        self.compositions.predict([salt])
        (templates,) = self.constraints.propose_many([salt], [Wanted(stability="stable")])
        crystals = self.structures.generate([templates[0].template])
        self.surrogates.predict([crystals[0][0].crystal.structure()])


def open_known(
    store: str | Path | None, config: Settings, progress: Progress = silent
) -> KnownCrystals:
    """The known crystals: ``none`` means prototypes only, None the configured store.

    With a Materials Project key, chemical systems are looked up there while they are searched.
    """
    from crystalsmith.tools.live import LiveCrystals
    from crystalsmith.tools.prototypes import prototypes
    from crystalsmith.tools.store import open_store

    if store == "none":
        return prototypes()
    url = None if store else config.store_url
    opened = open_store(Path(store) if store else config.store, url=url, progress=progress)
    if config.mp_api_key is None or config.mp_lookups == 0:
        return opened
    return LiveCrystals(opened, config, progress)
