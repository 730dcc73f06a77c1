"""Data that the tests share: a synthetic data set, and the real one where it is at hand."""

from __future__ import annotations

import json
import locale
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from nibabel.orientations import axcodes2ornt, ornt_transform
from typer.testing import CliRunner

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cli import app
from monai_mobileunet.cli.terminal import printable
from monai_mobileunet.runtimes.conversion_cache import CACHE_VARIABLE

PROJECT = Path(__file__).resolve().parent.parent
BUNDLES = sorted(path for path in (PROJECT / "bundles").iterdir() if (path / "configs").is_dir())
HIPPOCAMPUS = PROJECT / "bundles" / "hippocampus_mri_segmentation"
ONE_QUICKLY = [one if one == HIPPOCAMPUS else pytest.param(one, marks=pytest.mark.slow) for one in BUNDLES]
"""For what takes long and is much alike for each bundle: the quick tests try one, ``make test-all`` tries them all."""
FRAGMENTS = PROJECT / "configs"
PATIENT = PROJECT / "tests" / "openkbp_patient"
HIPPOCAMPUS_BOX = (35, 50, 36)
REAL = {"hippocampus_mri_segmentation": "hippocampus", "head_neck_oar_ct_segmentation": "openkbp_hn_ct"}
CONVERTED = tempfile.TemporaryDirectory(prefix="converted")
os.environ.setdefault(CACHE_VARIABLE, CONVERTED.name)  # the tests leave the user's own cache alone, in processes too
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}  # networks this small lose more by waiting than they win
WITHOUT_ROOT_S_RIGHTS = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
"""Goes before a command that has to find a folder read-only: root may write to it, whatever its permissions say."""


# how long an example takes says more of what else the machine does than of the code
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


def segment(*arguments: object, expect: int = 0) -> str:
    """What ``mobileunet segment`` says, in one line."""
    result = CliRunner().invoke(app, ["segment", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == expect, result.output
    return " ".join(result.output.split())


@pytest.fixture
def no_grad() -> Iterator[None]:
    """As in inference, and the same random numbers for every test."""
    torch.manual_seed(0)
    with torch.no_grad():
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes real data, directly or through other fixtures; `.ci/run` runs it without them too."""
    for item in items:
        if "data_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")


def _in_utf_8(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_utf_8(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_in_utf_8, value))
    return printable(value) if isinstance(value, str) else value


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Iterator[None]:
    """Let what a test logged of file names that are no UTF-8 pass from a worker of pytest-xdist, which it would end."""
    return _in_utf_8((yield))


@pytest.fixture(autouse=True)
def _locale() -> Iterator[None]:
    """GDCM's writer of DICOM leaves the process in the locale "C", in which Python reads text as ASCII."""
    language = locale.setlocale(locale.LC_ALL)
    yield
    locale.setlocale(locale.LC_ALL, language)


@pytest.fixture(autouse=True)
def _real_data_are_asked_for_by_a_fixture(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    seen = "data_folder" not in request.fixturenames or request.node.get_closest_marker("real_data")
    assert seen, "getfixturevalue hides real data from .ci/run: let the test or its fixture take theirs as an argument"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Where real images lie if they are at hand: the one fixture under all that take them."""
    return Path(os.environ.get("MONAI_MOBILEUNET_TEST_DATA", PROJECT.parent / "shared" / "data"))


def present(folder: Path) -> Path:
    """A folder of real data, or a test that is skipped."""
    if not folder.is_dir():
        pytest.skip(f"This test needs real data, and {folder} does not exist (see MONAI_MOBILEUNET_TEST_DATA).")
    return folder


@pytest.fixture(scope="session")
def shared_data(data_folder: Path) -> Path:
    """Folder of real images beside the checkout."""
    return present(data_folder)


@pytest.fixture(scope="session")
def shared_cases(data_folder: Path) -> Path:
    """Folder of inputs that went wrong once, beside that of real images."""
    return present(data_folder.parent / "cases")


@pytest.fixture(scope="session")
def hippocampus_data(shared_data: Path) -> Path:
    """MSD Task04_Hippocampus: 208 cases."""
    return present(shared_data / "hippocampus")


@pytest.fixture(scope="session")
def metadata_schema(shared_data: Path) -> Path:
    """MONAI's schema of metadata.json, which its commands would fetch."""
    return present(shared_data / "bundle_schemas") / "meta_schema_20240725.json"


def head_and_tail(index: int, shape: tuple[int, int, int] = (24, 34, 28)) -> tuple[np.ndarray, np.ndarray]:
    """A bright ellipsoid whose front half is class 1 and whose back half is class 2, in noise."""
    random = np.random.RandomState(index)
    centre = np.array(shape) / 2 + random.uniform(-2, 2, 3)
    radii = np.array(shape) * random.uniform(0.24, 0.3, 3)
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in shape), indexing="ij"), -1)
    inside = (((grid - centre) / radii) ** 2).sum(-1) < 1
    label = np.where(inside, np.where(grid[..., 1] > centre[1], 1, 2), 0).astype(np.uint8)
    image = 40 + 60 * inside + 25 * (label == 1) + random.normal(0, 8, shape)
    return image.clip(0, 255), label


