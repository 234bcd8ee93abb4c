"""A real HTTP server that answers MPRester's requests, with documents from emmet-core's models."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from emmet.core.summary import SummaryDoc

from tests.http_servers import LoopbackServer, QuietHandler, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crystalsmith.core.entry import Entry

KEY = "k" * 32
_MOST = 1000  # documents an answer


def document(entry: Entry, **others: Any) -> dict[str, Any]:
    """What the project's API says about a crystal, all fields."""
    structure = entry.crystal.structure()
    made = SummaryDoc.from_structure(
        structure,
        material_id=entry.id,
        deprecated=False,
        band_gap=entry.band_gap,
        formation_energy_per_atom=entry.formation_energy,
        energy_above_hull=entry.e_above_hull,
        **others,
    )
    return dict(made.model_dump(mode="json")) | {"structure": structure.as_dict()}


class FakeProject:
    """What the server holds, and how it behaves.

    Attributes:
        documents: in the order of their ids.
        version: of the database.
        failures: status codes of the next answers to searches, before it answers them.
        asked: queries of the searches that came.
    """

    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self.documents = sorted(documents, key=lambda row: str(row["material_id"]))
        self.version = "2025.09.25"
        self.failures: list[int] = []
        self.asked: list[dict[str, str]] = []
        self.most = _MOST

    def heartbeat(self) -> dict[str, Any]:
        """Answer to GET /heartbeat."""
        return {
            "status": "OK",
            "version": "0.87.0",
            "db_version": self.version,
            "access_controlled_batch_ids": [],
        }

    def search(self, query: dict[str, str]) -> dict[str, Any]:
        """Answer to GET /materials/summary/."""
        found = self.documents
        if "chemsys" in query:
            systems = query["chemsys"].split(",")
            found = [row for row in found if row["chemsys"] in systems]
        if query.get("deprecated") == "False":
            found = [row for row in found if not row["deprecated"]]
        if "_page" in query:
            size = min(int(query["_per_page"]), self.most)
            start = (int(query["_page"]) - 1) * size
        else:
            size = min(int(query.get("_limit", 100)), self.most)
            start = int(query.get("_skip", 0))
        shown = found[start : start + size]
        if "_fields" in query:
            fields = query["_fields"].split(",")
            shown = [{name: row[name] for name in fields if name in row} for row in shown]
        return {"data": shown, "meta": {"total_doc": len(found)}}


@contextmanager
def serving(project: FakeProject) -> Iterator[str]:
    """Serve on a free port of this machine; the address is given."""

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, content = self._answer(parts.path.strip("/"), parts.query)
            body = content if isinstance(content, str) else json.dumps(content)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def _answer(self, path: str, text: str) -> tuple[int, Any]:
            if path == "heartbeat":
                return 200, project.heartbeat()
            if path != "materials/summary":
                return 404, {"detail": f"no route {path}"}
            if self.headers["x-api-key"] != KEY:
                return 401, {"message": "Invalid authentication credentials"}
            if project.failures:
                return project.failures.pop(0), {"detail": "not now"}
            query = {name: values[0] for name, values in parse_qs(text).items()}
            project.asked.append(query)
            return 200, project.search(query)

    with running(LoopbackServer(Handler)) as server:
        yield server.url
