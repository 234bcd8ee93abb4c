"""A real HTTP server that answers as vLLM 0.32 does, from a model in this process."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from tests.http_servers import LoopbackServer, QuietHandler, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crystalsmith.models.constraint.language_model import ConstraintLM

_MOST_TOKENS = 128  # that can be asked for by name


class RefusedError(Exception):
    """An error the server answers with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Loopback:
    """What the server knows.

    Args:
        model: base and adapters.
        names: models it serves.
        max_logprobs: as vLLM's option of that name; -1 for the whole vocabulary.
    """

    def __init__(
        self,
        model: ConstraintLM,
        names: tuple[str, ...] = ("base", "space_group", "wyckoff"),
        max_logprobs: int = -1,
    ) -> None:
        self.model, self.names, self.max_logprobs = model, names, max_logprobs
        self.prompts = 0
        self._lock = threading.Lock()

    def models(self) -> dict[str, Any]:
        """Answer to GET /v1/models."""
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in self.names]}

    def completions(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer to POST /v1/completions."""
        if body["model"] not in self.names:
            raise RefusedError(404, f"The model `{body['model']}` does not exist.")
        if max(map(max, body["prompt"])) >= self.model.model.config.vocab_size:
            raise RefusedError(400, "Token id is out of vocabulary")
        with self._lock:
            table = self._following(body["model"], body["prompt"])
        self.prompts += len(table)
        choices = [
            {
                "index": index,
                "text": "",
                "logprobs": {"top_logprobs": [self._told(row, body)]},
                "finish_reason": "length",
            }
            for index, row in enumerate(table)
        ]
        return {"object": "text_completion", "model": body["model"], "choices": choices[::-1]}

    def _told(self, row: torch.Tensor, body: dict[str, Any]) -> dict[str, float]:
        named = body.get("logprob_token_ids")
        if named is not None:
            if len(named) > _MOST_TOKENS:
                raise RefusedError(400, f"Requested logprob_token_ids of length {len(named)}")
            tokens = [int(row.argmax()), *named]
        else:
            asked = len(row) if body["logprobs"] == -1 else body["logprobs"]
            most = len(row) if self.max_logprobs == -1 else self.max_logprobs
            if asked > most:
                raise RefusedError(
                    400,
                    f"Requested sample logprobs of {asked}, which is greater than max allowed:"
                    f" {most} (parameter=logprobs, value={asked})",
                )
            tokens = row.topk(asked).indices.tolist()
        return {f"token_id:{token}": max(float(row[token]), -9999.0) for token in tokens}

    @torch.no_grad()
    def _following(self, task: str, prompts: list[list[int]]) -> torch.Tensor:
        network = self.model.model
        network.set_adapter(task)
        longest = max(map(len, prompts))
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in prompts])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts])
        positions = (mask.cumsum(1) - 1).clamp_min(0)
        output = network(input_ids=ids, attention_mask=mask, position_ids=positions)
        return output.logits[:, -1].float().log_softmax(-1)


@contextmanager
def serving(answers: Any) -> Iterator[str]:
    """Serve on a free port of this machine; the address is given."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self._answer(answers.models)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._answer(lambda: answers.completions(body))

        def _answer(self, make: Any) -> None:
            try:
                status, content = 200, make()
            except RefusedError as refusal:
                status = refusal.status
                content = {"error": {"message": str(refusal), "code": status}}
            text = content if isinstance(content, str) else json.dumps(content)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

    with running(LoopbackServer(Handler)) as server:
        yield server.url