def stored(image: nibabel.Nifti1Image, codes: str) -> nibabel.Nifti1Image:
    """The same volume in space, with its axes in another order."""
    now = nibabel.orientations.io_orientation(image.affine)
    return image.as_reoriented(ornt_transform(now, axcodes2ornt(codes)))


def turned(image: nibabel.Nifti1Image) -> nibabel.Nifti1Image:
    """The same voxels in a body that lies obliquely."""
    affine = image.affine.copy()
    affine[:3, :3] = nibabel.eulerangles.euler2mat(0.35, -0.2, 0.15) @ affine[:3, :3]
    return nibabel.Nifti1Image(np.asarray(image.dataobj), affine)


@cache
def template_hippocampus() -> nibabel.Nifti1Image:
    """A box of 35 x 50 x 36 mm around the left hippocampus of the MNI152 T1 template, which nilearn carries."""
    from nilearn.datasets import load_mni152_template  # here, for it takes seconds

    template = load_mni152_template(resolution=1)
    middle = nibabel.affines.apply_affine(np.linalg.inv(template.affine), (-27, -21, -14))
    low = (middle - np.array(HIPPOCAMPUS_BOX) / 2).round().astype(int)
    box = template.slicer[tuple(slice(start, start + size) for start, size in zip(low, HIPPOCAMPUS_BOX))]
    return nibabel.Nifti1Image((1000 * box.get_fdata()).round().astype(np.int16), box.affine)


def cropped_patient() -> nibabel.Nifti1Image:
    """The head and neck that these tests carry."""
    return nibabel.load(PATIENT / "image.nii.gz")


STAND_INS = {"hippocampus_mri_segmentation": template_hippocampus, "head_neck_oar_ct_segmentation": cropped_patient}


VolumeFor = Callable[[str], nibabel.Nifti1Image]


@pytest.fixture(scope="session")
def volume_for(data_folder: Path) -> VolumeFor:
    """A volume that a bundle of ours, given its name, segments: a real one if it is at hand, or else a stand-in."""

    def volume(bundle: str) -> nibabel.Nifti1Image:
        images = data_folder / REAL[bundle] / "imagesTr"
        return nibabel.load(sorted(images.iterdir())[0]) if images.is_dir() else STAND_INS[bundle]()

    return volume


def write_dataset(folder: Path, cases: int = 6) -> Path:
    """A Decathlon folder whose volumes mix uint8 with floats of another scale, as Task04's do."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    listed = []
    for index in range(1, cases + 1):
        image, label = head_and_tail(index)
        stored = image.astype(np.uint8) if index % 2 else (image * 4000).astype(np.float32)
        name = f"toy_{index:03d}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(stored, np.eye(4)), folder / "imagesTr" / name)
        nibabel.save(nibabel.Nifti1Image(label, np.eye(4)), folder / "labelsTr" / name)
        listed.append({"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"})
    description = {
        "labels": {"0": "background", "1": "head", "2": "tail"},
        "modality": {"0": "MRI"},
        "training": listed,
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


@pytest.fixture(scope="session")
def toy_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six volumes; not to be changed by a test."""
    return write_dataset(tmp_path_factory.mktemp("toy") / "Task99_Toy")


