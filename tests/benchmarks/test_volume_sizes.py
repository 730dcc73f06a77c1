from pathlib import Path

import nibabel
import numpy as np
from nibabel.affines import apply_affine

from benchmarks.volume_sizes import NOISE, write_resampled


def test_a_ct_of_other_sizes_lies_in_the_same_place_and_has_no_other_values(tmp_path: Path):
    affine = nibabel.affines.from_matvec(
        nibabel.eulerangles.euler2mat(0.3, -0.2, 0.1) @ np.diag([2.0, 2.0, 3.0]), (-30, 20, 5)
    )
    values = np.full((12, 10, 8), -1024, np.int16)
    values[3:9, 2:8, 2:6] = 200
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "ct.nii.gz")
    write_resampled(tmp_path / "ct.nii.gz", tmp_path / "large.nii.gz", (24, 15, 16))

    large = nibabel.load(tmp_path / "large.nii.gz")
    assert large.shape == (24, 15, 16)
    assert large.get_data_dtype() == np.int16
    first, last = np.full(3, -0.5), np.array(values.shape) - 0.5  # corners of the box, not centres of voxels
    np.testing.assert_allclose(apply_affine(large.affine, first), apply_affine(affine, first), atol=1e-4)
    end = np.array(large.shape) - 0.5
    np.testing.assert_allclose(apply_affine(large.affine, end), apply_affine(affine, last), atol=1e-4)

    found = np.asarray(large.dataobj)
    assert found.min() == -1024, "air stays air"
    assert found.max() == 200
    air = found[:3].astype(float)
    assert 0.3 * NOISE < air.std() < NOISE, "the half above air is left of the noise"
    assert found[9:15, 5:9, 7:9].min() > 100, "the body stays in its place"
