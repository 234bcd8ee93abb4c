from crystalsmith.agent.interpreter import explain, interpret


def test_every_part_of_a_reading_has_a_row():
    request = interpret("two cheap lead-free oxides in washable space group 225, NaCl2-like")
    assert explain(request) == [
        ("no Pb", "lead-free"),
        ("an oxide", "oxides"),
        ("space group Fm-3m (225)", "space group 225"),
        ("2 candidates", "two"),
        ("cannot be scored", "cheap"),
        ("cannot be scored", "washable"),
        ("cannot be scored", "NaCl2-like"),
    ]


def test_notes_come_last():
    assert explain(interpret("one single NaCl2")) == [
        ("formula NaCl2", "NaCl2"),
        ("1 candidate", "one single"),
        ("note: NaCl2 has no charge-balanced assignment of common oxidation states", ""),
    ]
