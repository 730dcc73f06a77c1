from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from conftest import HIPPOCAMPUS
from typer.testing import CliRunner

import monai_mobileunet
from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cli import app
from monai_mobileunet.networks import VARIANTS, create_network
from monai_mobileunet.runtimes import RUNTIMES

runner = CliRunner()


def flat(output: str) -> str:
    """The words of an output without the frames and line breaks of the terminal."""
    return re.sub(r"[\s│╭╮╰╯─]+", " ", output)


def test_help_lists_the_commands_and_says_that_it_is_no_medical_device():
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    assert "Not a medical device" in flat(result.output)
    assert all(
        command in flat(result.output) for command in ("demo", "check", "evaluate", "export", "info", "runtimes")
    )


def test_version():
    assert runner.invoke(app, ["--version"]).output.strip() == monai_mobileunet.__version__


def test_check_passes_a_sound_data_set_and_fails_a_broken_one(own_dataset: Path):
    arguments = ["check", str(own_dataset), "--num-classes", "3"]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0
    assert "6 cases, nothing wrong" in flat(result.output)
    (own_dataset / "labelsTr" / "toy_002.nii.gz").write_bytes(b"")
    result = runner.invoke(app, arguments)
    assert result.exit_code == 1
    assert "toy_002.nii.gz: is empty (0 bytes)" in flat(result.output)


def test_check_knows_the_classes_of_a_data_set(own_dataset: Path):
    assert "nothing wrong" in runner.invoke(app, ["check", str(own_dataset)]).output
    result = runner.invoke(app, ["check", str(own_dataset), "--num-classes", "2"])
    assert result.exit_code == 1
    assert "has label values 2; expected 0 to 1" in flat(result.output)


def test_check_counts_the_classes_of_a_plain_folder_and_writes_their_names(own_dataset: Path, tmp_path: Path):
    (own_dataset / "dataset.json").unlink()
    result = runner.invoke(app, ["check", str(own_dataset)])
    assert result.exit_code == 0, result.output
    assert "its labels hold 1 and 2, called class 1 and class 2 here. To name them, add --class once" in result.output
    named = ["check", str(own_dataset), "--class", "head", "--class", "tail"]
    assert "Nothing names" not in runner.invoke(app, named).output
    runner.invoke(app, [*named, "--write", str(tmp_path / "new")])
    labels = json.loads((tmp_path / "new" / "dataset.json").read_text())["labels"]
    assert labels == {"0": "background", "1": "head", "2": "tail"}
    refused = runner.invoke(app, ["check", str(own_dataset / "imagesTr"), "--class", "head"])
    assert refused.exit_code == 2, "images have no classes"


def test_check_looks_at_images_and_labels_alone(own_dataset: Path):
    path = own_dataset / "imagesTr" / "toy_001.nii.gz"
    image = nibabel.load(path)
    values = np.asarray(image.dataobj).astype(np.float32)
    values[0, 0, 0] = np.nan
    nibabel.save(nibabel.Nifti1Image(values, np.diag([9.0, 9, 9, 1])), path)
    (own_dataset / "imagesTr" / "toy_002.nii.gz").write_bytes(b"")
    alone = ["check", str(own_dataset / "imagesTr")]
    result = runner.invoke(app, alone)
    assert result.exit_code == 1
    assert "warning: " in result.output
    assert "toy_001.nii.gz: has 1 voxel that is NaN" in flat(result.output)
    assert "6 cases, 1 wrong, 1 warning" in flat(result.output)
    assert "voxels of 9×9×9 mm" in flat(runner.invoke(app, [*alone, "--model", str(HIPPOCAMPUS)]).output)
    assert "6 cases, 2 wrong." in flat(runner.invoke(app, [*alone, "--strict"]).output)

    labels = ["check", str(own_dataset / "labelsTr"), "--num-classes"]
    assert runner.invoke(app, [*labels, "3"]).exit_code == 0
    assert "has label values 2; expected 0 to 1" in flat(runner.invoke(app, [*labels, "2"]).output)


