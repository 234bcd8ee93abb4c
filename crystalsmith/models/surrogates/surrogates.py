"""The surrogates as users meet them: structures in, properties with calibrated uncertainty out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.evidence import Prediction, predicted
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.properties import PROPERTIES
from crystalsmith.models.composition.model import CompositionModel
from crystalsmith.models.parallel import in_batches
from crystalsmith.models.runs import pick_device, weights_folders
from crystalsmith.models.surrogates.chgnet import HEAVIEST, ChgnetAtoms
from crystalsmith.models.surrogates.chgnet_graph import chgnet_graph
from crystalsmith.models.surrogates.ensemble import Ensemble
from crystalsmith.models.surrogates.graph import CrystalGraph, graph_of
from crystalsmith.models.surrogates.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from pymatgen.core import Structure

SHIPPED = Path(__file__).parent / "weights"
JUDGE = SHIPPED / "judge"
_CHUNK = 64  # structures at once, by one thread


class Scored(NamedTuple):
    """The properties of one structure, or why it could not be scored.

    Attributes:
        predictions: by property name; empty on failure.
        failure: one sentence, None on success.
    """

    predictions: dict[str, Prediction]
    failure: str | None = None


class Surrogates:
    """All properties of crystals, from one or more ensembles.

    Args:
        ensembles: each for properties of its own.
        compositions: gives the gap that the formula alone suggests; None leaves it out.
        source: how predictions name their origin.
    """

    def __init__(
        self,
        ensembles: Sequence[Ensemble],
        compositions: CompositionModel | None = None,
        source: str = "surrogate",
    ) -> None:
        self.ensembles, self.compositions, self.source = list(ensembles), compositions, source
        names = [name for part in self.ensembles for name in part.properties]
        self.properties = tuple(dict.fromkeys(names))
        device = self.ensembles[0].device
        wanted = any(part.needs_chgnet for part in self.ensembles)
        self.chgnet = ChgnetAtoms(device) if wanted else None
        self.heaviest = HEAVIEST if wanted else len(ALL_ELEMENTS)

    @classmethod
    def load(cls, folder: Path | None = None, device: str = "auto") -> Surrogates:
        """Load weights: one's own first, then the shipped ones for the remaining properties.

        Args:
            folder: an ensemble, or a folder of ensembles; the shipped ones alone when not given.
            device: torch device.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        places = [SHIPPED] if folder is None else [folder, SHIPPED]
        return cls(_ensembles(places, device), CompositionModel.load(device=device))

    @classmethod
    def load_judge(cls, device: str = "auto") -> Surrogates:
        """The independent judge: networks that no search and no selection asks.

        They see elements and geometry alone, and neither CHGNet nor the composition model, so that
        a search that learnt to please the surrogates does not please them as well.
        """
        return cls(_ensembles([JUDGE], device), source="independent judge")

    def predict(self, structures: Iterable[Structure], progress: Progress = silent) -> list[Scored]:
        """Score structures; one that cannot be scored does not stop the others.

        Returns:
            Per structure the mean and standard deviation of every property, with its unit, and
            whether the structure lies within what the networks were trained on.
        """
        everything = list(structures)
        threads = min(torch.get_num_threads(), os.cpu_count() or 1)

        def done(count: int) -> None:
            progress("scoring", count, len(everything))

        return in_batches(self._scored, everything, _CHUNK, threads, done)

    def _scored(self, structures: Sequence[Structure]) -> list[Scored]:
        around: list[Surroundings] = []
        failures: list[str | None] = []
        for structure in structures:
            found, failure = _look_around(structure, self.heaviest)
            failures.append(failure)
            if found is not None:
                around.append(found)
        graphs = self.graphs(around)
        good = [s for s, failure in zip(structures, failures, strict=True) if failure is None]
        gaps = self.formula_gaps(good)
        rows = iter(self._predictions(graphs, gaps))
        return [Scored(next(rows)) if f is None else Scored({}, f) for f in failures]

    def graphs(self, around: Sequence[Surroundings]) -> list[CrystalGraph]:
        """Graphs of crystals that were looked around in, with what CHGNet knows if it is asked."""
        if self.chgnet is None:
            return [graph_of(one) for one in around]
        known = self.chgnet.know([chgnet_graph(one) for one in around])
        return [graph_of(one, knowledge) for one, knowledge in zip(around, known, strict=True)]

    def formula_gaps(self, structures: Sequence[Structure]) -> NDArray[np.float64] | None:
        """Band gaps that the formulas alone suggest, eV; None without a composition model."""
        if self.compositions is None:
            return None
        return self.compositions.means([s.composition for s in structures], "band_gap")

    def _predictions(
        self, graphs: Sequence[CrystalGraph], gaps: NDArray[np.float64] | None
    ) -> list[dict[str, Prediction]]:
        results: list[dict[str, Prediction]] = [{} for _ in graphs]
        for part in self.ensembles:
            means, stds = part.raw_predictions(graphs, gaps)
            for row, graph in enumerate(graphs):
                reliable = part.trained.covers(graph)
                for column, name in enumerate(part.properties):
                    value = float(means[row, column]), float(stds[row, column])
                    prediction = predicted(PROPERTIES[name], *value, self.source, reliable)
                    results[row].setdefault(name, prediction)
        return results


def _look_around(structure: Structure, heaviest: int) -> tuple[Surroundings | None, str | None]:
    """The surroundings, or why there are none."""
    try:
        return Surroundings.of(structure, heaviest), None
    except CrystalsmithError as error:
        return None, str(error)
    except (ValueError, ArithmeticError, AttributeError, TypeError, np.linalg.LinAlgError) as error:
        return None, f"the structure cannot be read ({type(error).__name__}: {error})"


def _ensembles(places: Sequence[Path], device: str) -> list[Ensemble]:
    """Ensembles of all places; a property is taken from the first that has it."""
    where = pick_device(device)
    found: list[Ensemble] = []
    for place in places:
        covered = {name for part in found for name in part.properties}
        parts = [Ensemble.load(folder, str(where)) for folder in weights_folders(place)]
        found += [part for part in parts if not covered >= set(part.properties)]
    return found
