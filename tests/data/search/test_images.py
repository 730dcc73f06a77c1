from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_mobileunet.data import DataError, find_images
from monai_mobileunet.data.search.images import search_images


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def places(root: Path, **options) -> dict[str, str]:
    """Mask by image, or by the images of several channels, relative to the folder."""
    return {
        " ".join(path.relative_to(root).as_posix() for path in item.images): item.mask.as_posix()
        for item in search_images(root, **options).found
    }


def test_images_are_found_in_a_tree_and_hidden_and_other_files_are_passed_over(tmp_path: Path):
    touched(tmp_path, "a/b/two.nii.gz", "one.nii", "a/._two.nii.gz", "notes.txt")
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


def test_links_are_followed_and_each_folder_is_searched_once_under_its_own_path(tmp_path: Path):
    root = touched(tmp_path / "in", "z/real.nii.gz")
    outside = touched(tmp_path / "outside", "b.nii.gz", "deep/c.nii.gz")
    (root / "a_link_to_z").symlink_to(root / "z")
    (root / "elsewhere").symlink_to(outside)
    (root / "again").symlink_to(outside / "deep")
    (root / "z" / "loop").symlink_to(root)
    (outside / "deep" / "up").symlink_to(outside)
    (root / "file.nii.gz").symlink_to(outside / "b.nii.gz")
    assert places(root) == {
        "again/c.nii.gz": "again/c.nii.gz",
        "elsewhere/b.nii.gz": "elsewhere/b.nii.gz",
        "file.nii.gz": "file.nii.gz",
        "z/real.nii.gz": "z/real.nii.gz",
    }


def test_links_that_lead_nowhere_are_named(tmp_path: Path):
    root = touched(tmp_path / "in", "a.nii.gz")
    (root / "gone.nii.gz").symlink_to("/nowhere/gone.nii.gz")
    (root / "itself.nii.gz").symlink_to(root / "itself.nii.gz")
    (root / "patient").symlink_to("/nowhere/patient")
    search = search_images(root, tmp_path / "out")
    assert [item.images[0].name for item in search.found] == ["a.nii.gz", "gone.nii.gz", "itself.nii.gz"]
    (warning,) = search.warnings
    assert warning.path == str(root / "patient")
    assert "is a link to /nowhere/patient, which does not exist" in warning.problem
    assert search.passed_over == ()
    assert len(find_images(root, output_dir=tmp_path / "out")) == 3


def test_outputs_of_runs_are_no_images_but_where_masks_are_looked_for(tmp_path: Path):
    root = touched(
        tmp_path / "in", "a.nii.gz", "out/a.nii.gz", "out/deep/b.nii.gz", "old/a.nii.gz", "old/.mobileunet/x"
    )
    (root / "link").symlink_to(root / "out" / "deep")
    search = search_images(root, root / "out")
    assert [item.mask.as_posix() for item in search.found] == ["a.nii.gz"]
    assert search.left_out == ("masks of an earlier run (old)",)
    assert places(root / "old") == {"a.nii.gz": "a.nii.gz"}, "what was asked for is searched"
    assert len(find_images(root, include_masks=True)) == 4


def test_an_output_around_the_images_does_not_hide_them(tmp_path: Path):
    root = touched(tmp_path / "images", "a.nii.gz", "deep/b.nii.gz")
    assert len(search_images(root, tmp_path).found) == 2


