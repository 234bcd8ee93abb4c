import pytest
from pymatgen.core import Composition

from crystalsmith.core.chemistry.formulas import is_charge_balanced


@pytest.mark.parametrize("formula", ["NaCl", "SrTiO3", "Fe3O4", "Mn7O12", "Ni3Al", "Si", "KMnO4"])
def test_balanced(formula):
    assert is_charge_balanced(Composition(formula))


@pytest.mark.parametrize("formula", ["NaCl2", "CaF3", "Mn2O97", "MgO2Cl3"])
def test_unbalanced(formula):
    assert not is_charge_balanced(Composition(formula))


def test_many_elements_with_many_states_are_decided():
    # SMACT would try sixty million combinations before it says no.
    assert not is_charge_balanced(Composition("MnFeCoNiCrVMoWReO131"))
