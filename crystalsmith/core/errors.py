"""Errors whose message a user can act on.

Every one of them carries one clear sentence that says what was wrong and what to do.
The command line prints that sentence and exits with code 2; nothing else is shown.
"""

from __future__ import annotations


class CrystalsmithError(Exception):
    """Base of all errors that are the input's or the machine's fault, not a bug of ours."""


class RequestError(CrystalsmithError):
    """The request is empty, off topic, names impossible things or contradicts itself."""


class FormulaError(RequestError):
    """A chemical formula that cannot be read."""


class DataError(CrystalsmithError):
    """A data file that is missing, unreadable or not in the promised format."""


class WeightsError(CrystalsmithError):
    """Model weights that are missing, damaged or of another architecture."""


class ServerError(CrystalsmithError):
    """A model server that cannot be reached or does not answer as it should."""


class StoreError(CrystalsmithError):
    """A store of known crystals that is missing, damaged or of another version."""


class OutputError(CrystalsmithError):
    """A place that results cannot be written to."""


class TemplateError(CrystalsmithError):
    """A symmetry template that no crystal can realise."""
