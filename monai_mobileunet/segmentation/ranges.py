"""What a bundle's network was trained on, and how far an image is from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor

from monai_mobileunet.data import DataError, Finding, read_volume
from monai_mobileunet.data.volume import Volume

__all__ = ["TrainingRange", "measure_range"]

SPACING_MARGIN = 1.5
"""Coarser or finer than any training image by this factor: that is another kind of image."""

MEAN_MARGIN, SPREAD_MARGIN = 0.1, 2.0
"""The mean of the network's input may leave what the training had by the range that it had there and this much, its
standard deviation by this factor."""


@dataclass(frozen=True)
class TrainingRange:
    """``"training_data"`` of a bundle's ``metadata.json``; what is not told there is not checked.

    Attributes:
        channels: of an image.
        modality: ``"CT"``, ``"MR"``, as DICOM calls it; empty if unknown.
        spacing_mm: lowest and highest mm per voxel along the axes left-right, back-front and foot-head.
        input_mean: lowest and highest mean of the preprocessed image, for each channel after preprocessing.
        input_std: likewise of its standard deviation.
    """

    channels: int | None = None
    modality: str = ""
    spacing_mm: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    input_mean: tuple[tuple[float, float], ...] = ()
    input_std: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> TrainingRange:
        """From the content of a bundle's ``metadata.json``."""
        known = metadata.get("training_data", {})
        spacing = known.get("spacing_mm")
        return cls(
            channels=known.get("channels"),
            modality=known.get("modality", ""),
            spacing_mm=(tuple(spacing[0]), tuple(spacing[1])) if spacing else None,
            input_mean=tuple((low, high) for low, high in known.get("input_mean", ())),
            input_std=tuple((low, high) for low, high in known.get("input_std", ())),
        )

    def check_channels(self, volume: Volume) -> None:
        """Refuse what the network has no input for.

        Raises:
            DataError: another number of channels.
        """
        if self.channels is not None and volume.channels != self.channels:
            problem = f"has {volume.channels} channels or time points; the bundle segments images of {self.channels}."
            remedy = "Split it into volumes." if volume.channels > 1 else "List one file per channel in a list.json."
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
        if self.spacing_mm:
            # sorted, for which axis is which depends on the orientation that the file has
            stored, seen = sorted(volume.spacing), sorted(volume.spacing)
            if isinstance(image, MetaTensor):  # a preprocessing that resamples makes up for fine voxels, not for coarse
                seen = sorted(image.pixdim.tolist())
            finest, coarsest = (sorted(ends) for ends in self.spacing_mm)
            fine = any(a < b / SPACING_MARGIN for a, b in zip(seen, finest, strict=True))
            if fine or any(a > b * SPACING_MARGIN for a, b in zip(stored, coarsest, strict=True)):
                words = "×".join(f"{value:.3g}" for value in volume.spacing)
                trained = " to ".join("×".join(f"{value:.3g}" for value in ends) for ends in self.spacing_mm)
                problem = f"has voxels of {words} mm; the training had {trained} mm."
                yield Finding(name, problem, "Look at the mask with care.", warning=True)
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


def measure_range(
    images: Iterable[str], preprocessing: Callable[[dict[str, Any]], Mapping[str, torch.Tensor]], modality: str
) -> dict[str, Any]:
    """``"training_data"`` for a bundle's ``metadata.json``.

    Args:
        images: files that the network was trained on.
        preprocessing: the bundle's, from ``{"image": path}`` on.
        modality: as DICOM calls it.

    Raises:
        DataError: an image cannot be read, or has other channels than the first.
    """
    spacings: list[list[float]] = []
    moments: dict[str, list[list[float]]] = {"input_mean": [], "input_std": []}
    channels: int | None = None
    for path in images:
        volume = read_volume(path)
        channels = channels or volume.channels
        TrainingRange(channels).check_channels(volume)
        axes = np.abs(volume.affine[:3, :3] / volume.spacing).argmax(1)
        spacings.append([volume.spacing[axis] for axis in axes])
        image = torch.as_tensor(preprocessing({"image": path})["image"])
        moments["input_mean"].append(image.mean((1, 2, 3)).tolist())
        moments["input_std"].append(image.std((1, 2, 3)).tolist())

    def ends(values: list[list[float]]) -> tuple[list[float], list[float]]:
        return np.min(values, 0).round(3).tolist(), np.max(values, 0).round(3).tolist()

    return {
        "cases": len(spacings),
        "channels": channels,
        "modality": modality,
        "spacing_mm": list(ends(spacings)),
        **{name: [list(pair) for pair in zip(*ends(values), strict=True)] for name, values in moments.items()},
    }
