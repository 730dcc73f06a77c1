"""Whose segmentation a file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_mobileunet.case_record import CaseRecord
from monai_mobileunet.cohort.pairing import Paired, find_references, pair_files
from monai_mobileunet.data import DataError
from monai_mobileunet.data.datasets.listing import Case
from monai_mobileunet.data.datasets.naming import image_files, name_cases, name_of


def made(root: Path, *names: str) -> list[Path]:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return [root / name for name in names]


def case(data: Path, image: str, label: str) -> Case:
    paths = made(data, image, label)
    return {"image": str(paths[0]), "label": str(paths[1])}


def pair_masks(cases: list[Case], masks: Path, class_files: tuple[str, ...] = ()) -> dict[str, Paired]:
    records = [CaseRecord(name_of(case), image_files(case), label=Path(case["label"])) for case in cases]
    return pair_files(records, masks, class_files)


def pairs(cases: list[Case], masks: Path) -> dict[str, list[str]]:
    found = pair_masks(name_cases(cases), masks, ("a", "b"))
    return {name: [path.relative_to(masks).as_posix() for path in one.files] for name, one in found.items()}


@pytest.mark.parametrize("mask", ["x_0000.nii.gz", "x.nii.gz", "below/x.nrrd", "x.mha"])
def test_the_channel_s_number_may_stand_in_the_mask_s_name_or_not(tmp_path: Path, mask: str):
    cases = [case(tmp_path / "data", "imagesTr/x_0000.nii.gz", "labelsTr/x.nii.gz")]
    made(tmp_path / "masks", mask)
    assert pairs(cases, tmp_path / "masks") == {"x": [mask]}


def test_four_digits_are_the_case_s_own_where_no_label_lacks_them(tmp_path: Path):
    cases = [case(tmp_path / "d", f"images/p_{n}.nii", f"labels/p_{n}.nii") for n in ("0001", "0002")]
    made(tmp_path / "masks", "p_0002.nii", "p.nii")
    assert pairs(cases, tmp_path / "masks") == {"p_0001": [], "p_0002": ["p_0002.nii"]}


def test_images_of_one_name_in_two_formats_have_masks_in_these(tmp_path: Path):
    cases = [case(tmp_path / "d", f"i/p1{suffix}", f"l/p1{suffix}") for suffix in (".nrrd", ".nii.gz")]
    made(tmp_path / "masks", "p1.nrrd", "p1.nii.gz")
    assert pairs(cases, tmp_path / "masks") == {"p1.nrrd": ["p1.nrrd"], "p1.nii.gz": ["p1.nii.gz"]}


def test_two_masks_of_one_case_are_said(tmp_path: Path):
    cases = [case(tmp_path / "d", "i/p1.nrrd", "l/p1.nrrd")]
    made(tmp_path / "masks", "p1.nrrd", "p1.nii.gz")
    (masks,) = pair_masks(cases, tmp_path / "masks").values()
    assert masks.files == ()
    assert "p1.nii.gz: has the same case name as" in str(masks.problem)


def test_the_nearest_place_counts(tmp_path: Path):
    cases = [case(tmp_path / "d", f"p{n}/t1.nii", f"p{n}/seg.nii") for n in (1, 2)]
    made(tmp_path / "masks", "p1/t1.nii", "t1.nii", "p2/other.nii")
    found = pair_masks(name_cases(cases), tmp_path / "masks")
    assert [path.parent.name for path in found["p1"].files] == ["p1"]
    assert found["p2"].files == ()
    assert "t1.nii: has the same case name as several cases, of p1 and of p2" in str(found["p2"].problem)


def test_hidden_folders_and_the_data_set_s_own_files_are_no_masks(tmp_path: Path):
    cases = [case(tmp_path, "images/x.nii", "labels/x.nii")]
    made(tmp_path, "masks/.mobileunet/replaced/x.nii")
    assert pairs(cases, tmp_path) == {"x": []}
    assert pairs(cases, tmp_path / "masks") == {name_of(cases[0]): []}


def test_a_file_for_each_class(tmp_path: Path):
    cases = [case(tmp_path / "d", f"i/x{n}.nii", f"l/x{n}.nii") for n in (1, 2)]
    made(tmp_path / "masks", "x1/b.nii.gz", "x1/a.nii.gz", "x2/a.nii.gz")
    found = pair_masks(cases, tmp_path / "masks", ("a", "b"))
    assert [path.name for path in found["x1"].files] == ["a.nii.gz", "b.nii.gz"]
    assert "has no file for b" in str(found["x2"].problem)


def test_a_data_set_may_be_named_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made(tmp_path, "set/images/x.nii", "set/labels/x.nii", "masks/x.nii")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    cases: list[Case] = [{"image": "../set/images/x.nii", "label": "../set/labels/x.nii"}]
    assert pairs(cases, Path("../masks")) == {"x": ["x.nii"]}


@pytest.mark.parametrize("reference", ["p1/seg.nii", "p1/anything.nii", "p1/t1.nii"])
def test_a_reference_may_be_the_only_label_in_the_folder_of_its_case(tmp_path: Path, reference: str):
    cases = [CaseRecord(f"p{n}/t1", tuple(made(tmp_path, f"in/p{n}/t1.nii"))) for n in (1, 2)]
    made(tmp_path / "references", reference, "p2/seg.nii", "p2/notes.nii")
    found = find_references(cases, tmp_path / "references")
    assert [case.label and case.label.relative_to(tmp_path / "references").as_posix() for case in found] == [
        reference,
        "p2/seg.nii",
    ]


def test_references_that_may_be_of_several_cases_or_of_none_are_refused(tmp_path: Path):
    cases = [CaseRecord(f"p{n}/t1", tuple(made(tmp_path, f"in/p{n}/t1.nii"))) for n in (1, 2)]
    made(tmp_path / "one", "t1.nii")
    with pytest.raises(DataError, match="several cases, of p1/t1 and of p2/t1"):
        find_references(cases, tmp_path / "one")
    made(tmp_path / "none", "x.nii")
    with pytest.raises(DataError, match="has no reference for any case, such as p1/t1"):
        find_references(cases, tmp_path / "none")


def test_a_reference_in_the_very_place_of_its_case_is_preferred_to_deeper_ones(tmp_path: Path):
    cases = [CaseRecord(name, tuple(made(tmp_path, f"in/{name}.nii"))) for name in ("x", "old/x")]
    made(tmp_path / "references", "x.nii", "old/x.nii", "other/x.nii")
    found = find_references(cases, tmp_path / "references")
    assert [case.label for case in found] == made(tmp_path / "references", "x.nii", "old/x.nii")


def test_masks_that_are_to_be_written_are_no_references(tmp_path: Path):
    (mask,) = made(tmp_path / "references", "out/x.nii")
    made(tmp_path / "references", "below/x.nii")
    case = CaseRecord("x", tuple(made(tmp_path, "in/x.nii")), (mask,))
    (found,) = find_references([case], tmp_path / "references")
    assert found.label == tmp_path / "references" / "below" / "x.nii"


def test_segmentations_in_bids_are_paired_by_their_entities(tmp_path: Path):
    images = made(tmp_path / "data", *(f"sub-0{n}/anat/sub-0{n}_run-1_T1w.nii.gz" for n in (1, 2, 3)))
    cases = [CaseRecord(image.name, (image,)) for image in images]
    folder = tmp_path / "drawn"
    made(folder, "sub-01/anat/sub-01_run-1_desc-manual_dseg.nii.gz", "sub-01/anat/sub-01_run-2_dseg.nii.gz")
    made(folder, *(f"sub-02/anat/sub-02_run-1_space-orig_desc-{kind}_dseg.nii.gz" for kind in ("T1w", "T2w")))
    found = find_references(cases, folder)
    assert [case.label and case.label.name for case in found] == [
        "sub-01_run-1_desc-manual_dseg.nii.gz",
        "sub-02_run-1_space-orig_desc-T1w_dseg.nii.gz",
        None,
    ]
    masks = pair_files(cases, folder, ("a", "b"))
    assert not masks[images[0].name].problem, "masks of all classes together need no file for each"
    made(folder, "sub-03/anat/sub-03_run-1_desc-a_dseg.nii.gz", "sub-03/anat/sub-03_run-1_desc-b_dseg.nii.gz")
    with pytest.raises(DataError, match="has the same case name as"):
        find_references(cases, folder)


@pytest.mark.parametrize(
    ("drawn", "of_t1w", "of_t2w"),
    [
        (("desc-T2w",), "", "desc-T2w"),
        (("desc-T1w", "desc-T2w"), "desc-T1w", "desc-T2w"),
        (("space-MNI152_desc-T1w", "desc-T2w"), "", "desc-T2w"),
    ],
)
def test_two_images_of_a_participant_have_a_segmentation_each(tmp_path: Path, drawn, of_t1w: str, of_t2w: str):
    images = made(tmp_path / "data", *(f"sub-01/anat/sub-01_{kind}.nii.gz" for kind in ("T1w", "T2w")))
    cases = [CaseRecord(f"sub-01/anat/{kind}", (image,)) for kind, image in zip(("T1w", "T2w"), images, strict=True)]
    made(tmp_path / "drawn", *(f"sub-01/anat/sub-01_{one}_dseg.nii.gz" for one in drawn))
    for chosen in (cases, cases[1:]):
        found = find_references(chosen, tmp_path / "drawn")
        names = [
            case.label.name.removeprefix("sub-01_").removesuffix("_dseg.nii.gz") if case.label else "" for case in found
        ]
        assert names == [of_t1w, of_t2w][-len(chosen) :]
    if not of_t1w:
        with pytest.raises(DataError, match="has no reference for any case"):
            find_references(cases[:1], tmp_path / "drawn")
