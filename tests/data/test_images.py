from pathlib import Path

import pytest

from monai_mobileunet.data import DataError, find_images


def test_images_are_found_in_a_tree_and_hidden_and_other_files_are_passed_over(tmp_path: Path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("a/b/two.nii.gz", "one.nii", "a/._two.nii.gz", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert find_images(tmp_path) == [{"image": str(tmp_path / "a/b/two.nii.gz")}, {"image": str(tmp_path / "one.nii")}]


def test_nothing_to_do_is_an_error_that_says_what_was_looked_for(tmp_path: Path):
    with pytest.raises(DataError, match=r"no images in it.*\.nii\.gz"):
        find_images(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        find_images(tmp_path / "nowhere")
    (tmp_path / "one.nii").write_bytes(b"")
    with pytest.raises(DataError, match="is a file"):
        find_images(tmp_path / "one.nii")
    with pytest.raises(SystemExit, match=r"error: .*no such folder"):
        find_images(tmp_path / "nowhere", exit_on_error=True)
