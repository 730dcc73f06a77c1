"""What a run says of its cases: each text once, and no number without its unit."""

from __future__ import annotations

from pathlib import Path

from monai_mobileunet.case_record import CaseRecord, CaseState
from monai_mobileunet.cli.outcome import FEW, LISTED, list_sizes, list_troubled, list_warnings


def done(name: str, shape: list[int], suffix: str = ".nii", **more) -> CaseRecord:
    given = {"state": CaseState.DONE, "shape": shape, "spacing_mm": [0.5, 0.5, 3.0], "volumes_ml": {"lesion": 0.03}}
    return CaseRecord(name, (Path(f"{name}{suffix}"),), **given | more)


def test_a_volume_is_in_ml_a_slice_in_mm2_and_a_picture_in_pixels(capsys):
    picture = done("c", [20, 20, 1], ".png", spacing_mm=[1.0, 1.0, 1.0])
    list_sizes([done("a", [20, 20, 4]), done("b", [20, 20, 1]), picture, CaseRecord("d", state=CaseState.FAILED)])
    assert capsys.readouterr().out.splitlines() == [
        "a: lesion 0.030 ml",
        "b: lesion 10.00 mm²",
        "c: lesion 30 pixels (7.5% of the image)",
    ]
    list_sizes([done(f"case {number}", [20, 20, 4]) for number in range(FEW + 1)])
    assert capsys.readouterr().out == "", "of many cases the report tells"


def test_each_warning_has_its_text_and_stands_once(capsys):
    records = [done(f"p{n}", [9, 9, 9], warnings=[f"has {n} voxels that are NaN."]) for n in range(3)]
    records.append(done("q", [9, 9, 9], warnings=["is [bold]odd.", "has voxels of 1×1×9 mm."]))
    list_warnings(records)
    assert capsys.readouterr().out.splitlines() == [
        "warning: 3 cases, p0 among them: has 0 voxels that are NaN.",
        "warning: q: is [bold]odd.",
        "warning: q: has voxels of 1×1×9 mm.",
    ]


def test_failures_that_differ_in_names_and_numbers_alone_are_one(capsys):
    def failed(name: str, text: str) -> CaseRecord:
        return CaseRecord(name, state=CaseState.FAILED, problem=text)

    list_troubled([failed(f"p{n}", f"in/p{n}.nii: is cut off after {n} bytes.") for n in range(198)])
    assert capsys.readouterr().out == "error: 198 cases, p0 among them: in/p0.nii: is cut off after 0 bytes.\n"
    list_troubled([failed(f"p{n}", "is " + "very " * n + "odd.") for n in range(LISTED + 3)])
    assert capsys.readouterr().out.splitlines()[-1] == "error: and 3 more, in report.csv"
