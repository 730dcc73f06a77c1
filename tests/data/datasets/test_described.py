"""Data sets as other tools describe them: each is listed, checked, trained on and segmented as the plain one is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from monai_mobileunet.data import (
    DataError,
    check_dataset,
    find_all_cases,
    find_class_names,
    find_images,
    load_cases,
)
from monai_mobileunet.data.datasets.cases import describe_layout, is_training_set
from monai_mobileunet.data.datasets.described import find_channel_names, find_ignored
from monai_mobileunet.data.datasets.naming import image_files, name_of

NUMBERS = range(1, 7)
TOYS = [f"toy_{number:03d}" for number in NUMBERS]
SUBJECTS = [f"sub-{number:02d}" for number in NUMBERS]
LABELS = {"background": 0, "head": 1, "tail": 2}
NNUNET = {"channel_names": {"0": "T1"}, "labels": LABELS, "numTraining": 6, "file_ending": ".nii.gz"}
PAIRS = [{"image": f"imagesTr/{name}.nii.gz", "label": f"labelsTr/{name}.nii.gz"} for name in TOYS]


def described(root: Path, content: Any, name: str = "dataset.json") -> Path:
    """A data set with another description."""
    (root / "dataset.json").unlink(missing_ok=True)
    (root / name).write_text(json.dumps(content))
    return root


def nnunet(root: Path) -> Path:
    for path in sorted((root / "imagesTr").iterdir()):
        path.rename(path.with_name(path.name.replace(".nii.gz", "_0000.nii.gz")))
    return described(root, NNUNET)


def nnunet_of_two_channels(root: Path) -> Path:
    for path in sorted(nnunet(root).glob("imagesTr/*")):
        shutil.copy(path, path.with_name(path.name.replace("_0000", "_0001")))
    return described(root, {**NNUNET, "channel_names": {"0": "T1", "1": "T2"}})


def nnunet_elsewhere(root: Path) -> Path:
    """Its files may lie anywhere where dataset.json names them."""
    (root / "imagesTr").rename(root / "scans")
    (root / "labelsTr").rename(root / "drawn")
    files = {name: {"images": [f"scans/{name}.nii.gz"], "label": f"drawn/{name}.nii.gz"} for name in TOYS}
    return described(root, {**NNUNET, "dataset": files})


def in_list(root: Path) -> Path:
    return described(root, {"labels": LABELS, "modality": "MRI", "training": PAIRS}, "list.json")


def list_alone(root: Path) -> Path:
    return in_list(root) / "list.json"


PASSED_OVER = (
    "has no segmentations in derivatives but in derivatives/2026/copied, derivatives/our_bundle, which mobileunet"
)


def bids(root: Path) -> Path:
    """Two kinds of images for each subject, of which one is segmented."""
    (root / "dataset_description.json").write_text('{"Name": "toy", "BIDSVersion": "1.9.0"}')
    for name, subject in zip(TOYS, SUBJECTS, strict=True):
        anat = root / subject / "anat"
        drawn = root / "derivatives" / "manual" / subject / "anat"
        anat.mkdir(parents=True)
        drawn.mkdir(parents=True)
        shutil.copy(root / "imagesTr" / f"{name}.nii.gz", anat / f"{subject}_acq-fine_T1w.nii.gz")
        shutil.copy(root / "imagesTr" / f"{name}.nii.gz", anat / f"{subject}_T2w.nii.gz")
        shutil.copy(root / "labelsTr" / f"{name}.nii.gz", drawn / f"{subject}_acq-fine_desc-hand_dseg.nii.gz")
    (root / "derivatives" / "manual" / "desc-hand_dseg.tsv").write_text("index\tname\n0\tnone\n1\thead\n2\ttail\n")
    for name in ("imagesTr", "labelsTr", "dataset.json"):
        (shutil.rmtree if (root / name).is_dir() else Path.unlink)(root / name)
    return root


@pytest.mark.parametrize(
    ("arranged", "names", "channels", "images"),
    [
        (nnunet, TOYS, ("T1",), 6),
        (nnunet_of_two_channels, TOYS, ("T1", "T2"), 6),
        (nnunet_elsewhere, TOYS, ("T1",), 6),
        (in_list, TOYS, ("MRI",), 6),
        (list_alone, TOYS, ("MRI",), None),
        (bids, [f"{name}_acq-fine_T1w" for name in SUBJECTS], (), 12),
    ],
)
def test_a_layout_is_listed_checked_trained_on_and_segmented(
    own_dataset: Path,
    arranged: Callable[[Path], Path],
    names: list[str],
    channels: tuple[str, ...],
    images: int | None,
):
    dataset = arranged(own_dataset)
    cases = find_all_cases(dataset)
    assert [name_of(case) for case in cases] == names
    assert all(path.is_file() for case in cases for path in (*image_files(case), Path(case["label"])))
    assert is_training_set(dataset)
    assert describe_layout(dataset)
    assert find_channel_names(dataset) == channels
    assert check_dataset(dataset, 3, progress=False) == ([], 6)
    number = {name: index for index, name in enumerate(names)}
    parts = [load_cases(str(dataset), part, 3, folds=3, subject_of=number.get) for part in ("training", "validation")]
    assert list(map(len, parts)) == [4, 2]
    assert find_class_names(dataset) == ("head", "tail")
    if images is not None:
        found = find_images(dataset)
        assert len(found) == images
        assert not any(folder in str(case["image"]) for case in found for folder in ("labels", "drawn", "derivatives"))


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({**LABELS, "ignore": 1}, "the label 'ignore' is 1; expected a number above those of all classes"),
        ({**LABELS, "ignore": -1}, "the label 'ignore' is -1; expected a number"),
        ({**LABELS, "whole": [1, []]}, r"the label 'whole' has \[\] in its list; expected whole numbers"),
    ],
)
def test_labels_that_nothing_can_train_on_are_refused(own_dataset: Path, labels: dict[str, Any], found: str):
    dataset = described(nnunet(own_dataset), {**NNUNET, "labels": labels})
    for look in (find_all_cases, find_class_names, lambda folder: load_cases(str(folder))):
        with pytest.raises(DataError, match=found):
            look(dataset)
    assert len(find_images(dataset)) == 6, "images are segmented whatever their labels mean"


def test_voxels_that_nobody_annotated_are_no_class(own_dataset: Path):
    dataset = described(nnunet(own_dataset), {**NNUNET, "labels": {**LABELS, "ignore": 3}})
    for number, fill in ((1, slice(4)), (2, slice(None))):
        path = dataset / "labelsTr" / f"toy_{number:03d}.nii.gz"
        drawn = nibabel.load(path)
        values = np.asarray(drawn.dataobj).copy()
        values[fill] = 3
        nibabel.save(nibabel.Nifti1Image(values, drawn.affine, drawn.header), path)
    assert (find_ignored(dataset), find_class_names(dataset)) == (3, ("head", "tail"))
    (finding,), _ = check_dataset(dataset, 3, progress=False)
    assert "toy_002" in finding.path
    assert "holds nothing but 3, the value of voxels to ignore" in finding.problem
    (dataset / "labelsTr" / "toy_002.nii.gz").unlink()
    (dataset / "imagesTr" / "toy_002_0000.nii.gz").unlink()
    assert len(load_cases(str(dataset), "all", 3, ignore=3)) == 5
    with pytest.raises(DataError, match=r"its label 'ignore' \(3\) marks voxels without annotation.*mobileunet plan"):
        load_cases(str(dataset), "all", 3)
    (dataset / "dataset.json").unlink()
    findings, _ = check_dataset(dataset, 3, progress=False)
    assert any("If 3 marks voxels that nobody annotated, add --ignore 3" in one.remedy for one in findings)
    assert check_dataset(dataset, 3, progress=False, ignore=3) == ([], 5)


def test_a_list_says_which_classes_of_a_case_were_annotated(own_dataset: Path):
    def listed(*labelled: Any) -> Path:
        pairs = [{**pair, "labelled": names} for pair, names in zip(PAIRS, labelled, strict=False)]
        return described(own_dataset, {"labels": LABELS, "training": pairs})

    cases = find_all_cases(listed(["head"], [2, 1], [2]))
    assert [case.get("labelled") for case in cases] == [[1], None, [2]]
    findings, _ = check_dataset(own_dataset, 3, progress=False)
    assert {Path(one.path).name for one in findings} == {"toy_001.nii.gz", "toy_003.nii.gz"}
    assert "has voxels of class 2, and its list says that 1 alone were annotated" in findings[0].problem
    with pytest.raises(DataError, match=r"of this case only the classes 1 were annotated.*mobileunet plan"):
        load_cases(str(own_dataset), "all", 3, folds=3)
    for labelled, said in ((["hat"], r'has "hat"; the classes are 1 head, 2 tail'), ([], r"is \[\]; expected a list")):
        with pytest.raises(DataError, match=f"'labelled' of entry 1 of 'training' {said}"):
            find_all_cases(listed(labelled))


def test_files_that_got_lost_are_noticed_by_their_number(own_dataset: Path):
    dataset = nnunet(own_dataset)
    for path in ("imagesTr/toy_006_0000.nii.gz", "labelsTr/toy_006.nii.gz"):
        (dataset / path).unlink()
    (finding,), count = check_dataset(dataset, 3, progress=False)
    assert finding.warning
    assert "says numTraining 6; there are 5 pairs" in finding.problem
    assert count == 5


def test_a_list_of_images_alone_is_no_data_set(own_dataset: Path):
    listed = own_dataset / "list.json"
    listed.write_text(json.dumps(["imagesTr/toy_001.nii.gz"]))
    assert not is_training_set(listed)
    assert not is_training_set(own_dataset / "imagesTr" / "toy_001.nii.gz")
    assert is_training_set(own_dataset), "what lies beside dataset.json changes nothing"
    with pytest.raises(DataError, match="has no list 'training'"):
        find_all_cases(listed)
    listed.write_text(json.dumps(PAIRS))
    assert len(find_all_cases(listed)) == 6


def test_a_list_is_read_from_where_it_lies(own_dataset: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(list_alone(own_dataset).parent)
    assert len(find_all_cases("list.json")) == 6
    (own_dataset / "labelsTr" / "toy_003.nii.gz").unlink()
    with pytest.raises(DataError, match=r"labelsTr/toy_003\.nii\.gz: listed in list\.json, but missing"):
        find_all_cases("list.json")


def test_bids_pairs_that_do_not_fit_are_named(own_dataset: Path):
    dataset = bids(own_dataset)
    drawn = dataset / "derivatives" / "manual"
    missing, doubled, lost = (
        drawn / subject / "anat" / f"{subject}_acq-fine_desc-hand_dseg.nii.gz" for subject in SUBJECTS[1:4]
    )
    missing.unlink()
    shutil.copy(doubled, drawn / "sub-03_acq-fine_dseg.nii.gz")
    lost.rename(lost.with_name("sub-04_acq-coarse_dseg.nii.gz"))
    with pytest.raises(DataError) as error:
        find_all_cases(dataset)
    message = str(error.value)
    assert "sub-02_acq-fine_T1w.nii.gz: image without a label" in message
    assert "sub-03_acq-fine_T1w.nii.gz: has several segmentations" in message
    assert "sub-04_acq-coarse_dseg.nii.gz: is of no one image T1w" in message
    assert is_training_set(dataset), "so that mobileunet check says it"


def test_bids_segmentations_of_one_of_two_kinds_must_say_which(own_dataset: Path):
    dataset = bids(own_dataset)
    for path in dataset.glob("sub-*/anat/*_acq-fine_T1w.nii.gz"):
        shutil.copy(path, path.with_name(path.name.replace("T1w", "FLAIR")))
    with pytest.raises(DataError, match="segmentations that may be of each of FLAIR, T1w"):
        find_all_cases(dataset)


def test_bids_masks_of_a_run_are_no_references_and_a_kind_in_desc_tells_the_image(own_dataset: Path):
    dataset = bids(own_dataset)
    run, copied = (dataset / "derivatives" / name for name in ("our_bundle", "2026/copied"))
    shutil.copytree(dataset / "derivatives" / "manual", run)
    (run / ".mobileunet").mkdir()
    shutil.copytree(dataset / "derivatives" / "manual", copied)
    (copied / "dataset_description.json").write_text('{"GeneratedBy": [{"Name": "x"}, {"Name": "monai_mobileunet"}]}')
    assert find_class_names(dataset) == ("head", "tail")
    assert len(find_all_cases(dataset)) == 6
    manual = (dataset / "derivatives" / "manual").rename(dataset.parent / "manual")
    with pytest.raises(DataError, match=PASSED_OVER):
        find_all_cases(dataset)
    manual.rename(dataset / "derivatives" / "manual")
    for path in dataset.glob("derivatives/manual/sub-*/anat/*.nii.gz"):
        path.rename(path.with_name(path.name.replace("_acq-fine_desc-hand", "_space-orig_desc-T2w")))
    assert all(case["image"].endswith("_T2w.nii.gz") for case in find_all_cases(dataset))
