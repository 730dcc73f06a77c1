"""Labels that do not say everything, from the file to the samples of a training and to a score."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.metrics import DiceMetric

from monai_mobileunet.data import DataError
from monai_mobileunet.transforms import KnownClassesd, MarkUnknownd, RandSliceSamplesd, RegionMasksd
from tests.conftest import stored

CLASSES, UNKNOWN, NOT_ONE = 3, 3, 4
SHAPE = (6, 5, 8)


def label(codes: str = "RAS") -> MetaTensor:
    """Class 1 in the axial slices 2 and 6, class 2 in 2; 255 in a corner of slice 6."""
    values = np.zeros(SHAPE, np.float32)
    values[1:3, 1:3, [2, 6]] = 1
    values[4, 4, 2] = 2
    values[0, 0, 6] = 255
    image = stored(nibabel.Nifti1Image(values, np.eye(4)), codes)
    return MetaTensor(np.asarray(image.dataobj).copy()[None], affine=image.affine)


def in_ras(marked: MetaTensor) -> np.ndarray:
    image = nibabel.Nifti1Image(np.asarray(marked[0]).astype(np.uint8), np.asarray(marked.affine))
    return np.asarray(nibabel.as_closest_canonical(image).dataobj)


@pytest.mark.parametrize("codes", ["RAS", "PIR", "SAL"])
def test_unannotated_voxels_and_slices_get_a_number_of_their_own_however_a_file_is_stored(codes: str):
    mark = MarkUnknownd("label", CLASSES, ignore=255, spatial_dim=["axial"])
    marked = in_ras(mark({"label": label(codes)})["label"])
    assert (marked[..., [0, 1, 3, 4, 5, 7]] == UNKNOWN).all()
    assert (marked[..., 2] != UNKNOWN).all()
    assert (marked[..., 6] == UNKNOWN).sum() == 1
    assert [(marked == number).sum() for number in (1, 2)] == [8, 1]


def test_without_unannotated_slices_an_empty_one_is_background():
    marked = in_ras(MarkUnknownd("label", CLASSES, ignore=255)({"label": label()})["label"])
    assert [(marked == number).sum() for number in (UNKNOWN, 0)] == [1, marked.size - 10]


def test_where_only_some_classes_were_annotated_background_has_the_number_of_that_kind_of_case():
    mark = MarkUnknownd("label", CLASSES, ignore=255, labelled=[[1]])
    case = {"label": label(), "labelled": [1], "image": "a.nii.gz"}
    marked = mark(case)
    assert set(marked) == {"label", "image"}, "lists of different lengths would not go into a batch"
    assert {*np.unique(in_ras(marked["label"]))} == {1, 2, UNKNOWN, NOT_ONE}
    assert 0 in in_ras(mark({**case, "labelled": [1, 2]})["label"])
    with pytest.raises(DataError, match=r"a.nii.gz: has the annotated classes \[2\], which were not planned for"):
        mark({**case, "labelled": [2]})
    with pytest.raises(ValueError, match="expected the one plane"):
        MarkUnknownd("label", CLASSES, spatial_dim=["axial", "coronal"])


def one_hot(numbers: torch.Tensor) -> torch.Tensor:
    return torch.eye(CLASSES + 1)[numbers.long()].movedim(-1, 0)


@pytest.mark.parametrize(("reach", "expected"), [(0, {2, 6}), (1, {1, 2, 3, 5, 6, 7})])
def test_slices_of_which_nothing_is_known_are_not_drawn(reach: int, expected: set[int]):
    known = torch.as_tensor(MarkUnknownd("label", CLASSES, 255, "axial")({"label": label()})["label"])[0]
    places = torch.arange(8.0).expand(1, *SHAPE)
    cut = RandSliceSamplesd(
        ["image", "label"], SHAPE[:2], 12, 2, [0, reach], class_key="label", class_share=0.25, num_classes=CLASSES
    )
    samples = cut.set_random_state(0)({"image": places, "label": one_hot(known)})
    assert {int(sample["image"][0, 0, 0]) for sample in samples} == expected
    assert all((sample["label"][UNKNOWN :: CLASSES + 1] < 0.5).any() for sample in samples)


def test_a_volume_of_which_nothing_is_known_is_drawn_from_anywhere():
    unknown = one_hot(torch.full(SHAPE, UNKNOWN))
    cut = RandSliceSamplesd("label", 4, 3, 2, class_key="label", class_share=1.0, num_classes=CLASSES)
    assert len(cut({"label": unknown})) == 3


def test_a_score_counts_what_is_known_alone():
    truth = torch.tensor([1, 1, 2, 0, UNKNOWN, UNKNOWN]).reshape(1, 1, 1, 6)
    pred = torch.tensor([1, 0, 2, 0, 1, 2]).reshape(1, 1, 1, 6)
    score = KnownClassesd(num_classes=CLASSES)({"pred": pred, "label": truth})
    dice = DiceMetric(include_background=False, reduction="none")(score["pred"][None], score["label"][None])
    torch.testing.assert_close(dice, torch.tensor([[2 / 3, 1.0]]))
    partly = torch.where(truth == 0, torch.tensor(NOT_ONE), torch.where(truth == 2, torch.tensor(NOT_ONE), truth))
    score = KnownClassesd(num_classes=CLASSES, labelled=[[1]])({"pred": pred, "label": partly})
    dice = DiceMetric(include_background=False, reduction="none")(score["pred"][None], score["label"][None])
    torch.testing.assert_close(dice, torch.tensor([[2 / 3, torch.nan]]), equal_nan=True)


def test_regions_are_masks_of_what_is_known_and_empty_where_a_part_was_not_annotated():
    truth = torch.tensor([1, 1, 2, 0, UNKNOWN, UNKNOWN]).reshape(1, 1, 1, 6)
    pred = torch.tensor([2, 0, 2, 1, 1, 0]).reshape(1, 1, 1, 6)
    masks = RegionMasksd(num_classes=CLASSES, regions=[[1, 2], [1]], labelled=[[1]])
    found = masks({"pred": pred, "label": truth})
    assert found["label_regions"].reshape(2, 6).tolist() == [[1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]]
    assert found["pred_regions"].reshape(2, 6).tolist() == [[1, 0, 1, 1, 0, 0], [0, 0, 0, 1, 0, 0]]
    partly = torch.where((truth == 0) | (truth == 2), torch.tensor(NOT_ONE), truth)
    found = masks({"pred": pred, "label": partly})
    assert [found[f"{key}_regions"][0].any().item() for key in ("pred", "label")] == [False, False]
    assert found["label_regions"][1].flatten().tolist() == [1, 1, 0, 0, 0, 0]
