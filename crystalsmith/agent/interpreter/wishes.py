"""Reads structure families, electronic classes, stability and novelty."""

from __future__ import annotations

import re
from math import inf
from typing import TYPE_CHECKING

from crystalsmith.agent.interpreter.lexicon import chemical_parts
from crystalsmith.core.clauses import (
    ElectronicClass,
    FamilyClause,
    Novel,
    PropertyRange,
    Stable,
)
from crystalsmith.core.properties import METASTABLE_BELOW, STABLE_BELOW

if TYPE_CHECKING:
    from crystalsmith.agent.interpreter.lexicon import Mention
    from crystalsmith.agent.interpreter.reading import Reading

_STRUCTURE_WORDS = (
    r"type|like|structured?|framework|prototype|lattice|family|phase|crystal\s+structure"
    r"|arrangement|topology|motif|aristotype"
)
_STRUCTURE_WORD = re.compile(rf"[\s-]{{1,2}}(?:{_STRUCTURE_WORDS})(?!\w)", re.IGNORECASE)
_TYPE_WORD = re.compile(
    rf"[\s-]{{1,2}}(?:(?:like|type)\s(?:crystal\s+)?(?:structures?|arrangement|lattice|framework)|{_STRUCTURE_WORDS}|structures(?=[\s,.;)]|$))(?!\w)",
    re.IGNORECASE,
)
# "New" alone is no wish when one of these follows.
_PLAIN_WORDS = frozenset({"new", "known", "existing", "unknown", "unexplored", "hypothetical"})
_COMPARED = re.compile(r"\b(?:that\s+of|than|as\s+\w+\s+as)\s+(?:an?\s+|the\s+)?$", re.IGNORECASE)
_KINDS_OF = {
    "perovskite": {"ruddlesden-popper", "k2nif4-type", "brownmillerite", "elpasolite"},
    "laves phase": {"laves c14", "laves c15", "laves c36"},
    "full heusler": {"half-heusler", "inverse heusler", "quaternary heusler"},
}
_MATERIAL = frozenset(
    {"family", "anion", "anion_amount", "ions", "element", "group", "topic", "electronic", "system",
     "element_number", "stable", "quality", "application", "centrosymmetric", "polar", "chiral",
     "excluded_group", "optical"}
)  # fmt: skip
_FORMULA_LIKE = re.compile(r"(?:[A-Z][a-z]?\d*){2,}")
_DEFINITE = re.compile(r"\b(?:the|our|my|this)\s+$", re.IGNORECASE)
_OTHER_NOUN = re.compile(
    r"[\s-]+(?:to|here|in|job|year|york|zealand|project|paper|student|colleague|idea|team|version"
    r"|task|account|user|position|message|email|for|as|that|by|about|thing|properties|synthesis|boss"
    r"|supervisor)\b",
    re.IGNORECASE,
)


def read_families(reading: Reading) -> None:
    """Read named structure families; a special one makes the general one in its name redundant."""
    mentions = [m for m in reading.mentions("family") if not _is_compound(reading, m)]
    names = {m.value for m in mentions}
    general = {n for n in names for other in names if n != other and n in re.split("[ -]", other)}
    general |= {name for name, kinds in _KINDS_OF.items() if name in names and names & kinds}
    for mention, negation in reading.settled(mentions, "families"):
        end = _with_type_word(reading, mention.end)
        if negation is not None:
            reading.cannot_score(negation.start, end)
        elif mention.value in general:
            reading.source.claim(mention.start, end)
        elif _COMPARED.search(reading.text_before(mention.start, 30)):
            reading.cannot_score(mention.start, end)
        else:
            reading.add(FamilyClause, mention.start, end, name=mention.value)
            _claim_spelled_out(reading, mention, end)


def _claim_spelled_out(reading: Reading, mention: Mention, end: int) -> None:
    """Put the name behind an abbreviation aside: TMD (transition metal dichalcogenide)."""
    again = next(reading.after(end, "family"), None)
    if again is None or again.value != mention.value:
        return
    if reading.source.plain[end : again.start].strip() == "(":
        reading.source.claim(again.start, again.end)


def _is_compound(reading: Reading, mention: Mention) -> bool:
    """Lithium niobate is a compound; "lithium niobate structure" names the family."""
    parts = chemical_parts(mention, reading.source)
    after = reading.text_after(mention.end, 20)
    return any(p.kind == "element" for p in parts) and not _STRUCTURE_WORD.match(after)


