"""Odd and broken real files: what each of them gives."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from conftest import present

from monai_mobileunet.cohort.plan import plan_run
from monai_mobileunet.data import DataError, read_volume
from monai_mobileunet.data.names import image_suffix

REFUSED = {
    "derived/bitflip.nii.gz": "CRC check failed",
    "derived/empty.nii.gz": "is empty (0 bytes)",
    "derived/gz_named_nii.nii": "is compressed but not named .gz",
    "derived/plain_named_gz.nii.gz": "is named .gz but is not compressed",
    "derived/short_data.nii": "it promises 62,827 bytes, the file has 20,352 at most",
    "derived/truncated.nii.gz": "EOFError",
    "nibabel/row_major.dconn.nii": "is a Cifti2Image, no volume",
    "nifti-reader-js/5D_small.nii": "has shape (1, 2, 3, 1, 3); expected one 3D volume",
    "nifti-reader-js/not-nifti.nii": "cannot be read",
    "nifti-rs/complex/complex32.nii": "complex numbers",
    "nifti-rs/complex/complex64.nii": "complex numbers",
    "nifti-rs/rgb/3D.nii": "colours",
    "nifti-rs/rgb/4D.nii": "colours",
    "nifti-rs/rgba/4D.nii": "colours",
    "totalseg/rgb24_report_1201x1244x1.nii.gz": "colours",
    "nifti-rs/fuzz_artifacts/crash-08123ef33416bd6f0c5fa63d44b681b8581d62a0.nii": "HeaderDataError",
    "nifti-rs/fuzz_artifacts/crash-1.nii": "HeaderDataError",
    "nifti-rs/fuzz_artifacts/crash-98aa054390f8d3f932f190dc22ef62c6ff2d6619.nii": "HeaderDataError",
    "nifti-rs/fuzz_artifacts/crash-d03c6346fe83a026738f6b8cd2a9335a3f8cb158.nii": "HeaderDataError",
    "nifti-rs/fuzz_artifacts/crash-ed7d46344d7efb3b9f0c374d66d2e02f66cc447d.nii": "HeaderDataError",
}
WARNED = {
    "nibabel/resampled_anat_moved.nii": "153 voxels that are NaN or infinite",
    "nifti-rs/minimal.nii": "does not say where it lies",
    "nifti-rs/minimal.nii.gz": "does not say where it lies",
    "nifti-rs/minimal_extended_hdr.nii": "has the value 0 in every voxel",
    "derived/constant.nii.gz": "has the value 7 in every voxel",
    "derived/nan_inf.nii.gz": "28 voxels that are NaN or infinite",
    "derived/no_affine_codes.nii.gz": "does not say where it lies",
    "derived/qform_sform_disagree.nii.gz": "an sform and a qform that lie up to 121 mm apart",
}
TIME_POINTS = {"nibabel/functional.nii": 20, "nibabel/example4d.nii.gz": 2, "nibabel/example_nifti2.nii.gz": 2}
"""Volumes of several channels, which a bundle for one refuses."""


@pytest.fixture(scope="module")
def weird(shared_data: Path) -> Path:
    return present(shared_data / "weird_files")


@pytest.fixture(scope="module")
def manifest(weird: Path) -> dict[str, dict[str, str]]:
    with (weird / "MANIFEST.csv").open() as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_every_file_is_read_or_refused_in_words(weird: Path, manifest: dict[str, dict[str, str]]):
    seen = set()
    for name, known in manifest.items():
        path = weird / name
        if not image_suffix(path):
            with pytest.raises(DataError, match="is no image that can be read"):
                read_volume(path)
            continue
        seen.add(name)
        if name in REFUSED:
            with pytest.raises(DataError) as error:
                read_volume(path)
            (finding,) = error.value.findings
            assert finding.path == str(path)
            assert REFUSED[name] in finding.problem, name
            assert finding.remedy
            continue
        volume = read_volume(path)
        assert np.isfinite(volume.values).all(), name
        assert volume.channels == TIME_POINTS.get(name, 1), name
        shape = [int(size) for size in known["nib_shape"].split("x")]
        assert volume.shape == (*shape, 1)[:3], name
        found = " ".join(warning.problem for warning in volume.warnings)
        assert WARNED[name] in found if name in WARNED else not found, name
    assert seen >= REFUSED.keys() | WARNED.keys() | TIME_POINTS.keys()


def test_a_plan_takes_all_images_and_counts_the_others(
    weird: Path, manifest: dict[str, dict[str, str]], tmp_path: Path
):
    plan = plan_run(weird, tmp_path)
    images = {name for name in manifest if image_suffix(name)}
    assert {case.images[0].relative_to(weird).as_posix() for case in plan.cases} == images
    assert sum(count for _, count in plan.passed_over) == len(manifest) - len(images) + 2  # its README and MANIFEST
