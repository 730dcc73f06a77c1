"""What MONAI's model zoo checks before it takes a bundle (its ci/verify_bundle.py), by the commands that it runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
import torch
from conftest import HIPPOCAMPUS, ONE_QUICKLY, ONE_THREAD, PROJECT, RunBundle

from monai_mobileunet import __version__
from monai_mobileunet.bundle import Bundle

FILE_LIMIT = 25e6
"""Bytes; larger ones go into a large_files.yml."""

FILES = [
    "LICENSE",
    "docs/README.md",
    "docs/data_license.txt",
    "models/model.pt",
    *(
        f"configs/{name}"
        for name in (
            "metadata.json",
            "train.json",
            "evaluate.json",
            "inference.json",
            "multi_gpu_train.json",
            "multi_gpu_evaluate.json",
            "logging.conf",
        )
    ),
]

NETWORK = {
    "net_id": "network_def",
    "meta_file": "configs/metadata.json",
    "config_file": "configs/inference.json",
}

BundleCommand = Callable[..., str]


PLANNED = "planned_bundle"


@pytest.fixture(params=[*ONE_QUICKLY, pytest.param(PLANNED, marks=pytest.mark.slow)], ids=lambda one: Path(one).name)
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A shipped one, or one that a user planned and trained, under the name that the zoo asks for."""
    source = request.getfixturevalue(PLANNED) if request.param == PLANNED else request.param
    name = "own_segmentation" if request.param == PLANNED else source.name
    return Path(shutil.copytree(source, tmp_path / "models" / name, ignore=shutil.ignore_patterns("eval")))


@pytest.fixture
def command(bundle: Path) -> BundleCommand:
    """``python -m monai.bundle`` in the bundle's folder."""

    def run(name: str, **arguments: object) -> str:
        line = [sys.executable, "-W", "ignore", "-m", "monai.bundle", name]
        for key, value in arguments.items():
            line += [f"--{key}", str(value)]
        done = subprocess.run(line, cwd=bundle, env=ONE_THREAD, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    return run


def test_the_files_are_those_of_the_zoo_and_none_is_too_large(bundle: Path):
    for name in FILES:
        assert 50 < (bundle / name).stat().st_size < FILE_LIMIT, name
    assert "segmentation" in bundle.name, "MONAI Label tells by it what the bundle does"
    assert not (bundle / "scripts").exists()


def test_the_version_stands_in_the_changelog_and_the_package_is_asked_for(bundle: Path):
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    assert metadata["version"] in metadata["changelog"]
    required = metadata["required_packages_version"]
    assert required["monai_mobileunet"] == __version__
    pins = dict(line.split("==") for line in (PROJECT / "constraints.txt").read_text().splitlines() if "==" in line)
    for package, version in required.items():
        assert pins.get(package, version) == version, package


def test_verify_metadata(bundle: Path, command: BundleCommand, metadata_schema: Path):
    """The zoo fetches the schema; here it lies where the command would put it."""
    schema = bundle / "eval" / "schema.json"
    schema.parent.mkdir()
    shutil.copy(metadata_schema, schema)
    said = command("verify_metadata", meta_file="configs/metadata.json", filepath="eval/schema.json")
    assert "metadata is verified with no error" in said


def test_verify_net_in_out(command: BundleCommand):
    said = command("verify_net_in_out", bundle_root=".", **NETWORK)
    assert "data shape of network is verified with no error" in said


@pytest.mark.parametrize("by_trace", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["scripted", "traced"])
def test_ckpt_export(bundle: Path, command: BundleCommand, by_trace: bool):
    command(
        "ckpt_export",
        filepath="models/verify_model.ts",
        ckpt_file="models/model.pt",
        **NETWORK,
        bundle_root=".",
        use_trace=by_trace,
        **({"input_shape": f"[1,{in_channels(bundle)},40,48]"} if by_trace else {}),
    )
    scripted = torch.jit.load(bundle / "models" / "verify_model.ts").eval()
    image = torch.rand(1, in_channels(bundle), 40, 48)
    with torch.no_grad():
        torch.testing.assert_close(scripted(image), Bundle(bundle, device="cpu").load_network()(image))


@pytest.mark.parametrize(
    "options",
    [{}, pytest.param({"use_trace": True, "converter_kwargs": "{'dynamo': False}"}, marks=pytest.mark.slow)],
    ids=["dynamo", "traced"],
)
def test_onnx_export(bundle: Path, command: BundleCommand, options: dict):
    command(
        "onnx_export",
        filepath="models/model.onnx",
        ckpt_file="models/model.pt",
        **NETWORK,
        input_shape=f"[1,{in_channels(bundle)},40,48]",
        **options,
    )
    session = onnxruntime.InferenceSession(bundle / "models" / "model.onnx", providers=["CPUExecutionProvider"])
    image = torch.rand(1, in_channels(bundle), 40, 48)
    with torch.no_grad():
        expected = Bundle(bundle, device="cpu").load_network()(image)
    (scores,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    torch.testing.assert_close(torch.from_numpy(scores), expected, atol=1e-3, rtol=1e-3)


def in_channels(bundle: Path) -> int:
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    return metadata["network_data_format"]["inputs"]["image"]["num_channels"]


@pytest.mark.slow
def test_a_training_is_tracked_by_mlflow(tmp_path: Path, toy_dataset: Path, run_bundle: RunBundle):
    import mlflow  # here, for it takes seconds

    bundle = Path(shutil.copytree(HIPPOCAMPUS, tmp_path / "bundle", ignore=shutil.ignore_patterns("eval", "*.pt")))
    configs = (bundle / "configs" / "train.json", PROJECT / "configs" / "smoke.json")
    run_bundle(*configs, run_id="training", dataset_dir=toy_dataset, folds=3, subject_of="$None", tracking="mlflow")
    output = bundle / "eval" / "smoke"
    client = mlflow.MlflowClient(f"sqlite:///{output / 'mlruns.db'}")
    (experiment,) = (found for found in client.search_experiments() if found.name != "Default")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.metrics["train_loss"] > 0
    assert 0 <= run.data.metrics["val_mean_dice"] <= 1
