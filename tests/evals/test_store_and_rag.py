"""The benchmark of the store and the figures about retrieval, run small on real parts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from crystalsmith.core.errors import DataError
from crystalsmith.evals import rag
from crystalsmith.evals.bench_store import bench_store, perturbed
from crystalsmith.evals.cases import load_cases
from crystalsmith.tools.known_crystals import CrystalList
from crystalsmith.tools.prototypes import prototype_entries, prototypes

if TYPE_CHECKING:
    from pathlib import Path


def test_variants_are_other_crystals_of_the_same_types() -> None:
    real = prototype_entries()[:50]
    made = list(perturbed(real, 120, seed=1))
    assert made[:50] == list(real)
    assert len({entry.id for entry in made}) == 120
    for index, entry in enumerate(made[50:], start=50):
        origin = real[index % 50].crystal.template
        assert entry.crystal.template.number == origin.number
        assert sorted(entry.crystal.template.letters.values()) == sorted(origin.letters.values())
    formulas = {entry.formula for entry in made[50:]}
    assert len(formulas - {entry.formula for entry in real}) > 40
    assert [e.formula for e in perturbed(real, 120, seed=1)] == [e.formula for e in made]


def test_the_store_is_built_and_asked_in_other_processes(tmp_path: Path) -> None:
    stages: list[str] = []
    figures = bench_store(
        prototype_entries(),
        n=400,
        queries=8,
        folder=tmp_path / "store",
        progress=lambda stage, *_: stages.append(stage),
    )
    assert figures["entries"] == 400
    assert figures["queries"] == 8
    assert 0 < figures["query_median_ms"] <= figures["query_p99_ms"]
    assert figures["hits_per_query"] >= 1  # every query's own crystal meets its conditions
    assert 0 < figures["query_peak_memory_gb"] < 10
    assert {"building", "querying"} <= set(stages)
    json.dumps(figures)


def test_retrieval_is_measured_on_both_sides(
    mp20_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag, "FAMILIES", ("perovskite",))
    monkeypatch.setattr(rag, "FORMULAS", 2)
    cases = load_cases(mp20_file)
    figures = rag.evaluate_rag(prototypes(), cases)
    for side in ("without", "with"):
        own = figures[side]
        assert own["all"]["n"] == 6
        assert 0 <= own["all"]["template_top1"] <= 100
        assert own["perovskite"]["structures"] == 8
        assert own["perovskite"]["references"] == 0
        assert 0 <= own["perovskite"]["family_match"] <= 100
        assert own["perovskite"]["formula_valid"] == 100


def test_test_crystals_among_the_known_ones_are_refused(mp20_file: Path) -> None:
    cases = load_cases(mp20_file)
    with pytest.raises(DataError, match="6 of the test crystals are in the leak"):
        rag.evaluate_rag(CrystalList(cases.entries, "the leak"), cases)
