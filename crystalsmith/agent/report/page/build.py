"""Putting a page together.

Nothing is fetched and nothing of the data is ever read as HTML: it stands as JSON in a block that
browsers do not run, our script puts it on the page as text, and the content security policy lets
run only the two scripts whose hashes it names.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from crystalsmith.agent.report.page.content import content
from crystalsmith.core.errors import DataError, OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PAGE = "report.html"
MOST = 200  # results on a page; a larger batch shows its first ones


def page(title: str, results: Sequence[Mapping[str, Any]], plots: Sequence[Any] = ()) -> str:
    """A page as HTML.

    Args:
        title: of the page.
        results: from `content`.
        plots: further plots, each ``{"title", "data", "layout"}`` of Plotly's.
    """
    from plotly.offline import get_plotlyjs

    library, script = get_plotlyjs(), _file("page.js")
    data = json.dumps({"results": results, "plots": plots}, ensure_ascii=True, allow_nan=False)
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline';"
        f" script-src {_hash(library)} {_hash(script)}"
    )
    return _file("page.html").format(
        policy=policy,
        title=html.escape(title),
        style=_file("page.css"),
        library=library,
        data=data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        script=script,
    )


def _file(name: str) -> str:
    return files("crystalsmith.agent.report.page").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def write_page(path: Path, text: str) -> None:
    """Write a page; it appears whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from None


def page_of_folder(folder: Path) -> tuple[str, int]:
    """The page of a design's folder, or of a batch's.

    Returns:
        The page, and how many results the folder has beyond those that are shown.

    Raises:
        DataError: there is no result in it, or one is damaged.
    """
    paths = [folder / "results.json"]
    if not paths[0].is_file():
        paths = sorted(folder.glob("*/results.json"))
    if not paths:
        raise DataError(f"{folder} has no results.json, nor has any folder in it")
    results = [_shown(path) for path in paths[:MOST]]
    return page(f"crystalsmith: {folder.resolve().name}", results), len(paths) - len(results)


def _shown(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return content(record, path.parent.name)
    except (OSError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise DataError(f"{path} cannot be shown: {first}") from None
