"""The constraint generator: templates of a language model, a template network and neighbours."""

from __future__ import annotations

import gc
import math
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crystalsmith.core.crystallography.normaliser import canonical_letters
from crystalsmith.core.crystallography.template import SymmetryTemplate
from crystalsmith.models.composition.model import CompositionModel
from crystalsmith.models.constraint.bounds import checked_amounts
from crystalsmith.models.constraint.context import context_of
from crystalsmith.models.constraint.decoding import decode
from crystalsmith.models.constraint.merged import load_language_model
from crystalsmith.models.constraint.served import ServedLM
from crystalsmith.models.constraint.set_prior import SetPrior
from crystalsmith.models.neighbours.model import NeighbourModel
from crystalsmith.models.neighbours.prior import NeighbourPrior, Votes
from crystalsmith.models.parallel import in_batches
from crystalsmith.models.polymorphs.model import PolymorphModel
from crystalsmith.models.runs import load_config
from crystalsmith.models.templates.model import TemplateModel
from crystalsmith.prompts.constraint import Question, Stability

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from pymatgen.core import Composition

    from crystalsmith.core.entry import Entry
    from crystalsmith.models.constraint.language_model import LanguageModel

SHIPPED = Path(__file__).parent / "weights"
_BATCH = 16  # questions decoded side by side
_FURTHER = 0.7  # of what is said of further polymorphs, many of which the others name as well


class RankedTemplate(NamedTuple):
    """A template with its probability.

    Attributes:
        template: canonical.
        probability: of being the crystal's template, among all that were ranked.
        by_model: the share of what was learned (language model and template network), before
            normalisation.
        by_neighbours: the neighbours' share.
    """

    template: SymmetryTemplate
    probability: float
    by_model: float
    by_neighbours: float


@dataclass(frozen=True)
class Wanted:
    """What is asked of the crystal beside its composition.

    Attributes:
        stability: None for not said.
        band_gap: eV.
        formation_energy: eV/atom.
    """

    stability: Stability | None = None
    band_gap: float | None = None
    formation_energy: float | None = None


