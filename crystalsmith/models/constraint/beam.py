"""Beam search over words that a grammar allows, for many questions side by side.

Words may be any number of tokens of the base's tokenizer. The model is asked only where there is a
choice to come: what must follow has probability one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from crystalsmith.models.constraint.language_model import LanguageModel, Reading

FAINT = math.log(1e-4)  # of the best answer: what is fainter is not followed


class Writer(Protocol):
    """An answer that is being written."""

    @property
    def words(self) -> Sequence[str]:
        """Words that may come next; none once the answer is complete.

        The last word of an answer is always the same one, so that it shows where it ends.
        """

    def after(self, word: str) -> Self:
        """The writer once a word is written."""


W = TypeVar("W", bound=Writer)


class Start(NamedTuple, Generic[W]):
    """An answer to go on from, and its log-probability so far."""

    writer: W
    score: float


@dataclass(slots=True)
class _Beam(Generic[W]):
    """One hypothesis.

    Attributes:
        writer: what is written, words that must follow included.
        score: log-probability.
        row: where the model stands with it.
        values: log-probabilities of the next token; None while it waits.
        pending: tokens of a word that could still be another one.
        unread: tokens that the model has not been told.
        wait: tokens that had to follow and are still to be passed.
    """

    writer: W
    score: float
    row: int
    values: NDArray[np.float32] | None = None
    pending: tuple[int, ...] = ()
    unread: tuple[int, ...] = ()
    wait: int = 0


class _Branches(NamedTuple):
    """What may come next, token by token.

    Attributes:
        tokens: each once.
        words: those that begin with the pending tokens and the token, of each.
    """

    tokens: list[int]
    words: list[tuple[str, ...]]


class _Spelling(dict[str, tuple[int, ...]]):
    """Tokens of words, each looked up once."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self._model = model
        self._branches: dict[tuple[tuple[str, ...], tuple[int, ...]], _Branches] = {}

    def __missing__(self, word: str) -> tuple[int, ...]:
        self[word] = self._model.tokens_of(word)
        return self[word]

    def branches(self, words: tuple[str, ...], pending: tuple[int, ...]) -> _Branches:
        """How those of some words go on that begin with the pending tokens."""
        known = self._branches.get((words, pending))
        if known is None:
            size, found = len(pending), dict[int, tuple[str, ...]]()
            for word in words:
                tokens = self[word]
                if len(tokens) > size and tokens[:size] == pending:
                    found[tokens[size]] = (*found.get(tokens[size], ()), word)
            known = _Branches(list(found), list(found.values()))
            self._branches[words, pending] = known
        return known


@dataclass
class _Search(Generic[W]):
    """Beam search for one question."""

    beams: list[_Beam[W]]
    finished: list[Start[W]] = field(default_factory=list)


def beam_search(
    model: LanguageModel,
    starts: Sequence[Sequence[Start[W]]],
    scores: Tensor,
    reading: Reading,
    width: int,
) -> list[list[Start[W]]]:
    """The most probable complete answers of each question, best first.

    Args:
        model: base and adapters.
        starts: of each question.
        scores: log-probabilities of the next token, one row per start, in order.
        reading: where the model stands with them.
        width: beams per question and answers at most.
    """
    searches, row, table = [], 0, scores.cpu().numpy()
    for own in starts:
        beams = [_Beam(s.writer, s.score, i, table[i]) for i, s in enumerate(own, start=row)]
        searches.append(_Search(beams))
        row += len(own)
    spelling = _Spelling(model)
    while any(search.beams for search in searches):
        for search in searches:
            _extend(spelling, search, width)
        _read_on(model, reading, [beam for search in searches for beam in search.beams])
    return [sorted(search.finished, key=lambda s: -s.score)[:width] for search in searches]


def _read_on(model: LanguageModel, reading: Reading, beams: list[_Beam[W]]) -> None:
    """Tell the model what was written where there is a choice to come now."""
    going_on = [beam for beam in beams if beam.writer.words]
    asking = [beam for beam in going_on if not beam.wait]
    if not asking:
        return
    runs = [() if beam.wait else beam.unread for beam in going_on]
    table = model.advance(reading, [beam.row for beam in going_on], runs).cpu().numpy()
    for row, beam in enumerate(going_on):
        beam.row = row
    for beam, values in zip(asking, table, strict=True):
        beam.values, beam.unread = values, ()


def _extend(spelling: _Spelling, search: _Search[W], width: int) -> None:
    """Keep the best continuations of a search's beams; complete answers go to ``finished``."""
    scores: list[float] = []
    beams: list[_Beam[W]] = []  # that each score belongs to
    tokens: list[int] = []  # and how it goes on: by a token that begins some words
    words: list[tuple[str, ...]] = []
    for beam in search.beams:
        if beam.values is None:
            beam.wait -= 1
            scores.append(beam.score)
            beams.append(beam)
            tokens.append(-1)
            words.append(())
            continue
        first = len(tokens)
        for way in _ways(spelling, beam):
            branches = spelling.branches(tuple(way.writer.words), way.pending)
            tokens += branches.tokens
            words += branches.words
            beams += [way] * len(branches.tokens)
        values = beam.values[tokens[first:]].tolist()
        before = beam.score - _log_sum(values)
        scores += [before + value for value in values]
    best = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:width]
    search.beams = []
    known = [*scores, *(answer.score for answer in search.finished)]
    faint = max(known, default=0.0) + FAINT
    for i in best:
        if scores[i] < faint:
            break
        beam = beams[i]
        if words[i]:
            beam = _continued(spelling, beam, scores[i], tokens[i], words[i])
        if beam.wait or beam.writer.words:
            search.beams.append(beam)
        else:
            search.finished.append(Start(beam.writer, beam.score))
    if len(search.finished) >= width:
        worst = sorted(answer.score for answer in search.finished)[-width]
        search.beams = [beam for beam in search.beams if beam.score > worst]


def _log_sum(values: list[float]) -> float:
    """Logarithm of the sum of exponentials."""
    most = max(values)
    return most + math.log(sum([math.exp(value - most) for value in values]))


def _ways(spelling: _Spelling, beam: _Beam[W]) -> list[_Beam[W]]:
    """How a beam can be read: its pending tokens may be a word, and the beginning of another."""
    if not beam.pending:
        return [beam]
    whole = [word for word in beam.writer.words if spelling[word] == beam.pending]
    ended = [replace(beam, writer=beam.writer.after(word), pending=()) for word in whole]
    return [*ended, beam]


def _continued(
    spelling: _Spelling, beam: _Beam[W], score: float, token: int, words: tuple[str, ...]
) -> _Beam[W]:
    """A beam that goes on by a token, which begins some words, and by all that must follow."""
    pending, unread = (*beam.pending, token), (*beam.unread, token)
    if len(words) > 1:
        return _Beam(beam.writer, score, beam.row, pending=pending, unread=unread)
    following = spelling[words[0]][len(pending) :]
    writer = beam.writer.after(words[0])
    while len(writer.words) == 1:
        following += spelling[writer.words[0]]
        writer = writer.after(writer.words[0])
    unread += following
    return _Beam(writer, score, beam.row, unread=unread, wait=len(following))