@pytest.fixture(scope="session")
def planned_bundle(toy_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle planned for the toy data set and trained for one epoch, no file edited; not to be changed by a test."""
    bundle = tmp_path_factory.mktemp("planned") / "my_bundle"
    plan = ["-m", "monai_mobileunet", "plan", str(toy_dataset), "-o", str(bundle), "--budget", "90s"]
    training = ["-m", "monai.bundle", "run", "training", "--config_file", str(bundle / "configs" / "train.json")]
    for arguments in (plan, [*training, "--train#trainer#max_epochs", "1", "--val_interval", "1"]):
        done = subprocess.run([sys.executable, *arguments], env=ONE_THREAD, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return bundle


@pytest.fixture
def own_dataset(tmp_path: Path, toy_dataset: Path) -> Path:
    """A copy of the toy data set that a test may break."""
    return Path(shutil.copytree(toy_dataset, tmp_path / "dataset"))


@pytest.fixture
def its_dataset(bundle: Path, own_dataset: Path) -> Path:
    """The toy data set with intensities such as the bundle's images have."""
    if "ct" in bundle.name.split("_"):
        for path in (own_dataset / "imagesTr").iterdir():
            image = nibabel.load(path)
            values = image.get_fdata(dtype=np.float32)
            nibabel.save(nibabel.Nifti1Image(values / values.max() * 1500 - 1000, image.affine), path)
    return own_dataset


@pytest.fixture
def bundle_copy(tmp_path: Path) -> Path:
    """The hippocampus bundle in a place where it may write, without weights."""
    return Path(
        shutil.copytree(HIPPOCAMPUS, tmp_path / HIPPOCAMPUS.name, ignore=shutil.ignore_patterns("eval", "*.pt"))
    )


@pytest.fixture
def trained(bundle_copy: Path) -> Path:
    """That bundle with random weights, which segment something."""
    torch.manual_seed(0)
    network = Bundle(bundle_copy, device="cpu").parser.get_parsed_content("network")
    (bundle_copy / "models").mkdir(exist_ok=True)
    torch.save(network.state_dict(), bundle_copy / "models" / "model.pt")
    metadata = bundle_copy / "configs" / "metadata.json"
    content = json.loads(metadata.read_text())
    for key in ("extent_mm", "label_ml"):  # of the shipped network's training; this one is for volumes of any size
        del content["training_data"][key]
    metadata.write_text(json.dumps(content))
    return bundle_copy


@pytest.fixture
def small_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of a few files in the place of the package's own, for sites that are written in no time."""
    web = tmp_path / "package" / "web"
    files = {
        "segment/index.html": "<!doctype html><title>a page</title>",
        "segment/offline.js": "const VERSION = '__VERSION__';",
        "segment/page.js": "export const page = 1;",
        "pipeline/half.js": "export const half = 0.5;",
        "viewer/viewer.js": "export const viewer = 1;",
        "vendor/onnxruntime/ort.wasm.bundle.min.mjs": "export const ort = 1;",
        "vendor/onnxruntime/ort-wasm-simd-threaded.wasm.gz": "packed",
        "vendor/onnxruntime/ort-wasm-simd-threaded.jspi.wasm.gz": "packed " * 1000,
        "vendor/onnxruntime/ort.d.ts": "declare const ort: number;",
        "view/index.html": "of another page",
    }
    for name, content in files.items():
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).write_text(content)
    monkeypatch.setattr("monai_mobileunet.webpage.site.shipped_folder", lambda: web.parent)
    return web


def _as_rank(rank: int, processes: int, folder: Path, work: Callable[[int], Any]) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(processes)}
    store = (folder / "group").as_uri()
    torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=processes)
    torch.save(work(rank), folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.fixture
def in_processes(tmp_path: Path) -> Callable[..., list[Any]]:
    """Run a function of the rank in several processes of one gloo group, and give what each returned."""

    def run(processes: int, work: Callable[[int], Any]) -> list[Any]:
        context = multiprocessing.get_context("fork")  # others would import torch and MONAI again
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        ranks = [context.Process(target=_as_rank, args=(rank, processes, folder, work)) for rank in range(processes)]
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join(60)
            rank.kill()
        assert [rank.exitcode for rank in ranks] == [0] * processes
        return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(processes)]

    return run


RunBundle = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_bundle(tmp_path: Path) -> RunBundle:
    """Run ``python -m monai.bundle run`` as a user does, from a folder that is not the bundle's."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*configs: Path, run_id: str | None = None, expect: int = 0, **overrides: object):
        files = str(configs[0]) if len(configs) == 1 else "[" + ",".join(f"'{path}'" for path in configs) + "]"
        command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "run", *([] if run_id is None else [run_id])]
        command += ["--config_file", files]
        for key, value in overrides.items():
            command += [f"--{key}", str(value)]
        done = subprocess.run(
            command, cwd=elsewhere, capture_output=True, encoding="utf-8", timeout=600, env=ONE_THREAD
        )
        assert done.returncode == expect, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    return run