@pytest.mark.parametrize(
    ("labels", "images"),
    [
        (["labelsTr/a.nii.gz", "labelsTs/b.nii.gz"], ["imagesTr/a.nii.gz", "imagesTs/b.nii.gz"]),
        (["labels/train/a.nii.gz", "labels/b.nii.gz"], ["images/train/a.nii.gz", "images/b.nii.gz"]),
        (["s1/segmentations/liver.nii.gz", "s2/segmentations/liver.nii.gz"], ["s1/ct.nii.gz", "s2/ct.nii.gz"]),
        (["p1/seg.nii.gz", "p2/seg.nii.gz"], ["p1/t1.nii.gz", "p2/t1.nii.gz"]),
        (["p1/frame01_gt.nii.gz", "p1/x-label.nrrd"], ["p1/frame01.nii.gz", "p1/x.nrrd"]),
        (["p1/p1_seg.nii.gz"], ["p1/p1_t1.nii.gz", "p1/p1_t2.nii.gz"]),
        (["p1/a.seg.nrrd", "p2/Segmentation.seg.nrrd"], ["p1/a.nrrd", "p2/a.nii.gz"]),
        (["derivatives/sub-1/sub-1_T1w.nii.gz"], ["sub-1/anat/sub-1_T1w.nii.gz"]),
        (["sub-1/sub-1_dseg.nii.gz", "sub-1/sub-1_label-lesion_mask.nii.gz"], ["sub-1/sub-1_T1w.nii.gz"]),
    ],
    ids=[
        "decathlon",
        "pairs",
        "totalsegmentator",
        "folder per patient",
        "file beside",
        "brats",
        "slicer",
        "bids",
        "bids beside",
    ],
)
def test_labels_of_a_data_set_are_not_segmented_and_that_is_said(tmp_path: Path, labels, images):
    root = touched(tmp_path / "set", *labels, *images)
    search = search_images(root, tmp_path / "out")
    assert sorted(places(root)) == sorted(images)
    (said,) = search.left_out
    assert said.startswith("labels (")
    assert len(find_images(root, include_masks=True)) == len(labels) + len(images)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_what_a_dataset_json_lists_as_labels_is_none_whatever_its_name(tmp_path: Path, encoding: str):
    root = touched(tmp_path, "scans/a.nii.gz", "truth/a.nii.gz", "truth/other.nii.gz", "only/a.nii.gz")
    entries = [{"image": "./scans/a.nii.gz", "label": "truth/a.nii.gz"}, {"image": "only/a.nii.gz"}]
    described = {"description": "Übung", "training": entries}
    (root / "dataset.json").write_text(json.dumps(described, ensure_ascii=False), encoding=encoding)
    assert sorted(places(root)) == ["only/a.nii.gz", "scans/a.nii.gz", "truth/other.nii.gz"]
    (root / "dataset.json").write_text("no json")
    assert len(places(root)) == 4


def test_a_name_alone_makes_no_label(tmp_path: Path):
    root = touched(tmp_path, "first_mask.nii.gz", "other.nii.gz", "seg/third.nii.gz")
    assert len(places(root)) == 2, "seg/ lies beside images, first_mask has none"
    assert len(places(touched(tmp_path / "x", "labels/a.nii.gz", "masks/b.nii.gz"))) == 2


def test_a_folder_of_labels_alone_is_taken_when_it_is_asked_for(tmp_path: Path):
    root = touched(tmp_path, "imagesTr/a.nii.gz", "labelsTr/a_seg.nii.gz", "labelsTr/b_seg.nii.gz")
    assert len(places(root / "labelsTr")) == 2


CHANNELS = {"a": ["a_0000.nii.gz", "a_0001.nii.gz"], "b": ["b_0000.nii.gz", "b_0001.nii.gz"]}


def test_several_channels_of_nnunet_are_one_case_and_one_channel_keeps_its_name(tmp_path: Path):
    root = touched(tmp_path / "two", *(f"imagesTs/{name}" for names in CHANNELS.values() for name in names))
    assert places(root) == {
        "imagesTs/a_0000.nii.gz imagesTs/a_0001.nii.gz": "imagesTs/a.nii.gz",
        "imagesTs/b_0000.nii.gz imagesTs/b_0001.nii.gz": "imagesTs/b.nii.gz",
    }
    (case, _) = find_images(root, output_dir=tmp_path / "out")
    assert case == {
        "image": [str(root / "imagesTs" / name) for name in CHANNELS["a"]],
        "mask": str(tmp_path / "out" / "imagesTs" / "a.nii.gz"),
    }
    one = touched(tmp_path / "one", "a_0000.nii.gz", "b_0000.nii.gz")
    assert set(places(one).values()) == {"a_0000.nii.gz", "b_0000.nii.gz"}
    assert search_images(one).warnings == ()


