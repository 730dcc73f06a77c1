"""What is planned where not everything was annotated, from the files to the loss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from made import case, fingerprint, measure_dataset, of_cases, organ
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose

from monai_mobileunet.data import DataError
from monai_mobileunet.planning import plan_dataset, write_bundle
from monai_mobileunet.planning.fingerprint import Fingerprint
from monai_mobileunet.planning.rules import Options, decide

SLICES: dict[str, Any] = {"known_slices": (30, 12, 40), "runs": (1, 12, 1)}
KIDNEYS = {"left kidney": organ(side=0.3), "right kidney": organ(side=0.7)}


def in_slices(**changes: Any) -> Fingerprint:
    """Coronal slices were annotated one by one."""
    whole = fingerprint(**SLICES, **changes)
    return Fingerprint(**{**vars(whole), "annotated_slices_only": True})


def one_kidney() -> Fingerprint:
    """In every second case the left kidney alone was annotated."""
    left = {"labelled": ("left kidney",), "classes": {"left kidney": KIDNEYS["left kidney"]}}
    return of_cases(*(case(n, **({"classes": KIDNEYS} if n % 2 else left)) for n in range(20)))


def test_slices_are_those_that_were_annotated_and_one_is_learned_from_each():
    known = decide(in_slices())
    assert (known["planes"], known["out_slices"], known["mask_transforms"]) == (["coronal"], 1, [])
    assert "annotated in this plane: across it 1" in known.decided["planes"].reason
    steps = [step["_target_"].rpartition(".")[2] for step in known["random_transforms"]]
    assert steps.index("RandSliceSamplesd") < steps.index("RandAffined"), "a volume that is turned has no whole slices"
    assert decide(fingerprint())["planes"] == ["axial"]
    assert decide(in_slices(), Options(planes=("axial",)))["planes"] == ["axial"]
    with pytest.raises(DataError, match="names 2 planes, and slices are annotated in one"):
        decide(in_slices(), Options(planes=("axial", "coronal")))


def test_connected_is_what_whole_cases_say():
    apart = organ(components=9, largest_share=0.1)
    cases = [case(n, **({"ignored": 0.2, "classes": {"organ": apart}} if n % 2 else {})) for n in range(20)]
    known = decide(of_cases(*cases, ignore=255))
    assert known["mask_transforms"][0]["applied_labels"] == [1]
    assert "which 10 of 20 cases have, 20 % of the voxels" in known.decided["ignore"].reason
    assert "255 where nobody annotated" in known["texts"]["label_classes"]


def test_kinds_of_cases_are_exchanged_when_a_patient_is_mirrored():
    known = decide(one_kidney())
    assert known["labelled"] == [[1], [2]], "mirrored, the left kidney is the right one"
    mirror = next(step for step in known["random_transforms"] if step["_target_"].endswith("RandMirrorSidesd"))
    assert mirror["pairs"] == "$@sides + [[4, 5]]"
    assert "left kidney in 20, right kidney in 10" in known.decided["labelled"].reason


@pytest.mark.parametrize(
    ("planned", "told"),
    [
        (of_cases(*map(case, range(9)), ignore=255), {"ignore": 255}),
        (in_slices(), {"annotated_slices_only": True}),
        (one_kidney(), {"labelled": [[1], [2]]}),
    ],
    ids=["voxels", "slices", "classes"],
)
def test_what_was_not_annotated_stays_unknown_up_to_the_loss_and_the_score(
    planned: Fingerprint, told: dict[str, Any], tmp_path: Path
):
    plan = plan_dataset(planned, Options(overrides={"num_samples": 2, "context": 3, "out_slices": 3}))
    write_bundle(plan, tmp_path)
    parser = ConfigParser()
    parser.read_config(str(tmp_path / "configs" / "train.json"))
    assert told.items() <= parser.get().items()
    parser.update({"device": "cpu", "roi_size": [32, 40]})
    get = parser.get_parsed_content
    classes = get("num_classes")
    values = torch.zeros(1, 60, 50, 19)
    values[:, 20:30, 20, 3:6] = 1
    values[:, :, :, 12:] = 255 if "ignore" in told else 0
    marks = get("label_transforms")[3:]
    prepared = Compose(marks)({"label": MetaTensor(values, affine=torch.eye(4)), "labelled": [1]})
    image = torch.rand(1, 60, 50, 19)
    samples = Compose(get("train#random_transforms"))({**prepared, "image": image})
    labels = torch.stack([torch.as_tensor(one["label"]) for one in samples])
    assert labels.shape == (2, 1, 3, 32, 40)
    assert {*labels.unique().tolist()} <= {*range(classes), *({classes} if "labelled" not in told else {4, 5})}
    assert any((one["label"] != classes).any() for one in samples)
    scores = torch.randn(2, classes, 3, 32, 40, requires_grad=True)
    get("loss")(scores, labels).backward()
    assert scores.grad is not None
    assert (scores.grad[(labels == classes).expand_as(scores)] == 0).all()
    scored = get("validate#postprocessing").transforms[-1]({"pred": torch.ones_like(values), **prepared})
    known = (scored["pred"][1] == 1).float().mean()
    assert known == pytest.approx({"ignore": 12 / 19, "annotated_slices_only": 1 / 50, "labelled": 1}[next(iter(told))])


def test_statistics_are_of_what_was_annotated(tmp_path: Path):
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).mkdir()
    numbers = np.zeros((20, 16, 10), np.uint8)
    numbers[2:6, 3:9, 1:9:3] = 1
    numbers[:2] = 3
    for name in "ab":
        nibabel.save(
            nibabel.Nifti1Image(numbers.astype(np.int16) * 100, np.eye(4)), tmp_path / "imagesTr" / f"{name}.nii"
        )
        nibabel.save(nibabel.Nifti1Image(numbers, np.eye(4)), tmp_path / "labelsTr" / f"{name}.nii")
    labels = {"background": 0, "liver": 1, "cyst": 2, "ignore": 3}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
    measured = measure_dataset(tmp_path)
    first = measured.cases[0]
    assert (measured.ignore, measured.class_names, list(first.classes)) == (3, ("liver", "cyst"), ["liver"])
    assert first.ignored == pytest.approx(0.1)
    assert first.known_slices == (18, 16, 10)
    assert set(first.foreground[0]) == {100.0}, "without the 300 of what nobody annotated"
    assert Fingerprint.from_json(json.loads(json.dumps(measured.as_json()))) == measured
    sliced = measure_dataset(tmp_path, annotated_slices_only=True)
    assert (sliced.cases[0].known_slices, sliced.cases[0].runs) == ((4, 6, 3), (1, 1, 3))
    with pytest.raises(DataError, match="the label 'ignore' is 3, and --ignore is 255"):
        measure_dataset(tmp_path, ignore=255)
    nibabel.save(nibabel.Nifti1Image(numbers * 0, np.eye(4)), tmp_path / "labelsTr" / "b.nii")
    with pytest.raises(DataError, match=r"has no annotated slice.*--leave-out b"):
        measure_dataset(tmp_path, annotated_slices_only=True)
