"""Fingerprints of volumes whose numbers are known."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from made import measure_dataset

from monai_mobileunet.data import DataError
from monai_mobileunet.planning import case_measures
from monai_mobileunet.planning.fingerprint import PERCENTILES, Fingerprint
from monai_mobileunet.planning.measuring import LEFT_OUT, inspect_dataset
from tests.conftest import present, stored

SHAPE, SPACING = (20, 16, 10), (1.0, 2.0, 4.0)
VOXEL_ML = 0.008
LIVER, CYST = 1, 2


def volume(values: np.ndarray) -> nibabel.Nifti1Image:
    """A volume in RAS."""
    return nibabel.Nifti1Image(values, np.diag([*SPACING, 1.0]))


def label(*, cyst: bool = True) -> np.ndarray:
    """A liver on the left of 4×6×5 voxels; on the right a cyst of two blocks that do not touch, 27 and 1 voxels."""
    numbers = np.zeros(SHAPE, np.uint8)
    numbers[2:6, 3:9, 2:7] = LIVER
    if cyst:
        numbers[14:17, 4:7, 1:4] = CYST
        numbers[18, 12, 8] = CYST
    return numbers


def image(low: int = -100) -> np.ndarray:
    """Every value from ``low`` on once, and a brighter liver."""
    values = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE) + np.int16(low)
    return np.where(label() == LIVER, np.int16(5000), values)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two cases, of which the second has no cyst."""
    root = tmp_path / "livers"
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True)
    for name, cyst in (("a", True), ("b", False)):
        nibabel.save(volume(image()), root / "imagesTr" / f"{name}_0000.nii.gz")
        nibabel.save(volume(label(cyst=cyst)), root / "labelsTr" / f"{name}.nii.gz")
    describe(root)
    return root


def describe(root: Path, **changes: Any) -> None:
    content = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1, "cyst": 2}, **changes}
    (root / "dataset.json").write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def test_a_fingerprint_has_the_numbers_of_the_volumes(dataset: Path):
    measured = measure_dataset(dataset)
    assert measured.dataset_dir == str(dataset)
    assert measured.layout == "imagesTr and labelsTr, paired by name"
    assert (measured.class_names, measured.channel_names) == (("liver", "cyst"), ("CT",))
    assert measured.modality == "CT"
    first, second = measured.cases
    assert (first.name, first.subject) == ("a", "a")
    assert (first.shape, first.spacing, first.orientation) == (SHAPE, SPACING, "RAS")
    assert (first.channels, first.integers, first.lowest) == (1, True, (-100.0,))
    assert first.percentiles == (tuple(float(f"{value:.6g}") for value in np.percentile(image(), PERCENTILES)),)
    assert first.foreground[0][2] == 5000, "most of what is labelled is liver"
    assert second.foreground == ((5000.0,) * 5,)
    assert list(first.classes) == ["liver", "cyst"]
    assert list(second.classes) == ["liver"], "a class that a label lacks is not in it"


def test_a_class_has_the_numbers_of_its_voxels(dataset: Path):
    classes = measure_dataset(dataset).cases[0].classes
    liver, cyst = classes["liver"], classes["cyst"]
    assert liver.volume_ml == pytest.approx(4 * 6 * 5 * VOXEL_ML)
    assert (liver.components, liver.largest_share) == (1, 1.0)
    assert liver.extent_mm == (4.0, 12.0, 20.0)
    assert liver.slices == (4, 6, 5)
    areas = (12.0 * 20, 4 * 20, 4 * 12)
    assert liver.size_mm == pytest.approx([2 * np.sqrt(area / np.pi) for area in areas], rel=1e-5)
    assert liver.side == pytest.approx(4 / 20), "from 2 to 6 of 20 voxels: to the left"
    assert cyst.volume_ml == pytest.approx(28 * VOXEL_ML)
    assert (cyst.components, cyst.largest_share) == (2, pytest.approx(27 / 28, rel=1e-5))
    assert cyst.extent_mm == (5.0, 18.0, 32.0)
    assert cyst.slices == (4, 4, 4), "of the slices between the blocks none shows it"
    assert cyst.size_mm[2] == pytest.approx(2 * np.sqrt(9 * 2 / np.pi), rel=1e-5), "9, 9, 9 and 1 pixels of 1×2 mm"
    assert cyst.side == pytest.approx((27 * 15.5 + 18.5) / 28 / 20, rel=1e-5)