def test_a_label_or_the_dataset_json_tells_channels_of_a_single_case(tmp_path: Path):
    root = touched(tmp_path, *(f"imagesTr/{name}" for name in CHANNELS["a"]))
    search = search_images(root)
    assert len(search.found) == 2
    assert "each was taken for a case of its own" in search.warnings[0].problem
    (root / "dataset.json").write_text('{"channel_names": {"0": "T1", "1": "T2"}}')
    assert list(places(root / "imagesTr").values()) == ["a.nii.gz"]
    (root / "dataset.json").unlink()
    touched(root, "labelsTr/a.nii.gz")
    assert list(places(root).values()) == ["imagesTr/a.nii.gz"]


def test_patients_that_are_numbered_on_stay_cases_of_their_own(tmp_path: Path):
    root = touched(tmp_path, *(f"img_{number:04d}.nii.gz" for number in range(12)))
    search = search_images(root)
    assert len(search.found) == 12
    assert search.warnings == ()


def test_a_case_without_one_of_its_channels_is_named(tmp_path: Path):
    root = touched(tmp_path, "imagesTr/a_0000.nii", "imagesTr/a_0001.nii", "imagesTr/b_0000.nii", "labelsTr/a.nii")
    (warning,) = search_images(root).warnings
    assert warning.path.endswith("b_0000.nii")
    assert "has 1 channel" in warning.problem


def test_every_mask_has_a_place_of_its_own(tmp_path: Path):
    root = touched(tmp_path / "in", "p1.nii.gz", "p1.nrrd", "p2.nrrd", "deep/p3.nii", "p4.mha", "p4.mhd")
    out = tmp_path / "out"
    with pytest.raises(SystemExit, match=r"p4\.mh[ad]: would have the same mask as"):
        find_images(root, True, out)
    (root / "p4.mhd").unlink()
    assert {Path(case["image"]).name: case["mask"] for case in find_images(root, True, out)} == {
        "p1.nii.gz": str(out / "p1.nii.gz"),
        "p1.nrrd": str(out / "p1.nrrd"),
        "p2.nrrd": str(out / "p2.nii.gz"),
        "p3.nii": str(out / "deep" / "p3.nii.gz"),
        "p4.mha": str(out / "p4.nii.gz"),
    }


def test_masks_among_the_images_are_refused(tmp_path: Path):
    root = touched(tmp_path, "a.nrrd")
    with pytest.raises(DataError, match="the next run would take the masks in it for images"):
        find_images(root, output_dir=root)
    with pytest.raises(DataError, match="would take the place of an image"):
        find_images(touched(root, "b.nii.gz"), output_dir=root)


def test_dicom_files_without_a_series_are_named(tmp_path: Path):
    root = touched(tmp_path, "a.nii.gz", "scan/1", "disc/DICOMDIR")
    report = b"1.2.840.10008.5.1.4.1.1.88.11\0"
    for name in ("scan/1", "disc/DICOMDIR"):
        (root / name).write_bytes(bytes(128) + b"DICM\x08\0\x16\0UI" + bytes([len(report), 0]) + report)
    (warning,) = search_images(root).warnings
    assert warning.path == str(root / "scan")
    assert "no series with images" in warning.problem


def test_pictures_are_images_only_where_no_volume_lies(tmp_path: Path):
    volumes = touched(tmp_path / "volumes", "a/ct.nii.gz", "a/preview.png", "shots/b.JPG", "notes.txt")
    search = search_images(volumes)
    assert [item.images for item in search.found] == [(volumes / "a/ct.nii.gz",)]
    assert search.passed_over == ((".jpg", 1), (".png", 1), (".txt", 1))
    pictures = touched(tmp_path / "pictures", "a/x.JPG", "a/y.png", "y_mask.png", "y.tif", "masks/y.png", "notes.txt")
    assert places(pictures) == {"a/x.JPG": "a/x.png", "a/y.png": "a/y.png", "y.tif": "y.tif"}
    assert search_images(pictures).left_out == ("labels (masks and 1 more)",)
    assert [case.get("mask") for case in find_images(pictures, output_dir=tmp_path / "out")] == [
        str(tmp_path / "out" / name) for name in ("a/x.png", "a/y.png", "y.tif")
    ]
    touched(pictures, "a/y.jpeg")
    with pytest.raises(DataError, match=r"would have the same mask as"):
        find_images(pictures, output_dir=tmp_path / "out")
