"""The README's commands run as they are printed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ONE_THREAD, PROJECT

from monai_mobileunet.networks import VARIANTS, create_network
from monai_mobileunet.networks.info import network_info
from monai_mobileunet.runtimes import RUNTIMES

README = (PROJECT / "README.md").read_text()
SHORT = "--limit 4 --folds 3 --val_interval 1 --subject_of $None"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


COMMANDS = [line for block in blocks("bash") for line in block.splitlines()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the commands name, in which they may write."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("bundles", "configs"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("eval"))
    return folder


def test_the_bundle_commands_work_in_the_order_in_which_they_stand(checkout: Path, toy_dataset: Path):
    ours = ("mobileunet export", "mobileunet evaluate", "mobileunet segment", "mobileunet check")
    commands = [command for command in COMMANDS if "monai.bundle" in command or command.startswith(ours)]
    assert len(commands) == 14
    for command in commands:
        arguments = shlex.split(command.replace("$DATA", str(toy_dataset)))
        if "training" in arguments or "evaluate.json" in command:
            arguments += SHORT.split()
        if "training" in arguments and "max_epochs" not in command and "smoke" not in command:
            arguments += ["--train#trainer#max_epochs", "1"]
        if arguments[0] == "mobileunet" and arguments[1] != "export":
            arguments = ["python", "-m", "monai_mobileunet", *arguments[1:]]
        if arguments[0] == "mobileunet":  # int8 would be refused: a network of one epoch has masks of noise
            arguments = ["python", "-m", "monai_mobileunet", *arguments[1:], "--format", "onnx", "--format", "openvino"]
        assert arguments[0] == "python"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *arguments[1:]],
            cwd=checkout,
            capture_output=True,
            text=True,
            timeout=600,
            env=ONE_THREAD,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert len(list((checkout / "segmented").glob("*.nii.gz"))) == 6
    assert len(list((checkout / "masks").glob("*.nii.gz"))) == 6
    assert len(list((checkout / "fast_masks").rglob("anterior.nii.gz"))) == 6
    for report in ("measured", "evaluated"):
        assert "6 of 6 cases" in (checkout / report / "report.html").read_text()
    assert (checkout / "bundles/hippocampus_mri_segmentation/eval/fold_1/models/model.pt").is_file()


@pytest.mark.parametrize("example", blocks("python"))
def test_the_python_examples_work(example: str, tmp_path: Path, toy_dataset: Path):
    (tmp_path / "bundles").symlink_to(PROJECT / "bundles")
    shutil.copy(toy_dataset / "imagesTr" / "toy_001.nii.gz", tmp_path / "brain.nii.gz")
    subprocess.run([sys.executable, "-W", "ignore", "-c", example], check=True, timeout=120, cwd=tmp_path)


def test_the_table_of_networks_is_what_the_networks_have():
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| ([\d.]+) \| (\d+) px \|", README, flags=re.MULTILINE)
    assert [row[0] for row in rows] == list(VARIANTS)
    for name, parameters, gmac, receptive_field in rows:
        info = network_info(create_network(name))
        assert f"{info.parameters:,}" == parameters, name
        assert f"{info.macs / 1e9:.3f}" == gmac, name
        assert str(info.receptive_field) == receptive_field, name


def test_the_table_of_runtimes_has_them_all():
    section = README.split("| runtime |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", " ".join(rows)) == list(RUNTIMES)


def test_make_knows_the_targets_that_the_readme_names():
    for target in re.findall(r"`?make ([\w-]+)", "\n".join(COMMANDS)):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        done = subprocess.run(["make", "-n", target], cwd=PROJECT, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr


def test_every_file_and_fragment_that_it_names_exists():
    for name in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (PROJECT / name).exists(), name
    listed = set(re.findall(r"^\| `(\w+\.json)`", README, flags=re.MULTILINE))
    assert listed == {path.name for path in (PROJECT / "configs").glob("*.json")}


def test_the_readme_says_that_it_is_no_medical_device():
    assert "Not a medical device" in README
