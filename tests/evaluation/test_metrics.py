import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_hausdorff_distance, compute_surface_dice

from monai_mobileunet.evaluation import Outcome, measure_case, summarise


def box(shape=(20, 20, 20), low=(5, 5, 5), size=(8, 8, 8), number=1):
    volume = np.zeros(shape, np.uint8)
    volume[tuple(slice(a, a + n) for a, n in zip(low, size, strict=True))] = number
    return volume


def test_a_box_against_itself():
    (result,) = measure_case(box(), box(), 2, (1, 1, 1))
    assert (result.outcome, result.dice, result.hd95, result.asd) == (Outcome.BOTH, 1, 0, 0)
    assert result.surface_dice == pytest.approx(1)


def test_a_shifted_box_has_the_distances_of_its_spacing():
    (result,) = measure_case(box(low=(6, 5, 5)), box(), 2, (3, 1, 1), tolerance=1)
    assert result.dice == pytest.approx(7 / 8)
    assert result.hd95 == pytest.approx(3)
    assert 0 < result.asd < 3
    assert result.surface_dice < 1
    assert measure_case(box(low=(6, 5, 5)), box(), 2, (3, 1, 1), tolerance=3)[0].surface_dice == pytest.approx(1)


def test_volumes_are_millilitres_of_the_spacing():
    (result,) = measure_case(box(size=(5, 4, 10)), box(size=(5, 4, 5)), 2, (2, 2.5, 2))
    assert (result.pred_ml, result.label_ml) == pytest.approx((2, 1))
    assert result.bias_ml == pytest.approx(1)


def test_each_class_is_measured_by_itself():
    label = box(number=1) + box(low=(5, 14, 5), size=(8, 3, 8), number=3)
    pred = box(number=1) + box(low=(5, 14, 5), size=(8, 3, 4), number=3)
    first, second, third = measure_case(pred, label, 4, (1, 1, 1))
    assert (first.dice, second.outcome) == (1, Outcome.ABSENT)
    assert third.dice == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("drawn", "true", "outcome", "dice", "surface_dice"),
    [
        (True, False, Outcome.FALSE_POSITIVE, None, None),
        (False, True, Outcome.MISSED, 0, 0),
        (False, False, Outcome.ABSENT, None, None),
    ],
)
def test_a_class_that_one_of_them_lacks_has_an_outcome_and_no_distances(drawn, true, outcome, dice, surface_dice):
    pred, label = (box(number=int(present)) for present in (drawn, true))
    (result,) = measure_case(pred, label, 2, (1, 1, 1))
    assert (result.outcome, result.dice, result.surface_dice) == (outcome, dice, surface_dice)
    assert result.hd95 is None
    assert result.asd is None
    assert (result.pred_ml > 0, result.label_ml > 0) == (drawn, true)


@settings(deadline=None)  # the first call loads what later ones have
@given(
    st.tuples(*[st.integers(1, 6)] * 3),
    st.tuples(*[st.integers(1, 6)] * 3),
    st.tuples(*[st.integers(0, 4)] * 3),
    st.tuples(*[st.floats(0.5, 4)] * 3),
)
def test_results_are_those_of_the_whole_volume_wherever_the_class_lies(size, other, low, spacing):
    label, pred = box((12, 12, 12), low, size), box((12, 12, 12), (2, 2, 2), other)
    (result,) = measure_case(pred, label, 2, spacing)
    whole = [np.ascontiguousarray(volume[None, None]) for volume in (pred, label)]

    tensors = [torch.from_numpy(volume).bool() for volume in whole]
    options = {"include_background": True, "spacing": spacing}
    assert result.hd95 == pytest.approx(float(compute_hausdorff_distance(*tensors, percentile=95, **options)), rel=1e-5)
    surface_dice = compute_surface_dice(*tensors, class_thresholds=[1.0], use_subvoxels=True, **options)
    assert result.surface_dice == pytest.approx(float(surface_dice), rel=1e-4)


@pytest.mark.parametrize("flat", [0, 1, 2])
def test_a_single_slice_is_measured_in_its_plane(flat):
    rows, columns = np.ogrid[:60, :60]
    label, pred = (((rows - 30) ** 2 + (columns - centre) ** 2 < 400).astype(np.uint8) for centre in (27, 33))
    tensors = [torch.from_numpy(plane)[None, None].bool() for plane in (pred, label)]
    spacing = [2.0, 3.0]
    expected = float(compute_hausdorff_distance(*tensors, include_background=True, percentile=95, spacing=spacing))
    volumes = [np.expand_dims(plane, flat) for plane in (pred, label)]
    (result,) = measure_case(*volumes, 2, np.insert(spacing, flat, 7.0))
    assert result.hd95 == pytest.approx(expected)
    assert result.hd95 > 10
    assert result.asd > 5


@pytest.mark.parametrize("shape", [(20, 20, 1), (1, 1, 1), (20, 1, 20)])
def test_thin_volumes(shape):
    volume = np.ones(shape, np.uint8)
    (result,) = measure_case(volume, volume, 2, (1, 1, 1))
    assert (result.dice, result.hd95) == (1, 0)


def test_volumes_on_different_grids_are_refused():
    with pytest.raises(ValueError, match="two volumes on one grid"):
        measure_case(np.zeros((2, 2, 2)), np.zeros((2, 2, 3)), 2, (1, 1, 1))
    with pytest.raises(ValueError, match="two volumes on one grid"):
        measure_case(np.zeros((2, 2)), np.zeros((2, 2)), 2, (1, 1))


def test_what_nobody_annotated_counts_neither_as_right_nor_as_wrong():
    unknown = np.zeros((20, 20, 20), bool)
    unknown[:, 12:] = True
    pred, label = box(size=(8, 15, 8)), box(size=(8, 9, 8))  # they differ where nothing is known
    label[unknown] = 200
    arguments = (pred, label, 3, (1, 1, 1), 1.0, unknown)
    result, absent = measure_case(*arguments)
    assert (result.outcome, result.dice, result.hd95, result.pred_ml) == (Outcome.BOTH, 1, 0, 8 * 7 * 8 / 1000)
    assert absent.outcome is Outcome.ABSENT
    flat, other, region = measure_case(*arguments, surfaces=False, labelled=[1], regions=[[1, 2]])
    assert region.outcome is Outcome.UNKNOWN, "of one of its two classes nothing is known"
    assert (flat.dice, flat.hd95, flat.asd, flat.surface_dice) == (1, None, None, None)
    assert other.outcome is Outcome.UNKNOWN
    (first, second) = summarise("ab", [(flat, other), (result, absent)])
    assert first.metrics["dice"].cases == 2
    assert second.outcomes[Outcome.UNKNOWN] == 1
    assert second.volume is None


def test_a_region_is_its_classes_measured_as_one():
    pred, label = box(), box()
    label[label > 0] = 2
    *classes, region = measure_case(pred, label, 3, (1, 1, 1), regions=[[1, 2]])
    assert [one.outcome for one in classes] == [Outcome.FALSE_POSITIVE, Outcome.MISSED]
    assert (region.outcome, region.dice, region.hd95, region.surface_dice) == (Outcome.BOTH, 1, 0, 1)
    assert region.pred_ml == region.label_ml == classes[0].pred_ml
