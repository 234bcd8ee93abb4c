"""Which space group is taken for which: a matrix as CSV and as a picture."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from crystalsmith.core.crystallography.groups import CRYSTAL_SYSTEM_RANGES, N_SPACE_GROUPS
from crystalsmith.core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CSV_FILE, PNG_FILE = "confusion.csv", "confusion.png"


def confusion_matrix(guesses: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """How often a true space group (row) was taken for another (column), ``(230, 230)``.

    Args:
        guesses: true group and first guess of each crystal; 0 for no guess, which is left out.
    """
    matrix = np.zeros((N_SPACE_GROUPS, N_SPACE_GROUPS), dtype=np.int64)
    for true, guess in guesses:
        if guess:
            matrix[true - 1, guess - 1] += 1
    return matrix


def save_confusion(folder: Path, guesses: Sequence[tuple[int, int]]) -> None:
    """Write the matrix as ``confusion.csv`` and ``confusion.png``.

    Raises:
        OutputError: the files cannot be written.
    """
    matrix = confusion_matrix(guesses)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_csv(folder / CSV_FILE, matrix)
        _draw(folder / PNG_FILE, matrix)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written to: {error.strerror}") from None


def _write_csv(path: Path, matrix: NDArray[np.int64]) -> None:
    numbers = range(1, N_SPACE_GROUPS + 1)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["true", *numbers])
        writer.writerows(
            [number, *row.tolist()] for number, row in zip(numbers, matrix, strict=True)
        )


def _draw(path: Path, matrix: NDArray[np.int64]) -> None:
    """Rows as shares of each true group, crystal systems set apart."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(8, 7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    edge = (0.5, N_SPACE_GROUPS + 0.5)
    image = axes.imshow(
        np.sqrt(shares), cmap="magma_r", vmin=0, vmax=1, extent=(*edge, *edge[::-1])
    )
    for _, last in list(CRYSTAL_SYSTEM_RANGES.values())[:-1]:
        axes.axhline(last + 0.5, color="0.8", linewidth=0.5)
        axes.axvline(last + 0.5, color="0.8", linewidth=0.5)
    axes.set(xlabel="space group at first guess", ylabel="true space group")
    bar = figure.colorbar(image, ticks=[0, 0.1**0.5, 0.5**0.5, 1], label="share of the true group")
    bar.ax.set_yticklabels(["0", "10 %", "50 %", "100 %"])
    figure.savefig(path, dpi=150)
