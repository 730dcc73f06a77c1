"""What MONAI's own test of bundle workflows does with a property: get it, copy it, set it, and run."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from conftest import BUNDLES
from monai.bundle import ConfigWorkflow
from monai.utils import set_determinism

pytestmark = pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)

WRITERS = {"trainer", "evaluator", "train_handlers", "val_handlers", "val_key_metric"}
"""TensorBoard's writer, in the handlers of MONAI that these hold, has a lock."""


@pytest.mark.parametrize(
    ("names", "kind"),
    [(["inference.json"], "infer"), (["train.json"], "train"), (["train.json", "evaluate.json"], "train")],
    ids=lambda value: "+".join(value) if isinstance(value, list) else value,
)
def test_every_property_can_be_copied_and_set(
    bundle: Path, names: list[str], kind: str, its_dataset: Path, tmp_path: Path
):
    workflow = ConfigWorkflow(
        [str(bundle / "configs" / name) for name in names],
        workflow_type=kind,
        logging_file=False,
        dataset_dir=str(its_dataset if kind == "train" else its_dataset / "imagesTr"),
        ckpt_dir=str(tmp_path),
        output_dir=str(tmp_path),
        subject_of=None,
    )
    workflow.initialize()
    assert workflow.check_properties() == []
    assert workflow.bundle_root == str(bundle)
    names_copied = [name for name in workflow.properties if kind == "infer" or name not in WRITERS]
    copied = {name: deepcopy(getattr(workflow, name)) for name in names_copied}
    for name in copied if kind == "infer" else ("train_dataset", "train_inferer"):  # the others lie in one another
        setattr(workflow, name, copied[name])
    assert {"network_def", "inferer"} <= set(copied) or {"network_def", "train_inferer", "val_inferer"} <= set(copied)
    workflow.initialize()
    assert workflow.check_properties() == []


@pytest.fixture(autouse=True)
def _restore_randomness():
    yield
    set_determinism(seed=None)
