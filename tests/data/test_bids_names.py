"""What names in BIDS say, and the names of masks."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_mobileunet.cohort.options import split_names
from monai_mobileunet.data import DataError
from monai_mobileunet.data.bids_names import BidsName, label_entities, misplaced


@pytest.mark.parametrize(
    ("image", "whole", "of_a_class"),
    [
        ("sub-01_T1w.nii.gz", "sub-01_space-orig_desc-T1w_dseg", "sub-01_space-orig_label-liver_desc-T1w_mask"),
        ("sub-01_ses-2_acq-hi_run-1_T2w.nii", "sub-01_ses-2_acq-hi_run-1_space-orig_desc-T2w_dseg", None),
        ("sub-A_ct.nii.gz", "sub-A_space-orig_desc-ct_dseg", None),
        ("sub-01_space-MNI152_res-2_desc-preproc_T1w.nii.gz", "sub-01_space-MNI152_res-2_desc-preprocT1w_dseg", None),
        ("sub-01_chunk-2_split-1_ct.nii.gz", "sub-01_space-orig_split-1_chunk-2_desc-ct_dseg", None),
        ("sub-01_desc-preproc_space-MNI152_T1w.nii.gz", "sub-01_space-MNI152_desc-preprocT1w_dseg", None),
    ],
)
def test_a_mask_has_the_entities_of_its_image_and_keeps_its_suffix(image: str, whole: str, of_a_class: str | None):
    name = BidsName.of(image)
    assert name.derived() == whole
    assert of_a_class in (None, name.derived("liver"))
    assert BidsName.of(f"{whole}.nii.gz").source == name.source, "so that it finds back to its image"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("sub-01/anat/sub-01_T1w.nii.gz", ""),
        ("sub-01/ses-a/anat/sub-01_ses-a_T1w.nii", ""),
        ("sub-01/anat/T1w.nii.gz", "is not named"),
        ("sub-01/anat/sub-01_acq-a-b_T1w.nii.gz", "is not named"),
        ("sub-01/anat/sub-01_T1w copy.nii.gz", "is not named"),
        ("sub-01/anat/sub-01_T1w.nrrd", "is no .nii.gz"),
        ("sub-01/anat/sub-02_T1w.nii.gz", "does not lie"),
        ("sub-01/anat/sub-01_ses-a_T1w.nii.gz", "does not lie"),
        ("sub-01/ses-a/sub-01_T1w.nii.gz", "does not lie"),
        ("sub-01/sub-01_T1w.nii.gz", "does not lie"),
    ],
)
def test_what_bids_has_no_such_image_is_told(path: str, reason: str):
    assert misplaced(Path(path)).startswith(reason)
    assert bool(misplaced(Path(path))) == bool(reason)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("left parotid", "SpinalCord", "V4"), ("leftParotid", "SpinalCord", "V4")),
        (("a b", "a_b"), ("class1", "class2")),
        (("Liver", "liver"), ("class1", "class2")),
        (("肝", "liver"), ("class1", "class2")),
    ],
)
def test_classes_are_labels_of_letters_and_digits(names: tuple[str, ...], labels: tuple[str, ...]):
    assert label_entities(names) == labels


def test_files_of_two_classes_are_two_where_case_does_not_count_too():
    assert split_names(("left lung", "right lung")) == ("left_lung", "right_lung")
    with pytest.raises(DataError, match="two classes have one file name"):
        split_names(("Liver", "liver"))


@pytest.mark.parametrize(
    ("segmentation", "image", "fits"),
    [
        ("sub-01_dseg", "sub-01_T1w", True),
        ("sub-01_desc-manual_dseg", "sub-01_T1w", True),
        ("sub-01_desc-correct_dseg", "sub-01_T1w", True),
        ("sub-01_space-orig_desc-T1w_dseg", "sub-01_T1w", True),
        ("sub-01_space-T1w_dseg", "sub-01_T1w", True),
        ("sub-01_space-T1w_dseg", "sub-01_T2w", False),
        ("sub-01_desc-T2w_dseg", "sub-01_T1w", False),
        ("sub-01_desc-preprocT2w_dseg", "sub-01_T1w", False),
        ("sub-01_desc-odd_dseg", "sub-01_T1w", False),
        ("sub-01_run-1_dseg", "sub-01_T1w", False),
        ("sub-01_space-MNI152_desc-manual_dseg", "sub-01_T1w", False),
        ("sub-01_space-MNI152_desc-preprocct_dseg", "sub-01_space-MNI152_desc-preproc_T1w", False),
        ("sub-01_space-MNI152_desc-preprocT1w_dseg", "sub-01_space-MNI152_desc-preproc_T1w", True),
        ("sub-01_dseg", "sub-01_space-MNI152_T1w", False),
    ],
)
def test_a_segmentation_is_that_of_an_image_with_its_entities_its_space_and_no_other_suffix(segmentation, image, fits):
    assert BidsName.of(f"{segmentation}.nii.gz").may_be_of(BidsName.of(f"{image}.nii.gz"), ("odd",)) == fits
