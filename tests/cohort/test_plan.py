from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from monai_mobileunet.cohort.plan import plan_dataset, plan_run
from monai_mobileunet.data import DataError


def touched(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def dicom(folder: Path, *names: str, uid: str = "1.2.3") -> None:
    """The beginning of a header, which is all that a plan is made from."""
    for name in names:
        touched(folder, name)
        kind, series = b"1.2.840.10008.5.1.4.1.1.2\0", uid.encode() + b"\0" * (len(uid) % 2)
        elements = (
            b"\x08\0\x16\0UI" + bytes([len(kind), 0]) + kind + b"\x20\0\x0e\0UI" + bytes([len(series), 0]) + series
        )
        (folder / name).write_bytes(bytes(128) + b"DICM" + elements)


def places(plan) -> dict[str, str]:
    return {case.images[0].name: case.outputs[0].relative_to(plan.output).as_posix() for case in plan.cases}


def test_masks_lie_as_the_images_lie_and_have_their_names(tmp_path: Path):
    root = touched(tmp_path / "in", "a.nii.gz", "deep/er/b.NII", "deep/c.nrrd", "d.mha", ".hidden.nii", ".h/x.nii")
    touched(root, "notes.txt", "table.csv", "other.csv", "e.1234")
    plan = plan_run(root, tmp_path / "out")
    assert places(plan) == {
        "a.nii.gz": "a.nii.gz",
        "b.NII": "deep/er/b.NII",
        "c.nrrd": "deep/c.nrrd",
        "d.mha": "d.mha",
    }
    assert dict(plan.passed_over) == {".txt": 1, ".csv": 2, "": 1}
    assert [case.name for case in plan.cases] == ["a", "d", "deep/c", "deep/er/b"]


def test_with_split_a_mask_is_a_folder(tmp_path: Path):
    plan = plan_run(touched(tmp_path / "in", "s/a.nii.gz"), tmp_path / "out", ["liver", "spleen"])
    folder = tmp_path / "out" / "s" / "a"
    assert plan.cases[0].outputs == (folder / "liver.nii.gz", folder / "spleen.nii.gz")


def test_a_single_image(tmp_path: Path):
    image = touched(tmp_path, "deep/a.nii.gz") / "deep" / "a.nii.gz"
    assert places(plan_run(image, tmp_path / "out")) == {"a.nii.gz": "a.nii.gz"}


def test_the_output_is_not_searched_and_masks_of_an_earlier_run_are_no_images(tmp_path: Path):
    root = touched(tmp_path / "in", "a.nii.gz", "masks/a.nii.gz")
    assert len(plan_run(root, root / "masks").cases) == 1


def test_outputs_of_earlier_runs_are_no_images_and_linked_folders_are_searched_once(tmp_path: Path):
    root = touched(tmp_path / "in", "a.nii.gz", "earlier/a.nii.gz", "earlier/.mobileunet/journal.jsonl")
    elsewhere = touched(tmp_path / "elsewhere", "b.nii.gz")
    (root / "link").symlink_to(elsewhere)
    (root / "loop").symlink_to(root)
    assert places(plan_run(root, tmp_path / "out")) == {"a.nii.gz": "a.nii.gz", "b.nii.gz": "link/b.nii.gz"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path):
    root = touched(tmp_path / "in", "a.nii.gz", "closed/b.nii.gz")
    (root / "closed").chmod(0)
    assert plan_run(root, tmp_path / "out").unreadable == (str(root / "closed"),)
    (root / "closed").chmod(0o700)


def test_every_case_has_a_name_of_its_own(tmp_path: Path):
    plan = plan_run(touched(tmp_path / "in", "a.nii", "a.nii.gz", "a.nii.nii.gz", "b.nii"), tmp_path / "out")
    assert [case.name for case in plan.cases] == ["a.nii", "a.nii.gz", "a.nii.nii.gz", "b.nii"]


def test_masks_of_images_in_two_files_are_planned_as_one_file(tmp_path: Path):
    plan = plan_run(touched(tmp_path / "in", "a.mhd", "a.raw", "b.nhdr"), tmp_path / "out")
    assert places(plan) == {"a.mhd": "a.mha", "b.nhdr": "b.nrrd"}


def test_masks_never_take_the_place_of_images(tmp_path: Path):
    root = touched(tmp_path / "in", "a.nii.gz", "b.nii.gz")
    with pytest.raises(DataError, match="would take the place of an image") as error:
        plan_run(root, root)
    assert len(error.value.findings) == 2


def test_the_folder_of_the_images_is_no_output(tmp_path: Path):
    dicom(tmp_path / "in" / "ct", "1")
    with pytest.raises(DataError, match="the next run would take the masks in it for images"):
        plan_run(tmp_path / "in", tmp_path / "in")


def test_two_cases_with_one_mask_are_refused_and_both_named(tmp_path: Path):
    root = touched(tmp_path / "in", "ct.nii.gz")
    dicom(root / "ct", "1.dcm")
    with pytest.raises(DataError, match=r"ct: would have the same mask as .*ct\.nii\.gz"):
        plan_run(root, tmp_path / "out")
    other = touched(tmp_path / "split", "a.nii", "a.nii.gz")
    assert [case.name for case in plan_run(other, tmp_path / "out").cases] == ["a.nii", "a.nii.gz"]
    with pytest.raises(DataError, match="would have the same mask"):
        plan_run(other, tmp_path / "out", ["liver"])
    inside = touched(tmp_path / "inside", "a.nii.gz", "a/liver.nii.gz")
    with pytest.raises(DataError, match=r"liver\.nii\.gz: the mask would take the place of an image"):
        plan_run(inside, inside, ["liver"])


def test_dicom_series_are_named_after_their_folder(tmp_path: Path):
    root = tmp_path / "in"
    dicom(root / "patient" / "ct", "IM.1.2.840", "IM.1.2.841")
    for number in ("1", "2"):
        dicom(root / "two", number, uid=f"1.2.{number}")
    plan = plan_run(root, tmp_path / "out")
    assert places(plan) == {
        "ct": "patient/ct.nii.gz",
        "1": "two_series_001.nii.gz",
        "2": "two_series_002.nii.gz",
    }
    assert plan.passed_over == ()
    assert places(plan_run(root / "patient" / "ct", tmp_path / "out")) == {"ct": "ct.nii.gz"}


def written(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_list_names_cases_of_one_or_several_files(tmp_path: Path):
    entries = [
        "a.nii.gz",
        {"image": "deep/b.nrrd"},
        {"image": ["t1.nii.gz", "t2.nii.gz"], "name": "visit/first"},
        ["x1.nii", "x2.nii"],
        {"image": "/elsewhere/c.nii.gz"},
    ]
    plan = plan_run(written(tmp_path / "list.json", entries), tmp_path / "out")
    assert places(plan) == {
        "a.nii.gz": "a.nii.gz",
        "b.nrrd": "deep/b.nrrd",
        "t1.nii.gz": "visit/first.nii.gz",
        "x1.nii": "x1.nii",
        "c.nii.gz": "c.nii.gz",
    }
    by_name = {case.name: case.images for case in plan.cases}
    assert by_name["visit/first"] == (tmp_path / "t1.nii.gz", tmp_path / "t2.nii.gz")
    decathlon = {"training": ["no.nii"], "testing": ["./imagesTs/a.nii.gz"]}
    assert places(plan_run(written(tmp_path / "dataset.json", decathlon), tmp_path / "out")) == {
        "a.nii.gz": "imagesTs/a.nii.gz"
    }


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("no json", "is not valid JSON"),
        ([], "holds no list of cases"),
        ({"training": ["a.nii"]}, "nor a 'testing' list"),
        ([{"label": "a.nii"}], "names no image"),
        ([[]], "names no image"),
        ([3], "names no image"),
        ([{"image": "a.nii", "name": "../../x"}], "leaves the output folder"),
        ([{"image": "a.nii", "name": ""}], "is empty, hidden"),
        ([{"image": "a.nii", "name": ".mobileunet/journal"}], "is empty, hidden"),
        ([{"image": "a.nii", "name": "x.mhd"}], r"Write x\.mha"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, content, found: str):
    with pytest.raises(DataError, match=found):
        plan_run(written(tmp_path / "list.json", content), tmp_path / "out")


def test_nothing_to_segment_says_what_was_seen(tmp_path: Path):
    with pytest.raises(DataError, match=r"no images in it \(found: 2 \.gif, 1 \.txt\)"):
        plan_run(touched(tmp_path / "in", "a.gif", "b.gif", "c.txt"), tmp_path / "out")
    with pytest.raises(DataError, match="no such file or folder"):
        plan_run(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no images in it"):
        plan_run(tmp_path / "empty", tmp_path / "out")


def test_known_images_keep_the_folders_that_they_do_not_share(tmp_path: Path):
    images = [tmp_path / "x" / "one" / "a.nii", tmp_path / "x" / "two" / "a.nii"]
    plan = plan_dataset([{"image": str(image)} for image in images], tmp_path / "out", tmp_path)
    assert [case.outputs[0].relative_to(tmp_path / "out").as_posix() for case in plan.cases] == [
        "one/a.nii",
        "two/a.nii",
    ]
