"""The promise of docs/requests.md: keys, shapes, order."""

import json
from pathlib import Path

import pytest

from crystalsmith.agent.interpreter import read
from crystalsmith.agent.llm.public import PublicRequest, request_from
from crystalsmith.core.public_request import ABOUT, KEYS, public_view, wishes_only

EXAMPLES = [
    ("lead-free Li oxide", {"include": ["Li"], "exclude": ["Pb"], "anion_class": "oxide"}),
    ("only Ga, N", {"only": ["Ga", "N"]}),
    ("contains a halogen, no rare earths",
     {"include_groups": ["halogen"], "exclude_groups": ["rare earth"]}),
    ("Li₇La₃Zr₂O₁₂", {"formula": "Li7La3Zr2O12"}),
    ("ABX3 iodide", {"ratio": "ABX3", "anion_class": "iodide"}),
    ("1:1:2 sulfide", {"ratio": "1:1:2", "anion_class": "sulfide"}),
    ("ternary spinel", {"n_elements": {"min": 3, "max": 3}, "family": "spinel"}),
    ("gap 2 ± 0.1 eV, nitride", {"band_gap": {"target": 2, "tolerance": 0.1},
                                 "anion_class": "nitride"}),
    ("oxide, 1-2 eV", {"band_gap": {"min": 1, "max": 2}, "anion_class": "oxide"}),
    ("formation energy below -100 kJ/mol, oxide",
     {"formation_energy": {"max": -1.03643}, "anion_class": "oxide"}),
    ("oxide at most 50 meV above the hull", {"e_above_hull": {"max": 0.05},
                                             "anion_class": "oxide"}),
    ("density 3 g/cm3, volume per atom 12 Å3",
     {"density": {"target": 3}, "volume_per_atom": {"target": 12}}),
    ("bulk modulus 200 GPa, shear modulus 100 GPa",
     {"bulk_modulus": {"target": 200}, "shear_modulus": {"target": 100}}),
    ("metallic carbide", {"metallic": True, "anion_class": "carbide"}),
    ("non-metallic carbide", {"metallic": False, "anion_class": "carbide"}),
    ("wide-gap semiconductor", {"wide_gap": True, "semiconductor": True}),
    ("insulating stable novel oxide",
     {"insulator": True, "stable": True, "novel": True, "anion_class": "oxide"}),
    ("non-centrosymmetric borate", {"centrosymmetric": False, "include": ["B", "O"]}),
    ("cubic crystal in space group 225", {"space_group": 225, "crystal_system": "cubic"}),
    ("oxide with at most 20 atoms per cell, up to 5 candidates",
     {"n_atoms": {"max": 20}, "count": 5, "anion_class": "oxide"}),
    ("cheap oxide", {"anion_class": "oxide", "unsupported": ["cheap"]}),
    ("oxygen-free oxide", {"anion_class": "oxide", "exclude": ["O"], "contradiction": True}),
    ("what is the weather in Oslo", {"off_topic": True}),
    ("absorption edge at 620 nm, sulfide", {"band_gap": {"target": 1.999742},
                                            "anion_class": "sulfide"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_keys_and_shapes(text, expected):
    view = public_view(read(text))
    assert wishes_only(view) == expected
    assert list(view) == [key for key in (*KEYS, *ABOUT) if key in view]


def test_every_key_has_an_example_and_a_line_in_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "requests.md").read_text("utf-8")
    shown = {key for _, wishes in EXAMPLES for key in wishes}
    assert shown == set(KEYS)
    assert all(f"`{key}`" in page for key in (*KEYS, *ABOUT))


def test_every_wish_has_the_words_it_came_from():
    text = "three stable lead-free Cs oxides, gap 2 eV, Fm-3m, at most 10 atoms"
    view = public_view(read(text))
    assert set(view["spans"]) == set(wishes_only(view))
    assert all(part in text for words in view["spans"].values() for part in words)


def test_an_application_is_offered_and_used_only_without_a_figure():
    free = public_view(read("sulfide solar cell absorber"))
    assert free["assumptions"][0]["band_gap"] == {"min": 1.1, "max": 1.7}
    assert free["assumptions"][0]["used"]
    assert "band_gap" not in free
    own = public_view(read("sulfide solar cell absorber, gap 2 eV"))
    assert not own["assumptions"][0]["used"]
    request = read("sulfide solar cell absorber").with_assumptions()
    assert request.property_range("band_gap").maximum == 1.7


def test_wishes_without_a_key_stand_under_other():
    view = public_view(read("polar chiral telluride, point group 32"))
    assert view["other"] == {"polar": True, "chiral": True, "point_group": "32"}
    assert view["unsupported"] == ["polar", "chiral", "point group 32"]


def test_classes_of_anions_without_a_key_are_said_by_their_elements():
    assert wishes_only(public_view(read("germanides of palladium"))) == {"include": ["Ge", "Pd"]}
    assert public_view(read("a pnictide of gallium"))["include_groups"] == ["pnictogen"]


@pytest.mark.parametrize("text", [text for text, wishes in EXAMPLES if "off_topic" not in wishes])
def test_the_view_is_a_valid_answer_of_a_language_model(text):
    view = public_view(read(text))
    answer = {key: view[key] for key in (*KEYS, "spans") if key in view}
    PublicRequest.model_validate(answer)
    again, remarks = request_from(json.loads(json.dumps(answer)), text)
    assert remarks == []
    found = wishes_only(public_view(again))
    assert found.pop("contradiction", None) == answer.get("contradiction")
    assert found == {key: value for key, value in wishes_only(view).items() if key in found}
