"""The constraint generator's language model behind an OpenAI-compatible server, vLLM's say.

The server holds the base and both adapters, which are served under their own names. It remembers
texts it has seen (prefix caching), so that every hypothesis is simply sent whole, as token ids, and
the probabilities of its next token are asked for; the decoding is the same as in process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import torch

from crystalsmith.core.errors import ServerError
from crystalsmith.models.constraint.language_model import (
    SPACE_GROUP_ADAPTER,
    WYCKOFF_ADAPTER,
)
from crystalsmith.models.constraint.tokenizer import Spelling, load_tokenizer
from crystalsmith.prompts.constraint import vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

_SECONDS = 600.0  # a server that compiles needs them for its first answer
_PROMPTS = 256  # per request
_SMALL = 2_000  # a vocabulary up to here is asked for whole
_TOKENS = 128  # that vLLM lets be asked for by name (MAX_LOGPROB_TOKEN_IDS in version 0.32)
_NAMED = "token_id:"


@dataclass
class ServedReading:
    """Sequences being read: whose adapter reads them, and the tokens of each."""

    task: str
    prefixes: list[tuple[int, ...]]


class ServedLM:
    """A base model with one adapter per task, on a server.

    Args:
        url: of the server, with or without ``/v1`` at the end.
        tokenizer: of the base.

    Raises:
        ServerError: there is no such server, or it does not serve both adapters.
    """

    threads = 1  # the server has its own

    def __init__(self, url: str, tokenizer: Any) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self.tokenizer = tokenizer
        self._spelling = Spelling(tokenizer)
        self._size = len(tokenizer)
        self._asked = self._questions()
        self._client = httpx.Client(timeout=httpx.Timeout(_SECONDS, connect=10))
        self._check_adapters()

    @classmethod
    def connect(cls, url: str, base: Path | str) -> ServedLM:
        """Use the server at a URL; the base's tokenizer is loaded here.

        Raises:
            ServerError: there is no such server, or it does not serve both adapters.
            WeightsError: the tokenizer is missing or damaged.
        """
        return cls(url, load_tokenizer(base))

    def tokens_of(self, word: str) -> tuple[int, ...]:
        """Token ids of a word of the grammar as it stands inside a text."""
        return self._spelling.inside(word)

    def read(self, task: str, texts: Sequence[str]) -> tuple[Tensor, ServedReading]:
        """Read texts with a task's adapter; see `LanguageModel.read`.

        Tokens that no word of the grammar has get minus infinity.
        """
        prefixes = [tuple(ids) for ids in self.tokenizer(list(texts))["input_ids"]]
        return self._following(task, prefixes), ServedReading(task, prefixes)

    def advance(
        self, reading: ServedReading, rows: Sequence[int], runs: Sequence[Sequence[int]]
    ) -> Tensor:
        """Continue some of the sequences; see `LanguageModel.advance`."""
        pairs = zip(rows, runs, strict=True)
        reading.prefixes = [(*reading.prefixes[row], *run) for row, run in pairs]
        asked = [prefix for prefix, run in zip(reading.prefixes, runs, strict=True) if run]
        return self._following(reading.task, asked)

    def _questions(self) -> list[dict[str, Any]]:
        """What to ask about each prompt so that the answers tell of all tokens of the grammar."""
        if self._size <= _SMALL:
            return [{"logprobs": -1}]
        tokens = sorted({token for word in vocabulary() for token in self.tokens_of(word)})
        parts = [tokens[begin : begin + _TOKENS] for begin in range(0, len(tokens), _TOKENS)]
        return [{"logprobs": 1, "logprob_token_ids": part} for part in parts]

    def _following(self, task: str, prefixes: Sequence[tuple[int, ...]]) -> Tensor:
        table = torch.full((len(prefixes), self._size), -torch.inf)
        for begin in range(0, len(prefixes), _PROMPTS):
            prompts = [list(prefix) for prefix in prefixes[begin : begin + _PROMPTS]]
            for asked in self._asked:
                for row, told in enumerate(self._ask(task, prompts, asked), start=begin):
                    known = {token: value for token, value in told.items() if token < self._size}
                    table[row, list(known)] = torch.tensor(list(known.values()))
        return table

    def _ask(
        self, task: str, prompts: list[list[int]], asked: dict[str, Any]
    ) -> list[dict[int, float]]:
        """Log-probabilities of the next token of every prompt, by token."""
        body = {
            "model": task,
            "prompt": prompts,
            "max_tokens": 1,
            "temperature": 0,
            "return_tokens_as_token_ids": True,
            **asked,
        }
        answer = self._request("POST", "completions", body)
        try:
            choices = sorted(answer["choices"], key=lambda choice: choice["index"])
            tables = [
                {
                    int(name.removeprefix(_NAMED)): float(value)
                    for name, value in choice["logprobs"]["top_logprobs"][0].items()
                }
                for choice in choices
            ]
        except (KeyError, TypeError, ValueError, IndexError):
            raise self._odd() from None
        if len(tables) != len(prompts):
            raise self._odd()
        self._check_enough(tables, asked)
        return tables

    def _check_enough(self, tables: list[dict[int, float]], asked: dict[str, Any]) -> None:
        wanted = set(asked.get("logprob_token_ids", range(self._size)))
        fewest = min(len(wanted & table.keys()) for table in tables)
        if fewest < len(wanted):
            raise ServerError(
                f"the server at {self.url} tells {fewest} of {len(wanted)} probabilities; use vLLM"
                " 0.32 or newer, started with --max-logprobs -1 and this base"
            )

    def _check_adapters(self) -> None:
        answer = self._request("GET", "models")
        try:
            names = [str(model["id"]) for model in answer["data"]]
        except (KeyError, TypeError):
            raise self._odd() from None
        for task in (SPACE_GROUP_ADAPTER, WYCKOFF_ADAPTER):
            if task not in names:
                raise ServerError(
                    f"the server at {self.url} serves {', '.join(names) or 'nothing'}, not {task};"
                    " start vLLM with --enable-lora and both adapters as --lora-modules"
                )

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._client.request(method, f"{self.url}/v1/{path}", json=body)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ServerError(
                f"{self.url!r} is no address of a server; it should look like http://localhost:8000"
            ) from None
        except httpx.HTTPError as error:
            why = "took too long" if isinstance(error, httpx.TimeoutException) else "cannot be used"
            reason = str(error).split("\n")[0] or type(error).__name__
            raise ServerError(
                f"the constraint generator's server at {self.url} {why} ({reason}); start vLLM"
                " there, or unset CRYSTALSMITH_CONSTRAINT_URL to work without it"
            ) from None
        if answer.is_error:
            reason = _message(answer)
            hint = "; start vLLM with --max-logprobs -1" if "logprobs" in reason else ""
            raise ServerError(
                f"the server at {self.url} refuses ({answer.status_code}: {reason}){hint}"
            )
        try:
            return answer.json()
        except ValueError:
            raise self._odd() from None

    def _odd(self) -> ServerError:
        return ServerError(
            f"what answers at {self.url} is no OpenAI-compatible server; start vLLM there"
        )


def _message(answer: httpx.Response) -> str:
    """What a server says about an error, on one line."""
    try:
        text = str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        text = answer.text
    lines = text.strip().splitlines() or [answer.reason_phrase]
    return lines[0][:200]
