"""What a training says of data that it cannot learn from, in the process that a user runs."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
from conftest import RunBundle


def test_labels_without_any_class_leave_the_good_model_alone(
    bundle_copy: Path, own_dataset: Path, run_bundle: RunBundle
):
    (bundle_copy / "models").mkdir(exist_ok=True)
    (bundle_copy / "models" / "model.pt").write_bytes(b"good")
    for path in (own_dataset / "labelsTr").iterdir():
        volume = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(np.zeros(volume.shape, np.uint8), volume.affine), path)
    changes = {"dataset_dir": own_dataset, "folds": 3, "device": "cpu", "train#trainer#max_epochs": 1}
    done = run_bundle(bundle_copy / "configs" / "train.json", run_id="training", expect=1, **changes)
    assert "error: " in done.stderr
    assert "no label has any class: 4 of them hold nothing but background" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (bundle_copy / "models").iterdir()] == ["model.pt"]
    assert (bundle_copy / "models" / "model.pt").read_bytes() == b"good"
