"""Exports of a whole bundle, and the bundle running from them."""

from __future__ import annotations

import dataclasses
import json
import resource
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from conftest import ONE_THREAD, WITHOUT_ROOT_S_RIGHTS

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.bundle.export import export_bundle, network_inputs
from monai_mobileunet.inferers.assembly import plan_groups
from monai_mobileunet.networks import create_network
from monai_mobileunet.runtimes.formats import FORMATS
from monai_mobileunet.runtimes.manifest import MANIFEST, hash_file

VARIANT = "mobileunet_tiny"
EXACT = ["torchscript", "onnx", "openvino"]


@pytest.fixture
def bundle(bundle_copy: Path) -> Bundle:
    """The hippocampus bundle with a small network and weights that nothing has trained."""
    torch.manual_seed(0)
    bundle = Bundle(bundle_copy, device="cpu", **{"network_def#variant": VARIANT})
    torch.save(bundle.parser.get_parsed_content("network").state_dict(), bundle_copy / "models" / "model.pt")
    return bundle


@pytest.fixture
def images(toy_dataset: Path) -> Path:
    return toy_dataset / "imagesTr"


def manifest(bundle: Bundle) -> dict:
    return json.loads((bundle.models / MANIFEST).read_text())


@pytest.mark.parametrize("package", ["onnxscript"])
def test_exports_agree_and_the_bundle_runs_from_them(package, bundle: Bundle, images: Path, run_bundle, tmp_path: Path):
    pytest.importorskip(package)
    results = export_bundle(bundle, images, EXACT)
    for result in results:
        assert result.problem is None
        assert result.parity.changed_voxels <= 1e-4 * result.parity.voxels
        entry = manifest(bundle)[result.kind]
        assert {path.name: hash_file(path) for path in result.files} == entry["files"]
        assert entry["parity"]["slices"] == result.parity.slices > 10
    assert not [path for path in bundle.models.iterdir() if path.name.startswith(".") and path.name != ".gitkeep"]

    masks = {}
    for runtime in ("torch", "onnxruntime", "openvino"):
        done = run_bundle(
            bundle.folder / "configs" / "inference.json",
            runtime=runtime,
            dataset_dir=images,
            output_dir=tmp_path / runtime,
            **{"network_def#variant": VARIANT},
        )
        if runtime != "torch":
            assert f"runs in {runtime}, from {bundle.models}" in done.stdout + done.stderr
        names = sorted(path.name for path in (tmp_path / runtime).glob("*.nii.gz"))
        masks[runtime] = np.stack([np.asarray(nibabel.load(tmp_path / runtime / name).dataobj) for name in names])
    assert len(names) == 6
    assert len(np.unique(masks["torch"])) > 1
    for runtime in ("onnxruntime", "openvino"):
        assert np.mean(masks[runtime] != masks["torch"]) < 1e-4


def test_torchscript_carries_the_metadata(bundle: Bundle, images: Path):
    (result,) = export_bundle(bundle, images, ["torchscript"])
    files = {"metadata.json": ""}
    torch.jit.load(result.files[0], _extra_files=files)
    assert json.loads(files["metadata.json"])["name"] == bundle.metadata["name"]


def test_what_differs_is_not_written_and_the_others_are(bundle: Bundle, images: Path, monkeypatch):
    """A writer that loses the weights; what an earlier export left stays."""

    write = FORMATS["torchscript"].write

    def write_another(source, path):
        torch.manual_seed(1)
        other = create_network(VARIANT, in_channels=source.in_channels, out_channels=3, out_slices=5).eval()
        for parameter in other.parameters():
            torch.nn.init.normal_(parameter)
        write(dataclasses.replace(source, network=other), path)

    export_bundle(bundle, images, ["torchscript"])
    before = manifest(bundle)
    broken = dataclasses.replace(FORMATS["torchscript"], write=write_another)
    monkeypatch.setitem(FORMATS, "broken", broken)
    wrong, right = export_bundle(bundle, images, ["broken", "torchscript"])
    assert "scores differ" in wrong.problem
    assert wrong.files == ()
    assert right.problem is None
    assert manifest(bundle).keys() == before.keys()

    kept = (hash_file(bundle.models / "model.ts"), manifest(bundle))
    monkeypatch.setitem(FORMATS, "torchscript", broken)
    (again,) = export_bundle(bundle, images, ["torchscript"])
    assert again.problem is not None
    assert (hash_file(bundle.models / "model.ts"), manifest(bundle)) == kept


