import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from monai_mobileunet.case_record import CaseRecord, CaseState, Comparison
from monai_mobileunet.cohort.compare import compare_cases
from monai_mobileunet.evaluation import Outcome
from monai_mobileunet.reports.evaluation import Evaluation
from monai_mobileunet.reports.evaluation_report import draw_case, worst_cases, write_report
from tests.conftest import stored

NAMES = ("head <b>", "tail")


def recorded(name: str, label: Path, pred: Path, *images: Path) -> CaseRecord:
    return CaseRecord(name, images, (pred,), label, CaseState.DONE)


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    """Three cases of falling quality, the last without class 2 in its label, and one that is missing."""
    results = []
    for index in range(3):
        label = np.zeros((20, 22, 24), np.uint8)
        label[5:12, 5:12, 5:12] = 1
        label[5:12, 13:18, 5:12] = 2 if index < 2 else 0
        pred = np.roll(label, index, axis=0)
        pred[0, 0, :3] = 2
        paths = {}
        image = np.random.default_rng(index).normal(size=label.shape).astype(np.float32)
        stored = label.astype(np.float32) if index == 2 else label  # as some tools write them
        for key, values in {"image": image, "label": stored, "pred": pred}.items():
            paths[key] = tmp_path / f"{key}{index}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(values, np.diag([-1, -1, 2, 1])), paths[key])
        results.append(recorded(f"case {index}", paths["label"], paths["pred"], paths["image"]))
    results = compare_cases(results, NAMES)
    lost = Comparison("", problem="p.nii: no such file.")
    results.append(replace(recorded("lost", tmp_path / "l.nii", tmp_path / "p.nii"), comparison=lost))
    return Evaluation("masks & labels", NAMES, 1.0, tuple(results))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_case_and_class_has_a_row_and_what_has_no_value_is_blank(evaluation, tmp_path: Path):
    write_report(evaluation, tmp_path / "out")
    table = rows(tmp_path / "out" / "cases.csv")
    assert [(row["case"], row["class"]) for row in table] == [
        (f"case {index}", name) for index in range(3) for name in NAMES
    ] + [("lost", "")]
    assert float(table[0]["dice"]) == 1
    last = table[5]
    assert last["outcome"] == Outcome.FALSE_POSITIVE.value
    assert (last["dice"], last["hd95_mm"], last["label_ml"]) == ("", "", "0")
    assert float(last["pred_ml"]) > 0
    assert table[6]["problem"] == "p.nii: no such file."


def test_the_table_of_classes_and_the_json_agree(evaluation, tmp_path: Path):
    write_report(evaluation, tmp_path)
    table = rows(tmp_path / "classes.csv")
    content = json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    assert [row["class"] for row in table] == [item["name"] for item in content["classes"]] == list(NAMES)
    for row, item in zip(table, content["classes"], strict=True):
        assert float(row["dice_mean"]) == pytest.approx(item["metrics"]["dice"]["mean"], rel=1e-5)
        assert {key: int(row[key]) for key in item["outcomes"]} == item["outcomes"]
    assert content["classes"][1]["outcomes"]["false positive"] == 1
    assert content["cases"][3]["problem"]
    assert "Not a medical device" in content["intended_use"]


def test_the_page_says_what_it_is_shows_pictures_and_escapes_names(evaluation, tmp_path: Path):
    write_report(evaluation, tmp_path, worst=2)
    page = (tmp_path / "report.html").read_text()
    assert "Not a medical device" in page
    assert re.findall(r'<img src="data:image/(\w+);base64,', page) == ["png"] * 2 + ["webp"] * 2
    assert "the dashed one the reference" in page
    assert "right side (R) is at the left" in page
    assert "head &lt;b&gt;" in page
    assert "head <b>" not in page
    assert "masks &amp; labels" in page
    assert "3 of 4 cases" in page
    assert "p.nii: no such file." in page
    assert page.index("<b>case 2</b>") < page.index("<b>case 1</b>")
    assert "http" not in page.replace("http-equiv", "")  # nothing is fetched


def test_a_reference_that_is_stored_as_float_is_pictured(evaluation, tmp_path: Path):
    label = nibabel.load(evaluation.cases[2].label)
    nibabel.save(nibabel.Nifti1Image(label.get_fdata(dtype=np.float32), label.affine), evaluation.cases[2].label)
    picture, problem = draw_case(evaluation.cases[2], NAMES)
    assert picture
    assert problem == ""


