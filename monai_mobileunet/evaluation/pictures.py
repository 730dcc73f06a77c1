"""Pictures of a segmentation over its image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.colors import TABLEAU_COLORS
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

__all__ = ["draw_overlay", "largest_slices"]

COLOURS = tuple(TABLEAU_COLORS.values())
STYLES: dict[str, Literal["solid", "dotted"]] = {"pred": "solid", "label": "dotted"}


def largest_slices(label: np.ndarray) -> tuple[int, int, int]:
    """For each axis of a volume the slice with the largest foreground; the middle one if there is none."""
    foreground = label > 0
    if not foreground.any():
        return label.shape[0] // 2, label.shape[1] // 2, label.shape[2] // 2
    areas = [foreground.sum(tuple(a for a in range(3) if a != axis)) for axis in range(3)]
    return int(areas[0].argmax()), int(areas[1].argmax()), int(areas[2].argmax())


def draw_overlay(
    image: np.ndarray,
    pred: np.ndarray,
    path: Path,
    class_names: Sequence[str],
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    label: np.ndarray | None = None,
    title: str = "",
) -> None:
    """Save a PNG with a sagittal, a coronal and an axial slice: image, and contours of every class.

    Args:
        image: ``(H, W, D)`` intensities with RAS axes.
        pred: class numbers of the segmentation, drawn as solid contours.
        path: the PNG, replaced if it exists.
        class_names: names of the classes from 1 on.
        spacing: mm per voxel, for the right aspect.
        label: class numbers of the reference, drawn as dotted contours.
        title: above the picture.
    """
    volumes = {"pred": pred} if label is None else {"pred": pred, "label": label}
    slices = largest_slices(pred if label is None else label)
    low, high = np.percentile(image, [0.5, 99.5])
    figure = Figure(figsize=(12, 4.6), layout="constrained", facecolor="black")
    for axis, (axes, name) in enumerate(zip(figure.subplots(1, 3), ("sagittal", "coronal", "axial"), strict=True)):
        height, width = (spacing[a] for a in (2, 1, 0) if a != axis)
        cut = {"aspect": height / width, "origin": "lower"}
        axes.imshow(_cut(image, axis, slices[axis]), cmap="gray", vmin=low, vmax=high, interpolation="nearest", **cut)
        for name_of, volume in volumes.items():
            _contours(axes, _cut(volume, axis, slices[axis]), len(class_names), STYLES[name_of])
        axes.set_title(f"{name} {slices[axis]}", color="white")
        axes.set_axis_off()
    handles = [Line2D([], [], color=COLOURS[i % 10], label=name) for i, name in enumerate(class_names)]
    handles += [Line2D([], [], color="white", linestyle=STYLES[name_of], label=name_of) for name_of in volumes]
    figure.legend(handles=handles, loc="outside lower center", ncols=8, labelcolor="white", frameon=False)
    figure.suptitle(title, color="white")
    temporary = path.with_name(f".{path.name}")
    figure.savefig(temporary, format="png", dpi=100)
    os.replace(temporary, path)


def _cut(volume: np.ndarray, axis: int, index: int) -> np.ndarray:
    """A slice as rows from bottom to top: superior or anterior upwards, left-right or posterior-anterior across."""
    return np.take(volume, index, axis).T


def _contours(axes, classes: np.ndarray, num_foreground: int, style: str) -> None:
    for number in range(1, num_foreground + 1):
        mask = classes == number
        if mask.any() and not mask.all():
            axes.contour(mask, [0.5], colors=[COLOURS[(number - 1) % 10]], linewidths=1.2, linestyles=style)
