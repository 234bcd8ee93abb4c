"""Joint beam search over space group, formula units and Wyckoff letters.

Only words that keep the template realisable are ever offered to the language model, whose
probabilities are renormalised over them. Words may be any number of tokens of the base's tokenizer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import torch

from crystalsmith.models.constraint.language_model import (
    SPACE_GROUP_ADAPTER,
    WYCKOFF_ADAPTER,
    LanguageModel,
    Reading,
)
from crystalsmith.models.constraint.realisable import Unfinished, allowed_units, letters_of
from crystalsmith.prompts.constraint import END, UNITS, Question, group_word, join, units_word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


class DecodedTemplate(NamedTuple):
    """One answer.

    Attributes:
        number: space group.
        letters: letters of each element of the question as one string.
        log_probability: natural logarithm, as the model sees it.
    """

    number: int
    letters: tuple[str, ...]
    log_probability: float


@dataclass(frozen=True)
class _Writer:
    """Where an answer stands: what is written, and which words may follow."""

    question: Question
    number: int
    state: Unfinished | None = None  # None until the formula units are known
    element: int = -1  # index of the element at hand, -1 before the first
    letters: tuple[str, ...] = ()

    @cached_property
    def words(self) -> list[str]:
        """Words that may come next."""
        amounts = self.question.amounts or ()
        if self.state is None:
            return [units_word(units) for units in allowed_units(self.number, amounts)]
        if self.element < 0:
            return [self.question.elements[0]]
        if self.state.counts[0] > 0:
            names = letters_of(self.number).names
            return [names[index] for index in self.state.options()]
        if self.element + 1 < len(amounts):
            return [self.question.elements[self.element + 1]]
        return [END]

    def after(self, word: str) -> _Writer:
        """The writer once a word is written."""
        amounts = self.question.amounts or ()
        if self.state is None:
            counts = tuple(int(word[1:]) * amount for amount in amounts)
            return replace(self, state=Unfinished(self.number, counts))
        if self.element < 0 or self.state.counts[0] == 0:
            state = self.state if self.element < 0 else self.state.next_element()
            return replace(self, state=state, element=self.element + 1, letters=(*self.letters, ""))
        index = letters_of(self.number).names.index(word)
        letters = (*self.letters[:-1], self.letters[-1] + word)
        return replace(self, state=self.state.with_letter(index), letters=letters)


@dataclass
class _Beam:
    """One hypothesis.

    Attributes:
        writer: what is written.
        row: where the model stands with it.
        score: log-probability.
        pending: tokens of a word not yet complete.
        tail: tokens still to come when there is no choice any more; the model is not asked for
            them, and the writer is already at the end. 0 while there is a choice.
    """

    writer: _Writer
    row: int
    score: float
    pending: tuple[int, ...] = ()
    tail: int = 0


@dataclass
class _Search:
    """Beam search for one question."""

    beams: list[_Beam]
    finished: list[DecodedTemplate] = field(default_factory=list)


def decode(
    model: LanguageModel,
    questions: Sequence[Question],
    *,
    width: int = 20,
    allow: Callable[[int], bool] | None = None,
) -> list[list[DecodedTemplate]]:
    """The most probable realisable templates of each question, best first.

    Args:
        model: base and adapters.
        questions: with amounts given.
        width: beams per question and answers at most.
        allow: space groups that may be used; all when not given.
    """
    if not questions:
        return []
    groups = best_groups(model, questions, width=width, allow=allow)
    owners = [index for index, ranked in enumerate(groups) for _ in ranked]
    if not owners:
        return [[] for _ in questions]
    scores, reading = _read_groups(model, questions, groups)
    searches = [_Search([]) for _ in questions]
    flat = [(number, value) for ranked in groups for number, value in ranked]
    for row, (owner, (number, value)) in enumerate(zip(owners, flat, strict=True)):
        searches[owner].beams.append(_Beam(_Writer(questions[owner], number), row, value))
    _run(model, searches, scores, reading, width)
    return [sorted(s.finished, key=lambda t: -t.log_probability)[:width] for s in searches]


def best_groups(
    model: LanguageModel,
    questions: Sequence[Question],
    *,
    width: int,
    allow: Callable[[int], bool] | None = None,
) -> list[list[tuple[int, float]]]:
    """The most probable space groups that can hold each formula, with log-probabilities."""
    scores = _word_scores(model, [join(question.words()) for question in questions])
    ranked = []
    for question, row in zip(questions, scores.log_softmax(1), strict=True):
        best: list[tuple[int, float]] = []
        for index in row.argsort(descending=True).tolist():
            number = index + 1
            if len(best) == width:
                break
            if (allow is None or allow(number)) and allowed_units(number, question.amounts or ()):
                best.append((number, float(row[index])))
        ranked.append(best)
    return ranked


def _word_scores(model: LanguageModel, texts: list[str]) -> Tensor:
    """Log-probability of every space group's word after each text, ``(texts, 230)``."""
    words = [model.tokens_of(group_word(number)) for number in range(1, 231)]
    scores, reading = model.read(SPACE_GROUP_ADAPTER, texts)
    if all(len(tokens) == 1 for tokens in words):
        return scores[:, [tokens[0] for tokens in words]].cpu()
    # the token that follows tells G2 from the beginning of G22
    following = [model.tokens_of(f"{group_word(number)} {UNITS}") for number in range(1, 231)]
    words = [longer[: len(own) + 1] for own, longer in zip(words, following, strict=True)]
    rows = []
    for index in range(len(texts)):
        own = scores if len(texts) == 1 else scores[index : index + 1]
        if len(texts) > 1:
            own, reading = model.read(SPACE_GROUP_ADAPTER, [texts[index]])
        rows.append(_walk(model, own[0], reading, words))
    return torch.stack(rows)


