"""The Materials Project's API, through mp-api: crystals by chemical system, or all of them.

Data: Materials Project, CC-BY 4.0 (Jain et al., APL Materials 1, 011002 (2013)).
"""

from __future__ import annotations

import json
import re
import time
import warnings
from itertools import combinations
from math import ceil
from typing import TYPE_CHECKING, Any, TypeVar

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.datasets import Row
from crystalsmith.core.errors import DataError, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pydantic import SecretStr

    from crystalsmith.core.datasets import ReadReport

SOURCE = "Materials Project"
WHOLE = "materials project"  # noted in a store: how much of the whole was added
LOOKED_UP = "chemical systems"  # noted in a store: day on which each was looked up
PAGE = 1000  # crystals a request; the API gives no more
KEY_LENGTH = 32
MOST_ELEMENTS = 8  # of a chemical system: it has 2^n - 1 systems within it
_FIELDS = [
    "material_id",
    "structure",
    "band_gap",
    "formation_energy_per_atom",
    "energy_above_hull",
    "deprecated",
]
_COLUMNS = {
    "band_gap": "band_gap",
    "formation_energy_per_atom": "formation_energy_per_atom",
    "energy_above_hull": "e_above_hull",
}
_HEARTBEAT_SECONDS = 10.0
_PAUSES = (2.0, 10.0, 30.0)  # before asking again, beyond mp-api's own three quick tries
_GET_A_KEY = "get one at https://materialsproject.org/api and set MP_API_KEY"
_LATER = "run the same command again later, it goes on where it stopped"

Answer = TypeVar("Answer")


class MaterialsProject:
    """A connection to the Materials Project.

    Args:
        key: API key.
        endpoint: address of the API.
        pauses: seconds to wait before a request that failed is made again, one per try.

    Raises:
        ServerError: there is no key, it is no key, or the project cannot be reached.
    """

    page_size = PAGE

    def __init__(
        self, key: SecretStr | None, endpoint: str, pauses: Sequence[float] = _PAUSES
    ) -> None:
        secret = key.get_secret_value() if key is not None else ""
        if not secret:
            raise ServerError(f"the Materials Project needs a key; {_GET_A_KEY}")
        if not is_key(key):
            raise ServerError(
                f"MP_API_KEY is no Materials Project key (those have {KEY_LENGTH} letters and"
                f" digits); {_GET_A_KEY}"
            )
        self._pauses = tuple(pauses)
        self._heartbeat(endpoint)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mp_api.client import MPRester

            self._rester = self._patiently(
                lambda: MPRester(
                    secret,
                    endpoint=endpoint,
                    use_document_model=False,
                    mute_progress_bars=True,
                )
            )
            self.version = str(self._rester.db_version)
            self._summary = self._rester.materials.summary

    def _heartbeat(self, endpoint: str) -> None:
        """See at once whether anyone is there: mp-api itself would wait for minutes."""
        import requests

        try:
            address = endpoint.rstrip("/") + "/heartbeat"
            answer = requests.get(address, timeout=_HEARTBEAT_SECONDS)
            if answer.ok:
                answer.json()
        except (requests.RequestException, ValueError) as error:
            raise ServerError(
                f"the Materials Project cannot be reached at {endpoint}"
                f" ({type(error).__name__}); try again later, or without it"
            ) from None

    def count(self) -> int:
        """How many crystals there are."""
        return int(self._patiently(lambda: self._summary.count({"deprecated": False})))

    def pages(self, total: int) -> int:
        """Pages that so many crystals fill."""
        return ceil(total / PAGE)

    def page(self, number: int, report: ReadReport) -> list[Row]:
        """One page of all crystals, counted from 0; their order is that of their ids.

        Args:
            number: of the page.
            report: counts answers that are no crystals.
        """
        documents = self._patiently(
            lambda: self._summary.search(
                deprecated=False,
                fields=_FIELDS,
                chunk_size=PAGE,
                num_chunks=1,
                _page=number + 1,
                _sort_fields="material_id",
            )
        )
        return _rows(documents, report)

    def in_systems(self, systems: Sequence[str], report: ReadReport) -> list[Row]:
        """All crystals of exactly these chemical systems (``Li-O``, elements in order)."""
        documents = self._patiently(
            lambda: self._summary.search(
                chemsys=list(systems), deprecated=False, fields=_FIELDS, chunk_size=PAGE
            )
        )
        return _rows(documents, report)

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        """An answer, asked for again when the project is busy; failures in words."""
        import requests
        from mp_api.client.core.exceptions import MPRestError

        for pause in (*self._pauses, None):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return ask()
            except (MPRestError, requests.RequestException, ValueError) as error:
                problem, final = _in_words(str(error))
                if pause is None or final:
                    raise ServerError(problem) from None
                time.sleep(pause)
        raise AssertionError  # the last try returns or raises


def is_key(key: SecretStr | None) -> bool:
    """Whether it looks like one; only the project knows whether it holds."""
    secret = key.get_secret_value() if key is not None else ""
    return len(secret) == KEY_LENGTH and secret.isalnum()


def _in_words(message: str) -> tuple[str, bool]:
    """What a failed request means and what to do, and whether asking again cannot help."""
    code = re.search(r"status code (\d{3})", message)
    status = int(code.group(1)) if code else 0
    if status in (401, 403):
        return f"the Materials Project refuses the key in MP_API_KEY; {_GET_A_KEY}", True
    if status == 429 or "429" in message:
        return f"the Materials Project limits how much can be asked in a time; {_LATER}", False
    if 400 <= status < 500:
        return f"the Materials Project does not answer this request (error {status})", True
    reason = f"error {status}" if status else "no answer"
    return f"the Materials Project stopped answering ({reason}); {_LATER}", False


def _rows(documents: Iterable[Any], report: ReadReport) -> list[Row]:
    rows = []
    for number, document in enumerate(documents, start=1):
        fields = document if isinstance(document, dict) else dict(document)
        key = _usual_id(str(fields.get("material_id") or ""))
        structure = fields.get("structure")
        if not key or not structure:
            report.skip(number, "no structure", "the project gives none", key)
            continue
        as_dict = structure if isinstance(structure, dict) else structure.as_dict()
        values = {"material_id": key, "structure": json.dumps(as_dict)}
        for theirs, ours in _COLUMNS.items():
            if fields.get(theirs) is not None:
                values[ours] = str(fields[theirs])
        rows.append(Row(number, values, key))
    return rows


def _usual_id(key: str) -> str:
    """``mp-149`` for what newer databases write as ``mp-aaaaaaft``, where such an id exists."""
    from emmet.core.mpid import AlphaID

    try:
        return str(AlphaID(key).string)
    except (ValueError, TypeError):
        return key


def subsystems(elements: Iterable[str]) -> list[str]:
    """Names of all chemical systems within a set of elements, as the project writes them."""
    symbols = sorted(set(elements))
    return [
        "-".join(chosen)
        for size in range(1, len(symbols) + 1)
        for chosen in combinations(symbols, size)
    ]


def chemical_system(text: str) -> frozenset[str]:
    """The elements of a chemical system such as ``Li-Fe-O``.

    Raises:
        DataError: it is none.
    """
    symbols = [part.strip() for part in text.split("-")]
    unknown = [symbol for symbol in symbols if symbol not in ALL_ELEMENTS]
    if unknown or not symbols:
        raise DataError(
            f"{text!r} is no chemical system; write element symbols with hyphens, as in Li-Fe-O"
        )
    if len(set(symbols)) > MOST_ELEMENTS:
        raise DataError(f"{text!r} has more than {MOST_ELEMENTS} elements")
    return frozenset(symbols)