@pytest.mark.parametrize(
    ("broken", "said"),
    [("labelsTr/toy_005.nii.gz", "toy_005.nii.gz: listed in dataset.json, but missing"), ("", "found neither")],
    ids=["a file is missing", "no data set"],
)
def test_demo_on_data_that_cannot_be_used_ends_at_the_plan(
    own_dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], broken: str, said: str
):
    if broken:
        (own_dataset / broken).unlink()
    data = own_dataset if broken else tmp_path / "empty"
    data.mkdir(exist_ok=True)
    result = runner.invoke(app, ["demo", "--data", str(data), "--output", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "the step above failed" in flat(result.output)
    told = capfd.readouterr()
    assert said in flat(told.out + told.err)
    assert not (tmp_path / "out" / "bundle").exists()


def test_info_lists_every_variant_and_says_what_one_is_made_of():
    result = runner.invoke(app, ["info", "--size", "64"])
    assert result.exit_code == 0
    assert all(name in result.stdout for name in VARIANTS)
    result = runner.invoke(app, ["info", "mobilenetv2_unet", "--size", "64", "--in-channels", "3"])
    assert result.exit_code == 0
    for part in ("encoder.stages.0", "decoder.stages.4", "head", "segmentation_models.pytorch", "share of the MACs"):
        assert part in flat(result.stdout)


def test_info_as_json():
    result = runner.invoke(app, ["info", "mobileunet_tiny", "--json", "--size", "32", "--out-channels", "5"])
    (told,) = json.loads(result.stdout).values()
    network = create_network("mobileunet_tiny", out_channels=5)
    assert told["parameters"] == sum(p.numel() for p in network.parameters())
    assert told["size"] == [32, 32]
    assert sum(group["macs"] for group in told["groups"]) == told["macs"]


def test_info_of_an_unknown_variant_names_those_that_exist():
    result = runner.invoke(app, ["info", "mobileunet_huge"])
    assert result.exit_code == 2
    assert "'mobileunet_huge' is none of mobileunet_tiny," in flat(result.output)


def test_runtimes_are_listed_with_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    output = flat(runner.invoke(app, ["runtimes"]).output)
    assert all(name in output for name in RUNTIMES)
    assert "monai_mobileunet[onnx]" in output.replace(" ", "")


def test_export_of_a_bundle_without_weights_names_the_remedy(bundle_copy: Path, toy_dataset: Path):
    result = runner.invoke(app, ["export", str(bundle_copy), "--data", str(toy_dataset / "imagesTr")])
    assert result.exit_code == 1
    assert "model.pt: no weights. Train the bundle first" in flat(result.output)


def test_export_of_what_is_no_bundle(tmp_path: Path, toy_dataset: Path):
    result = runner.invoke(app, ["export", str(tmp_path), "--data", str(toy_dataset / "imagesTr")])
    assert result.exit_code == 1
    assert "no bundle" in flat(result.output)


def test_export_in_an_unknown_format_names_the_known_ones(bundle_copy: Path, toy_dataset: Path):
    arguments = ["export", str(bundle_copy), "--data", str(toy_dataset / "imagesTr"), "--format", "coreml"]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 2
    assert "'coreml' is none of torchscript, onnx" in flat(result.output)


def test_export_prints_the_parity_of_what_it_wrote(bundle_copy: Path, toy_dataset: Path):
    network = Bundle(bundle_copy, device="cpu").parser.get_parsed_content("network")
    torch.save(network.state_dict(), bundle_copy / "elsewhere.pt")
    arguments = ["export", str(bundle_copy), "--data", str(toy_dataset / "imagesTr"), "--format", "torchscript"]
    result = runner.invoke(app, [*arguments, "--weights", str(bundle_copy / "elsewhere.pt")])
    assert result.exit_code == 0, result.output
    assert "model.ts" in flat(result.output)
    assert (bundle_copy / "model.ts").is_file(), "beside the weights"
