"""Formulas as arrays are the formulas that one gets one by one."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crystalsmith.core.chemistry.elements import ALL_ELEMENTS
from crystalsmith.core.chemistry.families import family
from crystalsmith.core.chemistry.site_rules import anion_rank
from crystalsmith.core.clauses import AnionClass, FamilyClause, IncludeElements
from crystalsmith.core.request import DesignRequest
from crystalsmith.tools.drafts import formula_of
from crystalsmith.tools.enumeration import all_choices, anion_ranks, best_of_each, indices
from crystalsmith.tools.family_formulas import family_formulas
from crystalsmith.tools.search_space import SearchSpace

ROWS = st.integers(2, 4).flatmap(
    lambda n: st.lists(
        st.tuples(
            st.lists(st.sampled_from(("H", "O", "Fe", "Li", "Cs")), min_size=n, max_size=n),
            st.lists(st.integers(1, 12), min_size=n, max_size=n),
            st.floats(0.01, 1.0),
        ),
        min_size=1,
        max_size=30,
    )
)


@given(ROWS)
def test_the_best_row_of_every_reduced_formula_is_found(rows):
    expected: dict[object, float] = {}
    for symbols, amounts, support in rows:
        total: dict[str, int] = {}
        for symbol, amount in zip(symbols, amounts, strict=True):
            total[symbol] = total.get(symbol, 0) + amount
        formula = formula_of(total)
        expected[formula] = max(expected.get(formula, 0.0), support)
    elements = np.array([indices(symbols) for symbols, _, _ in rows])
    amounts = np.array([amounts for _, amounts, _ in rows])
    support = np.array([support for _, _, support in rows])
    found: dict[object, float] = {}
    for formula, row in best_of_each(elements, amounts, support, len(rows)):
        found[formula] = max(found.get(formula, 0.0), support[row])
    assert found == expected


def test_only_the_best_are_kept():
    elements = np.stack([indices(("Li", "Na", "K")), indices(("Cl", "Cl", "Cl"))], axis=1)
    kept = best_of_each(elements, np.array([1, 1]), np.array([0.1, 0.9, 0.5]), 2)
    assert kept == [((("Cl", 1), ("Na", 1)), 1), ((("Cl", 1), ("K", 1)), 2)]


def test_choices_and_ranks():
    assert sorted(map(tuple, all_choices([2, 3]).tolist())) == list(
        itertools.product(range(2), range(3))
    )
    ranks = dict(zip(ALL_ELEMENTS, anion_ranks().tolist(), strict=True))
    for first, second in itertools.combinations(("O", "F", "Te", "Pt", "Cs", "Sb"), 2):
        assert (ranks[first] < ranks[second]) == (anion_rank(first) < anion_rank(second))


def test_family_members_obey_gates_and_sizes():
    request = DesignRequest(
        text="",
        clauses=(
            FamilyClause(name="perovskite"),
            AnionClass(name="oxide"),
            IncludeElements(elements=("Ti",)),
        ),
    )
    space = SearchSpace.of(request)
    drafts = family_formulas(family("perovskite"), space, np.random.default_rng(0))
    by_formula = {draft.formula: draft for draft in drafts}
    barium = by_formula[formula_of({"Ba": 1, "Ti": 1, "O": 3})]
    assert barium.family == "perovskite"
    assert all(dict(formula).get("Ti") and dict(formula).get("O") for formula in by_formula)
    # beryllium is far too small for twelve neighbours
    small = by_formula.get(formula_of({"Be": 1, "Ti": 1, "O": 3}))
    assert small is None or small.support < barium.support / 2
