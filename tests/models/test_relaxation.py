"""Relaxing with CHGNet, whose weights come in its package, and with other calculators."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from crystalsmith.core.errors import CrystalsmithError
from crystalsmith.models.relaxation import (
    RelaxationLimits,
    displacement,
    load_calculator,
    relax,
    relax_many,
)
from crystalsmith.models.structure.soundness import found_space_group

PATIENT = RelaxationLimits(seconds=1e6)  # a busy machine must not fail a test
LENNARD_JONES = "ase.calculators.lj.LennardJones"


def test_stretched_rock_salt_shrinks_back_and_stays_cubic(structure_named):
    salt = structure_named("NaCl").get_primitive_structure()
    stretched = salt.apply_strain(0.03, inplace=False)
    done = relax(stretched, limits=PATIENT)
    assert done.failure is None
    assert done.converged
    assert done.space_group_kept
    assert found_space_group(done.structure) == 225
    assert done.structure.composition == salt.composition
    assert done.structure.volume == pytest.approx(salt.volume, rel=0.06)
    expected = done.structure.volume / stretched.volume - 1
    assert done.volume_change == pytest.approx(expected)
    assert done.volume_change < -0.02
    assert done.force < 0.05
    assert -4.5 < done.energy < -2.5  # eV per atom; CHGNet's scale is that of VASP
    assert 0 < done.steps <= 100
    assert stretched.volume == pytest.approx(salt.volume * 1.03**3)  # the input is left alone


def test_atoms_move_within_their_symmetry(structure_named):
    """Titania with its oxygen pushed along the one direction that symmetry leaves it."""
    rutile = structure_named("TiO2")
    pushed = Structure.from_spacegroup(
        "P4_2/mnm", rutile.lattice, ["Ti", "O"], [(0, 0, 0), (0.33, 0.33, 0)]
    )
    done = relax(pushed, limits=RelaxationLimits(steps=15, seconds=1e6))
    assert done.space_group_kept
    assert found_space_group(done.structure) == 136
    oxygen = [site.frac_coords for site in done.structure if site.specie.symbol == "O"]
    gaps = np.array(oxygen) - [0.305, 0.305, 0]
    assert np.abs(gaps - gaps.round()).max(1).min() < 0.02


def test_displacements_leave_the_cell_and_drifts_aside(structure_named):
    salt = structure_named("NaCl")
    swollen = salt.apply_strain(0.05, inplace=False)
    assert displacement(salt, swollen) == pytest.approx(0)
    moved = salt.copy()
    moved.translate_sites(range(len(salt)), [0.3, 0.9, -0.4])
    assert displacement(salt, moved) == pytest.approx(0, abs=1e-9)
    pushed = salt.copy()
    pushed.translate_sites([0], [0.8 / 5.64, 0, 0])
    share = 1 / len(salt)
    assert displacement(salt, pushed) == pytest.approx(0.8 * (share * (1 - share)) ** 0.5, rel=1e-3)


def test_many_are_relaxed_side_by_side_and_one_failure_stops_nothing(structure_named):
    salt = structure_named("NaCl").get_primitive_structure()
    stretched = salt.apply_strain(0.03, inplace=False)
    empty = Structure(Lattice.cubic(3), [], [])
    overlapping = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0, 0, 0.001]])
    broken = Structure(Lattice.cubic(float("nan")), ["Na"], [[0, 0, 0]])
    large = structure_named("NaCl") * (4, 4, 4)
    strange = Structure(Lattice.cubic(5), ["Lr"], [[0, 0, 0]])
    structures = [stretched, empty, overlapping, broken, large, strange, stretched]
    seen = []
    done = relax_many(
        structures,
        limits=replace(PATIENT, steps=30),
        workers=2,
        progress=lambda what, at, total: seen.append((at, total)),
    )
    assert seen == [(i, 7) for i in range(1, 8)]
    assert [outcome.failure is None for outcome in done] == [True] + [False] * 5 + [True]
    for outcome, words in zip(
        done[1:5], ("empty", "collapsed|failed|numbers", "no numbers", "512 atoms"), strict=True
    ):
        assert re.search(words, outcome.failure)
    assert done[0].energy == pytest.approx(done[-1].energy, abs=1e-4)
    (alone,) = relax_many([stretched], limits=replace(PATIENT, steps=30))
    assert alone.energy == pytest.approx(done[0].energy, abs=1e-4)
    assert alone.rmsd == pytest.approx(0, abs=1e-3)  # rock salt has no free coordinates


def test_too_few_steps_are_not_convergence(structure_named):
    stretched = structure_named("NaCl").get_primitive_structure().apply_strain(0.1, inplace=False)
    done = relax(stretched, limits=RelaxationLimits(force=1e-4, steps=1, seconds=1e6))
    assert not done.converged
    assert done.failure is None
    assert done.steps == 1


def test_time_that_is_up_is_not_convergence(structure_named):
    stretched = structure_named("NaCl").get_primitive_structure().apply_strain(0.1, inplace=False)
    done = relax(stretched, limits=RelaxationLimits(force=1e-4, seconds=0))
    assert not done.converged
    assert done.steps < 5


def test_any_ase_calculator_can_stand_in():
    """Argon in units of Lennard-Jones, where neighbours are known to lie 1.09 apart."""
    crystal = Structure.from_spacegroup("Fm-3m", Lattice.cubic(1.65), ["Ar"], [(0, 0, 0)])
    done = relax(crystal, calculator=LENNARD_JONES, limits=PATIENT)
    assert done.failure is None
    assert done.converged
    assert done.space_group_kept
    assert done.structure.lattice.a / 2**0.5 == pytest.approx(1.09, abs=0.02)


def test_cells_that_explode_are_a_failure_not_an_error():
    overlapping = Structure(Lattice.cubic(0.5), ["Ar"], [[0, 0, 0]])
    done = relax(overlapping, calculator=LENNARD_JONES, limits=PATIENT)
    assert "collapsed or exploded" in done.failure
    assert not done.converged
    assert np.isnan(done.energy)
    assert done.structure == overlapping


def test_calculators_that_fail_are_a_failure_not_an_error():
    """EMT knows a few metals, and says so by raising."""
    salt = Structure(Lattice.cubic(4.0), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    done = relax(salt, calculator="ase.calculators.emt.EMT", limits=PATIENT)
    assert "the calculator failed (NotImplementedError)" in done.failure
    assert done.structure == salt


@pytest.mark.parametrize("name", ["nonsense", "no.such.module.Class", "ase.calculators.lj.Nothing"])
def test_calculators_that_do_not_exist_are_named(structure_named, name):
    with pytest.raises(CrystalsmithError, match=f"the calculator {name} cannot be loaded"):
        relax(structure_named("NaCl"), calculator=name)


def test_loading_says_nothing_on_standard_output(capsys):
    load_calculator.cache_clear()
    load_calculator("chgnet.model.dynamics.CHGNetCalculator")
    assert capsys.readouterr().out == ""
