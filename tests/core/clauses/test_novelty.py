"""New or known, always relative to a named reference."""

import pytest

from crystalsmith.core.clauses import Novel
from crystalsmith.core.evidence import Evidence, Reference

UNKNOWN = Reference(name="1,095 prototypes", known_formula=False)
FORMULA = Reference(name="1,095 prototypes", known_formula=True)
KNOWN = Reference(name="1,095 prototypes", known_formula=True, known_structure="mp-149")


@pytest.mark.parametrize(
    ("reference", "new", "reason"),
    [
        (UNKNOWN, True, "formula not in 1,095 prototypes"),
        (FORMULA, True, "formula known, structure not in 1,095 prototypes"),
        (KNOWN, False, "same as mp-149 in 1,095 prototypes"),
    ],
)
def test_new_and_known_are_opposites(reference, new, reason):
    evidence = Evidence(None, None, 1, reference=reference)
    asked_new, asked_known = Novel().check(evidence), Novel(known=True).check(evidence)
    assert (asked_new.status, asked_known.status) == (("pass", "fail") if new else ("fail", "pass"))
    assert asked_new.likelihood == float(new)
    assert asked_new.reason == asked_known.reason == reason


def test_without_known_crystals_nothing_is_checked():
    verdict = Novel().check(Evidence(None, None, 1))
    assert (verdict.status, verdict.likelihood) == ("not checked", 0.5)


def test_wishes():
    assert Novel().wish() == "not a known crystal"
    assert Novel(known=True).wish() == "a known crystal"
