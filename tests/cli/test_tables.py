"""Tables on narrow consoles: every number stands there whole."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from monai_mobileunet.case_record import CaseRecord, CaseState, Comparison
from monai_mobileunet.cli.evaluated import evaluation_table
from monai_mobileunet.cli.tables import NumberColumn, fitted_table
from monai_mobileunet.cli.terminal import console as shared
from monai_mobileunet.evaluation import ClassResult, Outcome
from monai_mobileunet.reports.evaluation import Evaluation


@pytest.mark.parametrize(("width", "left_out"), [(80, "ASD, mm"), (60, "surface Dice; ASD, mm"), (120, "")])
@pytest.mark.parametrize("classes", [5, 12])
@pytest.mark.parametrize("cases", [4, 12])
def test_no_number_of_an_evaluation_is_cut(monkeypatch, width: int, left_out: str, classes: int, cases: int):
    names = tuple(f"right parotid gland {number}" for number in range(classes))
    records = []
    for number in range(cases):
        result = ClassResult(Outcome.BOTH, 0.8 + number / 100, 120 + 0.3 * number, 10.0 + number, 0.9, 1500.0, 1234.5)
        comparison = Comparison("", [], dict.fromkeys(names, result))
        records.append(CaseRecord(f"case {number}", state=CaseState.DONE, comparison=comparison))
    monkeypatch.setattr(shared, "_width", width)
    table = evaluation_table(Evaluation("toy", names, 1.0, tuple(records)))
    text = io.StringIO()
    Console(file=text, width=width).print(table)
    shown = text.getvalue()
    assert "…" not in shown
    assert re.search(r"\bcases *$", shown, re.MULTILINE), "headings are whole, too"
    assert all(len(line) <= width for line in shown.splitlines())
    assert shown.count("+265") == classes
    assert shown.count(f"{sum(0.8 + n / 100 for n in range(cases)) / cases:.3f}") == classes
    assert "means; below" in shown
    assert ("fewer than 10" in shown) == (cases < 10)
    if left_out:
        assert left_out in " ".join(shown.split())
    if width != 60:
        assert len(re.findall(r"12\d\.\d\d–12\d\.\d\d\b", shown)) == classes, "of HD95"


def test_words_beside_numbers_are_whole_too(monkeypatch):
    monkeypatch.setattr(shared, "_width", 80)
    wide = NumberColumn("HD95, pixels", ["(1000.00–1000.00)"] * 2, 1)
    columns = [NumberColumn("Dice", ["(.000–1.000)"] * 2), wide, wide, NumberColumn("cases", ["1 false positive"] * 2)]
    text = io.StringIO()
    names = ["right parotid", "left parotid"]
    Console(file=text, width=80).print(fitted_table(shared, "", "class", names, columns, "classes.csv"))
    assert text.getvalue().count("1 false positive") == 2
    assert text.getvalue().count("parotid") == 2
    assert "1 column has no room here: HD95, pixels. See classes.csv." in text.getvalue()
