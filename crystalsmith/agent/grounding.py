"""The grounding audit: whatever is read must be in the text, and what is in the text must be read.

It does not ask how a reading came about. From the text alone it collects the figures (in every unit
that they may be meant in), the elements, and the names of everything. A wish that rests on none of
them is dropped and said; elements of the text that no part of a reading accounts for are said, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.light import EV_NM
from crystalsmith.agent.interpreter.numbers import find_numbers
from crystalsmith.agent.interpreter.owners import FITTING
from crystalsmith.agent.interpreter.patterns import (
    is_pattern,
    named_elements,
    pattern_ratio,
    wildcards,
)
from crystalsmith.agent.interpreter.reading import Reading
from crystalsmith.agent.interpreter.source import Source
from crystalsmith.agent.interpreter.spelling import correct
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS, ELEMENT_GROUPS
from crystalsmith.core.chemistry.formulas import ANION_CLASSES, parse_formula, parse_ratio
from crystalsmith.core.clauses import (
    AnionClass,
    AtomCount,
    Centrosymmetric,
    CrystalSystemClause,
    ElectronicClass,
    ElementCount,
    ExactFormula,
    ExcludeElements,
    ExcludeGroups,
    FamilyClause,
    IncludeElements,
    IncludeGroups,
    Novel,
    OnlyElements,
    PropertyRange,
    Ratio,
    SpaceGroupClause,
    Stable,
)
from crystalsmith.core.crystallography.symbols import number_from_symbol
from crystalsmith.core.errors import CrystalsmithError

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.lexicon import Mention
    from crystalsmith.core.clauses import AnyClause, Clause
    from crystalsmith.core.request import DesignRequest

_CLOSE = 0.012
_SYMBOL = re.compile(r"(?<![A-Za-z])[A-Z][a-z]?(?![a-z])")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9()\[\]'.]*\d?")
_RATIO = re.compile(r"\d{1,2}(?:\s?[:-]\s?\d{1,2})+")
_GROUP_SYMBOL = re.compile(r"(?<![A-Za-z0-9])(?=([PABCIFRpabcifr][-\d/mnabcdePABC() ]{1,12}))")
_STRICT = re.compile(
    r"\b(?:fewer|less|more|under|below|above|over|exceed\w*|smaller|larger|greater|beyond)\b|[<>]",
    re.IGNORECASE,
)
_GROUP_WORD = re.compile(
    r"group|symmetr|(?<![a-z])s\.?\s?g(?![a-z])|spgr|(?<![a-z])(?:no|nr)\.|#|international|tables",
    re.IGNORECASE,
)
_AMOUNTS = {"one": 1, "single": 1, "pair": 2, "couple": 2, "dozen": 12}


@dataclass(frozen=True)
class Audit:
    """A request with what was wrong with it.

    Attributes:
        request: without what the text does not support.
        dropped: what was read and is not in the text, in sentences.
        missed: what is in the text and was not read, in sentences.
    """

    request: DesignRequest
    dropped: tuple[str, ...]
    missed: tuple[str, ...]


@dataclass
class Evidence:
    """What a text holds, however it may be meant.

    Attributes:
        figures: numbers in every unit they may be meant in, with their dimension, "" without.
        strict: whether the text has bounds that leave out the number itself.
        counts: whole numbers, also those that words such as "ternary" stand for.
        elements: named by name, symbol, formula, oxyanion, or anion.
        plain: elements that are named outright, not as part of an anion's name.
        names: (kind, value) of the phrases of the lexicon.
        formulas: reduced formulas.
        ratios: patterns and ratios as sorted amounts.
        groups: space-group numbers.
    """

    figures: list[tuple[float, str]] = field(default_factory=list)
    strict: bool = False
    counts: set[int] = field(default_factory=set)
    elements: set[str] = field(default_factory=set)
    plain: set[str] = field(default_factory=set)
    names: set[tuple[str, str]] = field(default_factory=set)
    formulas: set[str] = field(default_factory=set)
    ratios: set[tuple[int, ...]] = field(default_factory=set)
    groups: set[int] = field(default_factory=set)

    def has_figure(self, value: float | None, name: str) -> bool:
        """Whether a number may come from the text, in a unit that the property comes in."""
        if value is None or value == 0:
            return True
        return any(
            abs(value - known) <= _CLOSE * abs(known) + 1e-9
            for known, dimension in self.figures
            if not dimension or dimension == "percent" or name in FITTING.get(dimension, ())
        )

    def has_count(self, value: int | None) -> bool:
        """Whether a whole number may: "fewer than 20" is at most 19."""
        if value is None:
            return True
        near = {value - 1, value, value + 1} if self.strict else {value}
        return bool(near & self.counts)


def evidence_of(text: str) -> Evidence:
    """Everything a text may support."""
    source = Source(text)
    correct(source)
    reading = Reading(source)
    found = Evidence()
    _collect_numbers(source, found)
    for mention in reading.all_mentions:
        if mention.kind == "element" and _is_formula(source.plain[mention.start : mention.end]):
            continue  # TiN is not tin
        _collect_name(mention, found)
    for match in _SYMBOL.finditer(source.plain):
        if match.group() in ALL_ELEMENTS:
            found.plain.add(match.group())
    for match in re.finditer(r"(?<![A-Za-z])([a-z]{1,2})(?=[-\s]?(?:free|based))", source.plain):
        if match[1].capitalize() in ALL_ELEMENTS:
            found.plain.add(match[1].capitalize())
    for match in _WORD.finditer(source.plain):
        _collect_formula(match.group().rstrip(".,)"), found)
    for match in _RATIO.finditer(source.plain):
        amounts = parse_ratio(re.sub(r"\s", "", match.group()).replace("-", ":"))
        if amounts:
            found.ratios.add(amounts)
    _collect_groups(source.plain, found)
    found.counts |= {len(parts) for _, _, parts, _ in wildcards(source.plain)}
    found.elements |= found.plain
    return found


def _is_formula(word: str) -> bool:
    return word[1:] != word[1:].lower() and not word.isupper()


def _collect_numbers(source: Source, found: Evidence) -> None:
    numbers = list(find_numbers(source))
    in_units = [(n.start, n.end) for n in numbers if n.unit is not None]
    bare = [n.value for n in numbers if n.unit is None]
    bare += [
        float(match.group())
        for match in re.finditer(r"\d+(?:\.\d+)?", source.plain)
        if not any(start <= match.start() < end for start, end in in_units)
    ]
    factors = {n.unit.factor for n in numbers if n.unit is not None} | {1.0}
    values = [n.value for n in numbers]
    for number in numbers:
        unit = number.unit
        if unit is None:
            continue
        scaled = number.value * unit.factor
        found.figures += [(scaled, unit.dimension), (-scaled, unit.dimension)]
        if unit.dimension == "wavelength" and scaled:
            found.figures.append((EV_NM / scaled, "energy"))
        if unit.dimension == "percent":
            found.figures += [(abs(value) * number.value / 100, "percent") for value in values]
    lengths = {n.unit.factor for n in numbers if n.unit and n.unit.dimension == "wavelength"}
    found.figures += [(EV_NM / (value * f), "energy") for value in bare if value for f in lengths]
    found.figures += [(sign * value * f, "") for value in bare for f in factors for sign in (1, -1)]
    found.counts |= {round(value) for value in bare if value == int(value)}
    found.strict = _STRICT.search(source.plain) is not None
    for word, amount in _AMOUNTS.items():
        if re.search(rf"\b{word}\b", source.plain, re.IGNORECASE):
            found.counts.add(amount)


def _collect_name(mention: Mention, found: Evidence) -> None:
    found.names.add((mention.kind, mention.value))
    if mention.kind == "element":
        found.plain.add(mention.value)
    elif mention.kind == "ions":
        for part in mention.value.split():
            name = part.replace("_", " ")
            if name in ELEMENT_GROUPS:
                found.names.add(("group", name))
            found.plain |= {name} & set(ALL_ELEMENTS)
    elif mention.kind in ("anion", "anion_amount"):
        found.elements |= ANION_CLASSES[mention.value]
    elif mention.kind == "element_number":
        found.counts.add(int(mention.value))


def _collect_formula(word: str, found: Evidence) -> None:
    if not any(character.isupper() for character in word) and not word[-1:].isdigit():
        return
    if is_pattern(word):
        found.ratios.add(parse_ratio(pattern_ratio(word)) or ())
        found.plain |= set(named_elements(word))
        return
    amounts = parse_ratio(word)
    if amounts:
        found.ratios.add(amounts)
    for spelling in {word, word.strip("()[]")}:
        formula, symbols = _formula_of(spelling)
        if formula:
            found.formulas.add(formula)
            found.plain |= symbols


@lru_cache(maxsize=8192)
def _formula_of(spelling: str) -> tuple[str, frozenset[str]]:
    """The reduced formula and the elements of a word; nothing when it is none."""
    try:
        composition = parse_formula(spelling)
    except CrystalsmithError:
        return "", frozenset()
    return composition.reduced_formula, frozenset(e.symbol for e in composition.elements)


def _collect_groups(plain: str, found: Evidence) -> None:
    if _GROUP_WORD.search(plain):
        found.groups |= {
            int(n)
            for n in re.findall(r"(?<![\d.])\d{1,3}(?![\d]|\.\d)", plain)
            if 1 <= int(n) <= 230
        }
    for match in _GROUP_SYMBOL.finditer(plain):
        text = match[1]
        for end in range(len(text), 1, -1):
            symbol = text[:end].strip()
            number = number_from_symbol(symbol) or number_from_symbol(symbol.capitalize())
            if number is not None:
                found.groups.add(number)


def audit(request: DesignRequest, text: str | None = None) -> Audit:
    """Check a request against its text.

    Args:
        request: read by whomever.
        text: what was said; the request's own text by default.
    """
    said = request.text if text is None else text
    evidence = evidence_of(said)
    kept: list[AnyClause] = []
    dropped: list[str] = []
    for clause in request.clauses:
        after = _supported(clause, evidence, request)
        if after is None or after != clause:
            dropped.append(f"'{clause.wish()}' is not in the request and was dropped")
        if after is not None:
            kept.append(after)
    update: dict[str, object] = {"clauses": tuple(kept)}
    if request.count is not None and not evidence.has_count(request.count):
        dropped.append(f"{request.count} candidates were not asked for")
        update |= {"count": None, "count_words": ""}
    unsupported = tuple(words for words in request.unsupported if words.lower() in said.lower())
    dropped += [f"'{words}' is not in the request" for words in request.unsupported
                if words not in unsupported]  # fmt: skip
    update["unsupported"] = unsupported
    grounded = request.model_copy(update=update)
    return Audit(grounded, tuple(dropped), tuple(_missed(grounded, evidence)))


def audited(request: DesignRequest) -> DesignRequest:
    """A request without what its text does not support; what was dropped is among the notes."""
    if request.off_topic:
        return request
    found = audit(request)
    if not found.dropped:
        return request
    notes = tuple(dict.fromkeys((*request.notes, *found.dropped)))
    return found.request.model_copy(update={"notes": notes})


def _supported(clause: AnyClause, evidence: Evidence, request: DesignRequest) -> AnyClause | None:
    """The clause as far as the text supports it; None when it does not at all."""
    if isinstance(clause, IncludeElements | ExcludeElements | OnlyElements):
        known = evidence.elements if isinstance(clause, ExcludeElements) else evidence.plain
        if isinstance(clause, OnlyElements):
            known = known | _allowed_by_name(clause, evidence)
        if isinstance(clause, IncludeElements):
            known = known | _mixed_anions(evidence, request)
        elements = tuple(element for element in clause.elements if element in known)
        return clause.model_copy(update={"elements": elements}) if elements else None
    if isinstance(clause, IncludeGroups | ExcludeGroups):
        groups = tuple(name for name in clause.groups if _names_group(name, evidence))
        return clause.model_copy(update={"groups": groups}) if groups else None
    return clause if _is_said(clause, evidence) else None


def _allowed_by_name(clause: OnlyElements, evidence: Evidence) -> set[str]:
    """Elements of groups and anion classes, of which "only" takes all or none."""
    sets = [ELEMENT_GROUPS[name] for kind, name in evidence.names if kind == "group"]
    sets += [ANION_CLASSES[name] for kind, name in evidence.names if kind == "anion"]
    return {e for elements in sets if elements <= set(clause.elements) for e in elements}


def _mixed_anions(evidence: Evidence, request: DesignRequest) -> set[str]:
    """Elements of anion names may stand under include when no class holds them: sulfide iodide."""
    held = {e for clause in request.of_kind(AnionClass) for e in ANION_CLASSES[clause.name]}
    named = [ANION_CLASSES[value] for kind, value in evidence.names if kind == "anion"]
    return {e for elements in named if len(elements) == 1 for e in elements} - held


def _names_group(name: str, evidence: Evidence) -> bool:
    if {("group", name), ("excluded_group", name)} & evidence.names:
        return True
    anion = name == "halogen" and ("anion", "halide") in evidence.names
    metal = name == "metal" and any(
        kind == "electronic" and value in ("metallic", "non_metallic")
        for kind, value in evidence.names
    )
    return anion or metal or (name == "lanthanide" and ("group", "rare earth") in evidence.names)


def _is_said(clause: Clause, evidence: Evidence) -> bool:
    names = evidence.names
    if isinstance(clause, PropertyRange):
        figures = (clause.minimum, clause.maximum, clause.target, clause.tolerance)
        return all(evidence.has_figure(value, clause.name) for value in figures)
    if isinstance(clause, ElementCount | AtomCount):
        exact = isinstance(clause, ElementCount) or evidence.has_count(clause.minimum)
        about = (
            clause.minimum is not None
            and clause.maximum is not None
            and any(clause.minimum <= number <= clause.maximum for number in evidence.counts)
        )
        both = evidence.has_count(clause.minimum) and evidence.has_count(clause.maximum)
        return both or (about and not exact)
    if isinstance(clause, ExactFormula):
        return clause.formula in evidence.formulas
    if isinstance(clause, Ratio):
        return clause.amounts in evidence.ratios
    if isinstance(clause, SpaceGroupClause):
        return clause.number in evidence.groups
    if isinstance(clause, AnionClass):
        return bool({("anion", clause.name), ("anion_amount", clause.name)} & names)
    if isinstance(clause, FamilyClause):
        return ("family", clause.name) in names
    if isinstance(clause, CrystalSystemClause):
        return ("system", clause.name) in names
    return _is_worded(clause, names)


def _is_worded(clause: Clause, names: set[tuple[str, str]]) -> bool:
    """Whether the words for a yes-or-no wish are there."""
    kinds = {kind for kind, _ in names}
    if isinstance(clause, ElectronicClass):
        told = {value for kind, value in names if kind == "electronic"}
        if clause.name in ("metallic", "non_metallic"):
            return bool(told & {"metallic", "non_metallic"}) or ("property", "band_gap") in names
        return clause.name in told
    if isinstance(clause, Stable):
        return "stable" in kinds
    if isinstance(clause, Novel):
        return "novel" in kinds
    if isinstance(clause, Centrosymmetric):
        return "centrosymmetric" in kinds
    return clause.kind in kinds or clause.kind == "point_group"


def _missed(request: DesignRequest, evidence: Evidence) -> list[str]:
    """Elements of the text that no part of the request accounts for."""
    held = set(request.required_elements)
    for clause in request.clauses:
        if isinstance(clause, ExcludeElements | OnlyElements):
            held |= set(clause.elements)
        elif isinstance(clause, AnionClass):
            held |= ANION_CLASSES[clause.name]
    said_back = " ".join((*request.unsupported, *request.not_understood, *request.notes))
    named = {value for kind, value in evidence.names if kind == "element"}
    return [f"{element} is in the text and was not read"
            for element in sorted(named - held) if element not in said_back]  # fmt: skip
