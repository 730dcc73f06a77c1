"""Where a mask lands: the bundle's inference on volumes of every orientation, voxel by voxel."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from conftest import HIPPOCAMPUS, RunBundle, head_and_tail
from monai.bundle import ConfigWorkflow
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from monai_mobileunet.bundle import Bundle
from monai_mobileunet.cli import app
from monai_mobileunet.data import read_volume
from monai_mobileunet.runtimes import RuntimeInferer
from monai_mobileunet.transforms import SplitByPlaned

SPACING = (1.0, 1.0, 1.0)


def threshold_network(folder: Path) -> dict[str, object]:
    """Overrides that make class 1 of what is brighter than the mean: a mask that can be checked by eye.

    A 1×1 convolution over the context takes the middle slice's value as the score of class 1.
    """
    network = torch.nn.Conv2d(7, 3, 1)
    with torch.no_grad():
        network.weight.zero_()
        network.bias.copy_(torch.tensor([0.0, 0.0, -10.0]))
        network.weight[1, 3] = 1.0
    torch.save(network.state_dict(), folder / "threshold.pt")
    one_by_one = {"context": 3, "out_slices": 1, "out_step": 1}
    definition = {"_target_": "torch.nn.Conv2d", "in_channels": 7, "out_channels": 3, "kernel_size": 1}
    return {"network_def": definition, "ckpt_path": str(folder / "threshold.pt"), **one_by_one}


@pytest.mark.parametrize("wanted", [True, False])
def test_the_plane_between_the_parts_can_be_left_out_for_other_classes(wanted: bool):
    bundle = Bundle(HIPPOCAMPUS, device="cpu", divide_by_plane=wanted)
    assert any(isinstance(step, SplitByPlaned) for step in bundle.postprocessing.transforms) == wanted
    assert len(bundle.postprocessing.transforms) == 4 + wanted


def segment(images: Path, output: Path, **overrides: object) -> None:
    workflow = ConfigWorkflow(
        str(HIPPOCAMPUS / "configs" / "inference.json"),
        workflow_type="infer",
        logging_file=False,
        dataset_dir=str(images),
        output_dir=str(output),
        device="cpu",
        **overrides,
    )
    workflow.initialize()
    workflow.run()


def oblique(spacing: tuple[float, float, float]) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [12, -20, 33], degrees=True).as_matrix() @ np.diag(spacing)
    affine[:3, 3] = 11.0, -23.0, 5.0
    return affine


def stored_as(axcodes: str, array: np.ndarray, affine: np.ndarray) -> nibabel.Nifti1Image:
    """The same volume in space with its axes stored as ``axcodes``."""
    change = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axcodes))
    moved = nibabel.orientations.apply_orientation(array, change)
    return nibabel.Nifti1Image(moved, affine @ inv_ornt_aff(change, array.shape))


@pytest.fixture
def volume() -> np.ndarray:
    image, _ = head_and_tail(1)
    return image.astype(np.float32)


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "LAS", "PIR", "SAL", "ARS"])
@pytest.mark.parametrize("tilted", [False, True], ids=["straight", "oblique"])
def test_a_mask_comes_back_on_the_grid_of_its_image(tmp_path: Path, volume, axcodes: str, tilted: bool):
    image = stored_as(axcodes, volume, oblique(SPACING) if tilted else np.eye(4))
    (tmp_path / "in").mkdir()
    nibabel.save(image, tmp_path / "in" / "case.nii.gz")
    segment(tmp_path / "in", tmp_path / "out", **threshold_network(tmp_path))

    pred = nibabel.load(tmp_path / "out" / "case.nii.gz")
    assert pred.shape == image.shape
    np.testing.assert_allclose(pred.affine, image.affine, atol=1e-4)
    assert pred.get_data_dtype() == np.uint8
    array = np.asarray(image.dataobj)
    clipped = np.clip(array, *np.percentile(array, [0.5, 99.5]))
    wrong = np.mean((np.asarray(pred.dataobj) == 1) != (clipped > clipped.mean()))
    assert wrong < 1e-3, f"{wrong:.1%} of the voxels are elsewhere"


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "SAL"])
def test_anisotropic_volumes_are_resampled_and_come_back(tmp_path: Path, volume, axcodes: str):
    thick = volume[:, :, ::3]
    image = stored_as(axcodes, thick, np.diag([1.0, 1.0, 3.0, 1.0]))
    (tmp_path / "in").mkdir()
    nibabel.save(image, tmp_path / "in" / "case.nii.gz")
    segment(tmp_path / "in", tmp_path / "out", **threshold_network(tmp_path))
    pred = nibabel.load(tmp_path / "out" / "case.nii.gz")
    assert pred.shape == image.shape
    np.testing.assert_allclose(pred.affine, image.affine, atol=1e-4)
    array = np.asarray(image.dataobj)
    wanted, got = array > array.mean(), np.asarray(pred.dataobj) == 1
    assert 2 * (wanted & got).sum() / (wanted.sum() + got.sum()) > 0.97


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_runtime_chosen_by_name_gives_the_same_mask(tmp_path: Path, volume, runtime: str):
    pytest.importorskip(runtime)
    (tmp_path / "in").mkdir()
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "in" / "case.nii.gz")
    for name in ("torch", runtime):
        segment(tmp_path / "in", tmp_path / name, runtime=name, **threshold_network(tmp_path))
    masks = [np.asarray(nibabel.load(tmp_path / name / "case.nii.gz").dataobj) for name in ("torch", runtime)]
    assert masks[0].any()
    assert np.mean(masks[0] != masks[1]) < 1e-4


def test_the_tree_of_folders_and_the_names_are_kept(tmp_path: Path, volume):
    for name in ("a/one.nii.gz", "b/c/two.nii.gz"):
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "in" / name)
    segment(tmp_path / "in", tmp_path / "out", **threshold_network(tmp_path))
    written = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.nii.gz"))
    assert written == ["a/one.nii.gz", "b/c/two.nii.gz"]


def test_any_scale_of_intensities_gives_the_same_mask(tmp_path: Path, volume):
    (tmp_path / "in").mkdir()
    nibabel.save(nibabel.Nifti1Image(volume.round().astype(np.uint8), np.eye(4)), tmp_path / "in" / "small.nii.gz")
    nibabel.save(nibabel.Nifti1Image(volume.round() * 5000 + 100, np.eye(4)), tmp_path / "in" / "large.nii.gz")
    segment(tmp_path / "in", tmp_path / "out", **threshold_network(tmp_path))
    small, large = (
        np.asarray(nibabel.load(tmp_path / "out" / f"{name}.nii.gz").dataobj) for name in ("small", "large")
    )
    assert np.mean(small != large) < 1e-3


def test_as_a_process_without_a_model_it_names_the_file_that_is_missing(
    bundle_copy: Path, toy_dataset: Path, run_bundle: RunBundle
):
    done = run_bundle(
        bundle_copy / "configs" / "inference.json",
        expect=1,
        dataset_dir=toy_dataset / "imagesTr",
        ckpt_path="/no/model.pt",
    )
    assert "/no/model.pt" in done.stderr


def test_as_a_process_on_an_empty_folder_it_says_what_it_looked_for(
    bundle_copy: Path, tmp_path: Path, run_bundle: RunBundle
):
    (tmp_path / "empty").mkdir()
    done = run_bundle(bundle_copy / "configs" / "inference.json", expect=1, dataset_dir=tmp_path / "empty")
    assert "no images in it" in done.stderr
    assert "Traceback" not in done.stderr


def image_like(path: Path, volume: np.ndarray, scale: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(sitk.GetImageFromArray(volume.transpose() * scale), str(path))


def files(folder: Path) -> list[str]:
    found = sorted(folder.rglob("*"))
    return [path.relative_to(folder).as_posix() for path in found if path.is_file() and ".mobileunet" not in path.parts]


def test_as_a_process_on_a_folder_of_every_kind_it_does_what_can_be_done_and_names_the_rest(
    tmp_path: Path, volume, run_bundle: RunBundle
):
    root, outside = tmp_path / "in", tmp_path / "outside"
    mirrored = volume[::-1]
    image_like(root / "p1.nii.gz", volume)
    image_like(root / "p1.nrrd", mirrored)
    image_like(outside / "deep" / "linked.nii.gz", volume)
    (root / "folder").symlink_to(outside)
    (root / "file.nii.gz").symlink_to(outside / "deep" / "linked.nii.gz")
    (root / "gone.nii.gz").symlink_to("/nowhere/gone.nii.gz")
    (root / "loop").symlink_to(root)
    (root / "broken.nii.gz").write_bytes((root / "p1.nii.gz").read_bytes()[:-200])
    image_like(root / "ct" / "dicom.nii.gz", volume)
    write_series(root / "series", volume)
    masks = ["ct/dicom.nii.gz", "file.nii.gz", "folder/deep/linked.nii.gz", "p1.nii.gz", "p1.nrrd", "series.nii.gz"]
    config, network = HIPPOCAMPUS / "configs" / "inference.json", threshold_network(tmp_path)
    for _ in range(2):  # the second finds the masks of the first beside the images
        done = run_bundle(config, expect=1, dataset_dir=root, output_dir=root / "masks", device="cpu", **network)
        assert "error: 2 of 8 cases have no mask; the other 6 have theirs" in done.stderr
        for told in (done.stderr, done.stdout):
            assert f"{root}/broken.nii.gz: " in told
            assert f"{root}/gone.nii.gz: is a link to /nowhere/gone.nii.gz, which does not exist" in told
        assert "Traceback" not in done.stderr
        assert files(root / "masks") == masks
    first, second = (read_volume(root / "masks" / name).values > 0 for name in ("p1.nii.gz", "p1.nrrd"))
    assert first.any()
    assert np.mean(first[::-1] != second) < 1e-3, "each of the two has its own"

    arguments = ["segment", "-i", root, "-o", tmp_path / "segment", "-m", HIPPOCAMPUS, "--device", "cpu"]
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exit_code == 1
    assert "passed over: masks of an earlier run (masks)" in " ".join(result.output.split())
    by_segment = [name for name in files(tmp_path / "segment") if name.endswith((".nii.gz", ".nrrd"))]
    assert by_segment == masks, "one list of images by both doors"


def write_series(folder: Path, volume: np.ndarray) -> None:
    """A DICOM series of 1 mm."""
    folder.mkdir()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for number in range(volume.shape[2]):
        image = sitk.GetImageFromArray(volume[None, :, :, number].transpose(0, 2, 1).astype(np.int16))
        tags = {
            "0008|0060": "MR",
            "0008|0018": f"1.2.3.{number + 1}",
            "0020|000e": "1.2.3",
            "0020|0013": str(number + 1),
            "0020|0032": f"0\\0\\{number}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
        }
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{number:03d}.dcm"))
        writer.Execute(image)


def test_as_a_process_on_a_data_set_it_leaves_the_labels_alone(
    tmp_path: Path, own_dataset: Path, run_bundle: RunBundle
):
    config = HIPPOCAMPUS / "configs" / "inference.json"
    done = run_bundle(config, dataset_dir=own_dataset, output_dir=tmp_path / "out", device="cpu")
    assert "passed over: labels (labelsTr)" in done.stdout
    assert files(tmp_path / "out") == [f"imagesTr/toy_{index:03d}.nii.gz" for index in range(1, 7)]
    result = CliRunner().invoke(
        app, ["segment", "-i", str(own_dataset), "-o", str(tmp_path / "no"), "-m", str(HIPPOCAMPUS), "--dry-run"]
    )
    assert result.exit_code == 0
    assert "6 cases in" in result.output
    assert "passed over: labels (labelsTr)" in result.output


def test_a_case_at_which_the_network_fails_stops_no_other(tmp_path: Path, volume, monkeypatch: pytest.MonkeyPatch):
    for name in ("a", "b", "c"):
        image_like(tmp_path / "in" / f"{name}.nii.gz", volume)
    calls = []

    def sometimes(self, inputs, network, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise ValueError("the scores are NaN")
        return inferred(self, inputs, network, *args, **kwargs)

    inferred = RuntimeInferer.__call__
    monkeypatch.setattr(RuntimeInferer, "__call__", sometimes)
    with pytest.raises(SystemExit, match=r"1 of 3 cases have no mask(.|\n)*b\.nii\.gz: .*the scores are NaN"):
        segment(tmp_path / "in", tmp_path / "out", **threshold_network(tmp_path))
    assert files(tmp_path / "out") == ["a.nii.gz", "c.nii.gz"]
