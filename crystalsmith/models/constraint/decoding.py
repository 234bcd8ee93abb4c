"""Joint beam search over space group, formula units and Wyckoff letters.

Only words that keep the template realisable are ever offered to the language model, whose
probabilities are renormalised over them. Words may be any number of tokens of the base's tokenizer.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import torch

from crystalsmith.models.constraint.beam import FAINT, Start, beam_search
from crystalsmith.models.constraint.language_model import (
    SPACE_GROUP_ADAPTER,
    WYCKOFF_ADAPTER,
    LanguageModel,
    Reading,
)
from crystalsmith.models.constraint.realisable import Unfinished, fitting_units, letters_of
from crystalsmith.prompts.constraint import END, UNITS, Question, group_word, join, units_word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


@lru_cache(maxsize=10_000)
def _units_words(units: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(map(units_word, units))


@lru_cache(maxsize=50_000)
def _letter_words(number: int, indices: tuple[int, ...]) -> tuple[str, ...]:
    names = letters_of(number).names
    return tuple(names[index] for index in indices)


class _Writer:
    """Where an answer stands: what is written, and which words may follow.

    Args:
        question: what is answered.
        number: space group.
        units: formula units that the conventional cell may hold.
        state: None until the formula units are known.
        letters: of every element so far, the one at hand included.
        ended: whether nothing follows.
    """

    __slots__ = ("letters", "number", "question", "state", "units", "words")

    def __init__(
        self,
        question: Question,
        number: int,
        units: tuple[int, ...],
        state: Unfinished | None = None,
        letters: tuple[str, ...] = (),
        *,
        ended: bool = False,
    ) -> None:
        self.question, self.number, self.units = question, number, units
        self.state, self.letters = state, letters
        self.words = () if ended else self._following()

    def _following(self) -> tuple[str, ...]:
        """Words that may come next."""
        if self.state is None:
            return _units_words(self.units)
        if self.letters and self.state.counts[0] > 0:
            return _letter_words(self.number, self.state.options())
        if len(self.letters) < len(self.question.elements):
            return (self.question.elements[len(self.letters)],)
        return (END,)

    def after(self, word: str) -> _Writer:
        """The writer once a word is written."""
        state, letters = self.state, self.letters
        if state is None:
            amounts = self.question.amounts or ()
            state = Unfinished(self.number, tuple(int(word[1:]) * n for n in amounts))
        elif word == END:
            return _Writer(self.question, self.number, self.units, state, letters, ended=True)
        elif not letters:
            letters = ("",)
        elif state.counts[0] == 0:
            state, letters = state.next_element(), (*letters, "")
        else:
            state = state.with_letter(letters_of(self.number).names.index(word))
            letters = (*letters[:-1], letters[-1] + word)
        return _Writer(self.question, self.number, self.units, state, letters)


def decode(
    model: LanguageModel,
    questions: Sequence[Question],
    *,
    width: int = 20,
    allow: Callable[[int], bool] | None = None,
    atoms: Callable[[int], bool] | None = None,
) -> list[list[DecodedTemplate]]:
    """The most probable realisable templates of each question, best first.

    Args:
        model: base and adapters.
        questions: with amounts given.
        width: beams per question and answers at most.
        allow: space groups that may be used; all when not given.
        atoms: numbers of atoms that the primitive cell may hold; all when not given.
    """
    if not questions:
        return []
    groups = best_groups(model, questions, width=width, allow=allow, atoms=atoms)
    if not any(groups):
        return [[] for _ in questions]
    scores, reading = _read_groups(model, questions, groups)
    starts = [
        [
            Start(_Writer(question, number, fitting_units(number, amounts, atoms)), value)
            for amounts in (question.amounts or (),)
            for number, value in ranked
        ]
        for question, ranked in zip(questions, groups, strict=True)
    ]
    answers = beam_search(model, starts, scores, reading, width)
    return [
        [DecodedTemplate(writer.number, writer.letters, score) for writer, score in found]
        for found in answers
    ]


def best_groups(
    model: LanguageModel,
    questions: Sequence[Question],
    *,
    width: int,
    allow: Callable[[int], bool] | None = None,
    atoms: Callable[[int], bool] | None = None,
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
            if allow is not None and not allow(number):
                continue
            if best and float(row[index]) < best[0][1] + FAINT:
                break
            if fitting_units(number, question.amounts or (), atoms):
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
        following = model.advance(reading, rows, [prefix[-1:] for prefix in prefixes])
        known |= dict(zip(prefixes, following, strict=True))
        order = prefixes
    return torch.stack(
        [sum((known[w[:i]][w[i]] for i in range(len(w))), torch.zeros(())).cpu() for w in words]
    )


def _read_groups(
    model: LanguageModel, questions: Sequence[Question], groups: list[list[tuple[int, float]]]
) -> tuple[Tensor, Reading]:
    """Read every question with each of its groups, up to where formula units come.

    What the groups of a question share is read once.
    """
    _, reading = model.read(WYCKOFF_ADAPTER, [join(question.words()) for question in questions])
    owners = [index for index, ranked in enumerate(groups) for _ in ranked]
    words = [group_word(number) for ranked in groups for number, _ in ranked]
    runs = [(*model.tokens_of(word), *model.tokens_of(UNITS)) for word in words]
    return model.advance(reading, owners, runs), reading
