"""By whatever door an image comes in, its mask is the same."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from conftest import BUNDLES, ONE_QUICKLY, REAL, RunBundle, VolumeFor, stored, turned
from typer.testing import CliRunner

from monai_mobileunet import Segmenter
from monai_mobileunet.cli import app
from monai_mobileunet.data import read_volume


@pytest.fixture
def images(bundle: Path, tmp_path: Path, volume_for: VolumeFor) -> Path:
    """One volume, in the orientations and formats that make trouble; a real one where it is at hand."""
    folder = tmp_path / "images"
    (folder / "deep").mkdir(parents=True)
    image = volume_for(bundle.name)
    nibabel.save(stored(image, "RAS"), folder / "ras.nii.gz")
    nibabel.save(stored(image, "LPS"), folder / "lps.nii")
    nibabel.save(stored(image, "PIR"), folder / "deep" / "permuted.nii.gz")
    nibabel.save(turned(stored(image, "SLA")), folder / "oblique.nii.gz")
    sitk.WriteImage(sitk.ReadImage(str(folder / "ras.nii.gz")), str(folder / "other.nrrd"))
    return folder


@pytest.fixture(params=BUNDLES, ids=lambda path: path.name)
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copytree(request.param, tmp_path / request.param.name))


@pytest.mark.parametrize("bundle", ONE_QUICKLY, indirect=True, ids=lambda path: path.name)
def test_the_mask_is_the_same_by_every_door(bundle: Path, images: Path, tmp_path: Path, run_bundle: RunBundle):
    run_bundle(bundle / "configs" / "inference.json", dataset_dir=images, output_dir=tmp_path / "monai", device="cpu")
    arguments = ["segment", "-i", images, "-o", tmp_path / "segment", "-m", bundle, "--device", "cpu"]
    assert CliRunner().invoke(app, [*map(str, arguments)]).exit_code == 0
    segmenter = Segmenter(bundle, device="cpu")
    drawn = 0
    for path in sorted(path for path in images.rglob("*") if path.is_file()):
        place = path.relative_to(images)
        by_segment = read_volume(tmp_path / "segment" / place)
        by_monai = nibabel.load(tmp_path / "monai" / place.parent / f"{place.name.split('.')[0]}.nii.gz")
        assert np.array_equal(by_segment.values, np.asarray(by_monai.dataobj)), place
        assert np.allclose(by_segment.affine, by_monai.affine, atol=1e-4), place
        if by_segment.template is not None:
            assert by_segment.template.binaryblock == by_monai.header.binaryblock, "one writer by both doors"
        volume = read_volume(path)
        ways = [path, volume, (volume.values, volume.affine), sitk.ReadImage(str(path))]
        ways += [nibabel.load(path)] if ".nii" in path.name else []
        for source in ways:
            assert np.array_equal(segmenter(source).mask, by_segment.values), f"{place} as {type(source).__name__}"
        drawn += int(by_segment.values.any())
    assert drawn, "masks without anything would be alike too"


def test_the_same_body_gives_the_same_mask_however_it_is_stored(bundle: Path, images: Path):
    segmenter = Segmenter(bundle, device="cpu")
    masks = []
    for name in ("ras.nii.gz", "lps.nii", "deep/permuted.nii.gz", "other.nrrd"):
        result = segmenter(images / name)
        mask = nibabel.as_closest_canonical(nibabel.Nifti1Image(result.mask, result.volume.affine))
        masks.append(np.asarray(mask.dataobj))
    for mask in masks[1:]:
        assert (mask != masks[0]).mean() < 1e-4, "the last bit of an affine may move a voxel"


@pytest.mark.parametrize("bundle", ONE_QUICKLY, indirect=True, ids=lambda path: path.name)
def test_the_warnings_are_the_same_by_every_door(
    bundle: Path, tmp_path: Path, volume_for: VolumeFor, run_bundle: RunBundle, data_folder: Path
):
    own, whole = volume_for(bundle.name), (data_folder / REAL[bundle.name]).is_dir()
    far = nibabel.Nifti1Image(np.asarray(own.dataobj), own.affine @ np.diag([0.5, 0.5, 0.5, 1]))
    for name, image in (("own", own), ("far", far)):
        (tmp_path / name).mkdir()
        nibabel.save(image, tmp_path / name / f"{name}.nii.gz")
    segmenter = Segmenter(bundle, device="cpu")
    for name in ("own", "far"):
        path = tmp_path / name / f"{name}.nii.gz"
        options = {"dataset_dir": path.parent, "output_dir": tmp_path / "monai" / name, "device": "cpu"}
        done = run_bundle(bundle / "configs" / "inference.json", **options)
        logged = [line for line in (done.stdout + done.stderr).splitlines() if f"{path}: " in line and "WARN" in line]
        warnings = segmenter(path).warnings
        assert [line[line.index(str(path)) :] for line in logged] == list(map(str, warnings))
        if name == "far" or whole:  # of the patient that stands in for the data a part was cut out
            assert any("of the training were" in str(warning) for warning in warnings) == (name == "far")
        arguments = ["segment", "-i", path, "-o", tmp_path / "segment" / name, "-m", bundle, "--device", "cpu"]
        told = CliRunner().invoke(app, [*map(str, arguments)])
        report = json.loads((tmp_path / "segment" / name / "report.json").read_text())
        (row,) = report["cases"]
        assert row["warnings"] == [f"{warning.problem} {warning.remedy}" for warning in warnings]
        for warning in warnings:
            assert " ".join(told.output.split()).count(" ".join(warning.problem.split())) <= 1, "once each"
