"""Beam search over words that a grammar allows, for many questions side by side.

Words may be any number of tokens of the base's tokenizer. The model is asked only where there is a
choice to come: what must follow has probability one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
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
    def words(self) -> list[str]:
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
        writer: what is written.
        row: where the model stands with it.
        score: log-probability.
        pending: tokens of a word not yet complete.
        tail: tokens still to come when there is no choice any more; the model is not asked for
            them, and the writer is already at the end. 0 while there is a choice.
    """

    writer: W
    row: int
    score: float
    pending: tuple[int, ...] = ()
    tail: int = 0


class _Spelling(dict[str, tuple[int, ...]]):
    """Tokens of words, each looked up once."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self._model = model

    def __missing__(self, word: str) -> tuple[int, ...]:
        self[word] = self._model.tokens_of(word)
        return self[word]


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
    searches, row = [], 0
    for own in starts:
        beams = [_Beam(s.writer, row + place, s.score) for place, s in enumerate(own)]
        searches.append(_Search(beams))
        row += len(own)
    _run(model, searches, scores, reading, width)
    return [sorted(search.finished, key=lambda s: -s.score)[:width] for search in searches]


def _run(
    model: LanguageModel,
    searches: list[_Search[W]],
    scores: Tensor,
    reading: Reading,
    width: int,
) -> None:
    """Advance all searches together, one token a step, until every one is done."""
    table, spelling = scores.cpu().numpy(), _Spelling(model)
    while any(search.beams for search in searches):
        rows: list[int] = []
        tokens: list[int] = []
        for search in searches:
            _extend(spelling, search, table, width)
            for beam in search.beams:
                if beam.tail:
                    continue
                token = beam.pending[-1]
                _commit(spelling, beam)
                if not beam.tail:
                    rows.append(beam.row)
                    tokens.append(token)
                    beam.row = len(rows) - 1
        if rows:
            table = model.advance(reading, rows, tokens).cpu().numpy()


def _extend(
    spelling: _Spelling, search: _Search[W], table: NDArray[np.float32], width: int
) -> None:
    """Keep the best continuations of a search's beams; complete answers go to ``finished``."""
    options: list[tuple[float, _Beam[W], tuple[W, tuple[int, ...]] | None]] = []
    for beam in search.beams:
        if beam.tail:
            options.append((beam.score, beam, None))
            continue
        following = _followers(spelling, beam.writer, beam.pending)
        values = table[beam.row, list(following)].tolist()
        total = _log_sum(values)
        for (token, (writer, pending)), value in zip(following.items(), values, strict=True):
            options.append((beam.score + value - total, beam, (writer, (*pending, token))))
    options.sort(key=lambda option: -option[0])
    search.beams = []
    for score, beam, continued in options[:width]:
        if continued is not None:
            search.beams.append(_Beam(continued[0], beam.row, score, continued[1]))
        elif beam.tail > 1:
            beam.tail -= 1
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


def _followers(
    spelling: _Spelling, writer: W, pending: tuple[int, ...]
) -> dict[int, tuple[W, tuple[int, ...]]]:
    """Tokens that may come next, each with the writer and the pending tokens it continues."""
    found: dict[int, tuple[W, tuple[int, ...]]] = {}
    size = len(pending)
    for word in writer.words:
        tokens = spelling[word]
        if tokens[:size] != pending:
            continue
        if len(tokens) > size:
            found[tokens[size]] = (writer, pending)
        else:  # the pending tokens are a whole word that is also the beginning of a longer one
            found = _followers(spelling, writer.after(word), ()) | found
    return found


def _commit(spelling: _Spelling, beam: _Beam[W]) -> None:
    """Take the pending tokens as a word as soon as they can be nothing else.

    Also look ahead: once everything that follows is forced, the answer is known.
    """
    size = len(beam.pending)
    begun = [word for word in beam.writer.words if spelling[word][:size] == beam.pending]
    if len(begun) != 1:
        return
    writer, tail = beam.writer.after(begun[0]), len(spelling[begun[0]]) - size
    if tail == 0:
        beam.writer, beam.pending = writer, ()
    while len(writer.words) == 1:
        tail += len(spelling[writer.words[0]])
        writer = writer.after(writer.words[0])
    if not writer.words:
        beam.writer, beam.tail = writer, tail
