"""Measure one case: its image, and each class of its label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from nibabel.orientations import aff2axcodes, apply_orientation, io_orientation

from monai_mobileunet.data.datasets import Case
from monai_mobileunet.data.datasets.labels import LABELLED
from monai_mobileunet.data.datasets.naming import name_of
from monai_mobileunet.data.errors import refusal
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.planning.fingerprint import PERCENTILES, CaseFingerprint, ClassFingerprint

__all__ = ["MOST_SAMPLES", "measure_case"]

MOST_SAMPLES = 4_000_000
"""Of as many values percentiles are exact; of more, every second (third, …) voxel along the longest axes is taken."""

SMALLEST_COMPONENT = 1 / 1000
"""Share of a class in a case that a component has at least; smaller ones are a slip of the pen."""


def measure_case(
    case: Case,
    image: Volume,
    label: Volume,
    subject: str,
    class_names: Sequence[str],
    ignore: int | None = None,
    annotated_slices_only: bool = False,
) -> CaseFingerprint:
    """The fingerprint of one case. Of voxels that nobody annotated nothing but their number is in it.

    Args:
        case: its files.
        image: of the case.
        label: on the image's grid, with class numbers and the value to ignore alone.
        subject: whom it is of.
        class_names: names of the classes from 1 on.
        ignore: value of voxels that nobody annotated.
        annotated_slices_only: a slice without any class was not annotated.

    Raises:
        DataError: nothing in it was annotated.
    """
    axes = io_orientation(image.affine)
    values, numbers = apply_orientation(image.values, axes), apply_orientation(label.values, axes)  # views
    ignored = np.zeros(numbers.shape, bool) if ignore is None else numbers == ignore
    numbers = np.where(ignored, 0, numbers) if ignored.any() else numbers
    if annotated_slices_only and not numbers.any():
        problem = "has no annotated slice: its label has no class."
        raise refusal(label.name, problem, f"Leave the case out: --leave-out {name_of(case)}.")
    right, front, head = (round(image.spacing[axis], 6) for axis in np.argsort(axes[:, 0]))
    spacing = (right, front, head)
    channels = [values] if values.ndim == 3 else [values[..., channel] for channel in range(image.channels)]
    labelled = numbers > 0
    return CaseFingerprint(
        name=name_of(case),
        subject=subject,
        shape=numbers.shape,
        spacing=spacing,
        orientation="".join(aff2axcodes(image.affine)),
        channels=image.channels,
        integers=_whole(image.values),
        lowest=tuple(float(channel.min()) for channel in channels),
        percentiles=tuple(_percentiles(channel) for channel in channels),
        foreground=tuple(_percentiles(channel, labelled) for channel in channels) if labelled.any() else (),
        classes={class_names[number - 1]: one for number, one in _classes(numbers, spacing, image.voxel_ml)},
        in_pixels=image.in_pixels,
        ignored=_short(ignored.mean()),
        labelled=tuple(class_names[number - 1] for number in case.get(LABELLED, ())),
        **_annotated_slices(labelled, ignored, annotated_slices_only),
    )


def _annotated_slices(labelled: np.ndarray, ignored: np.ndarray, annotated_slices_only: bool) -> dict[str, Any]:
    """``known_slices`` and ``runs`` of a case; nothing where all slices were annotated."""
    known = labelled if annotated_slices_only else ~ignored
    shown, annotated = ([one.any(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)] for one in (labelled, known))
    if all(slices.all() for slices in annotated):
        return {}
    runs = [int((np.diff(slices.astype(np.int8), prepend=0) > 0).sum()) for slices in shown]
    return {"known_slices": tuple(int(slices.sum()) for slices in annotated), "runs": tuple(runs)}


def _whole(values: np.ndarray) -> bool:
    return values.dtype.kind in "iu" or all(np.array_equal(plane, np.rint(plane)) for plane in values)


def _percentiles(values: np.ndarray, where: np.ndarray | None = None) -> tuple[float, ...]:
    """Values at :data:`PERCENTILES`, of all voxels or of some, of at most :data:`MOST_SAMPLES` of them."""
    if where is not None and np.count_nonzero(where) > MOST_SAMPLES:
        grid = _grid(where.shape)
        values, where = values[grid], where[grid]
    chosen = values[_grid(values.shape)] if where is None else values[where]
    return tuple(_short(value) for value in np.percentile(chosen, PERCENTILES))


def _grid(shape: Sequence[int]) -> tuple[slice, ...]:
    """Every how many voxels along each axis leave no more than :data:`MOST_SAMPLES`."""
    steps = [1] * len(shape)
    taken = list(shape)
    while np.prod(taken, dtype=np.int64) > MOST_SAMPLES:
        longest = int(np.argmax(taken))
        steps[longest] += 1
        taken[longest] = -(-shape[longest] // steps[longest])
    return tuple(slice((step - 1) // 2, None, step) for step in steps)


def _classes(numbers: np.ndarray, spacing: Sequence[float], voxel_ml: float) -> Iterator[tuple[int, ClassFingerprint]]:
    """Each class of a label whose axes are those of the body."""
    boxes = sitk.LabelShapeStatisticsImageFilter()
    boxes.ComputePerimeterOff()
    order, image = _itk_image(numbers.astype(np.uint8 if numbers.max() < 256 else np.uint16, copy=False))
    boxes.Execute(image)
    for number in boxes.GetLabels():
        box = boxes.GetBoundingBox(number)
        start, size = np.empty(3, int), np.empty(3, int)
        start[order], size[order] = box[2::-1], box[:2:-1]  # the axes of SimpleITK are those of NumPy from behind
        place = tuple(slice(low, low + count) for low, count in zip(start, size, strict=True))
        width = numbers.shape[0]
        yield number, _class(numbers[place] == number, int(start[0]) / width, width, spacing, voxel_ml)


def _itk_image(values: np.ndarray) -> tuple[list[int], sitk.Image]:
    """An array for SimpleITK with its axes in the order that they have in memory, in which copies are fast.

    Returns:
        Which axis of the array each of these is, and the image.
    """
    order = sorted(range(values.ndim), key=lambda axis: -abs(values.strides[axis]))
    return order, sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(order)))


def _class(mask: np.ndarray, left: float, width: int, spacing: Sequence[float], voxel_ml: float) -> ClassFingerprint:
    """A class in its bounding box.

    Args:
        mask: where it is.
        left: where the box begins in the image, as a share of its width.
        width: of the image in voxels.
        spacing: mm per voxel.
        voxel_ml: volume of a voxel.
    """
    counts = [mask.sum(axis=tuple({0, 1, 2} - {axis})) for axis in range(3)]
    total = int(counts[0].sum())
    parts = _component_sizes(mask)
    centre = float((counts[0] * (np.arange(len(counts[0])) + 0.5)).sum()) / total
    areas = [count[count > 0] * np.delete(spacing, axis).prod() for axis, count in enumerate(counts)]
    right, front, head = (_short(size * step) for size, step in zip(mask.shape, spacing, strict=True))
    across = [len(area) for area in areas]
    diameters = [_short(np.median(2 * np.sqrt(area / np.pi))) for area in areas]
    return ClassFingerprint(
        volume_ml=_short(total * voxel_ml),
        components=int((parts > total * SMALLEST_COMPONENT).sum()),
        largest_share=_short(parts.max() / total),
        extent_mm=(right, front, head),
        slices=(across[0], across[1], across[2]),
        size_mm=(diameters[0], diameters[1], diameters[2]),
        side=_short(left + centre / width),
    )


def _component_sizes(mask: np.ndarray) -> np.ndarray:
    """Voxels of each connected component; voxels that touch at a corner are connected, as in the postprocessing."""
    _, image = _itk_image(mask.astype(np.uint8))
    return np.bincount(sitk.GetArrayFromImage(sitk.ConnectedComponent(image, True)).ravel())[1:]


def _short(value: float | np.floating) -> float:
    """With the digits that a measurement has, for whoever reads the JSON."""
    return float(f"{value:.6g}")
