"""The request's text: a plain spelling to read, the way back to the user's words, what is read."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property, lru_cache

from crystalsmith.agent.interpreter.typography import plain_characters

Span = tuple[int, int]

_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+(?:'[^\W_\u3400-\u9fff]+)?")
_SENTENCE_END = re.compile(r"[!?;\n]|\.(?=\s|$)")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|approx|ca|vs|no|nr|min|max|incl|excl|dr|prof)|\bat)$", re.I
)
CLAIMED = "\x00"


@lru_cache(maxsize=8192)
def _forms(word: str) -> frozenset[str]:
    lower = word.lower()
    return frozenset({word, lower, *singulars(lower)})


@dataclass(frozen=True)
class Token:
    """A word or number of the plain text."""

    text: str
    start: int
    end: int

    @property
    def forms(self) -> frozenset[str]:
        """Spellings under which the lexicon may know the word."""
        return _forms(self.text)


@lru_cache(maxsize=8)
def tokens_of(plain: str) -> list[Token]:
    """Words and numbers of a plain text in order."""
    return [Token(m.group(), *m.span()) for m in _TOKEN.finditer(plain)]


@lru_cache(maxsize=8192)
def singulars(word: str) -> tuple[str, ...]:
    """Possible singular forms of a lower-case English word."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us")):
        return ()
    if word.endswith("ies"):
        return (word[:-3] + "y", word[:-1])
    if word.endswith(("ses", "xes", "ches", "shes")):
        return (word[:-2], word[:-1])
    return (word[:-1],)


class Source:
    """A request's text while it is being read.

    Readers look at `plain`, in which typography is unified, and claim the spans that they have
    understood, so that no later reader reads them again. Spans are offsets into `plain`.

    Attributes:
        text: the user's text.
        plain: the same in a plain spelling.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        characters, starts, ends = plain_characters(text)
        self._characters, self._starts, self._ends = list(characters), list(starts), list(ends)
        self.plain = "".join(self._characters)
        self._claimed = bytearray(len(self.plain))
        self._open: str | None = None

    @cached_property
    def tokens(self) -> list[Token]:
        """Words and numbers in order."""
        return tokens_of(self.plain)

    @cached_property
    def sentence_ends(self) -> list[int]:
        """Offsets at which a sentence or a line ends."""
        ends = []
        for match in _SENTENCE_END.finditer(self.plain):
            before = self.plain[max(0, match.start() - 8) : match.start()]
            if match.group() != "." or not _ABBREVIATION.search(before):
                ends.append(match.start())
        return ends

    @property
    def open(self) -> str:
        """The plain text with everything claimed blanked out."""
        if self._open is None:
            self._open = "".join(
                CLAIMED if taken else character
                for character, taken in zip(self.plain, self._claimed, strict=True)
            )
        return self._open

    def open_between(self, start: int, end: int) -> str:
        """A part of `open`."""
        start, end = max(0, start), min(len(self.plain), end)
        return "".join(
            CLAIMED if taken else character
            for character, taken in zip(
                self.plain[start:end], self._claimed[start:end], strict=True
            )
        )

    def claim(self, start: int, end: int) -> None:
        """Mark a span as read."""
        self._claimed[start:end] = b"\x01" * (end - start)
        self._open = None

    def is_open(self, start: int, end: int) -> bool:
        """Whether nothing of a span has been read."""
        return not any(self._claimed[start:end])

    def words(self, start: int, end: int) -> str:
        """The user's own words for a span, without the white space around them."""
        while start < end and self.plain[start].isspace():
            start += 1
        while end > start and self.plain[end - 1].isspace():
            end -= 1
        if start >= end:
            return ""
        return self.text[self._starts[start] : self._ends[end - 1]]

    def written(self, start: int, end: int) -> str:
        """The user's text from one offset to another, with what was glossed over."""
        return self.text[self._starts[start] : self._ends[end - 1]] if start < end else ""

    def same_sentence(self, first: int, second: int) -> bool:
        """Whether no sentence ends between two offsets."""
        low, high = min(first, second), max(first, second)
        ends = self.sentence_ends
        index = bisect_left(ends, low)
        return index == len(ends) or ends[index] >= high

    def sentence_start(self, position: int) -> int:
        """Where the sentence around an offset begins."""
        index = bisect_left(self.sentence_ends, position)
        return self.sentence_ends[index - 1] + 1 if index else 0

    def respell(self, corrections: list[tuple[Token, str]]) -> None:
        """Replace misspelt words; only before anything has been claimed."""
        for token, word in sorted(corrections, key=lambda item: -item[0].start):
            start, end = self._starts[token.start], self._ends[token.end - 1]
            cut = slice(token.start, token.end)
            self._characters[cut] = list(word)
            self._starts[cut] = [start] * len(word)
            self._ends[cut] = [end] * len(word)
        self.plain = "".join(self._characters)
        self._claimed = bytearray(len(self.plain))
        self._open = None
        for name in ("tokens", "sentence_ends"):
            self.__dict__.pop(name, None)
