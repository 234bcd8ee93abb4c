from __future__ import annotations

import json
import re

import pytest

from crystalsmith.cli import main


def test_parity_and_calibration_are_one_page_of_the_true_figures(mp20_file, tmp_path):
    page = tmp_path / "surrogates.html"
    with pytest.raises(SystemExit) as end:
        main(["eval", "surrogates", "--data", str(mp20_file), "--html", str(page)])
    assert not end.value.code
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    plots = {plot["title"]: plot for plot in json.loads(found.group(1))["plots"]}
    parity = plots["band gap: predicted against DFT"]["data"][0]
    assert sorted(parity["x"]) == [0.0, 1.8, 2.0, 4.5, 5.0, 5.0]
    assert set(parity["text"]) == {"NaCl", "MgO", "ZnS", "CsCl", "TiO2", "AlNi"}
    held = plots["band gap: do the uncertainties hold?"]["data"][0]["y"]
    assert held == sorted(held)
    assert all(0 <= share <= 1 for share in held)
