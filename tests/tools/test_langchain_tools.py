"""LangChain tools: JSON out, arguments checked, mistakes explained to the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from crystalsmith.tools.langchain_tools import known_crystal_tools

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from crystalsmith.core.entry import Entry
    from crystalsmith.tools.known_crystals import CrystalList


@pytest.fixture(scope="module")
def tools(known: CrystalList) -> dict[str, BaseTool]:
    return {tool.name: tool for tool in known_crystal_tools(known)}


def call(tool: BaseTool, **arguments: Any) -> Any:
    return json.loads(tool.invoke(arguments))


def test_every_tool_says_what_it_takes(tools: dict[str, BaseTool]) -> None:
    assert set(tools) == {
        "search_known_crystals",
        "similar_compositions",
        "propose_formulas",
        "check_novelty",
    }
    for tool in tools.values():
        schema = tool.args_schema.model_json_schema()
        assert tool.description
        assert all("description" in row for row in schema["properties"].values())


def test_similar_compositions_are_listed_with_their_source(tools: dict[str, BaseTool]) -> None:
    rows = call(tools["similar_compositions"], formula="SrTiO3", n=2)
    assert [row["formula"] for row in rows] == ["SrTiO3", "BaTiO3"]
    assert rows[0] == {
        "id": "t-srtio3",
        "source": "textbook",
        "formula": "SrTiO3",
        "space_group": "Pm-3m (221)",
        "band_gap_eV": 1.8,
        "formation_energy_eV_per_atom": -3.5,
        "e_above_hull_eV_per_atom": 0.0,
        "distance": rows[0]["distance"],
    }
    oxygen_free = {"without": ["O"], "n_elements": 3}
    rows = call(tools["similar_compositions"], formula="SrTiO3", where=oxygen_free)
    assert rows
    assert all("O" not in row["formula"] for row in rows)


def test_words_and_a_formula_are_searched_together(tools: dict[str, BaseTool]) -> None:
    rows = call(tools["search_known_crystals"], query="perovskite", formula="BaTiO3", n=2)
    assert {row["formula"] for row in rows} == {"BaTiO3", "SrTiO3"}


def test_formulas_are_proposed_for_clauses(tools: dict[str, BaseTool]) -> None:
    clauses = [
        {"kind": "family", "name": "double perovskite"},
        {"kind": "anion_class", "name": "halide"},
        {"kind": "exclude", "elements": ["Pb"]},
    ]
    rows = call(tools["propose_formulas"], clauses=clauses, n=5)
    assert len(rows) == 5
    assert all(0 <= row["plausibility"] <= 1 and row["origin"] for row in rows)
    assert any("Cs2AgBiBr6" in row["origin"] for row in rows)


def test_novelty_of_a_cif_is_checked(tools: dict[str, BaseTool], textbook: list[Entry]) -> None:
    salt = textbook[0].crystal.structure()
    found = call(tools["check_novelty"], cif=salt.to(fmt="cif"))
    assert found["known_formula"] is True
    assert found["known_structure"] == "t-nacl"
    assert "textbook crystals (18 entries" in found["name"]


CONTRADICTION = [
    {"kind": "formula", "formula": "CsPbI3"},
    {"kind": "exclude", "elements": ["Pb"]},
]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("similar_compositions", {"formula": "Xx2O3"}, "not a chemical element"),
        ("similar_compositions", {"formula": "MgO", "n": 0}, "greater than or equal to 1"),
        ("similar_compositions", {"formula": "MgO", "colour": "red"}, "Extra inputs"),
        ("search_known_crystals", {"query": ""}, "at least 1 character"),
        ("propose_formulas", {"clauses": [{"kind": "wish"}]}, "wish"),
        ("propose_formulas", {"clauses": CONTRADICTION}, "contradicts itself"),
        ("check_novelty", {"cif": "no crystal"}, "cannot be read"),
    ],
)  # fmt: skip
def test_mistakes_come_back_as_words(
    tools: dict[str, BaseTool], name: str, arguments: dict[str, Any], message: str
) -> None:
    assert message in call(tools[name], **arguments)["error"]
