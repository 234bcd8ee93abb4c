"""The tools of this package for LangChain agents: typed arguments in, JSON out.

Each tool wraps one plain function that a person can call as well. What a tool returns is data about
crystals, whatever a database's text may say; arguments that do not fit the schema, and requests
that cannot be met, come back as ``{"error": …}`` for the model to correct.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crystalsmith.core.chemistry.formulas import parse_formula
from crystalsmith.core.clauses import AnyClause  # noqa: TC001 - pydantic needs it at run time
from crystalsmith.core.crystallography.crystal import describe
from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.core.request import DesignRequest
from crystalsmith.tools.known_crystals import Filters
from crystalsmith.tools.novelty import compare
from crystalsmith.tools.proposer import propose_formulas

if TYPE_CHECKING:
    from collections.abc import Callable

    from crystalsmith.tools.known_crystals import Hit, KnownCrystals

_MOST = 50
_LONGEST_CIF = 200_000  # characters


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SearchArguments(_Arguments):
    """Arguments of ``search_known_crystals``."""

    query: str = Field(
        min_length=1, max_length=500, description="what to look for, in plain English"
    )
    formula: str = Field(
        default="", max_length=100, description="a formula to be chemically near as well, if any"
    )
    n: int = Field(default=10, ge=1, le=_MOST, description="how many")
    where: Filters = Field(default_factory=Filters, description="conditions that all must meet")


class SimilarArguments(_Arguments):
    """Arguments of ``similar_compositions``."""

    formula: str = Field(max_length=100, description="chemical formula such as LiFePO4")
    n: int = Field(default=10, ge=1, le=_MOST, description="how many")
    where: Filters = Field(default_factory=Filters, description="conditions that all must meet")


class ProposeArguments(_Arguments):
    """Arguments of ``propose_formulas``."""

    clauses: list[AnyClause] = Field(description="the wishes that every formula must satisfy")
    n: int = Field(default=10, ge=1, le=_MOST, description="how many")
    seed: int = Field(default=0, ge=0, description="of the sampling")


class NoveltyArguments(_Arguments):
    """Arguments of ``check_novelty``."""

    cif: str = Field(max_length=_LONGEST_CIF, description="the crystal as CIF text")


def known_crystal_tools(known: KnownCrystals) -> list[BaseTool]:
    """LangChain tools that work on some known crystals.

    Args:
        known: the store, or crystals in memory.
    """

    def search_known_crystals(query: str, formula: str, n: int, where: Filters) -> str:
        composition = parse_formula(formula) if formula else None
        return _hits(known.find(n, where, text=query, composition=composition))

    def similar_compositions(formula: str, n: int, where: Filters) -> str:
        return _hits(known.similar(parse_formula(formula), n, where))

    def propose(clauses: list[AnyClause], n: int, seed: int) -> str:
        request = DesignRequest(text="", clauses=tuple(clauses))
        return json.dumps(
            [
                {
                    "formula": proposal.formula,
                    "plausibility": round(proposal.plausibility, 3),
                    "origin": proposal.origin,
                }
                for proposal in propose_formulas(request, known, n, seed)
            ],
            ensure_ascii=False,
        )

    def check_novelty(cif: str) -> str:
        structure = _structure(cif)
        return compare(structure, describe(structure).template, known).model_dump_json()

    return [
        _tool(
            search_known_crystals,
            "search_known_crystals",
            "Search known crystals by a description of chemistry, structure and properties.",
            SearchArguments,
        ),
        _tool(
            similar_compositions,
            "similar_compositions",
            "Known crystals whose composition is most similar to a formula.",
            SimilarArguments,
        ),
        _tool(
            propose,
            "propose_formulas",
            "Plausible chemical formulas that satisfy wishes about composition, structure family,"
            " symmetry and properties.",
            ProposeArguments,
        ),
        _tool(
            check_novelty,
            "check_novelty",
            "Whether a crystal's formula and structure are among the known crystals.",
            NoveltyArguments,
        ),
    ]


def _tool(
    function: Callable[..., str], name: str, description: str, arguments: type[BaseModel]
) -> BaseTool:
    def run(**given: Any) -> str:
        try:
            return function(**given)
        except CrystalsmithError as error:
            raise ToolException(str(error)) from None

    return StructuredTool.from_function(
        func=run,
        name=name,
        description=description,
        args_schema=arguments,
        handle_tool_error=lambda error: json.dumps({"error": str(error)}, ensure_ascii=False),
        handle_validation_error=_validation_message,
    )


def _validation_message(error: ValidationError | Any) -> str:
    if not isinstance(error, ValidationError):
        return json.dumps({"error": str(error)}, ensure_ascii=False)
    reasons = [f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors()]
    return json.dumps({"error": "; ".join(reasons)}, ensure_ascii=False)


def _hits(hits: list[Hit]) -> str:
    rows = []
    for entry, distance in hits:
        template = entry.crystal.template
        row = {
            "id": entry.id,
            "source": entry.source,
            "formula": entry.formula,
            "space_group": f"{template.group.symbol} ({template.number})",
            "band_gap_eV": entry.band_gap,
            "formation_energy_eV_per_atom": entry.formation_energy,
            "e_above_hull_eV_per_atom": entry.e_above_hull,
            "distance": round(distance, 4),
        }
        rows.append({key: value for key, value in row.items() if value is not None})
    return json.dumps(rows, ensure_ascii=False)


def _structure(cif: str) -> Any:
    import warnings

    from pymatgen.core import Structure

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Structure.from_str(cif, fmt="cif").remove_oxidation_states()
    except Exception as error:  # pymatgen's CIF parser raises many types on damaged text
        raise ToolException(f"the CIF cannot be read ({type(error).__name__})") from None
