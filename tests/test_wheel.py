"""A wheel, built from this checkout and used outside of it: its bundles, its commands, its fragments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel
import pytest
from conftest import BUNDLES, FRAGMENTS, HIPPOCAMPUS, ONE_THREAD, PROJECT

from monai_mobileunet import shipped
from monai_mobileunet.labelling import prepare_app

SOURCES = ("monai_mobileunet", "bundles", "configs", "tests", "benchmarks", "web")
SHORT = "--limit 4 --folds 3 --val_interval 1 --subject_of $None --train#trainer#max_epochs 1"
LEFT_OUT = shutil.ignore_patterns("__pycache__", "openkbp_patient", "node_modules")
FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env={**ONE_THREAD, **environment}, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, for a build leaves its own folders in the source, beside what trainings and exports leave."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in SOURCES:
        shutil.copytree(PROJECT / name, source / name, ignore=LEFT_OUT)
    for name in FILES:
        shutil.copy(PROJECT / name, source)
    (source / "bundles" / HIPPOCAMPUS.name / "eval").mkdir(exist_ok=True)
    for left in ("eval/curve.png", "models/model_key_metric=0.8.pt", "models/model.onnx"):
        (source / "bundles" / HIPPOCAMPUS.name / left).touch()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", built, source, cwd=built)
    return next(built.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel installed into a folder of its own; what it depends on is taken from here."""
    folder = tmp_path_factory.mktemp("installed") / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "install", "--no-deps", "--no-index", "--target", folder, wheel, cwd=folder.parent)
    return folder


def installed(site: Path, *arguments: str | Path, cwd: Path) -> str:
    return run(site / "bin" / "mobileunet", *arguments, cwd=cwd, PYTHONPATH=str(site), COLUMNS="200")


def state(site: Path) -> dict[Path, tuple[int, int]]:
    """All that was installed, but for what Python compiles."""
    files = (path for path in site.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_the_wheel_carries_bundles_fragments_and_its_types_and_neither_tests_nor_benchmarks(wheel: Path):
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        data = "monai_mobileunet/shipped"
        for bundle in BUNDLES:
            weights = content.read(f"{data}/bundles/{bundle.name}/models/model.pt")
            assert weights == (bundle / "models" / "model.pt").read_bytes()
            assert f"{data}/bundles/{bundle.name}/configs/train.json" in names
            assert f"{data}/bundles/{bundle.name}/LICENSE" in names
    assert "monai_mobileunet/py.typed" in names
    assert {Path(name).name for name in names if name.startswith(f"{data}/configs/")} == set(os.listdir(FRAGMENTS))
    pages = {name.removeprefix(f"{data}/web/").split("/")[0] for name in names if name.startswith(f"{data}/web/")}
    assert pages == {"view", "segment", "pipeline", "viewer", "vendor"}
    assert f"{data}/web/vendor/niivue/LICENSES.txt" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"monai_mobileunet"}
    assert not [name for name in names if "/eval/" in name or name.endswith((".onnx", "=0.8.pt"))]


def test_an_installed_copy_segments_by_the_name_of_a_bundle(site: Path, toy_dataset: Path, tmp_path: Path):
    before = state(site)
    where = run(
        sys.executable, "-c", "import monai_mobileunet as m; print(m.__file__)", cwd=tmp_path, PYTHONPATH=str(site)
    )
    assert Path(where.strip()).is_relative_to(site)
    assert installed(site, "--version", cwd=tmp_path).strip()
    image = toy_dataset / "imagesTr" / "toy_001.nii.gz"
    said = installed(site, "segment", "-i", image, "-o", "masks", "-m", HIPPOCAMPUS.name, "--fast", cwd=tmp_path)
    assert "1 done, 0 failed" in said
    assert nibabel.load(tmp_path / "masks" / "toy_001.nii.gz").shape == nibabel.load(image).shape  # type: ignore[attr-defined]
    assert state(site) == before


@pytest.mark.slow
def test_an_installed_copy_tours_and_takes_fragments_and_stays_as_it_is(site: Path, toy_dataset: Path, tmp_path: Path):
    before = state(site)
    installed(site, "demo", "--data", toy_dataset, "--epochs", "1", "--output", "out", cwd=tmp_path)
    assert (tmp_path / "out" / "models" / "model.pt").is_file()
    told = installed(site, "info", "--size", "64", cwd=tmp_path)
    assert "fast.json" in told
    fragments = Path(told.split("Fragments of configs, in ")[1].partition(":")[0])
    assert fragments.is_relative_to(site)
    train = fragments.parent / "bundles" / HIPPOCAMPUS.name / "configs" / "train.json"
    command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "run", "training", "--config_file"]
    command += [f"['{train}','{fragments / 'fast.json'}']", "--dataset_dir", str(toy_dataset), *SHORT.split()]
    run(
        *command,
        "--ckpt_dir",
        tmp_path / "models",
        "--output_dir",
        tmp_path / "eval",
        cwd=tmp_path,
        PYTHONPATH=str(site),
    )
    assert (tmp_path / "models" / "model.pt").is_file()
    assert state(site) == before


def test_a_checkout_finds_its_own():
    assert shipped.shipped_folder() == PROJECT
    assert shipped.shipped_bundles() == {bundle.name: bundle for bundle in BUNDLES}
    assert not shipped.is_installed(HIPPOCAMPUS)


def test_a_bundle_in_an_installed_package_is_served_from_a_copy(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(shipped, "HERE", trained.parent.resolve())
    assert shipped.is_installed(trained)
    (place,) = prepare_app(tmp_path / "app", [trained])
    assert not place.is_symlink()
    assert (place / "models" / "model.pt").is_file()
