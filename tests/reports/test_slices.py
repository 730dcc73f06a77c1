from __future__ import annotations

import nibabel
import numpy as np
import pytest

from monai_mobileunet.reports.slices import cut, largest_slices, lay_out, spacing_ras, to_ras


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


def body_in_air(size: tuple[int, int, int] = (120, 120, 60)) -> np.ndarray:
    """A head of 30 voxels in air, and a line of a table under it."""
    image = np.full(size, -1000.0, np.float32)
    image[45:75, 45:75, 10:50] = 40
    image[10:110, 30, :] = 0
    return image


def test_a_panel_shows_the_body_and_never_cuts_off_a_mask():
    image = body_in_air()
    mask = np.zeros(image.shape, np.uint8)
    mask[50:70, 50:70, 15:45] = 1
    for panel in lay_out(image, [mask], (1, 1, 1)):
        assert max(panel.pixels.shape) < 50, "air and table are left out"
        assert (panel.masks[0] > 0).sum() == 20 * (20 if panel.name.startswith("axial") else 30)
    outside = mask.copy()
    outside[2:5, 100:118, 15:45] = 1  # of the reference, in the air
    axial = lay_out(image, [mask, outside], (1, 1, 1))[2]
    assert (axial.masks[1] > 0).sum() == 20 * 20 + 3 * 18


def test_a_small_mask_is_shown_larger_than_the_body_would_be_and_with_what_lies_around_it():
    image = np.full((400, 400, 40), 50.0, np.float32)
    mask = np.zeros(image.shape, np.uint8)
    mask[300:306, 20:26, 10:12] = 1
    axial = lay_out(image, [mask], (0.7, 0.7, 3))[2]
    assert 60 <= max(axial.pixels.shape) <= 80
    assert (axial.masks[0] > 0).sum() == 36
    assert max(axial.size) == pytest.approx(72 * 0.7, abs=1)


def test_every_panel_has_the_letters_of_its_sides():
    image = np.zeros((10, 10, 10), np.float32)
    letters = [panel.letters for panel in lay_out(image, [image.astype(np.uint8)], (1, 1, 1))]
    assert letters == [("A", "P", "S", "I"), ("R", "L", "S", "I"), ("R", "L", "A", "P")]
    values = np.zeros((2, 3, 4))
    ends = {"R": (0, -1), "L": (0, 0), "A": (1, -1), "P": (1, 0), "S": (2, -1), "I": (2, 0)}
    for axis, (left, right, top, bottom) in enumerate(letters):
        for letter, place in ((left, np.s_[:, 0]), (right, np.s_[:, -1]), (top, np.s_[0]), (bottom, np.s_[-1])):
            values[:] = 0
            np.moveaxis(values, ends[letter][0], 0)[ends[letter][1]] = 1
            assert cut(values, axis, 0)[place].all(), letter
    assert lay_out(image, [image.astype(np.uint8)], (1, 1, 1), lettered=False)[0].letters == ()
