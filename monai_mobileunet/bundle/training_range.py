"""What a bundle's network was trained on, and how far an image is from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor

from monai_mobileunet.data import DataError, Finding, read_volume
from monai_mobileunet.data.names import is_picture
from monai_mobileunet.data.reading import read_label
from monai_mobileunet.data.volume import Volume
from monai_mobileunet.wording import counted

__all__ = ["WARNINGS", "TrainingRange", "measure_range"]

WARNINGS = "warnings"
"""Item of a case that collects what the bundle's checks find; without it they log."""

SPACING_MARGIN = 1.5
"""Coarser or finer than any training image by this factor: that is another kind of image."""

EXTENT_MARGIN = 1.5
"""Larger or smaller than any training image by this factor: that shows more of the body, less, or another part."""

LABEL_MARGIN = 3.0
"""A class may be this many times smaller or larger than in any label of the training: disease does less than that."""

PIXELS_IN_ML = 1000
"""Of a picture, whose pixels are taken for cubes of 1 mm."""

MOST_CLASSES = 65535

MEAN_MARGIN, SPREAD_MARGIN = 0.1, 2.0
"""The mean of the network's input may leave what the training had by the range that it had there and this much, its
standard deviation by this factor."""


@dataclass(frozen=True)
class TrainingRange:
    """``"training_data"`` of a bundle's ``metadata.json``; what it does not say is not checked.

    Attributes:
        channels: of an image.
        modality: ``"CT"``, ``"MR"``, as DICOM calls it; empty if unknown.
        spacing_mm: lowest and highest mm per voxel along the axes left-right, back-front and foot-head.
        extent_mm: lowest and highest extent of an image along the same axes.
        label_ml: lowest and highest volume of each class from 1 on, in the labels.
        input_mean: lowest and highest mean of the preprocessed image, for each channel after preprocessing.
        input_std: likewise of its standard deviation.
    """

    channels: int | None = None
    modality: str = ""
    spacing_mm: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    extent_mm: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    label_ml: tuple[tuple[float, float], ...] = ()
    input_mean: tuple[tuple[float, float], ...] = ()
    input_std: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> TrainingRange:
        """From the content of a bundle's ``metadata.json``."""
        known = metadata.get("training_data", {})

        def ends(key: str) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
            return (tuple(known[key][0]), tuple(known[key][1])) if known.get(key) else None

        return cls(
            channels=known.get("channels"),
            modality=known.get("modality", ""),
            spacing_mm=ends("spacing_mm"),
            extent_mm=ends("extent_mm"),
            label_ml=tuple((low, high) for low, high in known.get("label_ml", ())),
            input_mean=tuple((low, high) for low, high in known.get("input_mean", ())),
            input_std=tuple((low, high) for low, high in known.get("input_std", ())),
        )

    def check_channels(self, volume: Volume) -> None:
        """Refuse what the network has no input for.

        Raises:
            DataError: another number of channels.
        """
        if self.channels is not None and volume.channels != self.channels:
            problem = (
                f"has {counted(volume.channels, 'channel', 'channels or time points')}; the "
                f"bundle segments images of {self.channels}."
            )
            remedy = "Split it into volumes." if volume.channels > 1 else "List one file per channel in a list.json."
            remedy = "Save it in colour or in grey, as those of the training were." if volume.in_pixels else remedy
            raise DataError([Finding(volume.name, problem, remedy)])

    def check(self, volume: Volume, image: torch.Tensor) -> Iterator[Finding]:
        """Warnings where an image is far from those of the training.

        Args:
            volume: as it was read.
            image: preprocessed, ``(C, H, W, D)``.
        """
        name = volume.name
        if self.modality and volume.modality and volume.modality != self.modality:
            problem = f"is {volume.modality}; the bundle was trained on {self.modality}."
            yield Finding(name, problem, "Choose a bundle for it.", warning=True)
        yield from self._spacing(volume, image)
        yield from self._extent(volume)
        yield from self._intensities(name, image)

    def _spacing(self, volume: Volume, image: torch.Tensor) -> Iterator[Finding]:
        if not self.spacing_mm:
            return
        # sorted, for which axis is which depends on the orientation that the file has
        stored, seen = sorted(volume.spacing), sorted(volume.spacing)
        if isinstance(image, MetaTensor):  # a preprocessing that resamples makes up for fine voxels, not for coarse
            seen = sorted(image.pixdim.tolist())
        finest, coarsest = (sorted(ends) for ends in self.spacing_mm)
        fine = any(a < b / SPACING_MARGIN for a, b in zip(seen, finest, strict=True))
        if fine or any(a > b * SPACING_MARGIN for a, b in zip(stored, coarsest, strict=True)):
            trained = " to ".join(map(_sizes, self.spacing_mm))
            problem = f"has voxels of {_sizes(volume.spacing)} mm; the training had {trained} mm."
            yield Finding(volume.name, problem, "Look at the mask with care.", warning=True)

    def _extent(self, volume: Volume) -> Iterator[Finding]:
        if not self.extent_mm:
            return
        extent = _along_body_axes(volume, _extent(volume))
        smallest, largest = (sorted(ends) for ends in self.extent_mm)
        small = any(a < b / EXTENT_MARGIN for a, b in zip(sorted(extent), smallest, strict=True))
        if small or any(a > b * EXTENT_MARGIN for a, b in zip(sorted(extent), largest, strict=True)):
            trained = " to ".join(map(_sizes, self.extent_mm))
            unit = "pixels" if is_picture(volume.name) else "mm"
            problem = f"is {_sizes(extent)} {unit} large; the images of the training were {trained} {unit}."
            remedy = "Look whether it shows the part of the body that the bundle is for, and crop it to that."
            yield Finding(volume.name, problem, remedy, warning=True)

    def _intensities(self, name: str, image: torch.Tensor) -> Iterator[Finding]:
        for channel, ((low, high), (least, most)) in enumerate(zip(self.input_mean, self.input_std, strict=True)):
            mean, spread = float(image[channel].mean()), float(image[channel].std())
            margin = high - low + MEAN_MARGIN
            if low - margin <= mean <= high + margin and least / SPREAD_MARGIN <= spread <= most * SPREAD_MARGIN:
                continue
            problem = (
                f"has intensities far from those of the training: channel {channel} of the network's input is "
                f"{mean:.3g} ± {spread:.3g}; the training had {low:.3g} to {high:.3g} ± {least:.3g} to {most:.3g}."
            )
            yield Finding(name, problem, "Look whether it is stored in the right units.", warning=True)

    def check_mask(self, volume: Volume, mask: np.ndarray, volumes_ml: Mapping[str, float]) -> Iterator[Finding]:
        """Warnings where a class is missing, or far from its volume in the labels of the training.

        Args:
            volume: the image.
            mask: class numbers on its grid; a class that reaches the image's border may be cut off there, and small.
            volumes_ml: volume of each class, by its name, in the order of the classes.
        """
        cut = _at_border(mask) if self.label_ml else set()
        scale, unit = (PIXELS_IN_ML, "pixels") if is_picture(volume.name) else (1, "ml")
        for number, ((name, found), (low, high)) in enumerate(zip(volumes_ml.items(), self.label_ml, strict=False), 1):
            small = found < low / LABEL_MARGIN and number not in cut
            if small or found > high * LABEL_MARGIN:
                size, least, most = (_digits(value * scale) for value in (found, low, high))
                what = f"{size} {unit} of {name}" if found else f"no {name}"
                problem = f"has {what} in its mask; the labels of the training had {least} to {most} {unit}."
                remedy = f"Look at the mask, and whether the image shows {name} as those of the training did."
                yield Finding(volume.name, problem, remedy, warning=True)


