"""A small test file in MP-20 format, of textbook crystals."""

from __future__ import annotations

import csv
import gzip

import pytest
from pymatgen.core import Lattice, Structure

_CRYSTALS = [
    ("x-1", "Fm-3m", Lattice.cubic(5.69), {"Na": (0, 0, 0), "Cl": (0.5, 0.5, 0.5)}, 5.0, -2.1),
    ("x-2", "Fm-3m", Lattice.cubic(4.25), {"Mg": (0, 0, 0), "O": (0.5, 0.5, 0.5)}, 4.5, -3.0),
    ("x-3", "F-43m", Lattice.cubic(5.45), {"Zn": (0, 0, 0), "S": (0.25, 0.25, 0.25)}, 2.0, -0.9),
    ("x-4", "Pm-3m", Lattice.cubic(4.2), {"Cs": (0, 0, 0), "Cl": (0.5, 0.5, 0.5)}, 5.0, -2.2),
    (
        "x-5",
        "P4_2/mnm",
        Lattice.tetragonal(4.65, 2.97),
        {"Ti": (0, 0, 0), "O": (0.305,) * 2 + (0,)},
        1.8,
        -3.4,
    ),
    ("x-6", "Pm-3m", Lattice.cubic(2.95), {"Ni": (0, 0, 0), "Al": (0.5, 0.5, 0.5)}, 0.0, -0.6),
]


@pytest.fixture(scope="session")
def mp20_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "test.csv.gz"
    columns = ["material_id", "pretty_formula", "formation_energy_per_atom", "band_gap"]
    with gzip.open(path, "wt", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow([*columns, "e_above_hull", "cif"])
        for name, group, lattice, sites, gap, energy in _CRYSTALS:
            structure = Structure.from_spacegroup(
                group, lattice, list(sites), [list(point) for point in sites.values()]
            )
            formula = structure.composition.reduced_formula
            writer.writerow([name, formula, energy, gap, 0.0, structure.to(fmt="cif")])
        writer.writerow(["x-7", "Xx", 0, 0, 0, "not a CIF"])
    return path
