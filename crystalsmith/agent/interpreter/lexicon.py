"""The interpreter's vocabulary: phrases and what they mean, read from ``lexicon/*.toml``."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pymatgen.core import Element

from crystalsmith.agent.interpreter.source import Source, Token, singulars, tokens_of
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.chemistry.families import family, family_names
from crystalsmith.core.chemistry.formulas import ANION_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_JOINER = re.compile(r"[ \n_-]{0,3}|/")
_CHEMICAL_KINDS = ("element", "group", "ions", "anion", "anion_amount")
_STRUCTURE_WORDS = (
    "structure", "structure type", "type structure", "prototype", "lattice", "arrangement",
    "topology", "motif", "aristotype", "framework", "structural type", "crystal structure",
)  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a phrase stands for: a kind of wish or word, and its value."""

    kind: str
    value: str


@dataclass(frozen=True)
class Mention:
    """A phrase of the lexicon found in a text."""

    start: int
    end: int
    kind: str
    value: str


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """Words that carry no wish."""
    return frozenset(table("stopwords")["words"].split())


@lru_cache(maxsize=1)
def phrases() -> dict[tuple[str, ...], tuple[Meaning, ...]]:
    """All phrases, as words; one phrase may mean several things ("excluded", "only")."""
    known: dict[tuple[str, ...], list[Meaning]] = {}
    for phrase, meaning in _rows():
        words = tuple(token.text for token in Source(phrase).tokens)
        if words and meaning not in known.setdefault(words, []):
            known[words].append(meaning)
    return {words: _decided(meanings) for words, meanings in known.items()}


def _decided(meanings: list[Meaning]) -> tuple[Meaning, ...]:
    """A family or an application that crystalsmith knows is no quality that it cannot score."""
    kinds = {meaning.kind for meaning in meanings}
    if kinds & {"family", "application"}:
        return tuple(meaning for meaning in meanings if meaning.kind != "quality")
    return tuple(meanings)


def _rows() -> Iterator[tuple[str, Meaning]]:
    yield from _chemistry_rows()
    for section, kind in (("electronic", "electronic"), ("stable", "stable"), ("novel", "novel")):
        yield from _section(table("wishes")[section], kind)
    for kind in ("centrosymmetric", "polar", "chiral"):
        yield from _section(table("wishes")[kind], kind)
    yield from _section(table("wishes")["systems"], "system")
    yield from _section(table("wishes")["element_numbers"], "element_number")
    yield from _section(table("properties")["names"], "property")
    yield from _plain(table("properties")["optical"]["words"], "optical")
    yield from _plain(table("unsupported")["properties"], "other_property")
    yield from _plain(table("unsupported")["qualities"], "quality")
    yield from _plain(table("unsupported")["applications"], "application")
    for rows in table("assumptions").values():
        yield from _plain(rows["words"], "application")
    grammar = table("grammar")
    yield from _section(grammar["before"], "before")
    for joined in grammar["denied"].values():  # isn't made with, do not rely on
        for denial, verb in itertools.product(joined["denials"], joined["verbs"]):
            yield f"{denial} {verb}", Meaning("before", "exclude")
    yield from _plain(grammar["chatter"]["words"], "chatter")
    yield from _plain(grammar["vague"]["words"], "vague")
    yield from _plain(grammar["topic"]["words"], "topic")
    yield from _plain(grammar["topic"]["off"], "off")
    yield from _plain(grammar["topic"]["off_weak"], "off_weak")
    yield from _family_rows()


def _family_rows() -> Iterator[tuple[str, Meaning]]:
    yield from _section(table("wishes")["families"], "family")
    for name in family_names():
        for alias in (name, *family(name).aliases):
            yield alias, Meaning("family", name)
            words = alias.replace("-", " ").split()
            if len(words) > 1 and all(word.isalpha() and word.isascii() for word in words):
                yield "".join(words), Meaning("family", name)  # halfheusler
            if alias.endswith("-type"):
                for word in _STRUCTURE_WORDS:
                    yield f"{alias.removesuffix('-type')} {word}", Meaning("family", name)


