"""Seed structures: crystals that the answer is to be like, in family, chemistry or properties."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, element_distances
from crystalsmith.core.chemistry.families import families_of
from crystalsmith.core.chemistry.formulas import ANION_CLASSES, has_anion_class, stoichiometry
from crystalsmith.core.clauses import (
    AnionClass,
    AnyClause,
    ElectronicClass,
    ElementCount,
    FamilyClause,
    PropertyRange,
    Ratio,
    SpaceGroupClause,
)
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.crystallography.normaliser import canonical
from crystalsmith.core.entry import Entry
from crystalsmith.core.errors import CrystalsmithError, DataError, RequestError
from crystalsmith.core.properties import METAL_BELOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pymatgen.core import Composition, Structure

    from crystalsmith.core.crystallography.template import SymmetryTemplate
    from crystalsmith.core.evidence import Prediction
    from crystalsmith.core.request import DesignRequest
    from crystalsmith.models.surrogates.surrogates import Surrogates

Likeness = Literal["family", "chemistry", "properties"]
_MOST_BYTES = 5_000_000
_MOST_ATOMS = 400
_MOST_ORDERS = 24  # ways of placing elements on the seed's positions that are compared
_ENERGY_TOLERANCE = 0.3  # eV/atom
_MODULUS_TOLERANCE = 30.0  # GPa


@dataclass(frozen=True)
class Seed:
    """A crystal that candidates are to be like.

    Attributes:
        entry: the crystal.
        like: in what.
        clauses: what that means, as checkable wishes.
    """

    entry: Entry
    like: Likeness
    clauses: tuple[AnyClause, ...]

    @property
    def near(self) -> Composition | None:
        """The composition to stay near to, where chemistry is to be alike."""
        return self.entry.composition if self.like == "chemistry" else None

    def templates_for(self, composition: Composition) -> list[SymmetryTemplate]:
        """The seed's structure type with the elements of a composition, if the amounts agree."""
        own = self.entry.crystal.template
        old = {e.symbol: round(n) for e, n in own.composition.reduced_composition.items()}
        new = {e.symbol: round(n) for e, n in composition.reduced_composition.items()}
        if sorted(old.values()) != sorted(new.values()):
            return []
        exchange = min(_exchanges(old, new), key=_distance)
        return [canonical(own.with_elements(exchange))[0]]

    def narrowed(self, request: DesignRequest) -> DesignRequest:
        """The request with the seed's wishes, except those that it contradicts."""
        for clause in self.clauses:
            wider = request.model_copy(update={"clauses": (*request.clauses, clause)})
            if not wider.contradictions() and not wider.unbuildable():
                request = wider
        return request


def _exchanges(old: dict[str, int], new: dict[str, int]) -> Iterator[dict[str, str]]:
    """Ways of giving every element of the seed one of the same amount."""
    found = 0
    for order in itertools.permutations(new):
        exchange = dict(zip(old, order, strict=True))
        if all(old[a] == new[b] for a, b in exchange.items()):
            yield exchange
            found += 1
            if found == _MOST_ORDERS:
                return


def _distance(exchange: dict[str, str]) -> float:
    table = element_distances()
    places = [(ALL_ELEMENTS.index(a), ALL_ELEMENTS.index(b)) for a, b in exchange.items()]
    return float(sum(table[place] for place in places))


def likeness_named(name: str) -> Likeness:
    """Kind of likeness, checked.

    Raises:
        RequestError: there is no such kind.
    """
    if name in get_args(Likeness):
        return cast("Likeness", name)
    raise RequestError(f"a seed can be followed in {', '.join(get_args(Likeness))}, not {name!r}")


def read_seed(path: Path, like: Likeness, surrogates: Surrogates) -> Seed:
    """A seed from a structure file that pymatgen reads (CIF, POSCAR, JSON).

    Raises:
        DataError: the file is missing, too large, unreadable or holds no ordered crystal.
    """
    from pymatgen.core import Structure

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"{path} is too large for a seed structure (over 5 MB)")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            structure = Structure.from_file(path)
    except OSError as error:
        raise DataError(f"the seed structure {path} cannot be read: {error.strerror}") from None
    except CrystalsmithError:
        raise
    except Exception as error:  # pymatgen's parsers raise many types on damaged text
        raise DataError(
            f"the seed structure {path} is unreadable ({type(error).__name__}); give a CIF or a"
            " POSCAR"
        ) from None
    return seed_of(structure, like, surrogates, path.name)


def seed_of(structure: Structure, like: Likeness, surrogates: Surrogates, name: str) -> Seed:
    """A seed from a structure.

    Raises:
        DataError: it is disordered, too large, or has no symmetric description.
    """
    if not structure.is_ordered:
        raise DataError(f"the seed structure {name} is disordered; give an ordered one")
    if len(structure) > _MOST_ATOMS:
        raise DataError(f"the seed structure {name} has more than {_MOST_ATOMS} atoms")
    plain = structure.copy().remove_oxidation_states()
    try:
        entry = Entry("seed", "the seed structure", describe(plain), name)
    except CrystalsmithError as error:
        raise DataError(f"the seed structure {name} cannot be used: {error}") from None
    words = f"--seed-structure {name}"
    if like == "family":
        clauses = _family(entry.crystal.template, words)
    elif like == "chemistry":
        clauses = _chemistry(entry.composition, words)
    else:
        scored = surrogates.predict([entry.crystal.structure()])[0]
        if scored.failure is not None:
            raise DataError(f"the seed structure {name} cannot be scored: {scored.failure}")
        clauses = _properties(scored.predictions, words)
    return Seed(entry, like, clauses)


def _family(template: SymmetryTemplate, words: str) -> tuple[AnyClause, ...]:
    names = families_of(template)
    if names:
        return (FamilyClause(name=names[0], words=words),)
    ratio = ":".join(map(str, stoichiometry(template.composition)))
    return (
        Ratio(ratio=ratio, words=words),
        SpaceGroupClause(number=template.number, words=words),
    )


def _chemistry(composition: Composition, words: str) -> tuple[AnyClause, ...]:
    count = ElementCount(minimum=len(composition), maximum=len(composition), words=words)
    names = [name for name in ANION_CLASSES if has_anion_class(composition, name)]
    if not names:
        return (count,)
    narrowest = min(names, key=lambda name: len(ANION_CLASSES[name]) or len(ALL_ELEMENTS))
    return (AnionClass(name=narrowest, words=words), count)


def _properties(predictions: dict[str, Prediction], words: str) -> tuple[AnyClause, ...]:
    gap = predictions["band_gap"].mean
    clauses: list[AnyClause] = [
        ElectronicClass(name="metallic", words=words)
        if gap < METAL_BELOW
        else PropertyRange(name="band_gap", target=round(gap, 2), words=words)
    ]
    tolerances = {"formation_energy": _ENERGY_TOLERANCE, "bulk_modulus": _MODULUS_TOLERANCE}
    for name, tolerance in tolerances.items():
        if name in predictions:
            target = round(predictions[name].mean, 2)
            clauses.append(
                PropertyRange(name=name, target=target, tolerance=tolerance, words=words)
            )
    return tuple(clauses)
