"""How well requests are read: against gold readings in the public JSON of ``parse``.

A line of data is ``{"id", "text", "gold"}`` or ``{"id", "turns": […], "gold": [one a turn]}``.
A reading is exact when it has the same keys with the same values. Values agree when they are equal,
numbers within 1 %, and what cannot be scored phrase by phrase (`phrases_agree`).
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crystalsmith.agent.conversation import read_turns
from crystalsmith.agent.grounding import audit
from crystalsmith.core.errors import DataError
from crystalsmith.core.progress import Progress, silent
from crystalsmith.core.public_request import public_view, wishes_only

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from crystalsmith.core.request import DesignRequest

    Reader = Callable[[Sequence[str]], list[DesignRequest]]

_CLOSE = 0.01
_WARM = 40
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Case:
    """One request, or one dialogue, with the reading expected after each turn."""

    id: str
    turns: tuple[str, ...]
    gold: tuple[dict[str, Any], ...]

    @property
    def kind(self) -> str:
        """Which voice the figures are grouped by."""
        if len(self.turns) > 1:
            return "dialogues"
        is_chinese = any("\u3400" <= character <= "\u9fff" for character in self.turns[0])
        if is_chinese:
            return "Chinese"
        odd = self.gold[0].keys() & {"unsupported", "contradiction", "off_topic"}
        return "odd requests" if odd else "plain requests"


@dataclass
class Score:
    """Counts of one group of cases."""

    cases: int = 0
    exact: int = 0
    right: int = 0
    read: int = 0
    expected: int = 0
    wrong_keys: Counter[str] = field(default_factory=Counter)

    def figures(self) -> dict[str, Any]:
        """Share of exact readings, and precision, recall and F1 over the keys."""
        precision = self.right / self.read if self.read else 1.0
        recall = self.right / self.expected if self.expected else 1.0
        total = precision + recall
        return {
            "cases": self.cases,
            "exact": self.exact / self.cases if self.cases else 0.0,
            "precision": precision,
            "recall": recall,
            "F1": 2 * precision * recall / total if total else 0.0,
        }


def load_cases(path: Path) -> list[Case]:
    """Read a file of requests with gold readings.

    Raises:
        DataError: the file is missing or a line is not in the format.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    cases = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            turns = tuple(row["turns"]) if "turns" in row else (row["text"],)
            gold = tuple(row["gold"]) if "turns" in row else (row["gold"],)
            if len(turns) != len(gold) or not all(isinstance(text, str) for text in turns):
                raise ValueError("as many readings as turns are needed")
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: not a request with gold ({error})") from None
        cases.append(Case(str(row.get("id", number)), turns, gold))
    if not cases:
        raise DataError(f"{path} has no requests")
    return cases


def evaluate_requests(
    cases: Sequence[Case], reader: Reader, progress: Progress = silent
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Figures by kind of request, and every failure.

    Args:
        cases: requests with gold readings.
        reader: turns to one reading after each.
        progress: told about every case.
    """
    for case in cases[:_WARM]:
        reader(case.turns)  # the vocabulary is loaded and its patterns compiled once
    scores: dict[str, Score] = {"all": Score()}
    failures = []
    seconds, texts, ungrounded = 0.0, 0, 0
    for index, case in enumerate(cases):
        progress("reading requests", index, len(cases))
        started = time.perf_counter()
        readings = reader(case.turns)
        seconds += time.perf_counter() - started
        texts += len(case.turns)
        ungrounded += _is_ungrounded(case.turns, readings)
        found = [wishes_only(public_view(reading)) for reading in readings]
        wrong = [
            compare(one, gold, [scores["all"], scores.setdefault(case.kind, Score())])
            for one, gold in zip(found, case.gold, strict=True)
        ]
        for score in (scores["all"], scores[case.kind]):
            score.cases += 1
            score.exact += not any(wrong)
        for turn, keys in enumerate(wrong):
            if keys:
                failures.append(_failure(case, turn, keys, found[turn]))
    figures = {name: score.figures() for name, score in scores.items()}
    figures["all"]["requests/s"] = texts / seconds if seconds else 0.0
    figures["all"]["ungrounded"] = ungrounded
    figures["all"] |= {f"wrong {key}": n for key, n in scores["all"].wrong_keys.most_common(5)}
    return figures, failures


def _is_ungrounded(turns: Sequence[str], readings: Sequence[DesignRequest]) -> bool:
    """Whether any reading of a case has a wish that the words said so far do not support.

    A later turn may be a sum ("by 0.5 eV more") or a change of name ("bromine for chlorine makes a
    bromide"); what the built-in rules make of the same turns counts as supported.
    """
    doubtful = [i for i, one in enumerate(readings) if not one.off_topic and audit(one).dropped]
    if not doubtful:
        return False
    ruled = read_turns(turns)
    for index in doubtful:
        supported = [*audit(readings[index]).request.clauses, *ruled[index].clauses]
        bare = [clause.model_copy(update={"words": ""}) for clause in supported]
        for clause in readings[index].clauses:
            if clause.model_copy(update={"words": ""}) not in bare:
                return True
    return False


def compare(found: dict[str, Any], gold: dict[str, Any], scores: Sequence[Score]) -> list[str]:
    """Keys that are missing, added or wrong; counted in every score."""
    right = {key for key in found.keys() & gold.keys() if agree(key, found[key], gold[key])}
    wrong = sorted((found.keys() | gold.keys()) - right)
    for score in scores:
        score.right += len(right)
        score.read += len(found)
        score.expected += len(gold)
        score.wrong_keys.update(wrong)
    return wrong


def agree(key: str, found: Any, gold: Any) -> bool:
    """Whether two values of a key are the same."""
    if key == "unsupported":
        return phrases_agree(found, gold)
    if isinstance(gold, dict) and isinstance(found, dict):
        return gold.keys() == found.keys() and all(agree(k, found[k], gold[k]) for k in gold)
    if isinstance(gold, int | float) and not isinstance(gold, bool):
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        return is_number and abs(found - gold) <= _CLOSE * max(abs(gold), 1e-9)
    return type(found) is type(gold) and found == gold


def phrases_agree(found: Sequence[str], gold: Sequence[str]) -> bool:
    """Whether every phrase said back shares words with one expected, and the other way round."""
    first, second = [_words(text) for text in found], [_words(text) for text in gold]
    return all(any(a & b for b in second) for a in first) and all(
        any(a & b for a in first) for b in second
    )


def _words(text: str) -> set[str]:
    """Words, and single Chinese characters, in lower case."""
    words = {word.lower() for word in _WORD.findall(text) if word.isascii()}
    return words | {c for c in text if "\u3400" <= c <= "\u9fff"}


def _failure(case: Case, turn: int, keys: list[str], found: dict[str, Any]) -> dict[str, Any]:
    gold = case.gold[turn]
    return {
        "id": case.id,
        "turn": turn + 1,
        "text": case.turns[turn],
        "wrong": keys,
        "read": {key: found[key] for key in keys if key in found},
        "gold": {key: gold[key] for key in keys if key in gold},
    }
