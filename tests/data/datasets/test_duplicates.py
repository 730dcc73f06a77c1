"""Cases that are there twice, by whatever name."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_mobileunet.data import DataError, check_dataset, load_cases
from monai_mobileunet.data.datasets.duplicates import find_copies, find_repeats


def lists(dataset: Path, **sections: list[object]) -> Path:
    content = json.loads((dataset / "dataset.json").read_text())
    (dataset / "dataset.json").write_text(json.dumps({**content, **sections}))
    return dataset


def pair(image: str, label: str | None = None) -> dict[str, str]:
    return {"image": f"imagesTr/{image}.nii.gz", "label": f"labelsTr/{label or image}.nii.gz"}


def wrong(dataset: Path) -> list[str]:
    """What check says, after it is held to say what training says."""
    findings, _ = check_dataset(dataset, 3, progress=False)
    errors = [str(finding) for finding in findings if not finding.warning]
    for part in ("training", "validation"):
        if errors:
            with pytest.raises(DataError):
                load_cases(str(dataset), part, num_classes=3, folds=3)
        else:
            load_cases(str(dataset), part, num_classes=3, folds=3)
    return errors


SIX = [pair(f"toy_{number:03d}") for number in range(1, 7)]


def test_a_sound_data_set_is_fine(own_dataset: Path):
    assert wrong(own_dataset) == []
    assert wrong(lists(own_dataset, training=SIX[:4], validation=SIX[4:])) == []


def test_a_validation_case_that_is_trained_on_is_refused(own_dataset: Path):
    (message,) = wrong(lists(own_dataset, training=SIX, validation=[SIX[1]]))
    assert "toy_002.nii.gz: is a case of 'validation' and of 'training'" in message


@pytest.mark.parametrize("how", [os.symlink, os.link, shutil.copy, "packed again"])
def test_another_name_does_not_hide_it(own_dataset: Path, how):
    first, other = (own_dataset / "imagesTr" / f"{name}.nii.gz" for name in ("toy_001", "new"))
    if how == "packed again":
        other.write_bytes(gzip.compress(gzip.decompress(first.read_bytes()), compresslevel=1, mtime=7))
    else:
        how(first, other)
    shutil.copy(own_dataset / "labelsTr" / "toy_001.nii.gz", own_dataset / "labelsTr" / "new.nii.gz")
    (message,) = wrong(lists(own_dataset, training=SIX, validation=[pair("new")]))
    assert str(other) in message
    assert "'training'" in message


def test_a_case_that_is_listed_twice_is_refused(own_dataset: Path):
    (message,) = wrong(lists(own_dataset, training=[*SIX, SIX[2]]))
    assert "toy_003.nii.gz: is listed twice in 'training'" in message


def test_copies_in_one_list_are_a_warning(own_dataset: Path):
    shutil.copy(own_dataset / "imagesTr" / "toy_001.nii.gz", own_dataset / "imagesTr" / "zz.nii.gz")
    dataset = lists(own_dataset, training=[*SIX, pair("zz", "toy_001")])
    assert wrong(dataset) == []
    findings, _ = check_dataset(dataset, 3, progress=False)
    assert [finding.path for finding in findings] == [str(own_dataset / "imagesTr" / "zz.nii.gz")]


def test_test_images_that_are_trained_on_are_a_warning(own_dataset: Path):
    shutil.copy(own_dataset / "imagesTr" / "toy_001.nii.gz", own_dataset / "copy.nii.gz")
    tested = ["imagesTr/toy_002.nii.gz", {"image": "copy.nii.gz"}, 7, "missing.nii.gz"]
    findings, _ = check_dataset(lists(own_dataset, test=tested), 3, progress=False)
    assert [Path(finding.path).name for finding in findings] == ["toy_002.nii.gz", "copy.nii.gz"]
    assert all(finding.warning for finding in findings)


def test_a_subject_on_both_sides_of_a_written_split_is_a_warning(own_dataset: Path, caplog: pytest.LogCaptureFixture):
    dataset = lists(own_dataset, training=SIX[:3], validation=SIX[3:])
    load_cases(str(dataset), subject_of=lambda name: (int(name[-3:]) + 1) // 2)
    assert "toy_004.nii.gz: is of the same subject as toy_003.nii.gz" in caplog.text


def test_files_of_one_size_are_no_copies(tmp_path: Path):
    for name, content in {"a": b"1" * 300_000, "b": b"1" * 299_999 + b"2", "c": b"1" * 300_000}.items():
        (tmp_path / f"{name}.nii").write_bytes(content)
    assert find_copies(sorted(tmp_path.iterdir())) == [(tmp_path / "a.nii", tmp_path / "c.nii")]


def test_headers_whose_voxels_lie_elsewhere_are_no_copies(tmp_path: Path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t1.mhd").write_bytes(b"ElementDataFile = t1.raw")
    assert find_copies(sorted(tmp_path.rglob("*.mhd"))) == []


def test_one_channel_that_is_alike_is_a_warning_only(tmp_path: Path):
    """Zeros in the place of what was not scanned."""
    cases = []
    for number in (1, 2):
        channels = [tmp_path / f"p{number}_{channel}.nii.gz" for channel in (0, 1)]
        for channel, path in enumerate(channels):
            nibabel.save(nibabel.Nifti1Image(np.full((4, 5, 6), number * (1 - channel), np.int16), np.eye(4)), path)
        cases.append({"image": [str(path) for path in channels], "label": str(tmp_path / f"l{number}.nii.gz")})
    findings = find_repeats({"training": cases[:1], "validation": cases[1:]}, True)
    assert [finding.warning for finding in findings] == [True]
