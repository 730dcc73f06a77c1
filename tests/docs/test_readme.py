"""The README's and the pages' commands run as they are printed."""

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

PAGES = {path.name: path.read_text() for path in [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]}
README = PAGES["README.md"]
SHORT = "--limit 4 --folds 3 --val_interval 1 --subject_of $None"
OURS = ("mobileunet plan", "mobileunet export", "mobileunet evaluate", "mobileunet segment", "mobileunet check")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], flags=re.DOTALL | re.MULTILINE)


COMMANDS = {page: [line for block in blocks(page, "bash") for line in block.splitlines()] for page in PAGES}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the commands name, in which they may write."""
    for name in ("bundles", "configs"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("eval"))
    return tmp_path


def shortened(command: str, dataset: Path) -> list[str]:
    """The command with less to do."""
    arguments = shlex.split(command.replace("$DATA", str(dataset)))
    if "training" in arguments or "evaluate.json" in command:
        arguments += SHORT.split()
    if "training" in arguments and "max_epochs" not in command and "smoke" not in command:
        arguments += ["--train#trainer#max_epochs", "1"]
    if command.startswith("mobileunet export"):  # int8 would be refused: a network of one epoch has masks of noise
        arguments += ["--format", "onnx", "--format", "openvino"]
    return ["-m", "monai_mobileunet", *arguments[1:]] if arguments[0] == "mobileunet" else arguments[1:]


@pytest.mark.parametrize(
    ("page", "count", "made"),
    [
        ("README.md", 3, {"masks/*.nii.gz": 6, "my_bundle/models/model.pt": 1}),
        pytest.param(
            "train.md",
            5,
            {"bundles/hippocampus_mri_segmentation/eval/fold_1/models/model.pt": 1, "mobilenetv2/models/model.pt": 1},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "evaluate.md",
            4,
            {"segmented/*.nii.gz": 6, "measured/report.html": 1, "evaluated/report.html": 1},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "segment.md", 3, {"masks/*.nii.gz": 6, "fast_masks/**/anterior.nii.gz": 6}, marks=pytest.mark.slow
        ),
        pytest.param(
            "speed.md", 2, {"segmented/*.nii.gz": 6, "bundles/*/models/model.onnx": 1}, marks=pytest.mark.slow
        ),
        ("deploy.md", 1, {"model.ts": 1}),
    ],
)
def test_the_commands_of_a_page_work_in_the_order_in_which_they_stand(
    page: str, count: int, made: dict[str, int], checkout: Path, toy_dataset: Path
):
    run_commands(page, count, made, checkout, toy_dataset)


@pytest.mark.slow
def test_so_do_those_of_the_zoo_s_page(checkout: Path, toy_dataset: Path, metadata_schema: Path):
    """The first of them would fetch the schema."""
    shutil.copy(metadata_schema, checkout / "schema.json")
    made = {"bundles/*/models/model.ts": 1, "bundles/*/models/model.onnx": 1}
    run_commands("zoo.md", 4, made, checkout, toy_dataset)


def run_commands(page: str, count: int, made: dict[str, int], checkout: Path, toy_dataset: Path) -> None:
    commands = [line for line in COMMANDS[page] if "monai.bundle" in line or line.startswith(OURS)]
    assert len(commands) == count
    for command in commands:
        arguments = [sys.executable, "-W", "ignore", *shortened(command, toy_dataset)]
        done = subprocess.run(arguments, cwd=checkout, capture_output=True, text=True, timeout=600, env=ONE_THREAD)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    for pattern, files in made.items():
        assert len(list(checkout.glob(pattern))) == files, pattern


@pytest.mark.parametrize("example", [block for page in PAGES for block in blocks(page, "python")])
def test_the_python_examples_work(example: str, tmp_path: Path, toy_dataset: Path):
    (tmp_path / "bundles").symlink_to(PROJECT / "bundles")
    shutil.copy(toy_dataset / "imagesTr" / "toy_001.nii.gz", tmp_path / "brain.nii.gz")
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", example], check=True, timeout=120, cwd=tmp_path, env=ONE_THREAD
    )


def test_the_table_of_networks_is_what_the_networks_have():
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \| ([\d.]+) \| (\d+) px \|", PAGES["networks.md"], flags=re.MULTILINE)
    assert [row[0] for row in rows] == list(VARIANTS)
    for name, parameters, gmac, receptive_field in rows:
        info = network_info(create_network(name))
        assert f"{info.parameters:,}" == parameters, name
        assert f"{info.macs / 1e9:.3f}" == gmac, name
        assert str(info.receptive_field) == receptive_field, name


def test_the_table_of_runtimes_has_them_all():
    section = PAGES["speed.md"].split("| runtime |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", " ".join(rows)) == list(RUNTIMES)


def test_make_knows_the_targets_that_the_readme_names():
    named = {
        target for page in PAGES.values() for target in re.findall(r"(?:^|`)make ([a-z][a-z-]+)", page, re.MULTILINE)
    }
    assert {"demo", "test", "bench"} <= named
    for target in named:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        done = subprocess.run(["make", "-n", target], cwd=PROJECT, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str):
    folder = PROJECT if page == "README.md" else PROJECT / "docs"
    for name in re.findall(r"\]\((?!http|#)([^)]+)\)", PAGES[page]):
        assert (folder / name).exists(), name


def test_the_table_of_fragments_has_them_all():
    listed = set(re.findall(r"^\| `(\w+\.json)`", PAGES["train.md"], flags=re.MULTILINE))
    assert listed == {path.name for path in (PROJECT / "configs").glob("*.json")}


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_that_it_is_no_medical_device(page: str):
    assert "Not a medical device" in PAGES[page]
