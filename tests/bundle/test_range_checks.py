"""Warnings by transforms of the bundle: logged, or collected where a caller wants them for itself."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import HIPPOCAMPUS, head_and_tail
from monai.data import list_data_collate
from monai.transforms import Compose

from monai_mobileunet import Segmenter
from monai_mobileunet.bundle import Bundle, CheckImaged, CheckMaskd
from monai_mobileunet.bundle.training_range import WARNINGS
from monai_mobileunet.data.loading.reader import as_tensor
from monai_mobileunet.data.reading import read_volume

COARSE = np.diag([4.0, 4, 4, 1])


def image(affine: np.ndarray = COARSE) -> dict:
    tensor = as_tensor(read_volume((head_and_tail(1)[0], affine)))[None]
    return {"image": (tensor - tensor.mean()) / tensor.std(), "image_path": "a string, as MONAI Label has one"}


def test_without_a_collector_findings_are_logged_and_nothing_is_added(caplog: pytest.LogCaptureFixture):
    check = CheckImaged("image", HIPPOCAMPUS)
    case = image()
    assert check(case).keys() == case.keys()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "the given array: has voxels of 4×4×4 mm; the training had 1×1×1 to 1×1×1 mm." in caplog.text
    assert "mm large; the images of the training were" in caplog.text
    caplog.clear()
    check(image(np.diag([1.3, 1.3, 1.3, 1])))
    assert not caplog.records


def test_a_collector_gets_them_and_nothing_is_logged(caplog: pytest.LogCaptureFixture):
    case = {**image(), WARNINGS: (), "pred": torch.zeros_like(image()["image"], dtype=torch.uint8)}
    case["pred"].meta["filename_or_obj"] = "scan.nii.gz"
    done = Compose([CheckImaged("image", HIPPOCAMPUS), CheckMaskd("pred", HIPPOCAMPUS)])(case)
    words = [finding.problem.split()[:3] for finding in done[WARNINGS]]
    assert words == [
        ["has", "voxels", "of"],
        ["is", "96×136×112", "mm"],
        ["has", "no", "anterior"],
        ["has", "no", "posterior"],
    ]
    assert all(finding.warning for finding in done[WARNINGS])
    assert done[WARNINGS][-1].path == "scan.nii.gz"
    assert not caplog.records


def test_scores_have_no_volumes(caplog: pytest.LogCaptureFixture):
    CheckMaskd("pred", HIPPOCAMPUS)({"pred": torch.rand(3, 4, 5, 6)})
    assert not caplog.records


def test_far_from_its_bundle_it_checks_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """As in MONAI Deploy, which is given a bundle's configs alone."""
    assert WARNINGS not in CheckImaged("image", tmp_path)(image())
    assert not caplog.records


def test_what_a_training_has_written_since_counts(bundle_copy: Path, caplog: pytest.LogCaptureFixture):
    check = CheckImaged("image", bundle_copy)
    check(image())
    assert len(caplog.records) == 2
    caplog.clear()
    content = Bundle(bundle_copy).metadata["training_data"]
    ends = {"spacing_mm": [[4, 4, 4]] * 2, "extent_mm": [[90, 130, 110]] * 2}
    Bundle(bundle_copy).add_metadata("training_data", {**content, **ends})
    check(image())
    assert not caplog.records


def test_batches_can_still_be_made_of_cases():
    batch = list_data_collate([CheckImaged("image", HIPPOCAMPUS)(image()) for _ in range(2)])
    assert batch["image"].shape[0] == 2


def test_a_bundle_without_the_transforms_is_checked_by_the_segmenter_alone(trained: Path):
    source = (head_and_tail(1)[0], COARSE)
    expected = Segmenter(trained, device="cpu")(source)
    config = trained / "configs" / "inference.json"
    content = json.loads(config.read_text())
    for part in ("preprocessing", "postprocessing"):
        steps = content[part]["transforms"]
        content[part]["transforms"] = [step for step in steps if ".Check" not in step["_target_"]]
        assert len(content[part]["transforms"]) == len(steps) - 1
    config.write_text(json.dumps(content))
    found = Segmenter(trained, device="cpu")(source)
    assert found.warnings == expected.warnings
    assert any("has voxels of 4×4×4 mm" in warning.problem for warning in found.warnings)
    assert np.array_equal(found.mask, expected.mask)