def _sizes(values: Iterable[float]) -> str:
    return "×".join(map(_digits, values))


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _extent(volume: Volume) -> list[float]:
    """mm along the axes of the grid."""
    return [size * count for size, count in zip(volume.spacing, volume.shape, strict=True)]


def _along_body_axes(volume: Volume, values: Sequence[float]) -> list[float]:
    """What is known along the axes of the grid, along left-right, back-front and foot-head."""
    return [values[axis] for axis in np.abs(volume.affine[:3, :3] / volume.spacing).argmax(1)]


def _at_border(mask: np.ndarray) -> set[int]:
    """Classes that reach a side of the grid; an axis of one voxel has none."""
    sides = [mask.take(end, axis) for axis in range(3) if mask.shape[axis] > 1 for end in (0, -1)]
    return {int(number) for side in sides for number in np.unique(side)}


def measure_range(
    images: Iterable[str],
    preprocessing: Callable[[dict[str, Any]], Mapping[str, torch.Tensor]],
    modality: str,
    labels: Iterable[str] = (),
    num_classes: int | None = None,
) -> dict[str, Any]:
    """``"training_data"`` for a bundle's ``metadata.json``.

    Args:
        images: files that the network was trained on.
        preprocessing: the bundle's, from ``{"image": path}`` on.
        modality: as DICOM calls it.
        labels: files of class numbers; without them nothing is said of the volumes of classes.
        num_classes: classes with the background; by default up to the highest in the labels.

    Raises:
        DataError: a file cannot be read, or an image has other channels than the first.
    """
    spacings: list[list[float]] = []
    extents: list[list[float]] = []
    moments: dict[str, list[list[float]]] = {"input_mean": [], "input_std": []}
    channels: int | None = None
    for path in images:
        volume = read_volume(path)
        channels = channels or volume.channels
        TrainingRange(channels).check_channels(volume)
        spacings.append(_along_body_axes(volume, volume.spacing))
        extents.append(_along_body_axes(volume, _extent(volume)))
        # collected and forgotten: what former images of a training were is no measure for these
        image = torch.as_tensor(preprocessing({"image": path, WARNINGS: ()})["image"])
        moments["input_mean"].append(image.mean((1, 2, 3)).tolist())
        moments["input_std"].append(image.std((1, 2, 3)).tolist())
    volumes = _label_volumes(labels, num_classes)

    def ends(values: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
        return np.min(values, 0).round(3).tolist(), np.max(values, 0).round(3).tolist()

    def pairs(values: Sequence[Sequence[float]]) -> list[list[float]]:
        return [list(pair) for pair in zip(*ends(values), strict=True)]

    return {
        "cases": len(spacings),
        "channels": channels,
        "modality": modality,
        "spacing_mm": list(ends(spacings)),
        "extent_mm": list(ends(extents)),
        **({"label_ml": pairs(volumes)} if volumes else {}),
        **{name: pairs(values) for name, values in moments.items()},
    }


def _label_volumes(labels: Iterable[str], num_classes: int | None) -> list[list[float]]:
    """ml of each class from 1 on, label by label."""
    found = []
    for path in labels:
        label = read_label(path)
        counts = np.zeros(MOST_CLASSES + 1, np.int64)
        for part in label.values:
            numbers = np.nan_to_num(np.rint(part.astype(np.float32))).clip(0, MOST_CLASSES).astype(np.int64)
            counts += np.bincount(numbers.ravel(), minlength=len(counts))
        found.append(counts * label.voxel_ml)
    if not found:
        return []
    count = num_classes or int(np.max([np.flatnonzero(volumes).max() for volumes in found])) + 1
    return [volumes[1:count].tolist() for volumes in found]
