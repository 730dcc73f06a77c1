"""The images of a data set in BIDS."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_mobileunet.data import DataError
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
    assert [(Path(one.path).relative_to(root).as_posix(), one.problem.split()[1]) for one in search.warnings] == [
        ("sub-02/anat/deep/sub-02_T1w.nii.gz", "below"),
        ("sub-03/sub-03_T1w.nii.gz", "not"),
    ]
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
    with pytest.raises(DataError, match=r"no T1w of sub-02; of these it has T2w \(1\)\..*or type --bids-suffix T2w"):
        search_bids(root, "T1w", ["02"])


def test_a_participant_without_the_images_that_all_others_have_is_refused_alone_and_named_beside_others(tmp_path: Path):
    root = tree(tmp_path, "sub-01/anat/sub-01_T1w.nii.gz", "sub-02/func/sub-02_task-rest_bold.nii.gz")
    with pytest.raises(DataError, match=r"no T1w in anat of sub-02; of these it has bold \(1\)\..*--bids-suffix bold"):
        search_bids(root, None, ["02"])
    for suffix in (None, "T1w"):
        (warned,) = search_bids(root, suffix, ["01", "02"]).warnings
        assert (Path(warned.path).name, warned.problem) == ("sub-02", "has no T1w.")


def test_folders_that_are_not_searched_and_cannot_be_are_told_of_the_wanted_participants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root = tree(
        tmp_path, *(f"sub-0{n}/{kind}/sub-0{n}_T1w.nii.gz" for n in (1, 2) for kind in ("anat", "perf", "shut"))
    )
    listed = os.listdir

    def refusing(path: Path) -> list[str]:
        if Path(path).name == "shut":
            raise PermissionError
        return listed(path)

    monkeypatch.setattr(os, "listdir", refusing)
    search = search_bids(root, None, ["02"])
    assert [item.images[0].parent.name for item in search.found] == ["anat"]
    assert search.unreadable == (str(root / "sub-02" / "shut"),)
    (warned,) = search.warnings
    assert str(warned).endswith(
        "sub-02/perf/sub-02_T1w.nii.gz: lies in perf, where none is looked for; it is left out. "
        "Type --bids-suffix T1w for all folders."
    )
    assert len(search_bids(root, "T1w", ["02"]).found) == 2
    with pytest.raises(DataError, match=r"no T2w of sub-02; of these it has T1w \(2\), and \S+shut cannot be searched"):
        search_bids(root, "T2w", ["02"])


def test_other_places_than_a_data_set_are_refused_with_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tree(tmp_path, "set/sub-01/pet/sub-01_pet.nii.gz", "a set/sub-01/pet/sub-01_pet.nii.gz", "other/a.nii.gz")
    with pytest.raises(DataError, match=r"-i \S+set --participant-label 01"):
        search_bids(tmp_path / "set" / "sub-01")
    monkeypatch.chdir(tmp_path / "a set" / "sub-01")
    with pytest.raises(DataError, match=r"-i '/\S+/a set' --participant-label 01"):
        search_bids(Path("."))
    with pytest.raises(DataError, match=r"no images in anat.*--bids-suffix pet"):
        search_bids(tmp_path / "set")
    with pytest.raises(DataError, match="leave out --bids"):
        search_bids(tmp_path / "other")