def _chemistry_rows() -> Iterator[tuple[str, Meaning]]:
    chemistry = table("chemistry")
    for symbol in ALL_ELEMENTS:
        yield Element(symbol).long_name.lower(), Meaning("element", symbol)
    yield from _section(chemistry["elements"], "element")
    yield from _section(chemistry["groups"], "group")
    yield from _section(chemistry["excluded_groups"], "excluded_group")
    prefixes = chemistry["anion_prefixes"]["prefixes"]
    for name in ANION_CLASSES:
        for word in (name, *chemistry["anions"].get(name, ())):
            yield word, Meaning("anion", name)
            for prefix in prefixes:
                yield prefix + word, Meaning("anion_amount", name)
                yield f"{prefix} {word}", Meaning("anion_amount", name)
                if word.startswith("o") and prefix.endswith(("o", "a")):
                    yield prefix[:-1] + word, Meaning("anion_amount", name)
    for word, parts in chemistry["ions"].items():
        yield word, Meaning("ions", " ".join(part.replace(" ", "_") for part in parts))


def _section(section: dict[str, list[str]], kind: str) -> Iterator[tuple[str, Meaning]]:
    for value, words in section.items():
        for phrase in words:
            yield phrase, Meaning(kind, value)


def _plain(words: Iterable[str], kind: str) -> Iterator[tuple[str, Meaning]]:
    for phrase in words:
        yield phrase, Meaning(kind, phrase)


@lru_cache(maxsize=1)
def _by_first_word() -> dict[str, list[tuple[str, ...]]]:
    index: dict[str, list[tuple[str, ...]]] = {}
    for words in phrases():
        index.setdefault(words[0], []).append(words)
    for rows in index.values():
        rows.sort(key=len, reverse=True)
    return index


def all_mentions(source: Source) -> list[Mention]:
    """Phrases of the lexicon and wishes known by their form, in order."""
    return list(_mentions_in(source.plain))


@lru_cache(maxsize=8)  # reading a text and auditing the reading ask for the same
def _mentions_in(plain: str) -> tuple[Mention, ...]:
    found = [with_afterthought(m, plain) for m in find_mentions(plain)]
    found += find_moduli(plain)
    forms = find_forms(plain)
    found = [m for m in found if not any(f.start <= m.start and m.end <= f.end for f in forms)]
    found += [
        form
        for form in forms
        if not any(m.kind == form.kind and m.start < form.end and form.start < m.end for m in found)
    ]
    for mention in list(found):
        if mention.kind == "family":
            found += _parts_of(mention, plain)
    return tuple(sorted(found, key=lambda mention: mention.start))


def find_mentions(plain: str) -> list[Mention]:
    """Phrases of the lexicon in a plain text, the longest at every place, in order."""
    found: list[Mention] = []
    tokens = tokens_of(plain)
    index = 0
    while index < len(tokens):
        words = _longest(plain, tokens, index)
        if not words:
            index += 1
            continue
        start, end = tokens[index].start, tokens[index + len(words) - 1].end
        found += [Mention(start, end, m.kind, m.value) for m in phrases()[words]]
        index += len(words)
    return found


@lru_cache(maxsize=1)
def _forms() -> tuple[tuple[Meaning, re.Pattern[str]], ...]:
    rows = table("forms")
    parts = {name: "|".join(words) for name, words in rows["parts"].items()}
    return tuple(
        (Meaning(kind, value), re.compile(spelling.format(**parts), re.IGNORECASE))
        for kind, section in rows.items()
        if kind != "parts"
        for value, spellings in section.items()
        for spelling in spellings
    )


def find_forms(plain: str) -> list[Mention]:
    """Wishes that are known by how they are built: "which nobody has ever published"."""
    return [
        Mention(*match.span("what"), meaning.kind, meaning.value)
        for meaning, pattern in _forms()
        for match in pattern.finditer(plain)
    ]


_ONES = re.compile(
    r"\s*[,(-]?\s*(?:the\s+|but\s+)?(?P<which>[a-z]+(?:-[a-z]+)?)\s+(?:ones?|kind|variety|type|version)\)?(?!\w)",
    re.IGNORECASE,
)


def with_afterthought(mention: Mention, plain: str) -> Mention:
    """A family with what follows about its kind: skutterudites, filled ones."""
    if mention.kind != "family":
        return mention
    after = _ONES.match(plain, mention.end)
    if after is None:
        return mention
    base = plain[mention.start : mention.end].lower()
    for form in (base, *singulars(base)):
        words = tuple(token.text for token in Source(f"{after['which']} {form}").tokens)
        for meaning in phrases().get(words, ()):
            if meaning.kind == "family":
                return Mention(mention.start, after.end(), "family", meaning.value)
    return mention