@pytest.mark.slow
def test_int8_is_quantised_with_real_slices_and_runs(bundle: Bundle, images: Path, run_bundle, tmp_path: Path):
    """Masks of an untrained network are noise; so the format is asked for what noise allows."""
    pytest.importorskip("nncf")
    row = FORMATS["openvino_int8"]
    relaxed = dataclasses.replace(row, limits=dataclasses.replace(row.limits, dice=0.5))
    FORMATS["openvino_int8"] = relaxed
    try:
        (result,) = export_bundle(bundle, images, ["openvino_int8"])
    finally:
        FORMATS["openvino_int8"] = row
    assert result.problem is None
    assert result.files[1].stat().st_size < 0.5 * (bundle.models / "model.pt").stat().st_size
    run_bundle(
        bundle.folder / "configs" / "inference.json",
        runtime="openvino_int8",
        dataset_dir=images,
        output_dir=tmp_path / "int8",
        **{"network_def#variant": VARIANT},
    )
    assert len(list((tmp_path / "int8").glob("*.nii.gz"))) == 6


def test_the_inputs_are_those_of_inference_evenly_spread(bundle: Bundle, images: Path):
    image = sorted(images.iterdir())[0]
    everything = network_inputs(bundle, image, 10_000)
    depth = nibabel.load(image).shape[2]
    assert len(everything) == 2 * len(plan_groups(depth, 5, 3)), "two passes, the second mirrored"
    assert {item.shape[:2] for item in everything} == {(1, 11)}
    some = network_inputs(bundle, image, 10)
    assert len(some) == 10
    positions = [next(i for i, item in enumerate(everything) if torch.equal(item, one)) for one in some]
    assert positions[-1] > 0.8 * len(everything), "to the end of the volume"
    steps = {b - a for a, b in pairwise(positions)}
    assert max(steps) <= 2 * min(steps)


def test_no_weights_yet(bundle_copy: Path, images: Path):
    with pytest.raises(FileNotFoundError, match=r"model\.pt: no weights"):
        export_bundle(Bundle(bundle_copy, device="cpu"), images, ["torchscript"])


def test_no_bundle(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no bundle"):
        Bundle(tmp_path)


def test_weights_of_another_network(bundle: Bundle):
    other = Bundle(bundle.folder, device="cpu", **{"network_def#variant": "mobileunet_small"})
    with pytest.raises(ValueError, match=r"model\.pt: weights of another network.*--set network_def"):
        other.load_network()


def content(folder: Path) -> dict[str, str]:
    return {path.name: hash_file(path) for path in folder.iterdir()}


def test_a_folder_that_is_read_only_is_named_before_any_work(bundle: Bundle, images: Path):
    if WITHOUT_ROOT_S_RIGHTS and shutil.which(WITHOUT_ROOT_S_RIGHTS[0]) is None:
        pytest.skip("Root may write everywhere, and there is no setpriv to give up that right.")
    before = content(bundle.models)
    command = [*WITHOUT_ROOT_S_RIGHTS, sys.executable, "-W", "ignore", "-m", "monai_mobileunet", "export"]
    command += [str(bundle.folder), "--data", str(images), "--set", f"network_def#variant={VARIANT}"]
    bundle.models.chmod(0o555)
    try:
        done = subprocess.run(command, env=ONE_THREAD, capture_output=True, text=True, timeout=600)
    finally:
        bundle.models.chmod(0o755)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout + done.stderr == (
        f"error: {bundle.models}: exports cannot be written to this folder (Permission denied). Give yourself the "
        "right to write there (chmod u+w), or export from a copy of the bundle elsewhere (cp -r).\n"
    )
    assert content(bundle.models) == before


def no_room(folder: Path, words: str) -> str:
    return (
        f"{folder}: exports cannot be written to this folder ({words}). Free space there, or export from a copy of the "
        "bundle elsewhere (cp -r)."
    )


def test_a_file_that_cannot_be_written_whole_is_told_and_what_was_there_stays(bundle: Bundle, images: Path):
    """A limit on the size of files, which root has to keep too."""
    export_bundle(bundle, images, ["torchscript"])
    before = content(bundle.models)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        (result,) = export_bundle(bundle, images, ["torchscript"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.problem == no_room(bundle.models, "File too large")
    assert content(bundle.models) == before


def test_a_full_disk_is_told_and_a_format_that_has_room_is_written(bundle: Bundle, images: Path):
    """On a file system of its own, with room for the first of two formats. The second is written by C++."""
    pytest.importorskip("onnxscript")
    weights = bundle.models / "model.pt"
    kept = weights.read_bytes()
    size = f"size={int(2.6 * len(kept))}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(bundle.models)], capture_output=True)
    if mounted.returncode:
        pytest.skip("Only root may mount a small file system.")
    try:
        weights.write_bytes(kept)
        written, failed = export_bundle(bundle, images, ["torchscript", "openvino"])
        assert written.problem is None
        assert failed.problem == no_room(bundle.models, "No space left on device")
        assert sorted(content(bundle.models)) == [MANIFEST, "model.pt", "model.ts"]
        assert list(manifest(bundle)) == ["torchscript"]
    finally:
        subprocess.run(["umount", str(bundle.models)], check=True)
