"""The images of a data set in BIDS, and the names of their masks."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_mobileunet.data import DataError
from monai_mobileunet.data.bids_names import BidsName, label_entities, misplaced
from monai_mobileunet.data.search import search_bids


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root: Path, *asked: object) -> dict[str, str]:
    """Masks of the images, by the paths of these."""
    return {
        item.images[0].relative_to(root).as_posix(): item.mask.as_posix() for item in search_bids(root, *asked).found
    }


@pytest.mark.parametrize(
    ("image", "whole", "of_a_class"),
    [
        ("sub-01_T1w.nii.gz", "sub-01_space-orig_desc-T1w_dseg", "sub-01_space-orig_label-liver_desc-T1w_mask"),
        ("sub-01_ses-2_acq-hi_run-1_T2w.nii", "sub-01_ses-2_acq-hi_run-1_space-orig_desc-T2w_dseg", None),
        ("sub-A_ct.nii.gz", "sub-A_space-orig_desc-ct_dseg", None),
        ("sub-01_space-MNI152_res-2_desc-preproc_T1w.nii.gz", "sub-01_space-MNI152_res-2_desc-preprocT1w_dseg", None),
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
        (("肝", "liver"), ("class1", "class2")),
    ],
)
def test_classes_are_labels_of_letters_and_digits(names: tuple[str, ...], labels: tuple[str, ...]):
    assert label_entities(names) == labels


def test_images_of_participants_alone_are_found_with_sessions_and_runs(tmp_path: Path):
    root = tree(
        tmp_path,
        *("sub-01/ses-1/anat/sub-01_ses-1_run-1_T1w.nii.gz", "sub-01/ses-1/anat/sub-01_ses-1_run-2_T1w.nii"),
        *("sub-02/anat/sub-02_T1w.nii.gz", "sub-02/anat/sub-02_T1w.json", "sub-02/anat/sub-02_label-x_mask.nii.gz"),
        *("sub-02/anat/deep/sub-02_T1w.nii.gz", "sub-02/func/sub-02_task-rest_bold.nii.gz", "sub-03/sub-03_T1w.nii.gz"),
        *(f"{other}/sub-09/anat/sub-09_T1w.nii.gz" for other in ("derivatives/x", "sourcedata", "code")),
    )
    assert found(root) == {
        "sub-01/ses-1/anat/sub-01_ses-1_run-1_T1w.nii.gz": (
            "sub-01/ses-1/anat/sub-01_ses-1_run-1_space-orig_desc-T1w_dseg.nii.gz"
        ),
        "sub-01/ses-1/anat/sub-01_ses-1_run-2_T1w.nii": (
            "sub-01/ses-1/anat/sub-01_ses-1_run-2_space-orig_desc-T1w_dseg.nii.gz"
        ),
        "sub-02/anat/sub-02_T1w.nii.gz": "sub-02/anat/sub-02_space-orig_desc-T1w_dseg.nii.gz",
    }
    search = search_bids(root)
    assert search.left_out == (
        "images that are no T1w (bold (1))",
        "labels (sub-02/anat/sub-02_label-x_mask.nii.gz)",
        "participants without a T1w (sub-03)",
    )
    (warned,) = search.warnings
    assert warned.path.endswith("sub-03/sub-03_T1w.nii.gz")
    assert list(found(root, "bold")) == ["sub-02/func/sub-02_task-rest_bold.nii.gz"]
    assert len(found(root, None, ["sub-01", "02"])) == len(found(root, None, ["01,02"])) == 3
    assert search_bids(root, None, ["01"]).warnings == ()
    assert any("has no T1w" in one.problem for one in search_bids(root, "T1w", ["02", "03"]).warnings)


@pytest.mark.parametrize(
    ("names", "asked", "said"),
    [
        (["T1w", "T2w", "FLAIR"], (), r"several suffixes: FLAIR \(2\), T1w \(2\), T2w \(2\).*--bids-suffix FLAIR"),
        (["T1w", "T2w"], ("T1",), r"no images T1; it has T1w \(2\), T2w \(2\)\. Type --bids-suffix T1w"),
        (["T1w"], (None, ["1"]), r"no participant 1; it has 01 \(2 in all\)\. Type --participant-label 01"),
        (["T1w"], (None, ["sub-xyz"]), r"no participant xyz; it has 01, 02 \(2 in all\)"),
        (["T1w"], (None, [""]), "--participant-label is empty"),
        (["mask"], (), "has no NIfTI images"),
    ],
)
def test_a_choice_that_is_open_or_wrong_is_refused_with_what_there_is(tmp_path: Path, names, asked, said: str):
    tree(tmp_path, *(f"sub-0{n}/anat/sub-0{n}_{name}.nii.gz" for name in names for n in (1, 2)))
    with pytest.raises(DataError, match=said):
        search_bids(tmp_path, *asked)


def test_a_participant_alone_has_the_suffix_of_the_whole_data_set(tmp_path: Path):
    root = tree(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz", "sub-02/anat/sub-02_T2w.nii.gz")
    with pytest.raises(DataError, match="several suffixes"):
        search_bids(root, None, ["02"])
    assert list(found(root, "T2w", ["02"])) == ["sub-02/anat/sub-02_T2w.nii.gz"]


def test_other_places_than_a_data_set_are_refused_with_what_to_type(tmp_path: Path):
    tree(tmp_path, "set/sub-01/pet/sub-01_pet.nii.gz", "other/a.nii.gz")
    with pytest.raises(DataError, match=r"-i \S+set --participant-label 01"):
        search_bids(tmp_path / "set" / "sub-01")
    with pytest.raises(DataError, match=r"no images in anat.*--bids-suffix pet"):
        search_bids(tmp_path / "set")
    with pytest.raises(DataError, match="leave out --bids"):
        search_bids(tmp_path / "other")