class ConstraintGenerator:
    """Ranked symmetry templates for a composition.

    Args:
        model: base and adapters; None leaves the neighbours alone.
        prior: neighbours; None leaves the model alone.
        network: ranks the templates of the training crystals; None leaves the model alone.
        compositions: predicts the hull that wanted energies are measured from; without it, nobody
            is told how far above the hull the crystal is wanted.
        weight: of what was learned beside neighbours that are as near as can be, 0 to 1.
        network_weight: of the network beside the language model, 0 to 1.
        width: beams of the search.
        voter: weighs the neighbours' votes; without it, distance alone does.
        polymorphs: tells further polymorphs of formulas that have known ones.
    """

    def __init__(
        self,
        model: LanguageModel | None,
        prior: NeighbourPrior | None = None,
        network: TemplateModel | None = None,
        compositions: CompositionModel | None = None,
        *,
        weight: float = 0.5,
        network_weight: float = 0.6,
        width: int = 20,
        voter: NeighbourModel | None = None,
        polymorphs: PolymorphModel | None = None,
    ) -> None:
        self.voter, self.polymorphs = voter, polymorphs
        self.model, self.prior, self.network = model, prior, network
        self.compositions = compositions
        self.weight, self.network_weight, self.width = weight, network_weight, width

    @classmethod
    def load(
        cls,
        folder: Path | None = None,
        entries: Sequence[Entry] = (),
        device: str | torch.device = "auto",
        url: str | None = None,
        network: Path | None = None,
    ) -> ConstraintGenerator:
        """Load weights (the shipped ones when no folder is given) and build the prior from entries.

        Args:
            folder: base and adapters.
            entries: known crystals.
            device: torch device.
            url: server that holds base and adapters; the model runs in this process without one.
            network: folder of the template network.

        Raises:
            WeightsError: the weights are missing or damaged.
            ServerError: there is no such server, or it serves something else.
        """
        where = folder or SHIPPED
        config = load_config(where)
        base = config.get("base") or where / "base"
        model: LanguageModel
        model = ServedLM.connect(url, base) if url else load_language_model(base, where, device)
        prior = NeighbourPrior(entries) if entries else None
        generator = cls(
            model,
            prior,
            TemplateModel.load(network, device),
            CompositionModel.load(device=str(device)),
            weight=float(config.get("model_weight", 0.5)),
            voter=NeighbourModel.load(device=device) if prior else None,
            polymorphs=PolymorphModel.load(entries, device=device) if prior else None,
        )
        gc.freeze()  # what is loaded stays; looking through it again took a tenth of the time
        return generator

    def propose(
        self,
        composition: Composition,
        wanted: Wanted | None = None,
        *,
        count: int = 20,
        allow: Callable[[int], bool] | None = None,
        atoms: Callable[[int], bool] | None = None,
    ) -> list[RankedTemplate]:
        """Templates for one composition, most probable first.

        Args:
            composition: any multiple of the formula.
            wanted: properties and stability to aim for.
            count: how many at most.
            allow: space groups that may be used; all when not given.
            atoms: numbers of atoms that the primitive cell may hold; all when not given.
        """
        return self.propose_many(
            [composition], [wanted or Wanted()], count=count, allow=allow, atoms=atoms
        )[0]

    def propose_many(
        self,
        compositions: Sequence[Composition],
        wanted: Sequence[Wanted],
        *,
        count: int = 20,
        allow: Callable[[int], bool] | None = None,
        atoms: Callable[[int], bool] | None = None,
    ) -> list[list[RankedTemplate]]:
        """`propose` for many compositions at once, which is faster."""
        for composition in compositions:
            checked_amounts(composition)
        # answers of like length are found in like time
        order = sorted(range(len(compositions)), key=lambda i: len(compositions[i]))

        def answers(chosen: Sequence[int]) -> list[list[RankedTemplate]]:
            part, told = [compositions[i] for i in chosen], [wanted[i] for i in chosen]
            heights = self._heights(part, told)
            votes = [self.prior.propose(item) if self.prior else Votes({}) for item in part]
            questions = [
                _question(*known) for known in zip(part, told, heights, votes, strict=True)
            ]
            spoken = self._ask_model(questions, allow, atoms)
            learned = self._with_network(spoken, part, heights)
            known = [
                self.prior.agreement(item, one.formation_energy) if self.prior else {}
                for item, one in zip(part, told, strict=True)
            ]
            weighed = self._weighed(part, heights, votes)
            further = [self._further(*asked) for asked in zip(part, told, weighed, strict=True)]
            rows = zip(learned, weighed, known, further, strict=True)
            return [self._mixed(*row, allow, atoms)[:count] for row in rows]

        threads = self.model.threads if self.model else 1
        found = dict(zip(order, in_batches(answers, order, _BATCH, threads), strict=True))
        return [found[i] for i in range(len(compositions))]

    def propose_from_elements(
        self,
        elements: Sequence[str],
        wanted: Wanted | None = None,
        *,
        count: int = 20,
        allow: Callable[[int], bool] | None = None,
        atoms: Callable[[int], bool] | None = None,
    ) -> list[RankedTemplate]:
        """Templates of crystals made of exactly these elements, the ratio predicted too.

        Args:
            elements: symbols, in any order.
            wanted: properties and stability to aim for.
            count: how many at most.
            allow: space groups that may be used; all when not given.
            atoms: numbers of atoms that the primitive cell may hold; all when not given.

        Raises:
            TemplateError: an element is unknown or named twice, or there is none.
        """
        from crystalsmith.models.constraint.element_sets import propose_from_element_sets

        sets, told = [tuple(elements)], [wanted or Wanted()]
        answers = propose_from_element_sets(self, sets, told, count=count, allow=allow, atoms=atoms)
        return answers[0].templates

    @cached_property
    def set_prior(self) -> SetPrior | None:
        """What the neighbours know about sets of elements; None without neighbours."""
        return SetPrior(self.prior.templates) if self.prior else None

    def _ask_model(
        self,
        questions: Sequence[Question],
        allow: Callable[[int], bool] | None,
        atoms: Callable[[int], bool] | None,
    ) -> list[dict[SymmetryTemplate, float]]:
        if self.model is None or self.weight == 0:
            return [{} for _ in questions]
        answers = decode(self.model, questions, width=self.width, allow=allow, atoms=atoms)
        tables = []
        for question, templates in zip(questions, answers, strict=True):
            table: dict[SymmetryTemplate, float] = defaultdict(float)
            for answer in templates:
                letters = canonical_letters(answer.number, answer.letters)
                named = dict(zip(question.elements, letters, strict=True))
                template = SymmetryTemplate.from_letters(answer.number, named)
                table[template] += math.exp(answer.log_probability)
            tables.append(dict(table))
        return tables

    def _heights(
        self, compositions: Sequence[Composition], wanted: Sequence[Wanted]
    ) -> list[float | None]:
        """What is wanted as eV/atom above the hull: the energy asked for, or 0 when stable."""
        energies = [item.formation_energy for item in wanted]
        if self.compositions is None:
            return [None] * len(energies)
        asked = self.compositions.heights(compositions, energies)
        return [
            0.0 if height is None and item.stability == "stable" else height
            for height, item in zip(asked, wanted, strict=True)
        ]

    def _weighed(
        self,
        compositions: Sequence[Composition],
        heights: Sequence[float | None],
        votes: list[Votes],
    ) -> list[Votes]:
        """The neighbours' votes as the voter weighs them; those given where there is none."""
        if self.prior is None or self.voter is None:
            return votes
        return self.voter.votes([self.prior.around(item) for item in compositions], heights)

    def _further(
        self, composition: Composition, wanted: Wanted, votes: Votes
    ) -> dict[SymmetryTemplate, float]:
        """Probabilities of further polymorphs, where some are known."""
        if self.polymorphs is None:
            return {}
        shares = self.polymorphs.shares(composition, wanted.formation_energy, votes.shares)
        return {template: _FURTHER * share for template, share in shares.items()}

    def _with_network(
        self,
        spoken: list[dict[SymmetryTemplate, float]],
        compositions: Sequence[Composition],
        heights: Sequence[float | None],
    ) -> list[dict[SymmetryTemplate, float]]:
        """The language model's templates with the template network's, weighted."""
        if self.network is None:
            return spoken
        named = self.network.propose_many(compositions, heights)
        return [_blend(a, b, self.network_weight) for a, b in zip(spoken, named, strict=True)]

    def _mixed(
        self,
        by_model: dict[SymmetryTemplate, float],
        votes: Votes,
        agreement: dict[SymmetryTemplate, float],
        further: dict[SymmetryTemplate, float],
        allow: Callable[[int], bool] | None,
        atoms: Callable[[int], bool] | None,
    ) -> list[RankedTemplate]:
        """All tables as one; known polymorphs count as far as their energy agrees."""

        def fits(template: SymmetryTemplate) -> bool:
            return (allow is None or allow(template.number)) and (
                atoms is None or atoms(template.n_atoms)
            )

        weight = (1 - self.weight) * (votes.trust if by_model else 1.0)
        model = _agreeing(by_model, agreement, 1 - weight)
        neighbours = _agreeing(votes.shares, agreement, weight)
        scale = sum(model.values()) + sum(neighbours.values())
        scale /= 1 - sum(further.values())  # the tables' sum once the further ones are in
        for template, share in further.items():
            neighbours[template] = neighbours.get(template, 0.0) + scale * share
        mixed = [
            (template, model.get(template, 0.0), neighbours.get(template, 0.0))
            for template in {**model, **neighbours}
            if fits(template)
        ]
        total = sum(own + others for _, own, others in mixed) or 1.0
        ranked = [
            RankedTemplate(template, (own + others) / total, own, others)
            for template, own, others in mixed
            if own + others > 0
        ]
        return sorted(
            ranked, key=lambda item: (-item.probability, item.template.number, item.template.orbits)
        )


def _agreeing(
    table: dict[SymmetryTemplate, float], agreement: dict[SymmetryTemplate, float], weight: float
) -> dict[SymmetryTemplate, float]:
    """A table of probabilities by how well the templates agree with the energy, times a weight."""
    return {t: weight * agreement.get(t, 1.0) * share for t, share in table.items()}


def _blend(
    first: dict[SymmetryTemplate, float], second: dict[SymmetryTemplate, float], weight: float
) -> dict[SymmetryTemplate, float]:
    """Two tables of probabilities as one; a table that says nothing has no weight."""
    if not first or not second:
        return first or second
    return {
        template: (1 - weight) * first.get(template, 0.0) + weight * second.get(template, 0.0)
        for template in {**first, **second}
    }


def _question(
    composition: Composition, wanted: Wanted, height: float | None, votes: Votes
) -> Question:
    symbols, amounts = checked_amounts(composition)
    context = context_of(votes, symbols)
    return Question(
        symbols,
        amounts,
        stability=wanted.stability,
        band_gap=wanted.band_gap,
        formation_energy=wanted.formation_energy,
        height=height,
        distance=context.distance,
        near=context.near,
    )