def _with_type_word(reading: Reading, end: int) -> int:
    match = _TYPE_WORD.match(reading.text_after(end, 30))
    return end + match.end() if match else end


def read_electronic_classes(reading: Reading) -> None:
    """Read metal, semiconductor, insulator, wide gap.

    Where a semiconductor ends and an insulator begins is convention: beside a figure for the gap
    the class only says that there is a gap.
    """
    opposite = {"metallic": "non_metallic", "non_metallic": "metallic"}
    beside = _figure(reading, "band_gap") is not None
    mentions = reading.mentions("electronic")
    for mention, negation in reading.settled(mentions, "electronic classes"):
        start = mention.start if negation is None else negation.start
        name = mention.value if negation is None else opposite.get(mention.value)
        if name is None:
            reading.cannot_score(start, mention.end)
        else:
            reading.add(ElectronicClass, start, mention.end, name=name, beside_figure=beside)


def read_stability(reading: Reading) -> None:
    """Read stable, metastable, on the hull; a figure for the hull distance says what is meant."""
    figure = _figure(reading, "e_above_hull")
    limit = STABLE_BELOW
    if figure is not None and STABLE_BELOW < figure.accepted[1] < inf:
        limit = figure.accepted[1]
    for mention, negation in reading.settled(reading.mentions("stable"), "degrees of stability"):
        if negation is not None:
            reading.cannot_score(negation.start, mention.end)
        elif mention.value == "on_hull":
            reading.add(PropertyRange, mention.start, mention.end, name="e_above_hull", maximum=0.0)
        elif mention.value == "metastable":
            wide = max(limit, METASTABLE_BELOW)
            reading.add(Stable, mention.start, mention.end, word="metastable", limit=wide)
        else:
            reading.add(Stable, mention.start, mention.end, limit=limit)


def _figure(reading: Reading, name: str) -> PropertyRange | None:
    return next((c for c in reading.of_kind(PropertyRange) if c.name == name), None)


def read_novelty(reading: Reading) -> None:
    """Read new, unreported, not in the ICSD, known."""
    mentions = [m for m in reading.mentions("novel") if not _is_about_else(reading, m)]
    for mention, negation in reading.settled(mentions, "known and new"):
        start = mention.start if negation is None else negation.start
        known = (mention.value == "known") == (negation is None)
        reading.add(Novel, start, mention.end, known=known)


def _is_about_else(reading: Reading, mention: Mention) -> bool:
    """Claim "new" that is not said of the material: new to this, a new student."""
    word = reading.source.plain[mention.start : mention.end].lower()
    following = reading.text_after(mention.end, 24)
    if word == "new" and _DEFINITE.search(reading.source.plain[: mention.start][-6:]):
        reading.source.claim(mention.start, mention.end)  # the new phosphor should be a nitride
        return True
    other = word in _PLAIN_WORDS and _OTHER_NOUN.match(following) is not None
    other = other or (word == "new" and not _says_new_of(reading, mention))
    if other or _names_place_of(reading, mention):
        reading.source.claim(mention.start, mention.end)
        return True
    return False


def _says_new_of(reading: Reading, mention: Mention) -> bool:
    """Whether "new" stands before something that a material can be, or is said of it."""
    after = reading.source.plain[mention.end : mention.end + 60]
    phrase = re.split(
        r"[.;:!?\n]|,\s(?=(?:but|and|which|that|so)\b)"
        r"|\b(?:we|i|you|they|it|can|that|which|for|with|to|is|are|has|have|about|on|at)\b",
        after,
    )[0]
    words = re.findall(r"[^\W\d_]+", phrase)[:6]
    if not words or re.match(r"\s*[,;|/+&]", after):
        return True  # is new; new, stable, ...
    if {"one", "ones"} & set(words[:2]):
        return True
    limit = mention.end + len(phrase)
    near = (m for m in reading.all_mentions if mention.end <= m.start < limit)
    named = any(m.kind in _MATERIAL and m.start - mention.end < 40 for m in near)
    return named or _FORMULA_LIKE.search(phrase) is not None


def _names_place_of(reading: Reading, mention: Mention) -> bool:
    """Whether "in the ICSD" only says where something has not been reported."""
    earlier = next(reading.before(mention.start, "novel"), None)
    if mention.value != "known" or earlier is None or earlier.value != "new":
        return False
    between = reading.source.plain[earlier.end : mention.start]
    return len(between) < 20 and not re.search(r"[.,;\n]", between)
