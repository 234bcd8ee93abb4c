"""The bundled requests of the compliance benchmark, and how they are made.

Every request is put together from clauses, so that what it asks for is known without reading it.
What can be decided from a crystal alone is taken from a *witness*, one of pymatgen's AFLOW
prototypes, so that at least one crystal does what the request says. Windows for predicted
properties are textbook ranges of the witness's anion class, from no model of ours; such clauses
are joined only with loose ones. Each kind of clause comes first equally often; the others are
drawn with the seed. Eighty more ask for narrow windows (`compliance_windows`). One request in
three is Chinese.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

from crystalsmith.evals.compliance_phrases import (
    FRAMES,
    Phrased,
    composition_phrases,
    property_phrases,
    symmetry_phrases,
)
from crystalsmith.evals.compliance_windows import narrow_clauses
from crystalsmith.tools.prototypes import prototypes

if TYPE_CHECKING:
    from crystalsmith.core.entry import Entry

SEED = 8
SIZES = {1: 140, 2: 120, 3: 110, 4: 90, 5: 60}  # requests by their number of clauses
NARROW = 80  # requests for gaps and energies in narrow windows, beside those
_LARGEST = 20  # atoms in a witness's primitive cell
_CHINESE_EVERY = 3
_TRIES = 50  # witnesses that are asked for a kind of clause before the next kind has its turn

_BY_FORMULA = {
    "include", "exclude", "only", "include_groups", "exclude_groups", "ratio", "n_elements",
    "anion_class",
}  # fmt: skip
_BY_GROUP = {"crystal_system", "point_group", "centrosymmetric", "polar", "chiral"}
_GAP = {"band_gap", "electronic_class"}
_PREDICTED = _GAP | {"formation_energy", "bulk_modulus", "shear_modulus", "e_above_hull", "stable"}
_STRICT = {"formula", "only", "ratio", "space_group", "point_group", "chiral", "polar", "family"}
_NEVER_TOGETHER = (
    *({"formula", kind} for kind in _BY_FORMULA),
    *({"space_group", kind} for kind in _BY_GROUP),
    *({"point_group", kind} for kind in _BY_GROUP - {"point_group"}),
    *({"only", kind} for kind in ("include", "exclude", "n_elements", "exclude_groups")),
    *({"include", "include_groups"}, {"ratio", "n_elements"}, {"polar", "centrosymmetric"}),
    *({"chiral", "centrosymmetric"}, {"polar", "chiral"}, {"density", "volume_per_atom"}),
    *({"e_above_hull", "stable"}, _GAP, {"bulk_modulus", "shear_modulus"}, {"novel", "formula"}),
    *({predicted, strict} for predicted in _PREDICTED for strict in _STRICT),
    *({predicted, size} for predicted in _PREDICTED for size in ("density", "volume_per_atom")),
    *({"novel", strict} for strict in ("only", "chiral")),
    *({"bulk_modulus", gap} for gap in _GAP),
    *({"shear_modulus", gap} for gap in _GAP),
)


class Prompt(NamedTuple):
    """A request with what it asks for."""

    id: str
    language: str
    text: str
    clauses: list[dict[str, Any]]

    def row(self) -> dict[str, Any]:
        """As a line of the bundled file."""
        return self._asdict()


def build_prompts(seed: int = SEED) -> list[Prompt]:
    """The bundled requests, in order; the same seed gives the same."""
    draw = random.Random(seed)
    witnesses = [entry for entry in prototypes().entries() if _is_usable(entry)]
    sizes = [size for size, number in SIZES.items() for _ in range(number)]
    kinds = sorted(_KINDS)
    found: list[Prompt] = []
    texts: set[str] = set()
    turn = 0
    while len(found) < len(sizes):
        size = sizes[len(found)]
        language = "zh" if len(found) % _CHINESE_EVERY == _CHINESE_EVERY - 1 else "en"
        first, turn = kinds[turn % len(kinds)], turn + 1
        for _ in range(_TRIES):
            chosen = _together(_options(draw.choice(witnesses), draw), first, size, draw)
            text = _sentence(chosen, language, draw) if chosen else ""
            if text and text not in texts:
                texts.add(text)
                clauses = [_plain(item) for item in chosen]
                name = f"{language}-{size}-{len(found) + 1:03d}"
                found.append(Prompt(name, language, text, clauses))
                break
    return found + _narrow(draw, len(found), texts)


def _narrow(draw: random.Random, before: int, texts: set[str]) -> list[Prompt]:
    """Requests with narrow windows, numbered on."""
    found: list[Prompt] = []
    while len(found) < NARROW:
        language = "zh" if len(found) % _CHINESE_EVERY == _CHINESE_EVERY - 1 else "en"
        chosen = narrow_clauses(len(found), draw)
        text = _sentence(chosen, language, draw)
        if text not in texts:
            texts.add(text)
            name = f"{language}-narrow-{before + len(found) + 1:03d}"
            found.append(Prompt(name, language, text, [_plain(item) for item in chosen]))
    return found


def _plain(item: Phrased) -> dict[str, Any]:
    return item.clause.model_dump(mode="json", exclude={"words"}, exclude_none=True)


def _is_usable(entry: Entry) -> bool:
    template = entry.crystal.template
    symbols = {element.symbol for element in template.composition.elements}
    return 2 <= len(symbols) <= 4 and template.n_atoms <= _LARGEST


def _options(witness: Entry, draw: random.Random) -> dict[str, Phrased]:
    """One clause of every kind that the witness offers."""
    return (
        composition_phrases(witness, draw)
        | symmetry_phrases(witness, draw)
        | property_phrases(witness, draw)
    )


_KINDS = (
    _BY_FORMULA
    | _BY_GROUP
    | _PREDICTED
    | {"formula", "space_group", "family", "n_atoms", "density", "volume_per_atom", "novel"}
)


def _together(
    options: dict[str, Phrased], first: str, size: int, draw: random.Random
) -> list[Phrased]:
    """So many clauses that go together, ``first`` among them; none when there are too few."""
    if first not in options:
        return []
    kinds = [first]
    for kind in draw.sample(sorted(options), len(options)):
        if len(kinds) < size and kind not in kinds and _fits(kind, kinds):
            kinds.append(kind)
    if len(kinds) < size:
        return []
    return [options[kind] for kind in draw.sample(kinds, len(kinds))]


def _fits(kind: str, others: list[str]) -> bool:
    return not any({kind, other} == pair for other in others for pair in _NEVER_TOGETHER)


def _sentence(chosen: list[Phrased], language: str, draw: random.Random) -> str:
    if language == "zh":
        return draw.choice(FRAMES["zh"]).format("，".join(item.chinese for item in chosen))
    words = [item.english for item in chosen]
    joined = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return draw.choice(FRAMES["en"]).format(joined)
