"""Beam search over words that a grammar allows, for many questions side by side.

Words may be any number of tokens of the base's tokenizer. The model is asked only where there is a
choice to come: what must follow has probability one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from crystalsmith.models.constraint.language_model import LanguageModel, Reading


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


@dataclass
class _Beam(Generic[W]):
    """One hypothesis.

    Attributes:
        writer: what is written, words that must follow included.
        score: log-probability.
        row: where the model stands with it.
        values: log-probabilities of the next token; of no use while it waits.
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


class _Spelling(dict[str, tuple[int, ...]]):
    """Tokens of words, each looked up once."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self._model = model

    def __missing__(self, word: str) -> tuple[int, ...]:
        self[word] = self._model.tokens_of(word)
        return self[word]


class _Branch(NamedTuple, Generic[W]):
    """Words that begin with the same tokens.

    Attributes:
        writer: what they continue.
        pending: the tokens, without the last.
        words: one at least.
    """

    writer: W
    pending: tuple[int, ...]
    words: list[str]


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
    options: list[tuple[float, _Beam[W], tuple[int, _Branch[W]] | None]] = []
    for beam in search.beams:
        if beam.wait:
            options.append((beam.score, beam, None))
            continue
        branches = _branches(spelling, beam.writer, beam.pending)
        values = beam.values[list(branches)].tolist()
        before = beam.score - _log_sum(values)
        for branch, value in zip(branches.items(), values, strict=True):
            options.append((before + value, beam, branch))
    options.sort(key=itemgetter(0), reverse=True)
    search.beams = []
    for score, beam, chosen in options[:width]:
        if chosen is not None:
            search.beams.append(_continued(spelling, beam, score, *chosen))
            continue
        beam.wait -= 1
        if beam.wait or beam.writer.words:
            search.beams.append(beam)
        else:
            search.finished.append(Start(beam.writer, score))
    if len(search.finished) >= width:
        worst = sorted(answer.score for answer in search.finished)[-width]
        search.beams = [beam for beam in search.beams if beam.score > worst]


def _log_sum(values: list[float]) -> float:
    """Logarithm of the sum of exponentials."""
    most = max(values)
    return most + math.log(sum(math.exp(value - most) for value in values))


def _branches(
    spelling: _Spelling, writer: W, pending: tuple[int, ...]
) -> dict[int, _Branch[W]]:
    """Tokens that may come next, each with what it begins or goes on with."""
    found: dict[int, _Branch[W]] = {}
    size = len(pending)
    for word in writer.words:
        tokens = spelling[word]
        if tokens[:size] != pending:
            continue
        if len(tokens) > size:
            found.setdefault(tokens[size], _Branch(writer, pending, [])).words.append(word)
        else:  # the pending tokens are a whole word that is also the beginning of a longer one
            found = _branches(spelling, writer.after(word), ()) | found
    return found


def _continued(
    spelling: _Spelling, beam: _Beam[W], score: float, token: int, branch: _Branch[W]
) -> _Beam[W]:
    """A beam that a token continues, and all that must follow."""
    writer, pending, words = branch
    pending, unread = (*pending, token), (*beam.unread, token)
    if len(words) > 1:
        return _Beam(writer, score, beam.row, pending=pending, unread=unread)
    following = spelling[words[0]][len(pending) :]
    writer = writer.after(words[0])
    while len(writer.words) == 1:
        following += spelling[writer.words[0]]
        writer = writer.after(writer.words[0])
    return _Beam(
        writer, score, beam.row, unread=unread + following, wait=len(following)
    )