@pytest.mark.parametrize("codes", ["LPS", "PIR", "SAL", "ASR"])
def test_how_files_are_stored_changes_nothing(dataset: Path, codes: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(case_measures, "MOST_SAMPLES", 400)  # of 3200, and the liver's 120 exactly
    expected = measure_dataset(dataset)
    for path in dataset.glob("*/*.nii.gz"):
        nibabel.save(stored(nibabel.load(path), codes), path)
    found = measure_dataset(dataset)
    assert {case.orientation for case in found.cases} == {codes}
    assert replace(found, cases=tuple(replace(case, orientation="RAS") for case in found.cases)) == expected


def test_a_label_in_another_format_is_the_same(dataset: Path):
    expected = measure_dataset(dataset)
    for path in dataset.glob("*/*.nii.gz"):
        sitk.WriteImage(sitk.ReadImage(path), path.with_name(path.name.replace(".nii.gz", ".nrrd")))
        path.unlink()
    assert measure_dataset(dataset) == expected


def test_large_volumes_are_sampled_evenly(dataset: Path, monkeypatch: pytest.MonkeyPatch):
    exact = measure_dataset(dataset).cases[0]
    monkeypatch.setattr(case_measures, "MOST_SAMPLES", 500)
    sampled = measure_dataset(dataset).cases[0]
    assert sampled.percentiles[0] == pytest.approx(exact.percentiles[0], abs=150)
    assert (sampled.classes, sampled.lowest) == (exact.classes, exact.lowest), "all else is counted voxel by voxel"


def test_channels_are_measured_each(dataset: Path):
    for name in "ab":
        nibabel.save(volume(image(1000) * np.float32(0.5)), dataset / "imagesTr" / f"{name}_0001.nii.gz")
    describe(dataset, channel_names={"0": "FLAIR", "1": "T1w"})
    measured = measure_dataset(dataset)
    first = measured.cases[0]
    assert (measured.channel_names, measured.modality) == (("FLAIR", "T1w"), "MR")
    assert (first.channels, first.integers, first.lowest) == (2, False, (-100.0, 500.0))
    assert len(first.percentiles) == len(first.foreground) == 2
    describe(dataset, channel_names={"0": "CT"})
    assert measure_dataset(dataset).channel_names == ("", ""), "names of other channels are none"


def test_classes_without_names_are_numbered(dataset: Path):
    (dataset / "dataset.json").unlink()
    measured = measure_dataset(dataset)
    assert measured.class_names == ("class 1", "class 2")
    assert (measured.channel_names, measured.modality) == (("",), "")
    nibabel.save(volume(label() * np.uint8(85)), dataset / "labelsTr" / "a.nii.gz")
    with pytest.raises(DataError, match="the labels hold 0, 1, 85, 170; expected 0 to 3"):
        measure_dataset(dataset)


def test_labels_without_any_class_are_refused(dataset: Path):
    for name in "ab":
        nibabel.save(volume(np.zeros(SHAPE, np.uint8)), dataset / "labelsTr" / f"{name}.nii.gz")
    for named in (True, False):
        if not named:
            (dataset / "dataset.json").unlink()
        with pytest.raises(DataError, match="no label has any class"):
            measure_dataset(dataset)


def test_a_case_without_labelled_voxels_has_no_foreground(dataset: Path):
    nibabel.save(volume(np.zeros(SHAPE, np.uint8)), dataset / "labelsTr" / "b.nii.gz")
    empty = measure_dataset(dataset).cases[1]
    assert (empty.foreground, empty.classes) == ((), {})


def test_cases_are_left_out_when_somebody_says_so(dataset: Path):
    (dataset / "imagesTr" / "b_0000.nii.gz").write_bytes(b"no image")
    measured = measure_dataset(dataset, leave_out=("b",))
    assert [case.name for case in measured.cases] == ["a"]
    assert measured.left_out == {"b": LEFT_OUT}
    with pytest.raises(DataError, match="has no case c; its cases are a, b"):
        measure_dataset(dataset, leave_out=("c",))
    with pytest.raises(DataError, match="all are left out"):
        measure_dataset(dataset, leave_out=("a", "b"))


def test_all_cases_that_cannot_be_measured_are_named(dataset: Path):
    (dataset / "imagesTr" / "a_0000.nii.gz").write_bytes(b"no image")
    nibabel.save(volume(label()[:-1]), dataset / "labelsTr" / "b.nii.gz")
    calls: list[int] = []
    with pytest.raises(DataError) as error:
        measure_dataset(dataset, on_case=lambda: calls.append(1))
    assert len(calls) == 2
    message = str(error.value)
    assert "a_0000.nii.gz" in message
    assert "b.nii.gz: has shape (19, 16, 10), but its image (20, 16, 10)" in message


def test_a_value_that_is_no_class_is_named(dataset: Path):
    nibabel.save(volume(label() * np.uint8(2)), dataset / "labelsTr" / "b.nii.gz")
    with pytest.raises(DataError, match=r"b\.nii\.gz: has label values 4; expected 0 to 2"):
        measure_dataset(dataset)


def test_subjects_are_told_by_a_function_or_by_bids(dataset: Path):
    assert {case.subject for case in measure_dataset(dataset, subject_of=len).cases} == {"1"}
    pairs = []
    for number, name in enumerate("ab", 1):
        place = dataset / f"sub-0{number}" / "ses-1"
        place.mkdir(parents=True)
        shutil.move(dataset / "imagesTr" / f"{name}_0000.nii.gz", place / f"{name}.nii.gz")
        pairs.append({"image": f"{place.relative_to(dataset)}/{name}.nii.gz", "label": f"labelsTr/{name}.nii.gz"})
    describe(dataset, training=pairs)
    listed = shutil.move(dataset / "dataset.json", dataset / "list.json")
    for given in (dataset, listed):
        measured = measure_dataset(given)
        assert measured.layout == "a list of pairs in list.json"
        assert [(case.name, case.subject) for case in measured.cases] == [("a", "sub-01"), ("b", "sub-02")]


def test_names_of_files_tell_what_a_description_does_not(dataset: Path):
    (dataset / "dataset.json").unlink()
    for number, name in enumerate("ab", 1):
        place = dataset / f"patient{number}"
        place.mkdir()
        shutil.move(dataset / "imagesTr" / f"{name}_0000.nii.gz", place / "x_FLAIR.nii.gz")
        shutil.move(dataset / "labelsTr" / f"{name}.nii.gz", place / "x_seg.nii.gz")
    shutil.rmtree(dataset / "imagesTr")
    shutil.rmtree(dataset / "labelsTr")
    measured = measure_dataset(dataset)
    assert (measured.layout, measured.channel_names, measured.modality) == (
        "a folder for each patient",
        ("FLAIR",),
        "MR",
    )
    assert [case.name for case in measured.cases] == ["patient1", "patient2"]


def test_a_fingerprint_is_the_same_after_a_way_through_json(dataset: Path):
    measured = measure_dataset(dataset, leave_out=("b",))
    assert Fingerprint.from_json(json.loads(json.dumps(measured.as_json()))) == measured


@pytest.mark.parametrize(
    ("name", "cases", "classes", "spacing", "largest_ml"),
    [
        ("hippocampus", 208, ("Anterior", "Posterior"), (1.0, 1.0, 1.0), 5),
        ("acdc_cardiac_mri", 160, ("right ventricle", "myocardium", "left ventricle"), (1.5, 1.5, 10.0), 700),
    ],
)
def test_real_data_have_plausible_fingerprints(
    shared_data: Path, name: str, cases: int, classes: tuple[str, ...], spacing: tuple[float, ...], largest_ml: float
):
    measured = measure_dataset(present(shared_data / name))
    assert (len(measured.cases), measured.modality, measured.class_names) == (cases, "MR", classes)
    for case in measured.cases:
        assert (case.spacing, case.channels) == (spacing, 1)
        assert list(case.percentiles[0]) == sorted(case.percentiles[0])
        for one in case.classes.values():
            assert 0 < one.volume_ml < largest_ml
            assert 0 < one.side < 1
            assert 0 < one.largest_share <= 1
            assert all(count <= size for count, size in zip(one.slices, case.shape, strict=True))
            assert all(size <= sum(one.extent_mm) for size in one.size_mm)


def test_classes_without_names_are_those_of_all_lists_together(dataset: Path):
    pairs = [{"image": f"imagesTr/{name}_0000.nii.gz", "label": f"labelsTr/{name}.nii.gz"} for name in "ab"]
    describe(dataset, labels=None, training=pairs[:1], validation=pairs[1:])
    nibabel.save(volume(image(low=-200)), dataset / "imagesTr" / "b_0000.nii.gz")
    second = dataset / "labelsTr" / "b.nii.gz"
    nibabel.save(volume(np.where(label() == CYST, CYST, 0).astype(np.uint8)), second)
    findings, measured = inspect_dataset(dataset)
    assert measured is not None
    assert measured.class_names == ("class 1", "class 2")
    assert [one.problem for one in findings] == ["no label has class 1; the validation says nothing of it."]
    nibabel.save(volume(np.where(label() == CYST, 5, 0).astype(np.uint8)), second)
    findings, measured = inspect_dataset(dataset)
    assert measured is None
    (finding,) = (one for one in findings if not one.warning)
    assert "the labels hold 0, 1, 2, 5; expected 0 to 3" in finding.problem
    assert "--map 1=1,2=2,5=3" in finding.remedy, "a mapping of 5 to 1 would join two classes"
