from __future__ import annotations

import nibabel
import numpy as np
import pytest

from monai_mobileunet.reports.slices import cut, largest_slices, spacing_ras, to_ras


def test_the_slices_with_the_largest_foreground_are_shown():
    label = np.zeros((6, 7, 8), np.uint8)
    label[2, 3:6, 4] = 1
    label[2, 4, 5] = 2
    assert largest_slices(label) == (2, 4, 4)
    assert largest_slices(np.zeros((6, 7, 8))) == (3, 3, 4)
    assert largest_slices(label.transpose(2, 0, 1)) == (4, 2, 4)


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SLA"])
def test_values_are_turned_to_the_right_the_front_and_the_head(codes: str):
    values = np.arange(24).reshape(2, 3, 4)
    image = nibabel.Nifti1Image(values.astype(np.int16), np.diag([1.0, 2.0, 3.0, 1.0]))
    axes = [nibabel.orientations.axcodes2ornt(given) for given in ("RAS", codes)]
    stored = image.as_reoriented(nibabel.orientations.ornt_transform(*axes))
    assert np.array_equal(to_ras(np.asarray(stored.dataobj), stored.affine), values)
    assert spacing_ras(stored.affine) == (1, 2, 3)


def test_the_right_side_is_at_the_left_and_the_head_and_the_front_are_upwards():
    values = np.zeros((2, 3, 4))
    values[1, 2, 3] = 1  # right, front, head
    assert [cut(values, axis, size - 1)[0, 0] for axis, size in enumerate(values.shape)] == [1, 1, 1]