def _walk(
    model: LanguageModel, scores: Tensor, reading: Reading, words: list[tuple[int, ...]]
) -> Tensor:
    """Log-probabilities of many-token words that continue one text, walking their prefix tree."""
    known: dict[tuple[int, ...], Tensor] = {(): scores}
    order: list[tuple[int, ...]] = [()]
    while True:
        rows, prefixes = [], []
        for word in words:
            for row, prefix in enumerate(order):
                longer = word[: len(prefix) + 1]
                is_inner = len(longer) < len(word) and word[: len(prefix)] == prefix
                if is_inner and longer not in known and longer not in prefixes:
                    rows.append(row)
                    prefixes.append(longer)
        if not prefixes:
            break
        following = model.advance(reading, rows, [prefix[-1] for prefix in prefixes])
        known |= dict(zip(prefixes, following, strict=True))
        order = prefixes
    return torch.stack(
        [sum((known[w[:i]][w[i]] for i in range(len(w))), torch.zeros(())).cpu() for w in words]
    )


def _read_groups(
    model: LanguageModel, questions: Sequence[Question], groups: list[list[tuple[int, float]]]
) -> tuple[Tensor, Reading]:
    """Read every question with each of its groups, up to where formula units come."""
    texts = [join(question.words()) for question in questions]
    owners = [index for index, ranked in enumerate(groups) for _ in ranked]
    words = [group_word(number) for ranked in groups for number, _ in ranked]
    tokens = [(*model.tokens_of(word), *model.tokens_of(UNITS)) for word in words]
    if any(len(row) > 2 for row in tokens):
        pairs = zip(owners, words, strict=True)
        return model.read(WYCKOFF_ADAPTER, [f"{texts[i]} {word} {UNITS}" for i, word in pairs])
    _, reading = model.read(WYCKOFF_ADAPTER, texts)  # what all groups of a question share, once
    model.advance(reading, owners, [row[0] for row in tokens])
    return model.advance(reading, range(len(owners)), [row[1] for row in tokens]), reading


def _run(
    model: LanguageModel, searches: list[_Search], scores: Tensor, reading: Reading, width: int
) -> None:
    """Advance all searches together, one token a step, until every one is done."""
    table = scores.cpu().numpy()
    while any(search.beams for search in searches):
        rows: list[int] = []
        tokens: list[int] = []
        for search in searches:
            _extend(model, search, table, width)
            for beam in search.beams:
                if beam.tail:
                    continue
                token = beam.pending[-1]
                _commit(model, beam)
                if not beam.tail:
                    rows.append(beam.row)
                    tokens.append(token)
                    beam.row = len(rows) - 1
        if rows:
            table = model.advance(reading, rows, tokens).cpu().numpy()


def _extend(model: LanguageModel, search: _Search, table: NDArray[np.float32], width: int) -> None:
    """Keep the best continuations of a search's beams; complete answers go to ``finished``."""
    options: list[tuple[float, _Beam, tuple[_Writer, tuple[int, ...]] | None]] = []
    for beam in search.beams:
        if beam.tail:
            options.append((beam.score, beam, None))
            continue
        following = _followers(model, beam)
        values = [float(table[beam.row, token]) for token in following]
        total = _log_sum(values)
        for (token, (writer, pending)), value in zip(following.items(), values, strict=True):
            options.append((beam.score + value - total, beam, (writer, (*pending, token))))
    options.sort(key=lambda option: -option[0])
    search.beams = []
    for score, beam, continued in options[:width]:
        if continued is not None:
            beam = _Beam(continued[0], beam.row, score, continued[1])
        elif beam.tail > 1:
            beam.tail -= 1
        else:
            answer = DecodedTemplate(beam.writer.number, beam.writer.letters, score)
            search.finished.append(answer)
            continue
        search.beams.append(beam)
    if len(search.finished) >= width:
        worst = sorted(t.log_probability for t in search.finished)[-width]
        search.beams = [beam for beam in search.beams if beam.score > worst]


def _log_sum(values: list[float]) -> float:
    """Logarithm of the sum of exponentials."""
    most = max(values)
    return most + math.log(sum(math.exp(value - most) for value in values))


def _followers(model: LanguageModel, beam: _Beam) -> dict[int, tuple[_Writer, tuple[int, ...]]]:
    """Tokens that may come next, each with the writer and the pending tokens it continues."""
    found: dict[int, tuple[_Writer, tuple[int, ...]]] = {}
    size = len(beam.pending)
    for word in beam.writer.words:
        tokens = model.tokens_of(word)
        if tokens[:size] != beam.pending:
            continue
        if len(tokens) > size:
            found[tokens[size]] = (beam.writer, beam.pending)
        else:  # the pending tokens are a whole word that is also the beginning of a longer one
            complete = _Beam(beam.writer.after(word), beam.row, beam.score)
            found = _followers(model, complete) | found
    return found


def _commit(model: LanguageModel, beam: _Beam) -> None:
    """Take the pending tokens as a word as soon as they can be nothing else.

    Also look ahead: once everything that follows is forced, the answer is known.
    """
    size = len(beam.pending)
    words = beam.writer.words
    begun = [word for word in words if model.tokens_of(word)[:size] == beam.pending]
    if len(begun) != 1 or len(model.tokens_of(begun[0])) > size:
        return
    beam.writer, beam.pending = beam.writer.after(begun[0]), ()
    writer, tail = beam.writer, 0
    while len(writer.words) == 1:
        tail += len(model.tokens_of(writer.words[0]))
        if writer.words == [END]:
            beam.writer, beam.tail = writer, tail
            return
        writer = writer.after(writer.words[0])