def property_in(words: str) -> str:
    """The key of the scored property that a phrase names, such as "high bulk modulus"; or ""."""
    mentions = find_mentions(Source(words).plain)
    return next((mention.value for mention in mentions if mention.kind == "property"), "")


_MODULUS = re.compile(
    r"(?<![\w-])([KBG])(?:_?(?:VRH|0|H|v|R))?(?=\s*(?:[<>=≥≤~:]|(?:of|is|over|above|below|under|at\s"
    r"(?:least|most|or)|around|about|near|between|exceeding|up\sto|more\sthan|less\sthan|from)\s)"
    r"[^.;,\n]{0,24}?\d[^;,\n]{0,16}?GPa|\s\d[^;,\n]{0,12}?GPa|\s?(?:[<>≥≤]=?|above|over|below|under|at\sleast|exceeding|more\sthan)\s?\d{2,3}(?!\d|\.\d)(?!\s?(?:K|°|nm|m?eV|g|at|%)))",
)


_BARE_MODULUS = re.compile(
    r"\b(bulk|shear)(?=\s*(?:of\s+|is\s+|:\s*)?(?:at\s+(?:least|most)|above|over|below|under|around|about|[<>≥≤~=]+)?\s*\d{2,3}"
    r"(?!\s?(?:[A-Fa-fH-Zh-z%°]|g/)))",
    re.IGNORECASE,
)


_MODULUS_AFTER = re.compile(r"(?<=GPa\s)(bulk|shear)(?!\s+mod)(?![\w-])", re.IGNORECASE)


def find_moduli(plain: str) -> list[Mention]:
    """K or B for the bulk modulus, G for the shear modulus, beside a figure in GPa."""
    named = [
        Mention(match.start(), match.end(), "property", f"{match[1].lower()}_modulus")
        for match in _BARE_MODULUS.finditer(plain)
    ]
    names = {"K": "bulk_modulus", "B": "bulk_modulus", "G": "shear_modulus"}
    named += [
        Mention(match.start(), match.end(), "property", f"{match[1].lower()}_modulus")
        for match in _MODULUS_AFTER.finditer(plain)
    ]
    return named + [
        Mention(match.start(), match.end(), "property", names[match[1]])
        for match in _MODULUS.finditer(plain)
    ]


def chemical_parts(mention: Mention, source: Source) -> list[Mention]:
    """Groups and elements that a family's name is made of, such as transition metal dichalcogenide.

    Empty unless the name consists of nothing else.
    """
    return _parts_of(mention, source.plain)


def _parts_of(mention: Mention, plain: str) -> list[Mention]:
    words = tokens_of(plain)
    first = bisect_left(words, mention.start, key=lambda token: token.start)
    inside = itertools.takewhile(
        lambda token: token.end <= mention.end, itertools.islice(words, first, None)
    )
    tokens = list(inside)
    found: list[Mention] = []
    index = 0
    while index < len(tokens):
        rows = [row for form in tokens[index].forms for row in _by_first_word().get(form, ())]
        fitting = [
            (row, meaning)
            for row in sorted(rows, key=len, reverse=True)
            for meaning in phrases()[row]
            if meaning.kind in _CHEMICAL_KINDS and _matches(plain, tokens, index, row)
        ]
        if not fitting:
            return []
        chosen, meaning = fitting[0]
        end = tokens[index + len(chosen) - 1].end
        found.append(Mention(tokens[index].start, end, meaning.kind, meaning.value))
        index += len(chosen)
    return found if len(found) > 1 else []


@lru_cache(maxsize=8192)
def _starting_with(word: str) -> tuple[tuple[str, ...], ...]:
    """Phrases whose first word this may be, the longest first."""
    rows = [row for form in Token(word, 0, 0).forms for row in _by_first_word().get(form, ())]
    return tuple(sorted(rows, key=len, reverse=True))


def _longest(plain: str, tokens: list[Token], index: int) -> tuple[str, ...]:
    for words in _starting_with(tokens[index].text):
        if _matches(plain, tokens, index, words):
            return words
    return ()


def _matches(plain: str, tokens: list[Token], index: int, words: tuple[str, ...]) -> bool:
    if index + len(words) > len(tokens):
        return False
    for offset in range(1, len(words)):
        before, token = tokens[index + offset - 1], tokens[index + offset]
        if words[offset] not in token.forms:
            return False
        if not _JOINER.fullmatch(plain, before.end, token.start):
            return False
    return True
