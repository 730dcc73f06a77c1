"""A bundle that contradicts itself is refused when it is opened, by every door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import BUNDLES, RunBundle
from typer.testing import CliRunner

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cli import app
from monai_mobileunet.data import DataError
from monai_mobileunet.segmentation import Segmenter

FORM = "network_data_format"


def change(bundle: Path, name: str, path: str, value: Any) -> None:
    """Set an entry of a bundle's JSON; ``None`` takes it out."""
    file = bundle / "configs" / name
    content = json.loads(file.read_text())
    *parents, last = path.split("#")
    part = content
    for parent in parents:
        part = part[int(parent) if isinstance(part, list) else parent]
    if value is None:
        del part[last]
    else:
        part[last] = value
    file.write_text(json.dumps(content))


PRED = f"{FORM}#outputs#pred"
HEART = ["right ventricle", "myocardium", "left ventricle"]
CONTRADICTIONS = {
    "num_classes of inference": ([("inference.json", "num_classes", 4)], r"number of classes.*4 by num_classes in inf"),
    "num_classes of training": ([("train.json", "num_classes", 4)], r"number of classes.*4 by num_classes in train"),
    "both": (
        [("inference.json", "num_classes", 4), ("train.json", "num_classes", 4), ("train.json", "class_names", HEART)],
        r"3 by channel_def in metadata\.json.*4 by num_classes in inference\.json.*4 by class_names in train\.json",
    ),
    "num_channels": ([("metadata.json", f"{PRED}#num_channels", 4)], r"4 by num_channels of pred in metadata\.json"),
    "channel_def": ([("metadata.json", f"{PRED}#channel_def#3", "tail")], r"4 by channel_def in metadata\.json"),
    "class_names": ([("train.json", "class_names", HEART)], r"4 by class_names in train\.json and the background"),
    "out_channels": (
        [("inference.json", "network_def#out_channels", 5)],
        r"5 by network_def#out_channels in inference",
    ),
    "names": (
        [("train.json", "class_names", HEART[:2])],
        r"names of the classes: .*anterior, posterior;.*right ventri",
    ),
    "order of the names": ([("train.json", "class_names", ["posterior", "anterior"])], r"names of the classes"),
    "a name twice": (
        [("metadata.json", f"{PRED}#channel_def#2", "anterior")],
        r"channel_def of pred has 'anterior' twi",
    ),
    "numbering": (
        [
            ("metadata.json", f"{PRED}#channel_def", {"0": "background", "1": "a", "3": "b"}),
            ("train.json", "class_names", ["a", "b"]),
        ],
        r"numbers its channels 0, 1, 3\. Number them 0 to 2",
    ),
    "channels of the image": (
        [("metadata.json", f"{FORM}#inputs#image#num_channels", 7)],
        r"channels that the network takes: 11 by network_def#in_channels in inference.*7 by num_channels of image",
    ),
    "context": ([("train.json", "context", 4)], r"network takes: 11 by .*in inference\.json, 9 by .*in train\.json"),
    "labels of the postprocessing": (
        [("inference.json", "postprocessing#transforms#1#lower", 3)],
        r"lower names class 3; with 3 classes the last is 2",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_named_with_its_files_and_the_remedy(bundle_copy: Path, name: str):
    changes, found = CONTRADICTIONS[name]
    Bundle(bundle_copy)
    for file, path, value in changes:
        change(bundle_copy, file, path, value)
    with pytest.raises(DataError, match=found) as error:
        Bundle(bundle_copy)
    (finding,) = error.value.findings
    assert finding.remedy
    assert str(bundle_copy / "configs") in finding.path


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.name)
def test_the_shipped_bundles_do_not_contradict_themselves(bundle: Path):
    Bundle(bundle).check()


@pytest.mark.parametrize(
    "changes",
    [
        [("train.json", "class_names", None)],
        [("train.json", "class_names", "$['anterior', 'posterior']")],
        [("inference.json", "num_classes", "$2 + 1")],
        [("train.json", "num_classes", "$undefined()")],
        [("metadata.json", f"{PRED}#num_channels", None)],
        [("metadata.json", f"{FORM}#inputs#image#num_channels", None)],
        [("metadata.json", FORM, None)],
        [("inference.json", "network_def", {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "channels": [4]})],
        [("inference.json", "network_def", {"_target_": "BasicUNet", "spatial_dims": 2, "out_channels": 3})],
        [("inference.json", "postprocessing", {"_target_": "Compose", "transforms": "$[]"})],
    ],
    ids=lambda changes: changes[0][1] + ("" if changes[0][2] is None else " otherwise"),
)
def test_what_is_not_said_or_cannot_be_evaluated_contradicts_nothing(bundle_copy: Path, changes: list):
    for file, path, value in changes:
        change(bundle_copy, file, path, value)
    Bundle(bundle_copy)


def test_without_train_json_or_with_a_broken_one(bundle_copy: Path):
    (bundle_copy / "configs" / "train.json").write_text("{")
    Bundle(bundle_copy)
    (bundle_copy / "configs" / "train.json").unlink()
    Bundle(bundle_copy)
    change(bundle_copy, "inference.json", "num_classes", 4)
    with pytest.raises(DataError, match="number of classes"):
        Bundle(bundle_copy)


def test_what_is_changed_counts_as_if_it_stood_there(bundle_copy: Path):
    with pytest.raises(
        DataError, match=r"after what was changed: .*4 by num_classes in inference\.json \(as changed\)"
    ):
        Bundle(bundle_copy, num_classes=4)
    Bundle(bundle_copy, context=1, out_slices=1, image_channels=2, **{"network_def#variant": "mobileunet_tiny"})
    opened = Bundle(bundle_copy, device="cpu")
    opened.parser.update({"num_classes": 4})
    with pytest.raises(DataError, match="number of classes"):
        Segmenter(opened)


def test_a_device_that_is_not_there_is_named(trained: Path):
    if torch.cuda.is_available():
        pytest.skip("This machine has a GPU, so that the device cuda is there.")
    with pytest.raises(ValueError, match=r"device cuda: cannot be used \(.*Use cpu\."):
        Bundle(trained, device="cuda").load_network()


class TestDoors:
    @pytest.fixture
    def wrong(self, trained: Path) -> Path:
        """Hearts labelled anterior and posterior."""
        for name in ("inference.json", "train.json"):
            change(trained, name, "num_classes", 4)
        change(trained, "train.json", "class_names", HEART)
        return trained

    @pytest.mark.parametrize("command", ["segment", "evaluate", "export"])
    def test_commands(self, wrong: Path, toy_dataset: Path, tmp_path: Path, command: str):
        images = toy_dataset / "imagesTr"
        arguments = {
            "segment": ["-i", images, "-m", wrong, "-o", tmp_path / "out"],
            "evaluate": [toy_dataset, "--bundle", wrong, "-o", tmp_path / "out"],
            "export": [wrong, "--data", images],
        }
        done = CliRunner().invoke(app, [command, *map(str, arguments[command])])
        assert done.exit_code == (2 if command == "segment" else 1)
        assert "disagree on the number of classes" in done.output
        assert "Traceback" not in done.output
        assert not list((tmp_path / "out").rglob("*.nii.gz"))

    def test_monai_s_own(self, wrong: Path, toy_dataset: Path, run_bundle: RunBundle):
        config = wrong / "configs" / "inference.json"
        told = run_bundle(config, dataset_dir=toy_dataset / "imagesTr", device="cpu", expect=1)
        assert "error:" in told.stderr
        assert "disagree on the number of classes" in told.stderr
        assert "Traceback" not in told.stderr
        assert not list((wrong / "eval").rglob("*.nii.gz"))

    def test_monai_s_own_with_weights_in_a_checkpoint_and_of_another_network(
        self, trained: Path, toy_dataset: Path, run_bundle: RunBundle, tmp_path: Path
    ):
        images, config = tmp_path / "images", trained / "configs" / "inference.json"
        images.mkdir()
        (images / "a.nii.gz").write_bytes((toy_dataset / "imagesTr" / "toy_001.nii.gz").read_bytes())
        plain = torch.load(trained / "models" / "model.pt", weights_only=True)
        wrapped = {"state_dict": {f"module.{key}": value for key, value in plain.items()}}
        torch.save(wrapped, trained / "models" / "wrapped.pt")
        masks = []
        for name in ("model.pt", "wrapped.pt"):
            arguments = {"ckpt_path": trained / "models" / name, "output_dir": tmp_path / name}
            run_bundle(config, dataset_dir=images, device="cpu", **arguments)
            masks.append((tmp_path / name / "a.nii.gz").read_bytes())
        assert masks[0] == masks[1]
        told = run_bundle(
            config, dataset_dir=images, device="cpu", expect=1, **{"network_def#variant": "mobileunet_fine"}
        )
        assert "variant=mobileunet_fine_large" in told.stderr
        assert "Traceback" not in told.stderr
