import pytest
from pymatgen.core import Composition

from crystalsmith.core.chemistry.charges import (
    METALS,
    MIXED_VALENCE,
    is_charge_balanced,
    oxidation_states,
)


@pytest.mark.parametrize("formula", ["NaCl", "SrTiO3", "Fe3O4", "Mn7O12", "Ni3Al", "Si", "KMnO4"])
def test_balanced(formula):
    assert is_charge_balanced(Composition(formula))


@pytest.mark.parametrize("formula", ["NaCl2", "CaF3", "Mn2O97", "MgO2Cl3"])
def test_unbalanced(formula):
    assert not is_charge_balanced(Composition(formula))


def test_many_elements_with_many_states_are_decided():
    # SMACT would try sixty million combinations before it says no.
    assert not is_charge_balanced(Composition("MnFeCoNiCrVMoWReO131"))


def test_the_tables_are_smacts():
    from smact.screening import MIXED_VALENCE_ELEMENTS, metals
    from smact.utils.oxidation import ICSD24OxStatesFilter

    rows = ICSD24OxStatesFilter().filter().itertuples()
    theirs = {str(r.element): {int(q) for q in str(r.oxidation_state).split()} for r in rows}
    assert {symbol: set(states) for symbol, states in oxidation_states().items()} == theirs
    assert MIXED_VALENCE == MIXED_VALENCE_ELEMENTS
    assert set(metals) == METALS