def test_an_image_in_another_orientation_gives_the_same_picture_and_one_elsewhere_none(evaluation, tmp_path: Path):
    case = evaluation.cases[0]
    image = nibabel.load(case.images[0])
    expected, _ = draw_case(case, NAMES)
    moved = image.affine.copy()
    moved[0, 3] += 9
    shifted = nibabel.Nifti1Image(np.asarray(image.dataobj), moved)
    for name, other in {"turned.nii": stored(image, "PIR"), "shifted.nii": shifted}.items():
        nibabel.save(other, tmp_path / name)
    assert draw_case(replace(case, images=(tmp_path / "turned.nii",)), NAMES) == (expected, "")
    picture, problem = draw_case(replace(case, images=(tmp_path / "shifted.nii",)), NAMES)
    assert picture != expected
    assert "shifted.nii cannot be shown: its voxels lie elsewhere" in problem


def test_few_cases_have_a_range_in_brackets_and_no_interval(evaluation, tmp_path: Path):
    write_report(evaluation, tmp_path, worst=0)
    page = (tmp_path / "report.html").read_text()
    low, high = min(case.classes[0].dice for case in evaluation.measured), 1.0
    assert f"<small>({low:.3f} to {high:.3f})</small>" in page
    assert "(range) of the differences, ml" in page
    (head, *_) = rows(tmp_path / "classes.csv")
    assert (head["dice_low"], head["dice_high"], float(head["dice_min"])) == ("", "", pytest.approx(low, rel=1e-5))


def test_single_slices_have_areas_and_pictures_count_pixels(tmp_path: Path):
    values = np.zeros((20, 20, 1), np.uint8)
    values[5:12, 5:12] = 1
    for name, drawn in {"label": values, "pred": np.roll(values, 2, axis=1)}.items():
        nibabel.save(nibabel.Nifti1Image(drawn, np.diag([-0.5, -0.5, 3, 1])), tmp_path / f"{name}.nii")
        Image.fromarray(drawn[..., 0].T).save(tmp_path / f"{name}.png")
    for suffix, size, heading in (
        (".nii", {"mm2": 49 / 4, "ml": 49 * 0.75 / 1000}, "mm²"),
        (".png", {"pixels": 49}, "pixels"),
    ):
        pair = (tmp_path / f"{name}{suffix}" for name in ("label", "pred"))
        (case,) = compare_cases([recorded("plane", *pair)], ("a",))
        out = tmp_path / suffix
        write_report(Evaluation("planes", ("a",), 1.0, (case,)), out, worst=0)
        (row,) = rows(out / "cases.csv")
        sizes = {key.removeprefix("pred_"): float(value) for key, value in row.items() if key.startswith("pred_")}
        assert sizes == pytest.approx(size)
        assert f"bias, {heading}" in (out / "report.html").read_text()
        (one,) = json.loads((out / "results.json").read_text())["cases"][0]["classes"].values()
        assert {key for key in one if key.startswith("label_")} == {f"label_{unit}" for unit in size}


def test_worst_cases_come_first_and_false_positives_count(evaluation):
    assert [case.name for case in worst_cases(evaluation, 9)] == ["case 2", "case 1", "case 0"]


def test_nothing_but_problems_is_a_report_too(evaluation, tmp_path: Path):
    lost = Evaluation("lost", NAMES, 1.0, evaluation.cases[3:])
    write_report(lost, tmp_path)
    assert "0 of 1 case<" in (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "results.json").read_text())["classes"][0]["metrics"]["dice"] is None


def test_a_report_takes_the_place_of_the_last_one_and_leaves_nothing_else(evaluation, tmp_path: Path):
    for _ in range(2):
        files = write_report(evaluation, tmp_path / "out", worst=0)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in files}


@pytest.mark.parametrize("shape", [(20, 20, 1), (20, 20), (1, 20, 20)])
def test_a_single_slice_has_a_report_too(tmp_path: Path, shape):
    label = np.zeros(shape, np.uint8)
    label[tuple(slice(0, 1) if size == 1 else slice(5, 12) for size in shape)] = 1
    for name, values in {"label": label, "pred": np.roll(label, 2, axis=1)}.items():
        nibabel.save(nibabel.Nifti1Image(values, np.diag([-1, -1, 1, 1])), tmp_path / f"{name}.nii")
    planes = compare_cases([recorded("plane", tmp_path / "label.nii", tmp_path / "pred.nii")], ("a",))
    write_report(Evaluation("planes", ("a",), 1.0, tuple(planes)), tmp_path / "out")
    assert "<b>plane</b>" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("broken", [b"no image", None])
def test_an_image_that_cannot_be_shown_is_said_and_costs_no_number(evaluation, tmp_path: Path, broken):
    image = evaluation.cases[2].images[0]
    if broken is None:
        nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3), np.float32), np.eye(4)), image)
    else:
        image.write_bytes(broken)
    write_report(evaluation, tmp_path / "out", worst=1)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "image2.nii.gz cannot be shown" in page
    assert len(rows(tmp_path / "out" / "cases.csv")) == 7
