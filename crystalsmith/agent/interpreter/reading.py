"""What has been read so far: the clauses, what cannot be scored, and the remarks."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pydantic import ValidationError

from crystalsmith.agent.interpreter.lexicon import Mention, all_mentions
from crystalsmith.agent.interpreter.quantities import Quantity, find_quantities
from crystalsmith.agent.interpreter.tables import table
from crystalsmith.core.clauses import Clause
from crystalsmith.core.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crystalsmith.agent.interpreter.source import Source
    from crystalsmith.core.request import Assumption

_Kind = TypeVar("_Kind", bound=Clause)

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[^\s\w]|_")
_MAX_GAP = 60
_COMMA_OR = re.compile(r"\s*,?\s*or\s+(?:an?\s+)?", re.IGNORECASE)
_OR = re.compile(r"\bor\b|/", re.IGNORECASE)
_NOUN = re.compile(
    r"\b(?:compounds|materials|phases|crystals|ones|candidates|structures)\s+$", re.I
)
_IN_PLACE_OF = frozenset({"instead of", "rather than", "in place of"})
_EXCLUDED = re.compile(
    r"\s+(?:(?:is|are|must\s+be|phases?|structures?|ones)\s+)?(?:excluded|ruled\s+out|not\s+(?:allowed|wanted))(?!\w)",
    re.IGNORECASE,
)
_LISTED = re.compile(r"\s*(?:,|and|or|nor|,\s*(?:and|or|nor))\s*(?:an?\s+|the\s+)?", re.IGNORECASE)
_HEADING = re.compile(
    r"\s*(?P<words>(?:[^\W\d][\w'’/-]*[ \t]+){0,6}[^\W\d][\w'’/-]*)(?:[ \t]?:|\s[-–]\s)\s*"
    r"(?!\s*(?:yes|no|true|false|high|low|[\d<>≤≥~])\b)"
)
_TITLE = re.compile(
    r"\s*(?P<words>(?![^.\n]*-free\b)"
    r"(?:[^\W\d][\w'’/-]*[ \t]+){0,6}[^\W\d][\w'’/-]*)\.\s+(?=[A-Z\d])"
)
_SCORED = frozenset(
    {"anion", "anion_amount", "ions", "family", "group", "system", "electronic", "property",
     "element_number", "stable", "novel", "centrosymmetric", "polar", "chiral", "before"}
)  # fmt: skip
_VALUE = re.compile(
    r"\"?\s*[:=]+\s*\"?(true|false|yes|no|y|n|required)\b(?!\s+(?!and\b|or\b)\w)", re.IGNORECASE
)


@lru_cache(maxsize=64)
def word_set(section: str, name: str) -> frozenset[str]:
    """A list of the grammar as a set of words."""
    return frozenset(table("grammar")[section][name])


@lru_cache(maxsize=1)
def _optional_after() -> re.Pattern[str]:
    """What is said after a wish that is none: "is fine too", "doesn't matter"."""
    return re.compile(
        r"(?:\s+(?:ratio|value|(?:band\s*)?gaps?|transitions?|of\s+(?:the\s+)?[a-z]+))?"
        rf"\s*(?:{'|'.join(table('grammar')['after']['maybe'])})(?!\w)",
        re.IGNORECASE,
    )


class Wish(NamedTuple):
    """A clause and the span that it was read from."""

    start: int
    end: int
    clause: Clause


class Reading:
    """A request while it is being read; every reader adds to it.

    Attributes:
        source: the text and what of it has been claimed.
        focus: in conversation, the key that a figure without a name is about.
        wishes: clauses with the spans that they were read from.
        unsupported: what was asked for and cannot be scored, with offsets.
        notes: remarks worth showing.
        assumptions: what words such as an application usually mean.
        purposes: how many words say what the material is for.
        refusals: why something that was asked for cannot be.
        count: number of candidates asked for.
        count_words: the words it came from.
    """

    def __init__(self, source: Source, focus: str = "") -> None:
        self.source = source
        self.focus = focus
        self.wishes: list[Wish] = []
        self.unsupported: list[tuple[int, str]] = []
        self.notes: list[str] = []
        self.assumptions: list[Assumption] = []
        self.purposes = 0
        self.refusals: list[RequestError] = []
        self.count: int | None = None
        self.count_words = ""

    @cached_property
    def all_mentions(self) -> list[Mention]:
        """Phrases of the lexicon in order, claimed or not."""
        return all_mentions(self.source)

    @cached_property
    def _by_kinds(self) -> dict[tuple[str, ...], tuple[list[Mention], list[int], list[int]]]:
        return {}

    def _index(self, kinds: tuple[str, ...]) -> tuple[list[Mention], list[int], list[int]]:
        """Mentions of some kinds with their starts and ends, for quick look-up."""
        if kinds not in self._by_kinds:
            rows = [m for m in self.all_mentions if m.kind in kinds]
            self._by_kinds[kinds] = rows, [m.start for m in rows], [m.end for m in rows]
        return self._by_kinds[kinds]

    def before(self, position: int, *kinds: str) -> Iterator[Mention]:
        """Mentions that end before an offset, claimed or not, the nearest first."""
        rows, _, ends = self._index(kinds)
        for index in range(bisect_right(ends, position) - 1, -1, -1):
            yield rows[index]

    def after(self, position: int, *kinds: str) -> Iterator[Mention]:
        """Mentions that start after an offset, claimed or not, the nearest first."""
        rows, starts, _ = self._index(kinds)
        for index in range(bisect_left(starts, position), len(rows)):
            yield rows[index]

    def around(self, position: int, *kinds: str) -> Iterator[Mention]:
        """Mentions that cover an offset."""
        rows, _, ends = self._index(kinds)
        for index in range(bisect_right(ends, position), len(rows)):
            if rows[index].start > position:
                return
            yield rows[index]

    @cached_property
    def heading(self) -> int:
        """Where a heading ends that says what the material is for, 0 without: *IR dome:* ..."""
        match = _HEADING.match(self.source.plain) or self._title()
        if match is None or not word_set("purpose", "no_heading").isdisjoint(
            match["words"].lower().split()
        ):
            return 0
        scored = (m for m in self.all_mentions if m.start < match.end("words"))
        return 0 if any(m.kind in _SCORED for m in scored) else match.end("words")

    def _title(self) -> re.Match[str] | None:
        """A first sentence that only names an application: *Window for a laser.* Wide-gap ..."""
        match = _TITLE.match(self.source.plain)
        if match is None or not word_set("count", "asks").isdisjoint(
            match["words"].lower().split()
        ):
            return None
        named = (m for m in self.all_mentions if m.end <= match.end("words"))
        headed = word_set("purpose", "headed")
        is_title = any(m.kind == "application" or m.value.lower() in headed for m in named)
        return match if is_title else None

    @cached_property
    def quantities(self) -> list[Quantity]:
        """Numbers with units and operators, read from what is unclaimed when first asked for."""
        names = [
            (m.start, m.end)
            for m in self.all_mentions
            if m.kind in ("group", "quality", "application", "family", "chatter")
        ]
        return find_quantities(self.source, names)

    def mentions(self, *kinds: str) -> list[Mention]:
        """Unclaimed phrases of some kinds."""
        return [m for m in self._index(kinds)[0] if self.source.is_open(m.start, m.end)]

    def add(
        self, kind: type[Clause], start: int, end: int, *, keep_open: bool = False, **fields: Any
    ) -> None:
        """Add a clause read from a span, and claim the span unless it is to be read further.

        A clause that cannot be is refused.
        """
        words = self.source.words(start, end)
        try:
            clause = kind(words=words, **fields)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            self.refuse(start, end, RequestError(f"{words!r} cannot be asked for: {reason}"))
            return
        if not keep_open:
            self.source.claim(start, end)
        same = clause.model_copy(update={"words": ""})
        if all(wish.clause.model_copy(update={"words": ""}) != same for wish in self.wishes):
            self.wishes.append(Wish(start, end, clause))

    def of_kind(self, kind: type[_Kind]) -> list[_Kind]:
        """Clauses of one class, read so far."""
        return [wish.clause for wish in self.wishes if isinstance(wish.clause, kind)]

    def cannot_score(self, start: int, end: int, note: str = "") -> None:
        """Say a span back as something that cannot be scored, and claim it."""
        words = self.source.words(start, end)
        self.source.claim(start, end)
        if words and all(words != other for _, other in self.unsupported):
            self.unsupported.append((start, words))
        if note:
            self.note(note)

    def refuse(self, start: int, end: int, error: RequestError) -> None:
        """Say a span back as something that cannot be, such as an element that does not exist."""
        self.cannot_score(start, end)
        self.refusals.append(error)

    def note(self, text: str) -> None:
        """Add a remark, once."""
        if text not in self.notes:
            self.notes.append(text)

    def text_before(self, position: int, length: int = _MAX_GAP) -> str:
        """Unclaimed text that ends at an offset."""
        return self.source.open_between(position - length, position)

    def text_after(self, position: int, length: int = _MAX_GAP) -> str:
        """Unclaimed text that starts at an offset."""
        return self.source.open_between(position, position + length)

    def cue_before(self, position: int, extra: frozenset[str] = frozenset()) -> Mention | None:
        """The "no", "only", "with" that governs what stands at an offset."""
        allowed = word_set("list", "fillers") | extra
        for mention in self.before(position, "before"):
            if position - mention.end > _MAX_GAP:
                return None
            between = self._without_qualities(mention.end, position)
            is_open = self.source.is_open(mention.start, mention.end)
            if is_open and only_words(between, allowed, ":=([-\"'"):
                return None if self._is_answer(mention) or self._ends(mention) else mention
        return None

    def _without_qualities(self, start: int, end: int) -> str:
        """A stretch of text without adjectives that cannot be scored: no *expensive* metals."""
        text = self.source.plain[start:end]
        for mention in self.before(end, "quality"):
            if mention.start < start:
                break
            text = text[: mention.start - start] + text[mention.end - start :]
        return text

    def skip_optional(self, start: int, end: int) -> bool:
        """Claim and note a wish that the text leaves open: "not necessarily stable"."""
        cue = self.cue_before(start)
        after = _optional_after().match(self.text_after(end))
        if cue is not None and cue.value == "maybe":
            start = cue.start
        elif after is None:
            return False
        end += after.end() if after is not None else 0
        self.note(f"'{self.source.words(start, end)}' was taken as allowed, not as required")
        self.source.claim(start, end)
        return True

    def is_negated(self, position: int) -> Mention | None:
        """The negation right before an offset, if any."""
        cue = self.cue_before(position)
        return cue if cue is not None and cue.value == "exclude" else None

    def _is_answer(self, mention: Mention) -> bool:
        """The "No," that answers somebody excludes nothing."""
        following = self.source.plain[mention.end : mention.end + 1]
        return self.source.plain[mention.start : mention.end].lower() == "no" and following == ","

    def _ends(self, mention: Mention) -> bool:
        """The "only" of "known compounds only:" belongs to what stands before it."""
        before = self.source.plain[max(0, mention.start - 24) : mention.start]
        is_only = self.source.plain[mention.start : mention.end + 1].lower() == "only:"
        return is_only and _NOUN.search(before) is not None

    def settled(
        self, mentions: Sequence[Mention], what: str
    ) -> Iterator[tuple[Mention, Mention | None]]:
        """Wishes that the text settles, each with the negation before it, if any.

        What is only allowed is noted; a choice ("cubic or tetragonal") is said back, because no
        clause can express it.
        """
        for group in self.choices([(m.start, m.end) for m in mentions]):
            chosen = [mentions[index] for index in group]
            if len({mention.value for mention in chosen}) > 1:
                note = f"a choice between {what} cannot be asked for; name one"
                self.cannot_score(chosen[0].start, chosen[-1].end, note)
        negation, last = None, -1
        for mention in mentions:
            is_open = self.source.is_open(mention.start, mention.end)
            between = self.source.plain[last : mention.start] if last >= 0 else "?"
            if is_open and negation is not None and _LISTED.fullmatch(between):
                last = mention.end
                yield mention, Mention(mention.start, mention.end, "before", "exclude")
                continue
            negation, last = None, mention.end
            if not is_open or self._is_replaced(mention, mentions):
                continue
            if not self.skip_optional(mention.start, mention.end):
                negation = self.is_negated(mention.start) or self._is_false(mention)
                yield mention, negation

    def _is_replaced(self, mention: Mention, mentions: Sequence[Mention]) -> bool:
        """Claim the cubic of "tetragonal instead of cubic"."""
        cue = self.is_negated(mention.start)
        if cue is None or self.source.plain[cue.start : cue.end].lower() not in _IN_PLACE_OF:
            return False
        if all(other.value == mention.value for other in mentions):
            return False
        self.source.claim(cue.start, mention.end)
        return True

    def _is_false(self, mention: Mention) -> Mention | None:
        """The "false" of "novel = false" as a negation; a "true" is only claimed."""
        excluded = _EXCLUDED.match(self.source.plain, mention.end)
        if excluded is not None:
            self.source.claim(mention.end, excluded.end())
            return Mention(mention.start, excluded.end(), "before", "exclude")
        value = _VALUE.match(self.source.plain, mention.end)
        if value is None:
            return None
        self.source.claim(mention.end, value.end())
        if value[1].lower() in ("true", "yes", "y", "required"):
            return None
        return Mention(mention.start, value.end(), "before", "exclude")

    def choices(self, spans: Sequence[tuple[int, int]]) -> list[list[int]]:
        """Indices of neighbouring spans joined by "or"."""
        groups: list[list[int]] = []
        for index in range(1, len(spans)):
            between = self.source.plain[spans[index - 1][1] : spans[index][0]]
            if not only_words(between, word_set("list", "connectors"), ",/-()"):
                continue
            if groups and groups[-1][-1] == index - 1:
                groups[-1].append(index)
            elif _OR.search(between) or self._continues_with_or(spans, index):
                groups.append([index - 1, index])
        return groups

    def _continues_with_or(self, spans: Sequence[tuple[int, int]], index: int) -> bool:
        """Whether "A, B" goes on with "or C"."""
        if index + 1 >= len(spans):
            return False
        between = self.source.plain[spans[index][1] : spans[index + 1][0]]
        return _COMMA_OR.fullmatch(between) is not None


def only_words(text: str, allowed: frozenset[str], punctuation: str = "") -> bool:
    """Whether a text holds nothing but some words and some punctuation, within one line."""
    if len(text) > _MAX_GAP or "\n" in text.strip(" "):
        return False
    return all(part.lower() in allowed or part in punctuation for part in _WORD.findall(text))
